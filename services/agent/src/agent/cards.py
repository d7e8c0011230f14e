"""A card's number and security code: from the terminal or a file, never from the command line, never kept."""

import getpass
import json
import re
import sys
from pathlib import Path

import typer

from agent.config import JsonObject
from agent.errors import UsageError
from agent.output import path_text
from agent.passwords import has_terminal

MAX_CARD_BYTES = 4096
_FIELDS = ("number", "exp_month", "exp_year", "cvc")
_SHAPE = '{"number": "…", "exp_month": 12, "exp_year": 2030, "cvc": "…"}'
_EXPIRY = re.compile(r"([0-9]{1,2})\s*[/-]\s*([0-9]{2}|[0-9]{4})", re.ASCII)
_CENTURY = 2000
_WHICH = """Only the sandbox takes a card here: no real money moves, and it knows nothing but its test cards, such as
4242 4242 4242 4242 (pays) and 4000 0000 0000 0341 (declines every payment). Where Stripe is used, stop (Ctrl-C) and
give the --token of a payment method made there."""


def ask_card() -> JsonObject:
    """A card typed by a person; its security code is not shown.

    Raises:
        UsageError: There is no terminal, the input was closed, or what was typed cannot be a card.
    """
    if not (sys.stdin.isatty() and has_terminal()):
        hint = "Use --card-from FILE (- is standard input) with one JSON object, or --token with Stripe."
        raise UsageError("card_needed", "There is no terminal to ask for the card.", hint=hint)
    typer.echo(_WHICH, err=True)
    number = typer.prompt("Card number", err=True)
    exp_month, exp_year = read_expiry(typer.prompt("Expiry (MM/YY)", err=True))
    try:
        cvc = getpass.getpass("Security code (not shown): ")
    except EOFError as error:
        raise UsageError("card_needed", "No security code was given.") from error
    return _card(number, exp_month, exp_year, cvc)


def read_card(source: str) -> JsonObject:
    """A card as a JSON object in a file, or in standard input for `-`.

    Raises:
        UsageError: `card_file_unreadable`, `card_invalid`; the content is not shown.
    """
    try:
        if source == "-":
            content = sys.stdin.buffer.read(MAX_CARD_BYTES)
        else:
            with Path(source).open("rb") as file:
                content = file.read(MAX_CARD_BYTES)
    except OSError as error:
        message = f"The card file {path_text(source)} cannot be read: {error.strerror}."
        raise UsageError("card_file_unreadable", message) from error
    try:
        card = json.loads(content)
    except ValueError:
        card = None
    if not isinstance(card, dict) or set(card) != set(_FIELDS):
        raise UsageError("card_invalid", "This is no card.", hint=f"One JSON object: {_SHAPE}")
    if not (isinstance(card["exp_month"], int) and isinstance(card["exp_year"], int)):
        raise UsageError("card_invalid", "The expiry is not two whole numbers.", hint=f"One JSON object: {_SHAPE}")
    return _card(str(card["number"]), card["exp_month"], card["exp_year"], str(card["cvc"]))


def read_expiry(text: str) -> tuple[int, int]:
    """Month and year as they stand on a card: `12/30` or `12/2030`."""
    found = _EXPIRY.fullmatch(text.strip())
    if found is None:
        raise UsageError("card_invalid", f"{text} is no expiry.", hint="Write it as on the card, such as 12/30.")
    month, year = int(found[1]), int(found[2])
    return month, year if len(found[2]) == 4 else _CENTURY + year


def _card(number: str, exp_month: int, exp_year: int, cvc: str) -> JsonObject:
    digits = re.sub(r"[ -]", "", number)
    if not re.fullmatch(r"[0-9]{12,19}", digits, re.ASCII):
        raise UsageError("card_invalid", "A card's number has 12 to 19 digits.")
    if not re.fullmatch(r"[0-9]{3,4}", cvc.strip(), re.ASCII):
        raise UsageError("card_invalid", "A card's security code has 3 or 4 digits.")
    return {"number": digits, "exp_month": exp_month, "exp_year": exp_year, "cvc": cvc.strip()}
