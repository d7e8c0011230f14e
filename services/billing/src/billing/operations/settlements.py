"""What the return of an instance would come to, before its owner asks for it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing.errors import NothingToSettle
from billing.models import Account, Instance
from billing.operations import accounts, periods
from billing.queries import documents as queries
from shared.db import Database


async def preview(database: Database, owner_id: UUID, instance_id: UUID, now: datetime) -> dict[str, Any]:
    """The last invoice of an instance and what is given back, if it were returned now.

    It is the return itself, of which nothing is kept: what is told cannot differ from what follows.

    Raises:
        NothingToSettle: If the owner pays for no such instance by the month.
    """
    async with database.transaction() as session:
        account = await accounts.lock(session, owner_id, now)
        instance = await session.get(Instance, instance_id)
        if instance is None or instance.owner_id != owner_id or instance.returned_at is not None:
            raise NothingToSettle(
                "You pay for no such instance by the month: it is not in use yet, or it has ended. "
                "GET /api/v1/instances lists yours."
            )
        async with session.begin_nested() as returned:
            settled = await periods.settle(session, account, instance, now, now)
            found = {"instance_id": instance_id, "as_of": now, **await _shown(session, account, settled)}
            await returned.rollback()
    return found


async def _shown(session: AsyncSession, account: Account, settled: periods.Settled) -> dict[str, Any]:
    invoice, notes = settled.invoice, settled.notes
    amounts = {
        "charge": invoice.total_minor if invoice else 0,
        "due": invoice.open_minor if invoice else 0,
        "given_back": sum(note.total_minor for note in notes),
        "to_card": sum(note.to_card_minor for note in notes),
        "to_balance": sum(note.to_balance_minor for note in notes),
        "to_promotional": sum(note.to_promotional_minor for note in notes),
        "no_longer_owed": sum(note.to_owed_minor for note in notes),
    }
    lines = await queries.lines_of(session, invoice.id) if invoice else []
    return {name: queries.money(amount, account.currency) for name, amount in amounts.items()} | {
        "lines": [queries.shown_line(line, account.currency) for line in lines]
    }
