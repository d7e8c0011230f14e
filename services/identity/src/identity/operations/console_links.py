"""Links that sign a browser in: made by a device that is signed in, followed once."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.lifetimes import LINK_LIFETIME
from identity.domain.secrets import LINK_PREFIX, SECRET_BYTES, digest, render_secret
from identity.errors import LinkInvalid
from identity.models import ConsoleLink
from identity.operations.sessions import Tokens, demand_live_session, open_session
from identity.signing import AccessTokenIssuer
from shared.auth import Caller

CONSOLE = "Console"
"""What a browser's session is called in the list when the browser gave no name."""


@dataclass(frozen=True)
class IssuedLink:
    """A link as it is given out, once."""

    link: str
    expires_at: datetime


async def offer(session: AsyncSession, caller: Caller, origin: str, now: datetime) -> IssuedLink:
    """A link that signs whoever opens it in as the caller's device.

    Its secret stands behind ``#``, which no browser sends: it is in no log, and no other site is told of it.

    Raises:
        SessionEnded: If the caller's session has ended.
    """
    live = await demand_live_session(session, caller, now)
    secret = render_secret(LINK_PREFIX, secrets.token_bytes(SECRET_BYTES))
    expires_at = now + LINK_LIFETIME
    session.add(ConsoleLink(link_hash=digest(secret), device_id=live.device_id, expires_at=expires_at))
    return IssuedLink(f"{origin}/sign-in#link={secret}", expires_at)


async def redeem(
    session: AsyncSession, issuer: AccessTokenIssuer, secret: str, client_name: str | None, now: datetime
) -> Tokens:
    """Open a session for who holds the secret of a link, once.

    Raises:
        LinkInvalid: If it is unknown, used or too old, or its device was removed.
    """
    link_hash = digest(secret)
    device_id = await queries.console.find_device_of_link(session, link_hash)
    device = device_id and await queries.devices.find_live_device(session, device_id)
    if not device or not await queries.console.use_link(session, link_hash, now):
        raise LinkInvalid("This link is not valid: it was used, or is older than a minute. Make a new one.")
    return await open_session(session, issuer, device, client_name or CONSOLE, now)
