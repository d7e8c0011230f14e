"""Permissions to register."""

from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity.domain.secrets import Digest
from identity.models import Invite, Owner


async def find_invite_of(session: AsyncSession, did: str, now: datetime) -> Invite | None:
    """The newest invite that names this DID and can still be used."""
    return await session.scalar(
        select(Invite)
        .where(Invite.did == did, Invite.used_at.is_(None), Invite.expires_at > now)
        .order_by(Invite.created_at.desc())
        .limit(1)
    )


async def use_invite(session: AsyncSession, invite_hash: Digest, owner: Owner, now: datetime) -> bool:
    """Use an invite up; False when it is unknown, too old, used already, or of another DID or for another name."""
    anybodys = Invite.did.is_(None)
    theirs = and_(Invite.did == owner.did, Invite.olares_name == owner.olares_name)
    used = await session.scalar(
        update(Invite)
        .where(
            Invite.invite_hash == invite_hash, Invite.used_at.is_(None), Invite.expires_at > now, or_(anybodys, theirs)
        )
        .values(used_at=now, owner_id=owner.owner_id)
        .returning(Invite.invite_hash)
    )
    return used is not None
