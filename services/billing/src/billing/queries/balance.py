"""What an owner has with us, how it came to that, and when they are charged next."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.invoices import InvoiceState
from billing.domain.ledger import Account as LedgerAccount
from billing.models import Account, Invoice, LedgerEntry, LedgerTransaction


async def next_charge_at(session: AsyncSession, account: Account) -> datetime | None:
    """The earliest of: a charge that is due, a draft that is to be issued, the close of the open period."""
    of_owner = select(func.min(Invoice.charge_due_at)).where(Invoice.owner_id == account.owner_id)
    charge = await session.scalar(of_owner.where(Invoice.charge_due_at.is_not(None)))
    drafts = select(func.min(Invoice.finalise_due_at)).where(
        Invoice.owner_id == account.owner_id, Invoice.state == InvoiceState.DRAFT
    )
    known = [charge, await session.scalar(drafts), account.close_due_at]
    return min((instant for instant in known if instant is not None), default=None)


async def list_changes(
    session: AsyncSession, owner_id: UUID, *, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Movements of the ledger that changed a balance, newest first; one more than the limit when there are more."""
    query = (
        select(
            LedgerTransaction.id,
            LedgerTransaction.recorded_at,
            LedgerTransaction.description,
            LedgerTransaction.currency,
            _grown(LedgerAccount.BALANCE).label("balance_minor"),
            _grown(LedgerAccount.PROMOTIONAL).label("promotional_minor"),
        )
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .where(
            LedgerTransaction.owner_id == owner_id,
            LedgerEntry.account.in_((LedgerAccount.BALANCE, LedgerAccount.PROMOTIONAL)),
        )
        .group_by(LedgerTransaction.id)
        .order_by(LedgerTransaction.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(LedgerTransaction.id < before)
    rows = (await (await session.connection()).execute(query)).all()
    return [
        {
            "change_id": row.id,
            "recorded_at": row.recorded_at,
            "text": row.description,
            "balance": {"amount_minor": int(row.balance_minor), "currency": row.currency},
            "promotional": {"amount_minor": int(row.promotional_minor), "currency": row.currency},
        }
        for row in rows
    ]


def _grown(account: LedgerAccount) -> Any:
    # A liability grows with credits, which are negative.
    return -func.coalesce(func.sum(LedgerEntry.amount_minor).filter(LedgerEntry.account == account), 0)
