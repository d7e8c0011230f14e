"""The keys that sign in as an owner."""

from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from identity.models import Device, Owner, Session
from identity.queries.lists import newest_first
from shared.paging import PageParams


async def add_device(session: AsyncSession, device: Device) -> bool:
    """Let a key sign in; False when it signs in as somebody already."""
    added = await session.scalar(
        insert(Device)
        .values(
            device_id=device.device_id,
            owner_id=device.owner_id,
            did=device.did,
            name=device.name,
            created_at=device.created_at,
            last_signed_in_at=device.last_signed_in_at,
        )
        .on_conflict_do_nothing()
        .returning(Device.device_id)
    )
    return added is not None


async def find_device(session: AsyncSession, did: str) -> Device | None:
    """The device that signs in by this DID, with its owner; None also when it was removed.

    Locked, so that it is not removed while a session is opened for it.
    """
    return await session.scalar(
        select(Device)
        .options(joinedload(Device.owner, innerjoin=True))
        .where(Device.did == did, Device.removed_at.is_(None))
        .with_for_update(of=Device, key_share=True)
    )


async def find_live_device(session: AsyncSession, device_id: UUID) -> Device | None:
    """The device with its owner, locked as by ``find_device``; None when it was removed."""
    return await session.scalar(
        select(Device)
        .options(joinedload(Device.owner, innerjoin=True))
        .where(Device.device_id == device_id, Device.removed_at.is_(None))
        .with_for_update(of=Device, key_share=True)
    )


async def find_device_of(session: AsyncSession, owner_id: UUID, device_id: UUID) -> Device | None:
    """The owner's device, removed or not, locked; another owner's is None."""
    return await session.scalar(
        select(Device).where(Device.device_id == device_id, Device.owner_id == owner_id).with_for_update(key_share=True)
    )


async def is_known(session: AsyncSession, did: str) -> bool:
    """Whether a device of this DID ever signed in, removed or not."""
    return bool(await session.scalar(select(exists().where(Device.did == did))))


async def belongs_to_another(session: AsyncSession, did: str, owner_id: UUID) -> bool:
    """Whether the DID is the own one of another owner, who may have removed the device but stays its owner."""
    return bool(await session.scalar(select(exists().where(Owner.did == did, Owner.owner_id != owner_id))))


async def count_other_devices(session: AsyncSession, owner_id: UUID, device_id: UUID) -> int:
    """How many devices the owner could still sign in with, were this one removed."""
    counted = await session.scalar(
        select(func.count()).where(
            Device.owner_id == owner_id, Device.removed_at.is_(None), Device.device_id != device_id
        )
    )
    return counted or 0


async def list_devices(session: AsyncSession, owner_id: UUID, page: PageParams) -> list[dict[str, Any]]:
    """The owner's devices that were not removed, newest first; one row more than the page."""
    last_used_at = select(func.max(Session.last_used_at)).where(Session.device_id == Device.device_id).scalar_subquery()
    query = (
        select(
            Device.device_id,
            Device.name,
            Device.did,
            (Device.did == Owner.did).label("is_first"),
            Device.created_at,
            func.greatest(Device.last_signed_in_at, last_used_at).label("last_seen_at"),
        )
        .join(Owner, Owner.owner_id == Device.owner_id)
        .where(Device.owner_id == owner_id, Device.removed_at.is_(None))
    )
    return await newest_first(session, query, Device.created_at, Device.device_id, page)
