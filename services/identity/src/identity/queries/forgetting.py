"""What is of no use any more, deleted some at a time."""

from sqlalchemy import ColumnElement, delete, inspect, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import Base

FORGET_BATCH = 1000


async def forget(session: AsyncSession, table: type[Base], *conditions: ColumnElement[bool]) -> int:
    """Delete rows to which any condition applies, some at a time, not those another replica deletes; how many."""
    key = tuple_(*inspect(table).primary_key)
    doomed = (
        select(*inspect(table).primary_key)
        .where(or_(*conditions))
        .limit(FORGET_BATCH)
        .with_for_update(skip_locked=True)
    )
    deleted = await session.scalars(
        delete(table).where(key.in_(doomed)).returning(literal(1)).execution_options(synchronize_session=False)
    )
    return len(deleted.all())
