"""How much of an invoice can still be taken back, and where the money goes."""

from dataclasses import dataclass
from fractions import Fraction

from billing.domain.money import round_minor


@dataclass(frozen=True)
class Invoiced:
    """An issued invoice as it stands, in minor units: what it said, what is still to be paid, what paid the rest."""

    net: int
    tax: int
    open: int
    balance: int
    card: int


@dataclass(frozen=True)
class Given:
    """What its earlier credit notes took back, and how much of that was kept as balance or went to a card."""

    net: int = 0
    tax: int = 0
    balance: int = 0
    card: int = 0


@dataclass(frozen=True)
class Credit:
    """A credit note: what it takes back, and where that goes; the four parts add up to the total."""

    net: int
    tax: int
    owed: int
    balance: int
    card: int
    promotional: int

    @property
    def total(self) -> int:
        return self.net + self.tax


def credit(invoiced: Invoiced, before: Given, net_minor: int, keep: int, refundable: int) -> Credit | None:
    """A credit of so much, before tax; at most what is left of the invoice, and None when that is nothing.

    What is not paid yet is taken off first. Then real money goes back: ``keep`` of it stays as balance, the rest goes
    to the card, as far as it came from there and ``refundable`` (what its payments still hold) allows, else to the
    balance. What was paid from promotional balance comes last and goes back there.
    """
    net = min(net_minor, invoiced.net - before.net)
    if net <= 0:
        return None
    tax = _tax_until(invoiced, before.net + net) - before.tax
    total = net + tax
    owed = min(total, invoiced.open)
    paid = invoiced.balance + invoiced.card - before.balance - before.card
    real = min(total - owed, paid)
    kept = min(max(keep, 0), real)
    card = min(real - kept, refundable, invoiced.card - before.card)
    return Credit(net, tax, owed, real - card, card, total - owed - real)


def _tax_until(invoiced: Invoiced, net: int) -> int:
    """The tax on the first ``net`` of the invoice: with the whole of it taken back, exactly the whole tax."""
    return round_minor(Fraction(invoiced.tax * net, invoiced.net))
