"""The life of a restore to the cloud: its states, what moves it, and how long it waits in each."""

from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from restore.domain.transitions import follow


class State(StrEnum):
    QUOTING = "quoting"
    QUOTED = "quoted"
    AUTHORISING = "authorising"
    PROVISIONING = "provisioning"
    INSTALLING = "installing"
    AWAITING_PASSWORD = "awaiting_password"  # noqa: S105
    VERIFYING_PASSWORD = "verifying_password"  # noqa: S105
    RESTORING = "restoring"
    VALIDATING = "validating"
    CAPTURING = "capturing"
    UNDOING = "undoing"
    NEEDS_OPERATOR = "needs_operator"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RETURNED = "returned"


class Trigger(StrEnum):
    QUOTE = "quote"
    CONFIRM = "confirm"
    DECLINE = "decline"
    HOLD = "hold"
    BOOT = "boot"
    REPLACE = "replace"
    ASK_PASSWORD = "ask_password"  # noqa: S105
    SEAL = "seal"
    OPEN = "open"
    VALIDATE = "validate"
    FINISH = "finish"
    SETTLE = "settle"
    # Why it is undone; the same word leads from there to its end.
    FAIL = "fail"
    CANCEL = "cancel"
    EXPIRE = "expire"
    GIVE_UP = "give_up"
    PARK = "park"
    UNDO_AGAIN = "undo_again"
    CAPTURE_AGAIN = "capture_again"


TRANSITIONS = MappingProxyType(
    {
        (State.QUOTING, Trigger.QUOTE): State.QUOTED,
        # Nobody was asked for anything yet.
        (State.QUOTING, Trigger.FAIL): State.FAILED,
        (State.QUOTING, Trigger.CANCEL): State.CANCELLED,
        (State.QUOTED, Trigger.CONFIRM): State.AUTHORISING,
        (State.QUOTED, Trigger.CANCEL): State.UNDOING,
        (State.QUOTED, Trigger.EXPIRE): State.UNDOING,
        (State.QUOTED, Trigger.FAIL): State.UNDOING,
        (State.AUTHORISING, Trigger.HOLD): State.PROVISIONING,
        (State.AUTHORISING, Trigger.DECLINE): State.QUOTED,
        (State.AUTHORISING, Trigger.CANCEL): State.UNDOING,
        (State.AUTHORISING, Trigger.EXPIRE): State.UNDOING,
        (State.AUTHORISING, Trigger.FAIL): State.UNDOING,
        (State.PROVISIONING, Trigger.BOOT): State.INSTALLING,
        # One more machine, once the first is gone.
        (State.PROVISIONING, Trigger.REPLACE): State.PROVISIONING,
        # Word of the agent may overtake word of its machine.
        (State.PROVISIONING, Trigger.ASK_PASSWORD): State.AWAITING_PASSWORD,
        (State.PROVISIONING, Trigger.CANCEL): State.UNDOING,
        (State.PROVISIONING, Trigger.FAIL): State.UNDOING,
        (State.INSTALLING, Trigger.ASK_PASSWORD): State.AWAITING_PASSWORD,
        (State.INSTALLING, Trigger.REPLACE): State.PROVISIONING,
        (State.INSTALLING, Trigger.CANCEL): State.UNDOING,
        (State.INSTALLING, Trigger.FAIL): State.UNDOING,
        (State.AWAITING_PASSWORD, Trigger.ASK_PASSWORD): State.AWAITING_PASSWORD,
        (State.AWAITING_PASSWORD, Trigger.SEAL): State.VERIFYING_PASSWORD,
        # A verdict that took so long that it was not waited for.
        (State.AWAITING_PASSWORD, Trigger.OPEN): State.RESTORING,
        (State.AWAITING_PASSWORD, Trigger.GIVE_UP): State.UNDOING,
        (State.AWAITING_PASSWORD, Trigger.FAIL): State.UNDOING,
        (State.VERIFYING_PASSWORD, Trigger.ASK_PASSWORD): State.AWAITING_PASSWORD,
        (State.VERIFYING_PASSWORD, Trigger.OPEN): State.RESTORING,
        (State.VERIFYING_PASSWORD, Trigger.GIVE_UP): State.UNDOING,
        (State.VERIFYING_PASSWORD, Trigger.FAIL): State.UNDOING,
        (State.RESTORING, Trigger.VALIDATE): State.VALIDATING,
        # A report may be lost, so a later one may skip what the lost one would have said.
        (State.RESTORING, Trigger.FINISH): State.CAPTURING,
        # An agent that was restarted has lost the password with its memory.
        (State.RESTORING, Trigger.ASK_PASSWORD): State.AWAITING_PASSWORD,
        (State.RESTORING, Trigger.CANCEL): State.UNDOING,
        (State.RESTORING, Trigger.FAIL): State.UNDOING,
        (State.VALIDATING, Trigger.FINISH): State.CAPTURING,
        (State.VALIDATING, Trigger.ASK_PASSWORD): State.AWAITING_PASSWORD,
        (State.VALIDATING, Trigger.CANCEL): State.UNDOING,
        (State.VALIDATING, Trigger.FAIL): State.UNDOING,
        # The instance is its owner's from here on: it is never destroyed for money.
        (State.CAPTURING, Trigger.SETTLE): State.COMPLETED,
        (State.CAPTURING, Trigger.PARK): State.NEEDS_OPERATOR,
        (State.UNDOING, Trigger.FAIL): State.FAILED,
        (State.UNDOING, Trigger.CANCEL): State.CANCELLED,
        (State.UNDOING, Trigger.EXPIRE): State.EXPIRED,
        (State.UNDOING, Trigger.GIVE_UP): State.RETURNED,
        (State.UNDOING, Trigger.PARK): State.NEEDS_OPERATOR,
        (State.NEEDS_OPERATOR, Trigger.UNDO_AGAIN): State.UNDOING,
        (State.NEEDS_OPERATOR, Trigger.CAPTURE_AGAIN): State.CAPTURING,
        # What was waited for may come while it is parked.
        (State.NEEDS_OPERATOR, Trigger.SETTLE): State.COMPLETED,
        (State.NEEDS_OPERATOR, Trigger.FAIL): State.FAILED,
        (State.NEEDS_OPERATOR, Trigger.CANCEL): State.CANCELLED,
        (State.NEEDS_OPERATOR, Trigger.EXPIRE): State.EXPIRED,
        (State.NEEDS_OPERATOR, Trigger.GIVE_UP): State.RETURNED,
    }
)

