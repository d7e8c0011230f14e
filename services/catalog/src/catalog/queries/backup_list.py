"""The list of an owner's backups: filtered, searched, and in the order asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from catalog.domain.lifecycle import State
from catalog.models import Backup, Terminus
from catalog.queries.backups import backup_columns, is_overdue
from catalog.queries.rows import AnyRow, AnySelect

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Where a backup without a snapshot stands among those that have one."""


class Sort(StrEnum):
    """What the list is ordered by; with a dash, the largest or newest first."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    NAME = "name"
    NAME_BACKWARDS = "-name"
    LATEST_SNAPSHOT = "-latest_snapshot_at"
    LONGEST_WITHOUT = "latest_snapshot_at"
    LARGEST = "-storage_bytes"
    SMALLEST = "storage_bytes"

    @property
    def column(self) -> str:
        return self.removeprefix("-")

    @property
    def descends(self) -> bool:
        return self.startswith("-")


@dataclass(frozen=True)
class _Key:
    """What the list can be ordered by, and the column whose type its values have."""

    kind: type[datetime] | type[int] | type[str]
    place: ColumnElement[Any]
    like: InstrumentedAttribute[Any]


_KEYS = MappingProxyType(
    {
        "created_at": _Key(datetime, Backup.created_at.expression, Backup.created_at),
        "name": _Key(str, func.lower(Backup.name), Backup.name),
        "latest_snapshot_at": _Key(
            datetime,
            func.coalesce(Backup.latest_snapshot_at, literal(_NEVER, Backup.created_at.type)),
            Backup.created_at,
        ),
        "storage_bytes": _Key(int, Backup.storage_bytes.expression, Backup.storage_bytes),
    }
)


def kind_of(sort: Sort) -> type[datetime] | type[int] | type[str]:
    """What stands in a cursor of this order, before the backup's id."""
    return _KEYS[sort.column].kind


def place_of(row: AnyRow, sort: Sort) -> datetime | int | str:
    """Where a backup stands in this order, as a cursor says it."""
    place: datetime | int | str | None = row._mapping[sort.column]
    return _NEVER if place is None else place


async def list_backups(
    session: AsyncSession,
    owner_id: UUID,
    now: datetime,
    *,
    name: str | None = None,
    search: str | None = None,
    terminus_id: UUID | None = None,
    state: State | None = None,
    overdue: bool | None = None,
    sort: Sort = Sort.NEWEST,
    after: tuple[datetime | int | str, UUID] | None = None,
    limit: int,
) -> Sequence[AnyRow]:
    """An owner's backups; deleted ones only when asked for.

    Args:
        search: A part of the name, of what is backed up, or of the Terminus' name, in any case.
        after: The place and id of the last backup of the page before.
        limit: Of a page; one more row says that there is another page.
    """
    filters = {"name": name, "search": search, "terminus_id": terminus_id, "state": state, "overdue": overdue}
    given: dict[str, Any] = {key: value for key, value in filters.items() if value is not None}
    if after is not None:
        given |= {"after_place": after[0], "after_id": after[1]}
    # Rows of Core: the session's way would wrap each one for the ORM.
    connection = await session.connection()
    values = {"owner_id": owner_id, "now": now, "rows": limit + 1, **given}
    return (await connection.execute(_listing(frozenset(given), sort), values)).all()


@cache
def _listing(given: frozenset[str], sort: Sort) -> AnySelect:
    """The list with these filters, made once: making it takes longer than all else the list does with SQLAlchemy."""
    now = bindparam("now", type_=Backup.created_at.type)
    query = backup_columns(now).where(Backup.owner_id == bindparam("owner_id"))
    query = query.where(Backup.state == bindparam("state") if "state" in given else Backup.state != State.DELETED)
    if "name" in given:
        query = query.where(Backup.name == bindparam("name"))
    if "search" in given:
        # Apart by what no search holds, so that nothing is found across two of them.
        text = func.lower(func.concat_ws("\n", Backup.name, Backup.source, Terminus.name))
        query = query.where(func.strpos(text, func.lower(bindparam("search", type_=Backup.name.type))) > 0)
    if "terminus_id" in given:
        query = query.where(Backup.terminus_id == bindparam("terminus_id"))
    if "overdue" in given:
        query = query.where(is_overdue(now) == bindparam("overdue"))
    key = _KEYS[sort.column]
    if "after_id" in given:
        after_place: ColumnElement[Any] = bindparam("after_place", type_=key.like.type)
        last = tuple_(
            func.lower(after_place) if key.kind is str else after_place, bindparam("after_id", type_=Backup.id.type)
        )
        here = tuple_(key.place, Backup.id)
        query = query.where(here < last if sort.descends else here > last)
    ordered = (key.place.desc(), Backup.id.desc()) if sort.descends else (key.place, Backup.id)
    return query.order_by(*ordered).limit(bindparam("rows"))
