"""Many rows at once, where the mapper would send a statement for each and wait for it.

The rows are given apart from the statement, which is then compiled once and not for each number of rows anew.
"""

from collections.abc import Sequence

from sqlalchemy import Table, bindparam, inspect, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from billing.models import Base


def table_of(model: type[Base]) -> Table:
    """The table itself: what is done with it does not pass through the mapper."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


async def update_many(session: AsyncSession, rows: Sequence[Base], *names: str) -> None:
    """Write these columns of those rows of one table that were changed; their other columns are not looked at."""
    changed = [row for row in rows if inspect(row).persistent and session.is_modified(row)]
    if not changed:
        return
    table = table_of(type(changed[0]))
    [key] = table.primary_key.columns
    given = [
        {"of": getattr(row, key.name), **{f"new_{name}": getattr(row, name) for name in names}}
        for row in sorted(changed, key=lambda row: str(getattr(row, key.name)))
    ]
    for row in changed:
        for name in names:
            set_committed_value(row, name, getattr(row, name))
    written = update(table).where(key == bindparam("of"))
    with session.no_autoflush:
        await session.execute(written.values({name: bindparam(f"new_{name}") for name in names}), given)