TERMINAL = frozenset(State) - {source for source, _ in TRANSITIONS}

LIMITS = MappingProxyType(
    {
        State.QUOTING: timedelta(minutes=2),
        # Until its quote ends, which is sooner when prices change.
        State.QUOTED: timedelta(hours=24),
        State.AUTHORISING: timedelta(hours=24),
        # Provisioning itself asks for a machine for 15 minutes.
        State.PROVISIONING: timedelta(minutes=20),
        # An Olares is installed before there is a place to restore to.
        State.INSTALLING: timedelta(hours=1),
        State.AWAITING_PASSWORD: timedelta(hours=24),
        State.VERIFYING_PASSWORD: timedelta(minutes=5),
        # Since the agent was last heard: it goes on by itself while it lives, however long that takes.
        State.RESTORING: timedelta(hours=24),
        State.VALIDATING: timedelta(hours=24),
        State.CAPTURING: timedelta(minutes=5),
        State.UNDOING: timedelta(minutes=5),
    }
)
"""How long a restore waits in a state; in the last two, until it asks again."""

ASKED_AGAIN = MappingProxyType({State.UNDOING: 12, State.CAPTURING: 288})
"""How often it is asked again before an operator is called: for an hour, and for a day."""
STALLED = timedelta(minutes=2)
"""A restore that makes no progress for so long is shown as stalled."""
MACHINES = 2
"""How many machines are tried, one after the other."""
WRONG_PASSWORDS = 10
"""After so many the restore is given up."""

# An owner's wish to stop means this.
CANCELLED_BY = MappingProxyType(
    {
        State.QUOTING: Trigger.CANCEL,
        State.QUOTED: Trigger.CANCEL,
        State.AUTHORISING: Trigger.CANCEL,
        State.PROVISIONING: Trigger.CANCEL,
        State.INSTALLING: Trigger.CANCEL,
        State.AWAITING_PASSWORD: Trigger.GIVE_UP,
        State.VERIFYING_PASSWORD: Trigger.GIVE_UP,
    }
)
CONFIRMED = frozenset(
    {
        State.AUTHORISING,
        State.PROVISIONING,
        State.INSTALLING,
        State.AWAITING_PASSWORD,
        State.VERIFYING_PASSWORD,
        State.RESTORING,
        State.VALIDATING,
        State.CAPTURING,
        State.COMPLETED,
    }
)
BEFORE_DATA = frozenset(CANCELLED_BY) - {State.QUOTING}
WORKING = frozenset(
    {
        State.PROVISIONING,
        State.INSTALLING,
        State.AWAITING_PASSWORD,
        State.VERIFYING_PASSWORD,
        State.RESTORING,
        State.VALIDATING,
    }
)
"""Nothing goes on without its machine."""
ASKING = frozenset({State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD})
"""Its password is waited for or checked."""
READING = ASKING | {State.RESTORING, State.VALIDATING}
"""Its agent may have keys and report."""


def next_state(state: State, trigger: Trigger) -> State:
    """The state a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    return follow(TRANSITIONS, state, trigger)


def due_at(state: State, now: datetime) -> datetime | None:
    """When the time of a restore that came into this state now is over; None where none runs."""
    limit = LIMITS.get(state)
    return None if limit is None else now + limit
