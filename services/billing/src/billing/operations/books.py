"""Whether the books balance: what the ledger says against what accounts and invoices say."""

from sqlalchemy.ext.asyncio import AsyncSession

from billing.metrics import LEDGER_IMBALANCE
from billing.queries import books as queries
from shared.db import Database


async def imbalance_minor(session: AsyncSession) -> int:
    """How far the ledger and the balances beside it are apart, all differences added; 0 when all is well."""
    return sum(abs(difference) for difference in await queries.differences(session))


async def measure_imbalance(database: Database) -> None:
    """Set the gauge that an alert watches."""
    async with database.reading() as session:
        LEDGER_IMBALANCE.set(await imbalance_minor(session))
