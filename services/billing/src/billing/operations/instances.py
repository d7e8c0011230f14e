"""Instances from their beginning to their end: what is heard of their counters, and that they are gone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.months import month
from billing.models import Account, Instance, InstanceMonth, InstanceSample, Invoice, Order, ReturnedInstance
from billing.operations import accounts, periods
from billing.queries import accounts as account_queries
from billing.queries import orders as queries
from shared.events.provisioning import InstanceUsageMeasured


async def begin(
    session: AsyncSession, account: Account, order: Order, terms: dict[str, Any], invoice: Invoice | None
) -> None:
    """From its start on the instance of a locked account's order is paid by the month, as its quote's terms say."""
    assert order.instance_id is not None
    assert order.started_at is not None
    end = month(order.started_at, 1)
    session.add(
        Instance(
            id=order.instance_id,
            owner_id=account.owner_id,
            order_id=order.id,
            name=terms["instance_name"],
            provider=terms["provider"],
            region=terms["region"],
            plan=terms["plan"],
            anchor_at=order.started_at,
            months=1,
            period_start=order.started_at,
            period_end=end,
            price_version=terms["price_version"],
            restored_bytes=terms["restore_bytes"],
        )
    )
    await session.flush()
    session.add(
        InstanceMonth(
            instance_id=order.instance_id,
            started_at=order.started_at,
            ended_at=end,
            price_version=terms["price_version"],
            monthly_minor=terms["monthly_minor"],
            invoice_id=None if invoice is None else invoice.id,
        )
    )
    account.anchor_at = account.anchor_at or order.started_at
    await session.flush()
    account.close_due_at = await periods.next_close(session, account, order.started_at)


async def take_in(session: AsyncSession, events: Sequence[InstanceUsageMeasured], now: datetime) -> None:
    """Store readings, each once; one that belongs to a closed month corrects it."""
    rows = {
        (event.instance_id, event.measured_at): {
            "instance_id": event.instance_id,
            "measured_at": event.measured_at,
            "owner_id": event.owner_id,
            "traffic_bytes": event.traffic_bytes,
            "disk_bytes": event.disk_bytes,
        }
        for event in events
    }
    # Before the readings are stored: who closes a month meanwhile would not see them, and nobody would correct it.
    locked = await account_queries.lock_accounts(session, {event.owner_id for event in events})
    made = (
        insert(InstanceSample)
        .values(list(rows.values()))
        .on_conflict_do_nothing()
        .returning(InstanceSample.instance_id, InstanceSample.measured_at)
    )
    earliest: dict[UUID, datetime] = {}
    for instance_id, measured_at in await session.execute(made):
        earliest[instance_id] = min(measured_at, earliest.get(instance_id, measured_at))
    for instance_id, since in sorted(earliest.items()):
        instance = await session.get(Instance, instance_id)
        account = None if instance is None else locked.get(instance.owner_id)
        if instance is not None and account is not None and since < (instance.returned_at or instance.period_start):
            await periods.correct_counters(session, account, instance, since, now)


async def settle(
    session: AsyncSession, owner_id: UUID, instance_id: UUID, returned_at: datetime, now: datetime
) -> None:
    """An instance is gone: bill what was used, give back what was paid ahead. Hearing it again changes nothing.

    It is remembered also of an instance whose order is not known to be fulfilled: that word may still be on its way.
    """
    account = await accounts.lock(session, owner_id, now)
    heard = insert(ReturnedInstance).values(instance_id=instance_id, owner_id=owner_id, returned_at=returned_at)
    await session.execute(heard.on_conflict_do_nothing())
    await settle_returned(session, account, instance_id, now)


async def settle_returned(session: AsyncSession, account: Account, instance_id: UUID, now: datetime) -> None:
    """Bill a locked account's instance that is known to be gone, once, and once it is certain how it was paid.

    While a card is being asked for its order it waits: what is not used goes back the way the money came.
    """
    returned = await session.get(ReturnedInstance, instance_id, populate_existing=True)
    instance = await session.get(Instance, instance_id, populate_existing=True)
    if returned is None or instance is None or instance.returned_at is not None:
        return
    if {account.owner_id} != {returned.owner_id, instance.owner_id}:
        return
    if not await queries.is_being_taken(session, instance.order_id):
        await periods.settle(session, account, instance, returned.returned_at, now)
