"""Price books of the tests' own."""

from datetime import UTC, datetime

from billing.models import PriceBookDocument
from billing.settings import PACKAGED_PRICE_BOOK
from shared.db import Database


async def use(database: Database, document: str) -> None:
    """Put a document into use as if it had always been: nothing is asked about what is past."""
    async with database.transaction() as session:
        session.add(PriceBookDocument(document=document, loaded_at=datetime.now(UTC)))


def packaged(*, tax: str = "", **changes: str) -> str:
    """The packaged book, with tax rates such as ``DE: "0.19"`` and other texts for some of its own."""
    document = PACKAGED_PRICE_BOOK.read_text().replace("tax_rates: {}", f"tax_rates: {{{tax}}}")
    for old, new in changes.items():
        document = document.replace(old, new)
    return document


def with_version(name: str, since: datetime, changes: dict[str, str]) -> str:
    """The packaged book and a version after its own, with other texts for some of it."""
    document = PACKAGED_PRICE_BOOK.read_text()
    body = document.partition("  - name:")[2].replace('"2020-01"', f'"{name}"')
    body = body.replace("2020-01-01T00:00:00Z", f"{since:%Y-%m-%dT%H:%M:%SZ}")
    for old, new in changes.items():
        body = body.replace(old, new)
    return f"{document}  - name:{body}"
