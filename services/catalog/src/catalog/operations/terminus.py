"""Registering and finding home clouds."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.errors import OwnerNotFound, TerminusNotFound, TooManyTerminus
from catalog.models import Terminus
from catalog.schemas import TerminusCreate
from shared.auth import Caller
from shared.events.catalog import TerminusRegistered
from shared.outbox import publish

MOST_FROM_DEVICES = 50
"""So many an owner's devices may register: each is a row that they alone decide on."""


async def register_terminus(
    session: AsyncSession, caller: Caller, wanted: TerminusCreate, now: datetime
) -> tuple[Terminus, bool]:
    """The owner's Terminus of that name, and whether it is new; known details are brought up to date."""
    await queries.spaces.ensure_space(session, caller.owner_id, caller.did, now)
    return await _register(session, caller.owner_id, wanted, now)


async def register_named(session: AsyncSession, caller: Caller, name: str, now: datetime) -> Terminus:
    """The owner's Terminus that a device calls so; a new one while devices may register more.

    Raises:
        TooManyTerminus: If it would be one too many.
    """
    await queries.spaces.ensure_space(session, caller.owner_id, caller.did, now)
    await queries.spaces.lock_space(session, caller.owner_id)
    known = {row.name for row in await queries.terminus.list_clusters(session, caller.owner_id)}
    if name not in known and len(known) >= MOST_FROM_DEVICES:
        raise TooManyTerminus(
            f"You have {len(known)} Terminus, and devices can register {MOST_FROM_DEVICES} at most."
            " Use the name of one you have, or register this one with: space terminus add NAME"
        )
    terminus, _ = await _register(session, caller.owner_id, TerminusCreate(name=name), now)
    return terminus


async def register_instance(session: AsyncSession, owner_id: UUID, name: str, now: datetime) -> None:
    """An instance runs: it is the owner's Terminus of that name, a new one or the one that moves there.

    Raises:
        OwnerNotFound: If the owner has no folder yet; the word of their registration is still on its way.
    """
    if await queries.spaces.find_space(session, owner_id) is None:
        raise OwnerNotFound("This owner is not known here yet.")
    await _register(session, owner_id, TerminusCreate(name=name), now)


async def of_cluster(session: AsyncSession, caller: Caller, cluster_id: str | None, now: datetime) -> UUID | None:
    """The Terminus that a device speaks of by the id of its cluster, the only thing it says of it.

    One that is not known by it yet is the owner's only one without such an id, else a new one. A device that does not
    say it is of the owner's only Terminus.

    Args:
        cluster_id: Printable, 1 to 255 characters; None when the device does not say.

    Returns:
        None when it cannot be told, or the owner has as many as devices may register.
    """
    await queries.spaces.ensure_space(session, caller.owner_id, caller.did, now)
    if cluster_id is None:
        return await queries.terminus.find_only_terminus(session, caller.owner_id)
    # Two requests of a new device at once would each register it.
    await queries.spaces.lock_space(session, caller.owner_id)
    known = await queries.terminus.list_clusters(session, caller.owner_id)
    nameless = [row.terminus_id for row in known if row.cluster_id is None]
    found: UUID | None = next((row.terminus_id for row in known if row.cluster_id == cluster_id), None)
    if found is None and len(nameless) == 1:
        found = nameless[0]
    if found is not None:
        await queries.terminus.note_cluster(session, found, cluster_id, now)
        return found
    name = _cluster_name(caller.olares_name, cluster_id, {row.name for row in known})
    if name is None or len(known) >= MOST_FROM_DEVICES:
        return None
    return (await _register(session, caller.owner_id, TerminusCreate(name=name, cluster_id=cluster_id), now))[0].id


async def note_metrics(
    session: AsyncSession, caller: Caller, name: str, metrics: dict[str, Any], now: datetime
) -> None:
    """What a device measured of its Terminus, instead of what it told before. Raises TooManyTerminus."""
    terminus = await register_named(session, caller, name, now)
    terminus.metrics, terminus.metrics_at = metrics, now


async def get_terminus(session: AsyncSession, owner_id: UUID, terminus_id: UUID) -> Terminus:
    terminus = await queries.terminus.find_terminus(session, owner_id, terminus_id)
    if terminus is None:
        raise TerminusNotFound("You have no Terminus of that id. GET /api/v1/terminus lists yours.")
    return terminus


def _cluster_name(olares_name: str, cluster_id: str, taken: set[str]) -> str | None:
    """A free name for a new cluster of the owner's; None when even its own is taken, as another's may be."""
    by_cluster = f"{olares_name[:240]} {hashlib.sha256(cluster_id.encode()).hexdigest()[:8]}"
    return next((name for name in (olares_name[:255], by_cluster) if name not in taken), None)


async def _register(
    session: AsyncSession, owner_id: UUID, wanted: TerminusCreate, now: datetime
) -> tuple[Terminus, bool]:
    terminus_id = uuid4()
    insertion = insert(Terminus).values(
        id=terminus_id, owner_id=owner_id, created_at=now, last_seen_at=now, **wanted.model_dump()
    )
    details = {key: value for key, value in wanted.model_dump(exclude={"name"}).items() if value is not None}
    terminus = await session.scalar(
        insertion.on_conflict_do_update(
            index_elements=[Terminus.owner_id, Terminus.name], set_={"last_seen_at": now, **details}
        ).returning(Terminus),
        execution_options={"populate_existing": True},
    )
    assert terminus is not None
    is_new = terminus.id == terminus_id
    if is_new:
        publish(
            session,
            TerminusRegistered(
                owner_id=owner_id, terminus_id=terminus_id, terminus_name=wanted.name, registered_at=now
            ),
        )
    return terminus, is_new
