"""Registering and finding home clouds."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.errors import OwnerNotFound, TerminusNotFound
from catalog.models import Terminus
from catalog.schemas import TerminusCreate
from shared.auth import Caller
from shared.events.catalog import TerminusRegistered
from shared.outbox import publish


async def register_terminus(
    session: AsyncSession, caller: Caller, wanted: TerminusCreate, now: datetime
) -> tuple[Terminus, bool]:
    """The owner's Terminus of that name, and whether it is new; known details are brought up to date."""
    await queries.spaces.ensure_space(session, caller.owner_id, caller.did, now)
    return await _register(session, caller.owner_id, wanted, now)


async def register_instance(session: AsyncSession, owner_id: UUID, name: str, now: datetime) -> None:
    """An instance runs: it is the owner's Terminus of that name, a new one or the one that moves there.

    Raises:
        OwnerNotFound: If the owner has no folder yet; the word of their registration is still on its way.
    """
    if await queries.spaces.find_space(session, owner_id) is None:
        raise OwnerNotFound("This owner is not known here yet.")
    await _register(session, owner_id, TerminusCreate(name=name), now)


async def get_terminus(session: AsyncSession, owner_id: UUID, terminus_id: UUID) -> Terminus:
    terminus = await queries.terminus.find_terminus(session, owner_id, terminus_id)
    if terminus is None:
        raise TerminusNotFound("You have no Terminus of that id. GET /api/v1/terminus lists yours.")
    return terminus


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
