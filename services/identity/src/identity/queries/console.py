"""Browsers that are about to sign in: by a link, or by a code that LarePass scans.

What is to be signed in is found first and used up second, because its device is locked between (README, "Tables").
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity.domain.secrets import Digest
from identity.models import ConsoleLink, QrSignIn


async def find_device_of_link(session: AsyncSession, link_hash: Digest) -> UUID | None:
    """The device that made a link, which may be used or too old; None when there is no such link."""
    return await session.scalar(select(ConsoleLink.device_id).where(ConsoleLink.link_hash == link_hash))


async def use_link(session: AsyncSession, link_hash: Digest, now: datetime) -> bool:
    """Use a link up; False when it is unknown, too old or used already."""
    used = await session.scalar(
        update(ConsoleLink)
        .where(ConsoleLink.link_hash == link_hash, ConsoleLink.used_at.is_(None), ConsoleLink.expires_at > now)
        .values(used_at=now)
        .returning(ConsoleLink.link_hash)
    )
    return used is not None


async def lock_qr(session: AsyncSession, secret_hash: Digest) -> QrSignIn | None:
    """What the console showed with this secret, locked; None when the secret is none of ours."""
    return await session.scalar(
        select(QrSignIn).where(QrSignIn.secret_hash == secret_hash).with_for_update(key_share=True)
    )


async def find_qr(session: AsyncSession, browser_hash: Digest, now: datetime) -> Row[UUID | None, str | None] | None:
    """Who signed the code that this browser shows (None while nobody has), and the browser's name for itself.

    None when it shows none, or that is too old. Its sign-in may have been taken.
    """
    found = await session.execute(
        select(QrSignIn.device_id, QrSignIn.client_name).where(
            QrSignIn.browser_hash == browser_hash, QrSignIn.expires_at > now
        )
    )
    return found.one_or_none()


async def take_qr(session: AsyncSession, browser_hash: Digest, now: datetime) -> bool:
    """Take the sign-in of a code that was signed; False when it was taken already."""
    taken = await session.scalar(
        update(QrSignIn)
        .where(QrSignIn.browser_hash == browser_hash, QrSignIn.taken_at.is_(None), QrSignIn.device_id.is_not(None))
        .values(taken_at=now)
        .returning(QrSignIn.secret_hash)
    )
    return taken is not None
