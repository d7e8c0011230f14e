"""Many rows in one statement, where the mapper would send one for each."""

from collections.abc import Sequence

from sqlalchemy import cast, column, inspect, update, values
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from billing.models import Base


async def update_many(session: AsyncSession, rows: Sequence[Base], *names: str) -> None:
    """Write these columns of those rows of one table that were changed; their other columns are not looked at."""
    changed = [row for row in rows if inspect(row).persistent and session.is_modified(row)]
    if not changed:
        return
    model = type(changed[0])
    table = model.__table__
    [key] = inspect(model).primary_key
    wanted = (key.name, *names)
    given = values(*(column(name, table.c[name].type) for name in wanted), name="given").data(
        [tuple(getattr(row, name) for name in wanted) for row in changed]
    )
    for row in changed:
        for name in names:
            set_committed_value(row, name, getattr(row, name))
    written = update(model).where(key == given.c[key.name]).execution_options(synchronize_session=False)
    with session.no_autoflush:
        # A column of nothing but nulls would be text.
        await session.execute(written.values({name: cast(given.c[name], table.c[name].type) for name in names}))
