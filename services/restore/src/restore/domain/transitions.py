"""Moves by a literal table: what the lives of restores, to local and to the cloud, have in common."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

State = TypeVar("State", bound=StrEnum)
Trigger = TypeVar("Trigger", bound=StrEnum)


class IllegalTransition(Exception):
    """The table has no such move."""

    def __init__(self, state: StrEnum, trigger: StrEnum) -> None:
        super().__init__(f"a restore that is {state} does not {trigger}")
        self.state = state
        self.trigger = trigger


def follow(table: Mapping[tuple[State, Trigger], State], state: State, trigger: Trigger) -> State:
    """The state a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    try:
        return table[state, trigger]
    except KeyError:
        raise IllegalTransition(state, trigger) from None
