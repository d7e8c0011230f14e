"""Invites: a permission to register once, given by the operator."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from identity.domain.secrets import INVITE_PREFIX, SECRET_BYTES, digest, render_secret
from identity.models import Invite


@dataclass(frozen=True)
class IssuedInvite:
    """An invite as it is given out, once."""

    invite: str
    expires_at: datetime


async def issue_invite(session: AsyncSession, lifetime: timedelta, now: datetime) -> IssuedInvite:
    invite = render_secret(INVITE_PREFIX, secrets.token_bytes(SECRET_BYTES))
    session.add(Invite(invite_hash=digest(invite), created_at=now, expires_at=now + lifetime))
    return IssuedInvite(invite, now + lifetime)
