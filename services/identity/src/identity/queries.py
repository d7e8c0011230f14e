"""Named reads and guarded writes of identity."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    delete,
    exists,
    func,
    inspect,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from identity.domain.limits import Limit
from identity.domain.secrets import Digest
from identity.models import (
    ApiToken,
    AttemptCount,
    Base,
    Device,
    Enrolment,
    Invite,
    Nonce,
    Owner,
    RefreshToken,
    Session,
)
from shared.paging import PageParams

FORGET_BATCH = 1000


async def count_attempt(session: AsyncSession, limit: Limit, subject: str, now: datetime) -> int:
    """Count one more attempt; how many there have been in this window, this one included."""
    started_at = limit.started_at(now)
    counted: int | None = await session.scalar(
        insert(AttemptCount)
        .values(
            limit_name=limit.name,
            subject=subject,
            started_at=started_at,
            ends_at=started_at + limit.window,
            attempts=1,
        )
        .on_conflict_do_update(
            index_elements=["limit_name", "subject", "started_at"], set_={"attempts": AttemptCount.attempts + 1}
        )
        .returning(AttemptCount.attempts)
    )
    assert counted is not None
    return counted


async def spend_nonce(session: AsyncSession, nonce_hash: Digest, now: datetime) -> bool:
    """Spend a nonce; False when it is not there to be spent: unknown, too old, or spent already."""
    spent = await session.scalar(
        update(Nonce)
        .where(Nonce.nonce_hash == nonce_hash, Nonce.used_at.is_(None), Nonce.expires_at > now)
        .values(used_at=now)
        .returning(Nonce.nonce_hash)
    )
    return spent is not None


async def add_owner(session: AsyncSession, owner: Owner) -> bool:
    """Register an owner; False when the DID or the name belongs to an owner already.

    Of two at once the second waits here for the first's commit, and then sees its row.
    """
    added = await session.scalar(
        insert(Owner)
        .values(owner_id=owner.owner_id, did=owner.did, olares_name=owner.olares_name, created_at=owner.created_at)
        .on_conflict_do_nothing()
        .returning(Owner.owner_id)
    )
    return added is not None


async def add_device(session: AsyncSession, device: Device) -> bool:
    """Let a key sign in; False when it signs in as somebody already."""
    added = await session.scalar(
        insert(Device)
        .values(
            device_id=device.device_id,
            owner_id=device.owner_id,
            did=device.did,
            name=device.name,
            created_at=device.created_at,
            last_signed_in_at=device.last_signed_in_at,
        )
        .on_conflict_do_nothing()
        .returning(Device.device_id)
    )
    return added is not None


async def find_device(session: AsyncSession, did: str) -> Device | None:
    """The device that signs in by this DID, with its owner; None also when it was removed.

    Locked, so that it is not removed while a session is opened for it.
    """
    return await session.scalar(
        select(Device)
        .options(joinedload(Device.owner, innerjoin=True))
        .where(Device.did == did, Device.removed_at.is_(None))
        .with_for_update(of=Device, key_share=True)
    )


async def find_device_of(session: AsyncSession, owner_id: UUID, device_id: UUID) -> Device | None:
    """The owner's device, removed or not, locked; another owner's is None."""
    return await session.scalar(
        select(Device).where(Device.device_id == device_id, Device.owner_id == owner_id).with_for_update(key_share=True)
    )


async def was_removed(session: AsyncSession, did: str) -> bool:
    """Whether a device of this DID was removed. Asked once it is known that none of it is live."""
    return bool(await session.scalar(select(exists().where(Device.did == did))))


async def belongs_to_another(session: AsyncSession, did: str, owner_id: UUID) -> bool:
    """Whether the DID is the own one of another owner, who may have removed the device but stays its owner."""
    return bool(await session.scalar(select(exists().where(Owner.did == did, Owner.owner_id != owner_id))))


async def lock_owner(session: AsyncSession, owner_id: UUID) -> None:
    """One at a time for this owner, until the transaction ends; rows that refer to the owner may still be added."""
    await session.execute(select(Owner.owner_id).where(Owner.owner_id == owner_id).with_for_update(key_share=True))


async def use_invite(session: AsyncSession, invite_hash: Digest, owner_id: UUID, now: datetime) -> bool:
    """Use an invite up; False when it is unknown, too old, or used already."""
    used = await session.scalar(
        update(Invite)
        .where(Invite.invite_hash == invite_hash, Invite.used_at.is_(None), Invite.expires_at > now)
        .values(used_at=now, owner_id=owner_id)
        .returning(Invite.invite_hash)
    )
    return used is not None


async def use_code(session: AsyncSession, code_hash: Digest, now: datetime) -> UUID | None:
    """Use an enrolment code up; whose it is, or None when it is unknown, too old, or used already."""
    return await session.scalar(
        update(Enrolment)
        .where(Enrolment.code_hash == code_hash, Enrolment.used_at.is_(None), Enrolment.expires_at > now)
        .values(used_at=now)
        .returning(Enrolment.owner_id)
    )


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


async def revoke_session(session: AsyncSession, owner_id: UUID, session_id: UUID, now: datetime) -> bool:
    """End an owner's session; False when the owner has none of this id. Ending it again changes nothing."""
    found = await session.scalar(
        update(Session)
        .where(Session.session_id == session_id, Session.owner_id == owner_id)
        .values(revoked_at=func.coalesce(Session.revoked_at, now))
        .returning(Session.session_id)
    )
    return found is not None


