"""An owner's account: made when first needed, and locked by whatever moves their money."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.dunning import LADDER, Standing
from billing.models import Account, AccountMove
from billing.operations import price_books
from billing.queries import accounts as queries
from shared.events.billing import AccountCleared, AccountRestricted
from shared.outbox import publish


async def find(session: AsyncSession, owner_id: UUID) -> Account | None:
    """The owner's account, not locked."""
    return await session.get(Account, owner_id)


async def lock(session: AsyncSession, owner_id: UUID, now: datetime) -> Account:
    """The owner's account, made when there is none, locked until the transaction ends.

    Everything that moves an owner's money locks this row first, and before any other row of theirs.
    """
    locked = (
        select(Account).where(Account.owner_id == owner_id).with_for_update().execution_options(populate_existing=True)
    )
    account = await session.scalar(locked)
    if account is None:
        await queries.add_accounts(session, [owner_id], await price_books.currency(session), now)
        account = (await session.scalars(locked)).one()
    return account


def move(session: AsyncSession, account: Account, standing: Standing, reason: str, now: datetime) -> bool:
    """Change how a locked account stands; False when it stands so already."""
    source = Standing(account.standing)
    if source is standing:
        return False
    account.standing = standing
    session.add(AccountMove(owner_id=account.owner_id, source=source, target=standing, reason=reason, moved_at=now))
    restricted = LADDER.index(Standing.RESTRICTED)
    if LADDER.index(standing) >= restricted:
        publish(session, AccountRestricted(owner_id=account.owner_id, standing=standing.value, occurred_at=now))
    elif LADDER.index(source) >= restricted:
        publish(session, AccountCleared(owner_id=account.owner_id, occurred_at=now))
    return True
