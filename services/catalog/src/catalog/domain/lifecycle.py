"""The life of a backup, from registered to gone."""

from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    ACTIVE = "active"
    DELETING = "deleting"
    REMOVING = "removing"
    DELETED = "deleted"


class Trigger(StrEnum):
    DELETE = "delete"
    UNDELETE = "undelete"
    GRACE_OVER = "grace_over"
    EMPTIED = "emptied"


TRANSITIONS = MappingProxyType(
    {
        (State.ACTIVE, Trigger.DELETE): State.DELETING,
        (State.DELETING, Trigger.UNDELETE): State.ACTIVE,
        # From here on keys are revoked and objects go: there is no way back.
        (State.DELETING, Trigger.GRACE_OVER): State.REMOVING,
        (State.REMOVING, Trigger.EMPTIED): State.DELETED,
    }
)

TERMINAL = frozenset(State) - {source for source, _ in TRANSITIONS}


class IllegalTransition(Exception):
    """The table has no such move."""

    def __init__(self, state: State, trigger: Trigger) -> None:
        super().__init__(f"a backup that is {state} does not {trigger}")
        self.state = state
        self.trigger = trigger


def next_state(state: State, trigger: Trigger) -> State:
    """The state a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise IllegalTransition(state, trigger) from None
