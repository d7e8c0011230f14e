"""Signing a browser in by a code that LarePass scans: shown here, signed by the owner's app, taken by that browser."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.lifetimes import QR_LIFETIME
from identity.domain.qr import qr_content
from identity.domain.secrets import QR_PREFIX, SECRET_BYTES, Digest, digest, render_secret
from identity.errors import LoginRefused, SignInExpired
from identity.models import Device, QrSignIn
from identity.operations.console_links import CONSOLE
from identity.operations.sessions import Tokens, open_session
from identity.signing import AccessTokenIssuer

CHECK_AFTER_SECONDS = 3


@dataclass(frozen=True)
class ShownQr:
    """A code, and the secret of the one browser that may take its sign-in."""

    content: str
    browser_secret: str
    expires_at: datetime
    check_after_seconds: int = CHECK_AFTER_SECONDS


async def show(session: AsyncSession, origin: str, client_name: str | None, now: datetime) -> ShownQr:
    """A new code for one browser."""
    secret = secrets.token_hex(16)
    browser_secret = render_secret(QR_PREFIX, secrets.token_bytes(SECRET_BYTES))
    expires_at = now + QR_LIFETIME
    session.add(
        QrSignIn(
            secret_hash=digest(secret),
            browser_hash=digest(browser_secret),
            client_name=client_name,
            expires_at=expires_at,
        )
    )
    return ShownQr(qr_content(origin, secret, now), browser_secret, expires_at)


async def sign(session: AsyncSession, device: Device, secret_hash: Digest, now: datetime) -> bool:
    """Note that the device, which is locked, signed a code of ours; False when the secret is none of ours.

    Nothing is opened for it yet. The same login again, from a client that lost the answer, changes nothing.

    Raises:
        LoginRefused: If another device signed it before, or it is too old.
    """
    shown = await queries.console.lock_qr(session, secret_hash)
    if shown is None:
        return False
    if shown.device_id not in (None, device.device_id):
        raise LoginRefused("This code was scanned by somebody else. Show a new one and scan that.")
    if shown.device_id is None and shown.expires_at <= now:
        raise LoginRefused("This code is too old. Show a new one and scan that.")
    shown.device_id = device.device_id
    return True


async def take(session: AsyncSession, issuer: AccessTokenIssuer, browser_secret: str, now: datetime) -> Tokens | None:
    """Open the session of a code that was signed, for the browser that shows it, once; None while nobody has signed.

    Raises:
        SignInExpired: If this browser shows none, or it is too old, or taken, or its signer's device was removed.
    """
    browser_hash = digest(browser_secret)
    shown = await queries.console.find_qr(session, browser_hash, now)
    if shown is None:
        raise SignInExpired(EXPIRED)
    if shown.device_id is None:
        return None
    device = await queries.devices.find_live_device(session, shown.device_id)
    if device is None or not await queries.console.take_qr(session, browser_hash, now):
        raise SignInExpired(EXPIRED)
    return await open_session(session, issuer, device, shown.client_name or CONSOLE, now)


EXPIRED = "This code can be scanned no more. Show a new one."
