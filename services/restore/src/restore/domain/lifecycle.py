"""The life of a restore: its states, what moves it, and how long it may wait in each."""

from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from restore.domain.transitions import follow


class State(StrEnum):
    READY = "ready"
    REDEEMED = "redeemed"
    RESTORING = "restoring"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Trigger(StrEnum):
    REDEEM = "redeem"
    START = "start"
    VERIFY = "verify"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    EXPIRE = "expire"


TRANSITIONS = MappingProxyType(
    {
        (State.READY, Trigger.REDEEM): State.REDEEMED,
        (State.READY, Trigger.CANCEL): State.CANCELLED,
        (State.READY, Trigger.EXPIRE): State.EXPIRED,
        # Redeeming again with the same secret: a lost answer, new keys for a long restore, an interrupted one going on.
        (State.REDEEMED, Trigger.REDEEM): State.REDEEMED,
        (State.REDEEMED, Trigger.START): State.RESTORING,
        # A report may be lost, so a later one may skip what the lost one would have said.
        (State.REDEEMED, Trigger.VERIFY): State.VERIFYING,
        (State.REDEEMED, Trigger.COMPLETE): State.COMPLETED,
        (State.REDEEMED, Trigger.FAIL): State.FAILED,
        (State.REDEEMED, Trigger.CANCEL): State.CANCELLED,
        (State.REDEEMED, Trigger.EXPIRE): State.EXPIRED,
        (State.RESTORING, Trigger.REDEEM): State.REDEEMED,
        (State.RESTORING, Trigger.VERIFY): State.VERIFYING,
        (State.RESTORING, Trigger.COMPLETE): State.COMPLETED,
        (State.RESTORING, Trigger.FAIL): State.FAILED,
        (State.RESTORING, Trigger.CANCEL): State.CANCELLED,
        (State.RESTORING, Trigger.EXPIRE): State.EXPIRED,
        (State.VERIFYING, Trigger.REDEEM): State.REDEEMED,
        (State.VERIFYING, Trigger.COMPLETE): State.COMPLETED,
        (State.VERIFYING, Trigger.FAIL): State.FAILED,
        (State.VERIFYING, Trigger.CANCEL): State.CANCELLED,
        (State.VERIFYING, Trigger.EXPIRE): State.EXPIRED,
        # What a failed restore has written stays on the owner's disk, so another try goes on from there.
        (State.FAILED, Trigger.REDEEM): State.REDEEMED,
        (State.FAILED, Trigger.CANCEL): State.CANCELLED,
    }
)

TERMINAL = frozenset(State) - {source for source, _ in TRANSITIONS}
OVER = TERMINAL | {State.FAILED}
"""Nothing is going on: no key is alive and no time runs out."""

TICKET_LIFE = timedelta(hours=1)
SILENCE = timedelta(days=7)
LIMITS = MappingProxyType(
    {
        State.READY: TICKET_LIFE,
        State.REDEEMED: SILENCE,
        State.RESTORING: SILENCE,
        State.VERIFYING: SILENCE,
    }
)
"""How long a restore may stay in a state without a word from its client; after that it expires."""


def next_state(state: State, trigger: Trigger) -> State:
    """The state a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    return follow(TRANSITIONS, state, trigger)


def due_at(state: State, now: datetime) -> datetime | None:
    """When a restore that was heard of ``now`` expires; None where no time runs out."""
    limit = LIMITS.get(state)
    return None if limit is None else now + limit
