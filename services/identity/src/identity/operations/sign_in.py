"""Signing in by a DID, and becoming an owner by it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.secrets import digest
from identity.errors import (
    DeviceKnown,
    DeviceRemoved,
    InviteInvalid,
    InviteRequired,
    OlaresNameTaken,
    OwnerUnknown,
    RegistrationClosed,
)
from identity.models import Device, Owner
from identity.operations.attempts import count_attempt
from identity.operations.sessions import Tokens, open_session
from identity.settings import Registration, Settings
from identity.signing import AccessTokenIssuer
from shared.db import Database
from shared.events.identity import OwnerRegistered
from shared.outbox import publish

FIRST_DEVICE = "First device"


@dataclass(frozen=True)
class Application:
    """What comes with a proof; the first two only count for a DID that is not known yet."""

    olares_name: str | None
    invite: str | None
    client_name: str | None


async def sign_in_or_register(
    database: Database,
    issuer: AccessTokenIssuer,
    did: str,
    application: Application,
    *,
    client: str,
    settings: Settings,
    now: datetime,
) -> Tokens:
    """Tokens for a DID that proved itself, which becomes an owner first if it may and wants to.

    Args:
        client: Whom to count a registration as, by its address.

    Raises:
        ServiceError: As ``sign_in`` and ``register`` do; TooManyAttempts for one client registering too often.
    """
    async with database.transaction() as session:
        tokens = await sign_in(session, issuer, did, application.client_name, now)
    if tokens is not None:
        return tokens
    name = admit(application, settings.registration_policy)
    await count_attempt(database, settings.limits.registrations, client, now)
    async with database.transaction() as session:
        return await register(session, issuer, did, name, application, settings.registration_policy, now)


async def sign_in(
    session: AsyncSession, issuer: AccessTokenIssuer, did: str, client_name: str | None, now: datetime
) -> Tokens | None:
    """Sign in whoever the DID belongs to; None when it belongs to nobody yet.

    Raises:
        DeviceRemoved: If the DID signed in once and was removed from its account.
    """
    device = await find_device(session, did)
    return await open_session(session, issuer, device, client_name, now) if device else None


async def find_device(session: AsyncSession, did: str) -> Device | None:
    """The device of a DID, locked, with its owner; None when it belongs to nobody yet.

    Raises:
        DeviceRemoved: If the DID signed in once and was removed from its account.
    """
    device = await queries.devices.find_device(session, did)
    if device is None and await queries.devices.is_known(session, did):
        raise DeviceRemoved(
            "This device was removed from its account. Ask for an enrolment code on another device to join again."
        )
    return device


def admit(application: Application, policy: Registration) -> str:
    """The name to register an unknown DID by.

    Raises:
        RegistrationClosed, OwnerUnknown, InviteRequired: If the policy does not let it register with what it gave.
    """
    if policy is Registration.CLOSED:
        raise RegistrationClosed("This key belongs to no owner here, and registration is closed.")
    if application.olares_name is None:
        needed = "your Olares name" if policy is Registration.OPEN else "your Olares name and an invite"
        raise OwnerUnknown(
            f"This key belongs to no owner here. To register, sign a new nonce and give {needed} with it.",
            registration=policy.value,
        )
    if policy is Registration.INVITE and application.invite is None:
        raise InviteRequired("Registration here needs an invite. Ask the operator for one and give it with your name.")
    return application.olares_name


async def register(
    session: AsyncSession,
    issuer: AccessTokenIssuer,
    did: str,
    name: str,
    application: Application,
    policy: Registration,
    now: datetime,
) -> Tokens:
    """Make a DID an owner of this name, and sign in.

    Raises:
        InviteInvalid: If the policy asks for an invite and this one is not valid.
        OlaresNameTaken: If another owner has the name.
        DeviceKnown: If the DID has just joined another owner.
    """
    owner = await become_owner(session, did, name=name, device_name=application.client_name or FIRST_DEVICE, now=now)
    if owner is not None and policy is Registration.INVITE:
        await _use_invite(session, application.invite, owner, now)
    # Without an owner of its making, another request may have registered this very DID a moment ago.
    tokens = await sign_in(session, issuer, did, application.client_name, now)
    if tokens is None:
        raise OlaresNameTaken(f"The name {name} belongs to another owner. Choose another one.")
    return tokens


async def become_owner(session: AsyncSession, did: str, *, name: str, device_name: str, now: datetime) -> Owner | None:
    """A new owner, whose first device is the DID itself; None when the DID or the name belongs to an owner already.

    Raises:
        DeviceKnown: If the DID has just joined another owner.
    """
    owner = Owner(owner_id=uuid4(), did=did, olares_name=name, created_at=now)
    if not await queries.owners.add_owner(session, owner):
        return None
    device = Device(
        device_id=uuid4(),
        owner_id=owner.owner_id,
        did=did,
        name=device_name,
        created_at=now,
        last_signed_in_at=now,
    )
    if not await queries.devices.add_device(session, device):
        raise DeviceKnown("This key has just joined another owner as a device. Sign in without a name.")
    publish(session, OwnerRegistered(owner_id=owner.owner_id, did=did, olares_name=name, registered_at=now))
    return owner


async def _use_invite(session: AsyncSession, invite: str | None, owner: Owner, now: datetime) -> None:
    if invite is None or not await queries.invites.use_invite(session, digest(invite), owner, now):
        raise InviteInvalid("This invite is not valid: it is unknown, too old, or was used. Ask for another one.")
