"""Lets an owner's time pass, for a demonstration or a test of an integration: only with the sandbox's money."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing.adapters import Adapters
from billing.errors import TestClockRefused
from billing.operations import accounts, collect, invoices, orders, payments, periods, refunds
from billing.queries import test_clock as queries
from shared.db import Database

MOST_STEPS = 1000
LONGEST = timedelta(days=3 * 366)
"""How much time passes at once at most, counted from what is due first."""
TOO_MUCH = "There is too much to do until then. Let less time pass at once."


async def travel(database: Database, adapters: Adapters, owner_id: UUID, to: datetime) -> list[str]:
    """Do everything of this owner's that falls due until an instant, each at its own time, in order.

    Returns:
        The numbers of the invoices that were issued meanwhile.

    Raises:
        TestClockRefused: If real money would move, or there is more to do than is sensible.
    """
    if adapters.sandbox is None:
        raise TestClockRefused("Time is only let pass with the sandbox's money; this server uses another provider.")
    async with database.reading() as session:
        known = await queries.invoice_numbers(session, owner_id)
        first = await queries.next_due(session, owner_id)
    if first is not None and to - first > LONGEST:
        raise TestClockRefused(TOO_MUCH)
    for _ in range(MOST_STEPS):
        async with database.reading() as session:
            due = await queries.next_due(session, owner_id)
        if due is None or due > to:
            async with database.reading() as session:
                return [each for each in await queries.invoice_numbers(session, owner_id) if each not in known]
        await step(database, adapters, owner_id, due)
    raise TestClockRefused(TOO_MUCH)


async def step(database: Database, adapters: Adapters, owner_id: UUID, due: datetime) -> None:
    """What jobs would do for an owner at an instant."""
    async with database.transaction() as session:
        await _close(session, owner_id, due)
    await orders.release_due(database, due, owner_id)
    await invoices.finalise_due(database, due, owner_id)
    await collect.charge_due(database, due, owner_id)
    async with database.reading() as session:
        asked = await queries.due_payments(session, owner_id, due)
    for payment_id in asked:
        await payments.work(database, adapters, due, payment_id)
    await refunds.work(database, adapters, due, owner_id)


async def _close(session: AsyncSession, owner_id: UUID, due: datetime) -> None:
    account = await accounts.lock(session, owner_id, due)
    if account.close_due_at is not None and account.close_due_at <= due:
        await periods.close(session, account, account.close_due_at, due)