async def revoke_sessions_of(session: AsyncSession, device_id: UUID, now: datetime) -> None:
    await session.execute(
        update(Session).where(Session.device_id == device_id, Session.revoked_at.is_(None)).values(revoked_at=now)
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


async def count_other_devices(session: AsyncSession, owner_id: UUID, device_id: UUID) -> int:
    """How many devices the owner could still sign in with, were this one removed."""
    counted = await session.scalar(
        select(func.count()).where(
            Device.owner_id == owner_id, Device.removed_at.is_(None), Device.device_id != device_id
        )
    )
    return counted or 0


async def list_sessions(
    session: AsyncSession, owner_id: UUID, current_id: UUID, page: PageParams, now: datetime
) -> list[dict[str, Any]]:
    """The owner's sessions that have not ended, newest first; one row more than the page."""
    query = (
        select(
            Session.session_id,
            Session.client_name,
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
    return await _newest_first(session, query, Session.created_at, Session.session_id, page)


async def list_devices(session: AsyncSession, owner_id: UUID, page: PageParams) -> list[dict[str, Any]]:
    """The owner's devices that were not removed, newest first; one row more than the page."""
    last_used_at = select(func.max(Session.last_used_at)).where(Session.device_id == Device.device_id).scalar_subquery()
    query = (
        select(
            Device.device_id,
            Device.name,
            Device.did,
            (Device.did == Owner.did).label("is_first"),
            Device.created_at,
            func.greatest(Device.last_signed_in_at, last_used_at).label("last_seen_at"),
        )
        .join(Owner, Owner.owner_id == Device.owner_id)
        .where(Device.owner_id == owner_id, Device.removed_at.is_(None))
    )
    return await _newest_first(session, query, Device.created_at, Device.device_id, page)


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
    return await _newest_first(session, query, ApiToken.created_at, ApiToken.token_id, page)


async def _newest_first(
    session: AsyncSession, query: Select[*tuple[Any, ...]], created_at: Any, identifier: Any, page: PageParams
) -> list[dict[str, Any]]:
    after = page.after(datetime, UUID)
    if after is not None:
        query = query.where(tuple_(created_at, identifier) < tuple_(*after))
    rows = await session.execute(query.order_by(created_at.desc(), identifier.desc()).limit(page.limit + 1))
    return [dict(row) for row in rows.mappings()]


async def forget(session: AsyncSession, table: type[Base], *conditions: ColumnElement[bool]) -> int:
    """Delete rows to which any condition applies, some at a time, not those another replica deletes; how many."""
    key = tuple_(*inspect(table).primary_key)
    doomed = (
        select(*inspect(table).primary_key)
        .where(or_(*conditions))
        .limit(FORGET_BATCH)
        .with_for_update(skip_locked=True)
    )
    deleted = await session.scalars(
        delete(table).where(key.in_(doomed)).returning(literal(1)).execution_options(synchronize_session=False)
    )
    return len(deleted.all())
