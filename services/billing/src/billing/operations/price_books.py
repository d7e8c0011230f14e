"""The price book in use: loaded whole, never changed in what is past."""

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.prices import PriceBook
from billing.errors import PriceBookInvalid
from billing.models import PriceBookDocument
from billing.price_book import PriceBookProblems, parse
from shared.errors import ServiceUnavailable

_parsed: OrderedDict[tuple[int, datetime], PriceBook] = OrderedDict()
"""The last books by number and time of loading: a document is never changed, so parsing it once is enough."""
_KEEP = 8


async def current(session: AsyncSession) -> PriceBook:
    """The book in use.

    Raises:
        ServiceUnavailable: If none was loaded yet, which the worker does when it starts.
    """
    book = await find_current(session)
    if book is None:
        raise ServiceUnavailable("The price book is still being loaded. Try again in a moment.", retry_after_seconds=2)
    return book


async def find_current(session: AsyncSession) -> PriceBook | None:
    """The book in use; None before the first was loaded."""
    latest = select(PriceBookDocument.number, PriceBookDocument.loaded_at).order_by(PriceBookDocument.number.desc())
    key: Any = (await session.execute(latest.limit(1))).first()
    if key is None:
        return None
    found = _parsed.get((key.number, key.loaded_at))
    if found is None:
        row = await session.get_one(PriceBookDocument, key.number)
        found = _parsed[key.number, key.loaded_at] = parse(row.document, f"price book {key.number}")
        if len(_parsed) > _KEEP:
            _parsed.popitem(last=False)
    return found


async def currency(session: AsyncSession) -> str:
    """The one currency of the book in use, and so of every account."""
    return (await current(session)).versions[-1].currency


async def load_from_settings(session: AsyncSession, document: str, file: str, now: datetime) -> None:
    """Put the configured price book into use, unless an operator has loaded another since it last changed."""
    seen = select(PriceBookDocument.number).where(PriceBookDocument.document == document).limit(1)
    if await session.scalar(seen) is None:
        await load(session, document, file, now)


async def load(session: AsyncSession, document: str, file: str, now: datetime) -> bool:
    """Put a price book into use; False when it is the one in use.

    Raises:
        PriceBookInvalid: With every problem and its line; also when it differs in what is past.
    """
    await session.execute(select(PriceBookDocument.number).with_for_update())
    try:
        wanted = parse(document, file)
    except PriceBookProblems as error:
        raise PriceBookInvalid(
            f"This price book cannot be used; nothing was changed. {error}",
            problems=[str(each) for each in error.problems],
        ) from error
    last = await session.scalar(select(PriceBookDocument).order_by(PriceBookDocument.number.desc()).limit(1))
    if last is not None:
        if last.document == document:
            return False
        _refuse_rewriting(parse(last.document, "the price book in use"), wanted, file, now)
    session.add(PriceBookDocument(document=document, loaded_at=now))
    await session.flush()
    return True


def _refuse_rewriting(used: PriceBook, wanted: PriceBook, file: str, now: datetime) -> None:
    problems = []
    if wanted.place != used.place:
        problems.append(f"{file}: backup storage is at {'/'.join(used.place)}; a store does not move.")
    for version in used.versions:
        if version.effective_from > now:
            continue
        kept = next((each for each in wanted.versions if each.name == version.name), None)
        if kept is None:
            problems.append(f"{file}: version {version.name} is missing; it was in force and stays in the book.")
        elif replace(kept, effective_until=None) != replace(version, effective_until=None):
            problems.append(f"{file}: version {version.name} has been in force and does not change; add a new one.")
    been = {version.name for version in used.versions if version.effective_from <= now}
    problems += [
        f"{file}: version {version.name} would begin in the past; a new one begins in the future."
        for version in wanted.versions
        if version.name not in been and version.effective_from <= now
    ]
    if problems:
        raise PriceBookInvalid(
            f"This price book would change what has been; nothing was changed. {' '.join(problems)}", problems=problems
        )
