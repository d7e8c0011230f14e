"""Rows of restores as their bodies have them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from restore import queries
from restore.domain import lifecycle, order, passwords
from restore.domain.saga import Saga
from restore.encoding import encode
from restore.errors import RestoreNotFound

CLOUD = frozenset(
    {
        "provider",
        "region",
        "plan",
        "instance_name",
        "instance_id",
        "address",
        "payment",
        "compute",
        "data",
        "estimate_seconds",
    }
)
DETAIL = frozenset(column.key for column in queries.DETAIL)
OWNERS_TURN = frozenset({order.State.QUOTED, order.State.AWAITING_PASSWORD})


async def detail_of(session: AsyncSession, owner_id: UUID, restore_id: UUID) -> dict[str, Any]:
    """The owner's restore as its body has it.

    Raises:
        RestoreNotFound: If the owner has no such restore.
    """
    row = await queries.show(session, owner_id, restore_id)
    if row is None:
        raise RestoreNotFound("You have no such restore.")
    now = datetime.now(UTC)
    body = in_list(row, now)
    if body["cloud"] is not None:
        body["cloud"] |= {"quote": row["quote"], "password": _password(row, now)}
    return body


def in_list(row: RowMapping, now: datetime) -> dict[str, Any]:
    """A restore without what only its detail has."""
    body = {name: value for name, value in row.items() if name not in CLOUD | DETAIL}
    if row["target"] == "local":
        can_cancel = (lifecycle.State(row["state"]), lifecycle.Trigger.CANCEL) in lifecycle.TRANSITIONS
        return body | {"actions": ["cancel"] if can_cancel else [], "cloud": None}
    state = order.State(row["state"])
    if state not in OWNERS_TURN:
        body["expires_at"] = None
    cloud = {name: row[name] for name in CLOUD}
    # While its files are read again and it is activated, which may take an hour, there is nothing to count.
    is_writing = state is order.State.RESTORING and not _is_written(row)
    stalled = is_writing and now - row["updated_at"] >= order.STALLED
    return body | {"actions": Saga(state=state).actions, "cloud": cloud | {"stalled": stalled}}


def _is_written(row: RowMapping) -> bool:
    return row["total_bytes"] is not None and row["bytes_restored"] == row["total_bytes"]


def _password(row: RowMapping, now: datetime) -> dict[str, Any] | None:
    if row["state"] not in order.ASKING:
        return None
    key = row["round_key"]
    not_before = row["password_not_before"]
    return {
        "round": None if key is None else row["round"],
        "public_key": None if key is None else encode(key),
        "reason": row["asked_because"],
        "wrong_passwords": row["wrong_passwords"],
        "attempts_left": passwords.attempts_left(row["wrong_passwords"]),
        "not_before": not_before if not_before is not None and not_before > now else None,
        "until": row["password_until"],
    }
