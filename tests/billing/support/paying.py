"""A sandbox, a database and a clock that travels; owners with cards; and a janitor that waits until all is certain."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
from sqlalchemy import delete, func, select, text

from billing.adapters import Adapters
from billing.adapters.sandbox import Sandbox
from billing.adapters.sandbox_cards import BY_NAME
from billing.adapters.sandbox_models import SandboxCharge, SandboxRefund
from billing.app import service
from billing.domain.payments import PaymentState, RefundState
from billing.models import Base, Payment, PaymentMethod, PaymentMove, Refund
from billing.operations import methods, payments, price_books, refunds, top_ups
from billing.ports import Card, Standing
from billing.queries.payments import UNCERTAIN
from billing.settings import PACKAGED_PRICE_BOOK
from shared.db import Database
from shared.messaging import MessagingBase, OutboxMessage
from tests.support.databases import Databases

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "whsec_" + "c2FuZGJveCBzZWNyZXQgb2YgdGhlIHRlc3Rz"
WEBHOOK_URL = "http://space.test/api/v1/payments/webhooks/sandbox"


@dataclass
class Payments:
    """The payments half of billing over real servers; ``now`` is also the sandbox's time."""

    database: Database
    sandbox: Sandbox
    http: httpx.AsyncClient
    now: datetime = NOW

    @property
    def adapters(self) -> Adapters:
        return Adapters(self.sandbox, self.sandbox, self.http)

    async def card(self, owner_id: UUID, name: str = "visa") -> UUID:
        """A test card by its name, saved for an owner."""
        number = BY_NAME[name].number
        saved = await methods.save(self.sandbox, owner_id, None, Card(number, 12, 2030, cvc_of(name)), None)
        async with self.database.transaction() as session:
            return (await methods.keep(session, owner_id, "sandbox", saved, self.now)).id

    async def top_up(self, owner_id: UUID, amount_minor: int = 1000) -> UUID:
        """The intent only."""
        async with self.database.transaction() as session:
            return (await top_ups.ask(session, owner_id, amount_minor, "USD", None, self.now)).id

    async def work(self, payment_id: UUID | None = None) -> int:
        return await payments.work(self.database, self.adapters, self.now, payment_id)

    async def payment(self, payment_id: UUID) -> Payment:
        async with self.database.reading() as session:
            return await session.get_one(Payment, payment_id)

    async def begin_again(self) -> None:
        """Nothing has happened, and it is the beginning of time: quicker than another database."""
        self.now = NOW
        async with self.database.transaction() as session:
            # The ledger refuses to forget.
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            for table in Base.metadata.sorted_tables + MessagingBase.metadata.sorted_tables:
                if table.name != "price_books":
                    await session.execute(delete(table))

    async def clean_up(self) -> None:
        """What the jobs do for as long as it takes until every payment and refund is certain; at most a week."""
        until = self.now + timedelta(days=7)
        while (due := await self._next_due()) is not None:
            assert due < until, "something stays unknown"
            self.now = max(self.now, due)
            await self.work()
            await refunds.work(self.database, self.adapters, self.now)
            while await methods.forget_due(self.database, self.adapters, self.now):
                pass

    async def _next_due(self) -> datetime | None:
        over = Payment.state.in_(PaymentState(state) for state in set(PaymentState) - UNCERTAIN - {"authorised"})
        waiting = (
            select(func.min(Payment.ask_due_at)).where(Payment.state.in_(UNCERTAIN) | over),
            select(func.min(Refund.ask_due_at)).where(Refund.state == RefundState.WANTED),
            select(func.min(PaymentMethod.forget_due_at)),
        )
        async with self.database.reading() as session:
            known = [await session.scalar(query) for query in waiting]
        return min((instant for instant in known if instant is not None), default=None)


def cvc_of(name: str) -> str:
    return "1234" if BY_NAME[name].brand == "amex" else "123"


@asynccontextmanager
async def paying(databases: Databases) -> AsyncIterator[Payments]:
    url = await databases.clone(service, quote_key="7a" * 32, webhook_secret=SECRET)
    database = Database(url.replace("postgresql://", "postgresql+asyncpg://", 1), service="billing", pool_size=8)
    async with database.transaction() as session:
        await price_books.load(session, PACKAGED_PRICE_BOOK.read_text(), "default.yaml", NOW)
    async with aclosing(Sandbox(database.url, SECRET, WEBHOOK_URL)) as sandbox, httpx.AsyncClient() as http:
        payments = Payments(database, sandbox, http)
        sandbox.clock = lambda: payments.now
        yield payments
    await database.close()
    await databases.drop(url)


async def charges(world: Payments, payment_id: UUID | None = None) -> list[SandboxCharge]:
    """What the sandbox knows."""
    async with world.database.reading() as session:
        query = select(SandboxCharge)
        if payment_id is not None:
            query = query.where(SandboxCharge.payment_id == payment_id)
        return list(await session.scalars(query))


async def moves(world: Payments, payment_id: UUID) -> list[str]:
    """The states a payment came to, in order."""
    async with world.database.reading() as session:
        query = select(PaymentMove.target).where(PaymentMove.payment_id == payment_id).order_by(PaymentMove.id)
        return list(await session.scalars(query))


async def told(world: Payments, payment_id: UUID) -> list[str]:
    """The events about a payment, in the order they were published."""
    async with world.database.reading() as session:
        query = select(OutboxMessage.event_name).where(OutboxMessage.envelope.contains(str(payment_id)))
        return list(await session.scalars(query.order_by(OutboxMessage.id)))


async def assert_provider_agrees(world: Payments) -> None:
    """The sandbox has taken and given back exactly what we think, and holds nothing that we do not know it holds."""
    async with world.database.reading() as session:
        ours = {row.id: row for row in await session.scalars(select(Payment))}
        theirs = {row.payment_id: row for row in await session.scalars(select(SandboxCharge))}
        given: dict[UUID, int] = {}
        for refund in await session.scalars(select(SandboxRefund).where(SandboxRefund.standing == "refunded")):
            given[refund.payment_id] = given.get(refund.payment_id, 0) + refund.amount_minor
        back: dict[UUID, int] = {}
        for row in await session.scalars(select(Refund).where(Refund.state == RefundState.REFUNDED)):
            back[row.payment_id] = back.get(row.payment_id, 0) + row.amount_minor
    assert set(theirs) <= set(ours), "a charge that no payment of ours asked for"
    for payment_id, payment in ours.items():
        charge = theirs.get(payment_id)
        assert payment.captured_minor == (charge.captured_minor if charge else 0)
        held = charge is not None and charge.standing == Standing.AUTHORISED
        assert held == (payment.state == PaymentState.AUTHORISED), f"{payment.state}, and held is {held}"
        assert payment.state not in UNCERTAIN
    assert given == back
