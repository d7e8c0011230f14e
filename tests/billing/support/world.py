"""An owner whose time a test lets pass: samples, cards, orders and instances, and everything that falls due between."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from billing.adapters.sandbox_cards import BY_NAME
from billing.domain.prices import GB
from billing.models import Account, Base, CreditNote, Invoice, InvoiceLine, Order
from billing.operations import instances, metering, methods, orders, quotes, test_clock
from billing.ports import Card
from billing.queries import test_clock as clock_queries
from shared.events.catalog import StorageMeasured
from shared.events.provisioning import InstanceUsageMeasured
from shared.events.restore import CaptureWanted
from shared.messaging import OutboxMessage
from tests.billing.support.books import assert_books_balance
from tests.support.running import Running

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class World:
    billing: Running
    owner_id: UUID = field(default_factory=uuid4)
    now: datetime = START

    def __post_init__(self) -> None:
        sandbox = self.billing.runtime.adapters.sandbox
        assert sandbox is not None
        sandbox.clock = lambda: self.now

    @property
    def database(self) -> Any:
        return self.billing.runtime.database

    async def measure(
        self,
        backup_id: UUID,
        size_gb: float,
        *,
        at: datetime | None = None,
        terminus_id: UUID | None = None,
        snapshots: int = 1,
    ) -> None:
        """A sample of a backup, as catalog tells it."""
        await self.hear_measured([self.measured(backup_id, size_gb, at, terminus_id, snapshots)])

    def measured(
        self, backup_id: UUID, size_gb: float, at: datetime | None, terminus_id: UUID | None, snapshots: int
    ) -> StorageMeasured:
        return StorageMeasured(
            owner_id=self.owner_id,
            backup_id=backup_id,
            terminus_id=terminus_id,
            measured_at=at or self.now,
            storage_bytes=int(size_gb * GB),
            objects=1,
            snapshots=snapshots,
        )

    async def hear_measured(self, events: Sequence[StorageMeasured]) -> None:
        async with self.database.transaction() as session:
            await metering.take_in(session, events, self.now)

    async def count(self, instance_id: UUID, traffic_gb: float, disk_gb: float, at: datetime | None = None) -> None:
        """A reading of an instance, as provisioning tells it."""
        event = InstanceUsageMeasured(
            owner_id=self.owner_id,
            instance_id=instance_id,
            measured_at=at or self.now,
            traffic_bytes=int(traffic_gb * GB),
            disk_bytes=int(disk_gb * GB),
        )
        async with self.database.transaction() as session:
            await instances.take_in(session, [event], self.now)

    async def add_card(self, name: str = "visa") -> UUID:
        """A test card of the sandbox, by its name; the first is the default."""
        card = Card(BY_NAME[name].number, 12, 2040, "123")
        async with self.database.transaction() as session:
            customer = await methods.prepare(session, self.owner_id, self.now)
        saved = await methods.save(self.billing.runtime.adapters.provider, self.owner_id, customer, card, None)
        async with self.database.transaction() as session:
            method = await methods.keep(session, self.owner_id, "sandbox", saved, self.now)
        return method.id

    async def quote(
        self, plan: str = "small", restore_bytes: int = 0, name: str = "home", restore_id: UUID | None = None
    ) -> UUID:
        wanted = quotes.Wanted("local", "local", plan, restore_bytes, name, restore_id)
        async with self.database.transaction() as session:
            quote = await quotes.make(session, self.owner_id, wanted, "7a" * 32, self.now)
        return quote.id

    async def order(self, plan: str = "small", restore_bytes: int = 0, method_id: UUID | None = None) -> UUID:
        """A confirmed quote, the card asked."""
        quote_id = await self.quote(plan, restore_bytes)
        await self.confirm(quote_id, method_id)
        return quote_id

    async def confirm(self, quote_id: UUID, method_id: UUID | None = None) -> Order:
        async with self.database.transaction() as session:
            order = await orders.place(session, self.owner_id, quote_id, method_id, self.now)
        await self.work()
        return order

    async def fulfil(
        self, quote_id: UUID, *, ended_at: datetime | None = None, instance_id: UUID | None = None
    ) -> UUID:
        """What was ordered is there; the instance's id."""
        event = CaptureWanted(
            owner_id=self.owner_id,
            restore_id=uuid4(),
            quote_id=quote_id,
            instance_id=instance_id or uuid4(),
            started_at=self.now if ended_at is None else min(self.now, ended_at),
            ended_at=ended_at,
        )
        async with self.database.transaction() as session:
            await orders.fulfil(session, event, self.now)
        await self.work()
        return event.instance_id

    async def give_back(self, instance_id: UUID) -> None:
        """The instance is returned now."""
        async with self.database.transaction() as session:
            await instances.settle(session, self.owner_id, instance_id, self.now, self.now)
        await self.work()

    async def work(self) -> None:
        """Everything that is due now."""
        await test_clock.step(self.database, self.billing.runtime.adapters, self.owner_id, self.now)

    async def travel(self, to: datetime | timedelta) -> None:
        """Let time pass; whatever falls due happens at its own time."""
        target = self.now + to if isinstance(to, timedelta) else to
        while True:
            async with self.database.reading() as session:
                due = await clock_queries.next_due(session, self.owner_id)
            if due is None or due > target:
                self.now = target
                return
            self.now = max(due, self.now)
            await self.work()

    async def account(self) -> Account:
        async with self.database.reading() as session:
            account: Account = await session.get_one(Account, self.owner_id)
        return account

    async def invoices(self) -> list[Invoice]:
        async with self.database.reading() as session:
            found = (
                select(Invoice).where(Invoice.owner_id == self.owner_id).order_by(Invoice.created_at, Invoice.number)
            )
            return list(await session.scalars(found))

    async def lines(self, invoice: Invoice) -> list[InvoiceLine]:
        async with self.database.reading() as session:
            found = select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id).order_by(InvoiceLine.number)
            return list(await session.scalars(found))

    async def credit_notes(self) -> list[CreditNote]:
        async with self.database.reading() as session:
            found = select(CreditNote).where(CreditNote.owner_id == self.owner_id).order_by(CreditNote.number)
            return list(await session.scalars(found))

    async def every(self, model: type[Base]) -> list[Any]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(model)))

    async def events(self, name: str = "") -> list[str]:
        """What was published, by name, in order."""
        async with self.database.reading() as session:
            found = await session.scalars(select(OutboxMessage.event_name).order_by(OutboxMessage.id))
            return [each for each in found if name in each]

    async def check_books(self) -> None:
        async with self.database.reading() as session:
            await assert_books_balance(session)
