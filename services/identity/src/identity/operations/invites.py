"""Invites: a permission to register once, given by the operator."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.secrets import INVITE_PREFIX, SECRET_BYTES, digest, render_secret
from identity.errors import DeviceKnown, OlaresNameTaken
from identity.models import Invite


@dataclass(frozen=True)
class IssuedInvite:
    """An invite as it is given out, once."""

    invite: str
    expires_at: datetime


@dataclass(frozen=True)
class Invitee:
    """Who alone may use an invite, and by what name."""

    did: str
    olares_name: str


async def issue_invite(
    session: AsyncSession, lifetime: timedelta, now: datetime, invitee: Invitee | None = None
) -> IssuedInvite:
    """A permission to register once, for anybody who holds it or for one DID, which then needs not show it.

    Raises:
        DeviceKnown: If that DID has signed in here before.
        OlaresNameTaken: If an owner has that name.
    """
    if invitee is not None:
        if await queries.devices.is_known(session, invitee.did):
            raise DeviceKnown("This DID signs in here already, or did once. It needs no invite.")
        if await queries.owners.is_name_taken(session, invitee.olares_name):
            raise OlaresNameTaken(f"The name {invitee.olares_name} belongs to an owner already.")
    invite = render_secret(INVITE_PREFIX, secrets.token_bytes(SECRET_BYTES))
    session.add(
        Invite(
            invite_hash=digest(invite),
            did=invitee and invitee.did,
            olares_name=invitee and invitee.olares_name,
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    return IssuedInvite(invite, now + lifetime)
