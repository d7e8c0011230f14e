"""What an owner hands out: API tokens and enrolment codes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from identity.domain.secrets import Digest
from identity.models import ApiToken, Enrolment
from identity.queries.lists import newest_first
from shared.paging import PageParams


async def use_code(session: AsyncSession, code_hash: Digest, now: datetime) -> UUID | None:
    """Use an enrolment code up; whose it is, or None when it is unknown, too old, or used already."""
    return await session.scalar(
        update(Enrolment)
        .where(Enrolment.code_hash == code_hash, Enrolment.used_at.is_(None), Enrolment.expires_at > now)
        .values(used_at=now)
        .returning(Enrolment.owner_id)
    )


async def revoke_token(session: AsyncSession, owner_id: UUID, token_id: UUID, now: datetime) -> bool:
    """Revoke an owner's API token; False when the owner has none of this id. Revoking it again changes nothing."""
    found = await session.scalar(
        update(ApiToken)
        .where(ApiToken.token_id == token_id, ApiToken.owner_id == owner_id)
        .values(revoked_at=func.coalesce(ApiToken.revoked_at, now))
        .returning(ApiToken.token_id)
    )
    return found is not None


async def revoke_grants_of(session: AsyncSession, device_id: UUID, now: datetime) -> None:
    """Revoke what a device handed out: API tokens, and enrolment codes not used yet."""
    await session.execute(
        update(ApiToken).where(ApiToken.device_id == device_id, ApiToken.revoked_at.is_(None)).values(revoked_at=now)
    )
    await session.execute(delete(Enrolment).where(Enrolment.device_id == device_id, Enrolment.used_at.is_(None)))


async def use_token(session: AsyncSession, token_hash: Digest, now: datetime) -> ApiToken | None:
    """The API token, marked as used now; None when it is unknown, revoked or too old."""
    token_id = await session.scalar(
        update(ApiToken)
        .where(ApiToken.token_hash == token_hash, ApiToken.revoked_at.is_(None), ApiToken.expires_at > now)
        .values(last_used_at=now)
        .returning(ApiToken.token_id)
    )
    if token_id is None:
        return None
    return await session.scalar(
        select(ApiToken).options(joinedload(ApiToken.owner, innerjoin=True)).where(ApiToken.token_id == token_id)
    )


async def list_tokens(session: AsyncSession, owner_id: UUID, page: PageParams) -> list[dict[str, Any]]:
    """The owner's API tokens that were not revoked, newest first; one row more than the page."""
    query = select(
        ApiToken.token_id,
        ApiToken.name,
        ApiToken.scopes,
        ApiToken.created_at,
        ApiToken.expires_at,
        ApiToken.last_used_at,
    ).where(ApiToken.owner_id == owner_id, ApiToken.revoked_at.is_(None))
    return await newest_first(session, query, ApiToken.created_at, ApiToken.token_id, page)
