"""Moves by a literal table: what every life cycle of billing has in common."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

State = TypeVar("State", bound=StrEnum)
Trigger = TypeVar("Trigger", bound=StrEnum)


class IllegalTransition(Exception):
    """The table has no such move; ``thing`` with its article says what has been asked to move."""

    def __init__(self, thing: str, state: StrEnum, trigger: StrEnum) -> None:
        super().__init__(f"{thing} that is {state} does not {trigger}")
        self.state = state
        self.trigger = trigger


def follow(table: Mapping[tuple[State, Trigger], State], thing: str, state: State, trigger: Trigger) -> State:
    """The state a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    try:
        return table[state, trigger]
    except KeyError:
        raise IllegalTransition(thing, state, trigger) from None
