"""What an operator asks of billing: other prices, and credit for an owner."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from uuid import UUID, uuid4

from space_local.errors import LocalError
from space_local.operator_tools import internal, refusal
from space_local.options import Options

MINOR_PER_UNIT = 100


async def load_prices(options: Options, file: str) -> None:
    """Put the price book of a file into use.

    Raises:
        LocalError: With every problem of the book, as ``file:line: what``.
    """
    document = _read(file)
    async with internal(options, "billing") as client:
        answer = await client.post("/internal/price-book", json={"yaml": document, "file": file[-200:]})
    if answer.is_success:
        print(f"The prices of {file} are in use; `space prices` shows them.")
        return
    problems = answer.json().get("problems") if answer.status_code == 422 else None
    if not problems:
        raise LocalError(refusal(answer))
    told = "\n".join(str(problem) for problem in problems)
    raise LocalError(f"Nothing was changed. The price book has problems:\n{told}")


async def give_credit(options: Options, owner_id: str, amount: str, reason: str) -> None:
    """Promotional balance for an owner: spent before anything else, never paid out."""
    usage = 'make credit OWNER=<their id> AMOUNT=5.00 REASON="for the trouble"'
    if not reason.strip():
        raise LocalError(f"Say what it is for; the owner reads it: {usage}")
    try:
        owner = UUID(owner_id)
    except ValueError:
        raise LocalError(f"{owner_id!r} is not the id of an owner (`space whoami` shows it): {usage}") from None
    number, _, currency = amount.partition(" ")
    credit = {"amount_minor": _minor(number, usage), "currency": currency or "USD"}
    async with internal(options, "billing") as client:
        answer = await client.post(
            f"/internal/owners/{owner}/credits",
            json={"grant_id": str(uuid4()), "amount": credit, "reason": reason.strip()},
        )
    if not answer.is_success:
        raise LocalError(refusal(answer))
    print(f"{number} {credit['currency']} for {owner}: {reason.strip()}")


def _read(file: str) -> str:
    if not file:
        raise LocalError("Say which price book: make prices FILE=prices.yaml")
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{file} cannot be read: {error}") from error


def _minor(amount: str, usage: str) -> int:
    try:
        minor = Decimal(amount) * MINOR_PER_UNIT
    except InvalidOperation:
        raise LocalError(f"{amount!r} is not an amount: {usage}") from None
    if not minor.is_finite() or minor <= 0 or minor != int(minor):
        raise LocalError(f"{amount!r} is not an amount of money: more than nothing, two decimals at most. {usage}")
    return int(minor)
