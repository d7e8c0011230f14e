"""Money as the command shows and reads it: exact, from and to minor units."""

import re
from decimal import Decimal, InvalidOperation

from agent.config import JsonObject
from agent.errors import UsageError
from agent.wire import Money

MINOR_PER_UNIT = 100
GB = 2**30
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?(?: ?([A-Za-z]{3}))?", re.ASCII)


def money_text(money: Money | None) -> str:
    """An amount with its two decimals and its currency, `-0.05 USD`; a dash when there is none."""
    if money is None:
        return "-"
    units, minor = divmod(abs(money.amount_minor), MINOR_PER_UNIT)
    return f"{'-' if money.amount_minor < 0 else ''}{units}.{minor:02} {money.currency}"


def read_amount(text: str, option: str) -> tuple[int, str | None]:
    """What a person types for an amount: minor units, and the currency where one is written.

    Raises:
        UsageError: `amount_invalid`: it is not a plain amount with a point and at most two decimals.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            "amount_invalid", f"{text} is no amount of money.", hint=f"Write it with a point, such as {option} 5.00"
        )
    units, minor, currency = found.groups()
    return int(units) * MINOR_PER_UNIT + int((minor or "").ljust(2, "0")), currency and currency.upper()


def wire_money(amount: tuple[int, str | None], currency: str) -> JsonObject:
    """The amount as the service takes it, in the account's currency.

    Raises:
        UsageError: `currency_invalid`: the person wrote another currency.
    """
    amount_minor, written = amount
    if written not in (None, currency):
        raise UsageError("currency_invalid", f"Your account is in {currency}, not in {written}.")
    return {"amount_minor": amount_minor, "currency": currency}


def gb_hours_text(byte_hours: str) -> str:
    """Byte-hours as GB-hours with two decimals; what is not a number is shown as it is."""
    try:
        return f"{Decimal(byte_hours) / GB:.2f}"
    except (InvalidOperation, ValueError):
        return byte_hours


def share_text(share: str) -> str:
    """A part of the whole, `0.25`, in percent; what is not a number is shown as it is."""
    try:
        return f"{Decimal(share) * 100:.1f} %"
    except (InvalidOperation, ValueError):
        return share
