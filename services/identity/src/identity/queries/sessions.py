"""Sessions, and the refresh tokens that lead to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from identity.domain.secrets import Digest
from identity.models import Device, RefreshToken, Session
from identity.queries.lists import newest_first
from shared.paging import PageParams


async def lock_session_of(session: AsyncSession, token_hash: Digest) -> Session | None:
    """The session that a refresh token belongs to, with its owner, locked; None when the token is unknown.

    Two steps, so that what is read of the token afterwards is what the lock's former holder left.
    """
    session_id = await session.scalar(select(RefreshToken.session_id).where(RefreshToken.token_hash == token_hash))
    if session_id is None:
        return None
    return await session.scalar(
        select(Session)
        .options(joinedload(Session.owner, innerjoin=True))
        .where(Session.session_id == session_id)
        .with_for_update(of=Session, key_share=True)
    )


async def find_live_session(session: AsyncSession, owner_id: UUID, session_id: UUID, now: datetime) -> Session | None:
    """The owner's session if it has not ended, kept from ending until the transaction does."""
    return await session.scalar(
        select(Session)
        .where(
            Session.session_id == session_id,
            Session.owner_id == owner_id,
            Session.revoked_at.is_(None),
            Session.expires_at > now,
        )
        .with_for_update(read=True)
    )


async def find_session_of(session: AsyncSession, owner_id: UUID, session_id: UUID) -> Session | None:
    """The owner's session, ended or not, locked; another owner's is None."""
    return await session.scalar(
        select(Session)
        .where(Session.session_id == session_id, Session.owner_id == owner_id)
        .with_for_update(key_share=True)
    )


async def revoke_sessions_of(session: AsyncSession, device_id: UUID, now: datetime) -> Sequence[Session]:
    """End the device's sessions; those that this ended."""
    live = update(Session).where(Session.device_id == device_id, Session.revoked_at.is_(None))
    return (await session.scalars(live.values(revoked_at=now).returning(Session))).all()


async def list_sessions(
    session: AsyncSession, owner_id: UUID, current_id: UUID, page: PageParams, now: datetime
) -> list[dict[str, Any]]:
    """The owner's sessions that have not ended, newest first; one row more than the page."""
    query = (
        select(
            Session.session_id,
            Session.client_name,
            Session.kind,
            Session.device_id,
            Device.name.label("device_name"),
            Session.created_at,
            Session.last_used_at,
            Session.expires_at,
            (Session.session_id == current_id).label("is_current"),
        )
        .join(Device, Device.device_id == Session.device_id)
        .where(Session.owner_id == owner_id, Session.revoked_at.is_(None), Session.expires_at > now)
    )
    return await newest_first(session, query, Session.created_at, Session.session_id, page)
