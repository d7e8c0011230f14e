"""A page of an owner's things."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from shared.paging import PageParams


async def newest_first(
    session: AsyncSession, query: Select[*tuple[Any, ...]], created_at: Any, identifier: Any, page: PageParams
) -> list[dict[str, Any]]:
    after = page.after(datetime, UUID)
    if after is not None:
        query = query.where(tuple_(created_at, identifier) < tuple_(*after))
    rows = await session.execute(query.order_by(created_at.desc(), identifier.desc()).limit(page.limit + 1))
    return [dict(row) for row in rows.mappings()]
