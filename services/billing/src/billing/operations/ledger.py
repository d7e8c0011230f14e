"""Writes movements of money into the ledger, each once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.ledger import Movement
from billing.models import LedgerEntry, LedgerTransaction


async def post(session: AsyncSession, owner_id: UUID, currency: str, movement: Movement, now: datetime) -> bool:
    """Record a movement; False when it was recorded before or moves nothing.

    The caller changes the balances it speaks of only when this is True, and holds the account's lock.
    """
    if not movement.entries:
        return False
    made = (
        insert(LedgerTransaction)
        .values(
            source=movement.source, purpose=movement.purpose, owner_id=owner_id, currency=currency,
            description=movement.description, recorded_at=now,
        )
        .on_conflict_do_nothing()
        .returning(LedgerTransaction.id)
    )  # fmt: skip
    transaction_id = await session.scalar(made)
    if transaction_id is None:
        return False
    entries = [
        {"transaction_id": transaction_id, "account": account, "owner_id": owner_id, "amount_minor": amount}
        for account, amount in movement.entries.items()
    ]
    await session.execute(insert(LedgerEntry), entries)
    return True
