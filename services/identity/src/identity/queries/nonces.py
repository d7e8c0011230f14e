"""Numbers to be signed once."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from identity.domain.secrets import Digest
from identity.models import Nonce


async def spend_nonce(session: AsyncSession, nonce_hash: Digest, now: datetime) -> bool:
    """Spend a nonce; False when it is not there to be spent: unknown, too old, or spent already."""
    spent = await session.scalar(
        update(Nonce)
        .where(Nonce.nonce_hash == nonce_hash, Nonce.used_at.is_(None), Nonce.expires_at > now)
        .values(used_at=now)
        .returning(Nonce.nonce_hash)
    )
    return spent is not None
