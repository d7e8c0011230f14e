"""Devices: further keys that sign in as an owner, joined by a code and removed again."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.lifetimes import CODE_LIFETIME
from identity.domain.secrets import CODE_BYTES, digest, read_code, render_code
from identity.errors import DeviceKnown, DeviceNotFound, EnrolmentCodeInvalid, LastDevice
from identity.models import Device, Enrolment
from identity.operations.sessions import Tokens, demand_live_session, end_sessions_of, open_session
from identity.signing import AccessTokenIssuer
from shared.auth import Caller


@dataclass(frozen=True)
class EnrolmentCode:
    """A code as it is given out, once."""

    code: str
    expires_at: datetime


async def offer_enrolment(session: AsyncSession, caller: Caller, now: datetime) -> EnrolmentCode:
    """A code by which one more device may join the caller's account."""
    live = await demand_live_session(session, caller, now)
    code = render_code(secrets.token_bytes(CODE_BYTES))
    expires_at = now + CODE_LIFETIME
    session.add(
        Enrolment(
            code_hash=digest(read_code(code)), owner_id=live.owner_id, device_id=live.device_id, expires_at=expires_at
        )
    )
    return EnrolmentCode(code, expires_at)


async def enrol(
    session: AsyncSession, issuer: AccessTokenIssuer, did: str, *, code: str, device_name: str, now: datetime
) -> Tokens:
    """Let a key that proved itself join the owner who made the code, and sign it in.

    Raises:
        EnrolmentCodeInvalid: If the code is unknown, too old, or used.
        DeviceKnown: If the key signs in as somebody already; the code stays unused.
    """
    owner_id = await queries.grants.use_code(session, digest(read_code(code)), now)
    if owner_id is None:
        raise EnrolmentCodeInvalid("This code is not valid: mistyped, used, or older than ten minutes. Make a new one.")
    device = Device(
        device_id=uuid4(), owner_id=owner_id, did=did, name=device_name, created_at=now, last_signed_in_at=now
    )
    if await queries.devices.belongs_to_another(session, did, owner_id) or not await queries.devices.add_device(
        session, device
    ):
        raise DeviceKnown("This key signs in to an account already. Sign in with it, or enrol with a key of its own.")
    joined = await queries.devices.find_device(session, did)
    assert joined is not None
    return await open_session(session, issuer, joined, device_name, now)


async def remove_device(session: AsyncSession, caller: Caller, device_id: UUID, now: datetime) -> None:
    """Keep a device from signing in, end its sessions, and revoke the API tokens and codes it made.

    Raises:
        DeviceNotFound: If the caller's owner has none of this id.
        LastDevice: If nobody could sign in afterwards.
    """
    # Two devices that remove each other must not both succeed.
    await queries.owners.lock_owner(session, caller.owner_id)
    await demand_live_session(session, caller, now)
    device = await queries.devices.find_device_of(session, caller.owner_id, device_id)
    if device is None:
        raise DeviceNotFound("You have no device of this id.")
    if device.removed_at is not None:
        return
    if await queries.devices.count_other_devices(session, caller.owner_id, device_id) == 0:
        raise LastDevice("This is the only device that can sign in. Enrol another one before you remove it.")
    device.removed_at = now
    await end_sessions_of(session, device_id, now)
    await queries.grants.revoke_grants_of(session, device_id, now)
