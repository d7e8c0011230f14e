"""Whether the books balance: what the ledger says against what accounts and invoices say."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from billing.metrics import INVOICES_OVERDUE, LEDGER_IMBALANCE
from billing.queries import books as queries
from shared.db import Database

OVERDUE_AFTER = timedelta(minutes=10)
"""A draft is finalised within seconds of its time; so much later something keeps it."""


async def imbalance_minor(session: AsyncSession) -> int:
    """How far the ledger and the balances beside it are apart, all differences added; 0 when all is well."""
    return sum(abs(difference) for difference in await queries.differences(session))


async def measure_imbalance(database: Database) -> None:
    """Set the gauge that an alert watches."""
    async with database.reading() as session:
        LEDGER_IMBALANCE.set(await imbalance_minor(session))


async def measure_overdue(database: Database, now: datetime) -> None:
    """Set the gauge of drafts that should have been finalised."""
    async with database.reading() as session:
        INVOICES_OVERDUE.set(await queries.count_overdue(session, now - OVERDUE_AFTER))
