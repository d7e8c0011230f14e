"""Accounts, made where there are none and locked in one order."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.dunning import Standing
from billing.models import Account
from billing.queries.bulk import table_of


async def add_accounts(session: AsyncSession, owner_ids: Iterable[UUID], currency: str, now: datetime) -> None:
    """An account for each of these owners who has none."""
    rows = [
        {
            "owner_id": owner_id, "currency": currency, "promotional_minor": 0, "balance_minor": 0,
            "standing": Standing.CURRENT, "quota_number": 0, "address_lines": [], "created_at": now,
        }
        for owner_id in sorted(set(owner_ids))
    ]  # fmt: skip
    await session.execute(insert(table_of(Account)).on_conflict_do_nothing(), rows)


async def lock_accounts(session: AsyncSession, owner_ids: Iterable[UUID]) -> dict[UUID, Account]:
    """These owners' accounts, locked in one order, so that two who want several do not wait for each other."""
    locked = select(Account).where(Account.owner_id.in_(set(owner_ids))).order_by(Account.owner_id).with_for_update()
    rows = await session.scalars(locked.execution_options(populate_existing=True))
    return {account.owner_id: account for account in rows}
