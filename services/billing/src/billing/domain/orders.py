"""The life of an order: a confirmed quote, the money set aside for it, and what comes of it."""

from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from billing.domain.transitions import follow


class OrderState(StrEnum):
    PLACED = "placed"
    HELD = "held"
    FULFILLED = "fulfilled"
    RELEASED = "released"
    FAILED = "failed"


class OrderTrigger(StrEnum):
    HOLD = "hold"
    FAIL = "fail"
    FULFIL = "fulfil"
    RELEASE = "release"
    RETRY = "retry"


TRANSITIONS = MappingProxyType(
    {
        (OrderState.PLACED, OrderTrigger.HOLD): OrderState.HELD,
        (OrderState.PLACED, OrderTrigger.FAIL): OrderState.FAILED,
        (OrderState.PLACED, OrderTrigger.RELEASE): OrderState.RELEASED,
        (OrderState.HELD, OrderTrigger.FULFIL): OrderState.FULFILLED,
        (OrderState.HELD, OrderTrigger.RELEASE): OrderState.RELEASED,
        # The hold ended on its own before it was taken.
        (OrderState.HELD, OrderTrigger.FAIL): OrderState.FAILED,
        # What was delivered is owed, whatever became of the hold: it is invoiced instead.
        (OrderState.RELEASED, OrderTrigger.FULFIL): OrderState.FULFILLED,
        (OrderState.FAILED, OrderTrigger.FULFIL): OrderState.FULFILLED,
        # Another card, while the quote holds.
        (OrderState.FAILED, OrderTrigger.RETRY): OrderState.PLACED,
        (OrderState.FAILED, OrderTrigger.RELEASE): OrderState.RELEASED,
    }
)

TERMINAL = frozenset(OrderState) - {source for source, _ in TRANSITIONS}

HOLD_LIFE = timedelta(hours=24)
"""How long what is set aside waits to be taken; a first bill is valid so long."""
QUOTE_LIFE = timedelta(hours=24)


def next_state(state: OrderState, trigger: OrderTrigger) -> OrderState:
    """The state a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    return follow(TRANSITIONS, "an order", state, trigger)
