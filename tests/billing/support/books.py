"""Whether the books balance: what every test of money ends with."""

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.invoices import InvoiceState
from billing.domain.ledger import Account as LedgerAccount
from billing.domain.payments import RefundState
from billing.models import (
    Account,
    CreditNote,
    Invoice,
    InvoiceLine,
    LedgerEntry,
    LedgerTransaction,
    NumberSeries,
    Order,
    Payment,
    Refund,
)

SET_ASIDE = ("placed", "held")


async def trial_balance(session: AsyncSession) -> dict[tuple[str, str], int]:
    """The sum of each owner's entries by ledger account; accounts that sum to zero are left out."""
    sums = select(LedgerEntry.owner_id, LedgerEntry.account, func.sum(LedgerEntry.amount_minor))
    rows = await session.execute(sums.group_by(LedgerEntry.owner_id, LedgerEntry.account))
    return {(str(owner), account): int(total) for owner, account, total in rows if total}


async def assert_books_balance(session: AsyncSession) -> None:
    """Every transaction sums to zero, the ledger agrees with every table that speaks of money, and documents add up."""
    await _assert_transactions_sum_to_zero(session)
    await _assert_ledger_agrees(session)
    await _assert_invoices_add_up(session)
    await _assert_numbers_have_no_gaps(session)


async def _assert_transactions_sum_to_zero(session: AsyncSession) -> None:
    total = func.coalesce(func.sum(LedgerEntry.amount_minor), 1)
    wrong = await session.execute(
        select(LedgerTransaction.source, LedgerTransaction.purpose, total)
        .outerjoin(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .group_by(LedgerTransaction.id)
        .having(total != 0)
    )
    assert wrong.all() == []


async def _assert_ledger_agrees(session: AsyncSession) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for account in await session.scalars(select(Account).execution_options(populate_existing=True)):
        expected[str(account.owner_id), LedgerAccount.BALANCE] -= account.balance_minor
        expected[str(account.owner_id), LedgerAccount.PROMOTIONAL] -= account.promotional_minor
    for invoice in await session.scalars(select(Invoice).execution_options(populate_existing=True)):
        debtor = LedgerAccount.BAD_DEBT if invoice.state == InvoiceState.UNCOLLECTIBLE else LedgerAccount.RECEIVABLE
        expected[str(invoice.owner_id), debtor] += invoice.open_minor
    for order in await session.scalars(select(Order).execution_options(populate_existing=True)):
        if order.state in SET_ASIDE:
            expected[str(order.owner_id), LedgerAccount.HELD] -= order.promotional_minor + order.balance_minor
    for payment in await session.scalars(select(Payment).execution_options(populate_existing=True)):
        expected[str(payment.owner_id), LedgerAccount.CARD] += payment.captured_minor
    for refund in await session.scalars(select(Refund).execution_options(populate_existing=True)):
        if refund.state == RefundState.REFUNDED:
            expected[str(refund.owner_id), LedgerAccount.CARD] -= refund.amount_minor
        elif refund.state == RefundState.WANTED:
            expected[str(refund.owner_id), LedgerAccount.REFUNDABLE] -= refund.amount_minor
    checked = {LedgerAccount.REVENUE, LedgerAccount.TAX, LedgerAccount.PROMOTIONS}
    found = {key: total for key, total in (await trial_balance(session)).items() if key[1] not in checked}
    assert found == {key: total for key, total in expected.items() if total}


async def _assert_invoices_add_up(session: AsyncSession) -> None:
    lines = select(func.coalesce(func.sum(InvoiceLine.amount_minor), 0)).where(InvoiceLine.invoice_id == Invoice.id)
    nets = await session.execute(
        select(Invoice.id, Invoice.net_minor, lines.scalar_subquery()).where(Invoice.state != InvoiceState.VOID)
    )
    assert [row for row in nets if row[1] != row[2]] == []
    notes = select(func.sum(CreditNote.total_minor)).where(CreditNote.invoice_id == Invoice.id).scalar_subquery()
    assert (await session.execute(select(Invoice.number, notes).where(notes > Invoice.total_minor))).all() == []


async def _assert_numbers_have_no_gaps(session: AsyncSession) -> None:
    last = {row.name: row.last for row in await session.scalars(select(NumberSeries))}
    given = [
        *await session.scalars(select(Invoice.number).where(Invoice.number.is_not(None))),
        *await session.scalars(select(CreditNote.number)),
    ]
    expected = [f"{name}-{number:06}" for name, count in last.items() for number in range(1, count + 1)]
    assert sorted(str(number) for number in given) == sorted(expected)
