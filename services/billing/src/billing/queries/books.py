"""The trial balance."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.invoices import InvoiceState
from billing.domain.ledger import Account as LedgerAccount
from billing.models import Account, Invoice, LedgerEntry


async def differences(session: AsyncSession) -> Sequence[int]:
    """Owners' balances and open invoices against their ledger, and each transaction against zero: what is not equal."""
    unbalanced = (
        select(func.sum(LedgerEntry.amount_minor).label("difference"))
        .group_by(LedgerEntry.transaction_id)
        .having(func.sum(LedgerEntry.amount_minor) != 0)
    )
    parts = [
        unbalanced,
        _against(LedgerAccount.BALANCE, select(Account.owner_id, Account.balance_minor.label("kept"))),
        _against(LedgerAccount.PROMOTIONAL, select(Account.owner_id, Account.promotional_minor.label("kept"))),
        _against(LedgerAccount.RECEIVABLE, _open_invoices()),
    ]
    return [int(value) for value in await session.scalars(union_all(*parts))]


async def count_overdue(session: AsyncSession, before: datetime) -> int:
    """Drafts that were to be finalised before an instant."""
    overdue = select(func.count()).where(Invoice.state == InvoiceState.DRAFT, Invoice.finalise_due_at < before)
    return await session.scalar(overdue) or 0


def _open_invoices() -> Select[*tuple[Any, ...]]:
    owed = Invoice.total_minor - Invoice.promotional_minor - Invoice.balance_minor - Invoice.card_minor
    owed = owed - Invoice.credited_minor
    # What is owed is a debit.
    return (
        select(Invoice.owner_id, (-func.sum(owed)).label("kept"))
        .where(Invoice.state == InvoiceState.FINALISED)
        .group_by(Invoice.owner_id)
    )


def _against(account: LedgerAccount, kept: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    ledger = (
        select(LedgerEntry.owner_id, func.sum(LedgerEntry.amount_minor).label("entered"))
        .where(LedgerEntry.account == account)
        .group_by(LedgerEntry.owner_id)
        .subquery()
    )
    rows = kept.subquery()
    difference = func.coalesce(rows.c.kept, 0) + func.coalesce(ledger.c.entered, 0)
    return (
        select(difference.label("difference"))
        .select_from(rows.outerjoin(ledger, ledger.c.owner_id == rows.c.owner_id, full=True))
        .where(difference != 0)
    )
