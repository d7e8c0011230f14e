"""The life of an invoice, its lines, and from where it is paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID

from billing.domain.money import round_minor
from billing.domain.transitions import follow

LEAST_CHARGE_MINOR = 100
"""Less is not charged to a card: it is carried to the next bill."""


class InvoiceKind(StrEnum):
    ORDER = "order"
    USAGE = "usage"
    SETTLEMENT = "settlement"


class InvoiceState(StrEnum):
    DRAFT = "draft"
    FINALISED = "finalised"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class InvoiceTrigger(StrEnum):
    FINALISE = "finalise"
    DISCARD = "discard"
    PAY = "pay"
    VOID = "void"
    GIVE_UP = "give_up"


TRANSITIONS = MappingProxyType(
    {
        (InvoiceState.DRAFT, InvoiceTrigger.FINALISE): InvoiceState.FINALISED,
        # A draft whose lines came to nothing; it never had a number.
        (InvoiceState.DRAFT, InvoiceTrigger.DISCARD): InvoiceState.VOID,
        (InvoiceState.FINALISED, InvoiceTrigger.PAY): InvoiceState.PAID,
        (InvoiceState.FINALISED, InvoiceTrigger.VOID): InvoiceState.VOID,
        (InvoiceState.FINALISED, InvoiceTrigger.GIVE_UP): InvoiceState.UNCOLLECTIBLE,
        # Money that comes after all is taken.
        (InvoiceState.UNCOLLECTIBLE, InvoiceTrigger.PAY): InvoiceState.PAID,
    }
)

TERMINAL = frozenset(InvoiceState) - {source for source, _ in TRANSITIONS}
OWED = frozenset({InvoiceState.FINALISED, InvoiceState.UNCOLLECTIBLE})


def next_state(state: InvoiceState, trigger: InvoiceTrigger) -> InvoiceState:
    """The state a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    return follow(TRANSITIONS, "an invoice", state, trigger)


class LineKind(StrEnum):
    INSTANCE = "instance"
    RESTORE_TRAFFIC = "restore_traffic"
    BACKUP_STORAGE = "backup_storage"
    CLOUD_STORAGE = "cloud_storage"
    TRAFFIC = "traffic"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True)
class Line:
    """One charge; ``quantity`` times ``unit_price`` (in units of the currency), rounded once, is ``amount_minor``."""

    kind: LineKind
    description: str
    quantity: str
    unit: str
    unit_price: str
    amount_minor: int
    instance_id: UUID | None = None


@dataclass(frozen=True)
class Totals:
    net_minor: int
    tax_minor: int

    @property
    def total_minor(self) -> int:
        return self.net_minor + self.tax_minor


def totals(lines: Sequence[Line], tax_rate: Decimal | None) -> Totals:
    """The sum of the lines, and the tax on it, rounded once."""
    net = sum(line.amount_minor for line in lines)
    return Totals(net, tax_on(net, tax_rate))


def tax_on(net_minor: int, tax_rate: Decimal | None) -> int:
    """Minor units, rounded half to even once; ``tax_rate`` is a decimal fraction such as 0.19."""
    return 0 if tax_rate is None else round_minor(net_minor * Fraction(tax_rate))


@dataclass(frozen=True)
class Allocation:
    """From where an amount is paid; ``card_minor`` also pays ``debt_minor``, the sums carried before."""

    promotional_minor: int
    balance_minor: int
    card_minor: int
    debt_minor: int


def allocate(total_minor: int, promotional_minor: int, balance_minor: int) -> Allocation:
    """Promotional balance first, then balance, then the card.

    Args:
        total_minor: What is to be paid; not negative.
        promotional_minor: What there is of it; not negative.
        balance_minor: What there is of it; negative is owed from before.

    Returns:
        What is taken from each. When the card would be charged less than ``LEAST_CHARGE_MINOR``, it is not charged
        and the balance is taken below zero instead, where the next charge finds it.
    """
    promotional = min(total_minor, promotional_minor)
    balance = min(total_minor - promotional, max(balance_minor, 0))
    rest = total_minor - promotional - balance
    debt = max(-balance_minor, 0)
    if rest == 0:
        return Allocation(promotional, balance, 0, 0)
    if rest + debt < LEAST_CHARGE_MINOR:
        return Allocation(promotional, balance + rest, 0, 0)
    return Allocation(promotional, balance, rest + debt, debt)
