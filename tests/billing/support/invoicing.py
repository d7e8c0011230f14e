"""Owners, invoices and card payments, made the way the operations make them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain import ledger as movements
from billing.domain.invoices import InvoiceKind, Line, LineKind
from billing.domain.payments import PaymentState
from billing.models import Account, Invoice, Notice, Payment, PaymentMethod
from billing.operations import accounts, invoices, ledger
from shared.db import Database
from tests.billing.support.books import assert_books_balance

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def line(amount_minor: int, kind: LineKind = LineKind.BACKUP_STORAGE, description: str = "Backup storage") -> Line:
    return Line(kind, description, "1", "piece", f"{amount_minor / 100:.2f}", amount_minor)


async def draft(session: AsyncSession, owner_id: UUID, *amounts: int, now: datetime = NOW) -> Invoice:
    """A draft that is due at once."""
    account = await accounts.lock(session, owner_id, now)
    lines = [line(amount) for amount in amounts]
    made = await invoices.draft(session, account, InvoiceKind.USAGE, lines, now - MONTH, now, now, now)
    assert made is not None
    return made


async def issued(database: Database, owner_id: UUID, *amounts: int, now: datetime = NOW) -> Invoice:
    """A finalised invoice, as far as its balances have paid it."""
    async with database.transaction() as session:
        invoice = await draft(session, owner_id, *amounts, now=now)
        account = await accounts.lock(session, owner_id, now)
        await invoices.finalise(session, account, invoice, now)
    return invoice


async def give(
    database: Database, owner_id: UUID, *, promotional: int = 0, balance: int = 0, now: datetime = NOW
) -> None:
    """Money to begin with: granted, and paid in by card (a payment stands for it)."""
    async with database.transaction() as session:
        account = await accounts.lock(session, owner_id, now)
        if promotional:
            account.promotional_minor += promotional
            grant = movements.grant(f"grant:{uuid4()}", promotional, "A present")
            await ledger.post(session, owner_id, "USD", grant, now)
        if balance:
            method = await add_method(session, owner_id, now=now, is_default=False)
            paid = await card_payment(session, owner_id, method, balance, "top_up", None, now)
            paid.state, paid.captured_minor = PaymentState.CAPTURED, balance
            account.balance_minor += balance
            await ledger.post(session, owner_id, "USD", movements.top_up(f"payment:{paid.id}", balance), now)


async def add_method(
    session: AsyncSession, owner_id: UUID, *, now: datetime = NOW, is_default: bool = True
) -> PaymentMethod:
    """A card that no provider knows."""
    method = PaymentMethod(
        id=uuid4(), owner_id=owner_id, provider="sandbox", customer=None, token=f"pm_{uuid4().hex}", brand="visa",
        last4="4242", exp_month=12, exp_year=2030, is_default=is_default, created_at=now,
    )  # fmt: skip
    session.add(method)
    await session.flush()
    return method


async def card_payment(
    session: AsyncSession,
    owner_id: UUID,
    method: PaymentMethod,
    amount: int,
    purpose: str,
    invoice_id: UUID | None,
    now: datetime,
) -> Payment:
    payment = Payment(
        id=uuid4(), owner_id=owner_id, purpose=purpose, invoice_id=invoice_id, method_id=method.id, provider="sandbox",
        state=PaymentState.AUTHORISING, amount_minor=amount, captured_minor=0, currency="USD", description="A test",
        created_at=now, updated_at=now, asked=0,
    )  # fmt: skip
    session.add(payment)
    await session.flush()
    return payment


async def account_of(database: Database, owner_id: UUID) -> Account:
    async with database.reading() as session:
        return await session.get_one(Account, owner_id)


async def invoice_of(database: Database, invoice_id: UUID) -> Invoice:
    async with database.reading() as session:
        return await session.get_one(Invoice, invoice_id)


async def notices_of(database: Database, owner_id: UUID) -> list[Notice]:
    async with database.reading() as session:
        query = select(Notice).where(Notice.owner_id == owner_id).order_by(Notice.created_at, Notice.kind)
        return list(await session.scalars(query))


async def check_books(database: Database) -> None:
    async with database.reading() as session:
        await assert_books_balance(session)
