"""Double entry: what each movement of money debits and credits. Positive is debit, negative is credit."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Account(StrEnum):
    """The chart of accounts; all but the last three are kept per owner."""

    CARD = "card"
    """An asset: what payment providers took for us and have not given back."""
    RECEIVABLE = "receivable"
    """An asset: invoices not paid yet."""
    BALANCE = "balance"
    """A liability: what an owner has with us; when it is a debit, the owner owes it."""
    PROMOTIONAL = "promotional"
    """A liability that is never paid out."""
    HELD = "held"
    """A liability: balance set aside for orders."""
    REFUNDABLE = "refundable"
    """A liability: what is on its way back to a card."""
    REVENUE = "revenue"
    TAX = "tax"
    PROMOTIONS = "promotions"
    """An expense: promotional balance given."""
    BAD_DEBT = "bad_debt"
    """An expense: invoices given up."""


class Unbalanced(ValueError):
    """The postings of a movement do not sum to zero."""


@dataclass(frozen=True)
class Movement:
    """One transaction of the ledger. The same source and purpose move money once."""

    source: str
    purpose: str
    description: str
    postings: Mapping[Account, int]

    def __post_init__(self) -> None:
        if sum(self.postings.values()) != 0:
            raise Unbalanced(f"{self.source} {self.purpose}: {dict(self.postings)}")

    @property
    def entries(self) -> dict[Account, int]:
        """The postings that move anything."""
        return {account: amount for account, amount in self.postings.items() if amount}


def grant(source: str, amount: int, description: str) -> Movement:
    """Promotional balance is given."""
    return Movement(source, "grant", description, {Account.PROMOTIONS: amount, Account.PROMOTIONAL: -amount})


def top_up(source: str, amount: int) -> Movement:
    """A card paid into the balance."""
    return Movement(source, "top_up", "Paid in by card", {Account.CARD: amount, Account.BALANCE: -amount})


def set_aside(source: str, promotional: int, balance: int) -> Movement:
    """Balance is set aside for an order."""
    postings = {Account.PROMOTIONAL: promotional, Account.BALANCE: balance, Account.HELD: -promotional - balance}
    return Movement(source, "set_aside", "Set aside for an order", postings)


def give_back(source: str, promotional: int, balance: int) -> Movement:
    """What was set aside is free again, or the part of it that was not needed."""
    postings = {Account.HELD: promotional + balance, Account.PROMOTIONAL: -promotional, Account.BALANCE: -balance}
    return Movement(source, "give_back", "Set aside before, free again", postings)


def invoice(source: str, net: int, tax: int, number: str) -> Movement:
    """An invoice was finalised: it is owed."""
    postings = {Account.RECEIVABLE: net + tax, Account.REVENUE: -net, Account.TAX: -tax}
    return Movement(source, "finalised", f"Invoice {number}", postings)


def pay(
    source: str,
    purpose: str,
    number: str,
    *,
    promotional: int = 0,
    balance: int = 0,
    held: int = 0,
    card: int = 0,
    debt: int = 0,
) -> Movement:
    """An invoice is paid, or a part of it; ``card`` includes ``debt``, which goes to the balance."""
    postings = {
        Account.PROMOTIONAL: promotional,
        Account.BALANCE: balance - debt,
        Account.HELD: held,
        Account.CARD: card,
        Account.RECEIVABLE: -(promotional + balance + held + card - debt),
    }
    return Movement(source, purpose, f"Payment of invoice {number}", postings)


def credit(
    source: str,
    net: int,
    tax: int,
    number: str,
    *,
    promotional: int,
    balance: int,
    refundable: int,
    receivable: int = 0,
) -> Movement:
    """A credit note: revenue is taken back, and what it gives goes to these."""
    postings = {
        Account.REVENUE: net,
        Account.TAX: tax,
        Account.PROMOTIONAL: -promotional,
        Account.BALANCE: -balance,
        Account.REFUNDABLE: -refundable,
        Account.RECEIVABLE: -receivable,
    }
    return Movement(source, "credited", f"Credit note {number}", postings)


def refund(source: str, amount: int) -> Movement:
    """A refund reached its card."""
    return Movement(source, "refunded", "Refunded to your card", {Account.REFUNDABLE: amount, Account.CARD: -amount})


def refund_failed(source: str, amount: int) -> Movement:
    """A refund cannot reach its card: the owner has it as balance."""
    postings = {Account.REFUNDABLE: amount, Account.BALANCE: -amount}
    return Movement(source, "refund_failed", "Could not be refunded to your card; it is balance now", postings)


def void(source: str, net: int, tax: int, number: str) -> Movement:
    """An invoice of which nothing was paid is void."""
    postings = {Account.RECEIVABLE: -net - tax, Account.REVENUE: net, Account.TAX: tax}
    return Movement(source, "voided", f"Invoice {number} is void", postings)


def give_up(source: str, amount: int, number: str) -> Movement:
    """What is still owed of an invoice is given up."""
    postings = {Account.BAD_DEBT: amount, Account.RECEIVABLE: -amount}
    return Movement(source, "given_up", f"Invoice {number} is given up", postings)


def recover(source: str, amount: int, number: str) -> Movement:
    """Money comes for what was given up: it is owed again, and then paid."""
    postings = {Account.RECEIVABLE: amount, Account.BAD_DEBT: -amount}
    return Movement(source, "recovered", f"Invoice {number} is paid after all", postings)
