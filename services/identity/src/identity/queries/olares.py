"""Sessions of Olares devices, and the logins that wait to be fetched."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from identity.domain.secrets import Digest
from identity.models import OLARES, OlaresLogin, Session


async def find_olares_session(session: AsyncSession, session_id: UUID, now: datetime) -> Session | None:
    """The session of Olares devices if it has not ended, with its owner, locked."""
    return await session.scalar(
        select(Session)
        .options(joinedload(Session.owner, innerjoin=True))
        .where(
            Session.session_id == session_id,
            Session.kind == OLARES,
            Session.revoked_at.is_(None),
            Session.expires_at > now,
        )
        .with_for_update(of=Session, key_share=True)
    )


async def is_live_olares_session(session: AsyncSession, session_id: UUID) -> bool:
    """Whether it was not ended before its time. One that is forgotten was."""
    found = exists().where(Session.session_id == session_id, Session.kind == OLARES, Session.revoked_at.is_(None))
    return bool(await session.scalar(select(found)))


async def add_login(session: AsyncSession, login: OlaresLogin) -> bool:
    """Remember a login until its token is fetched; False when another one has its secret.

    Of two at once the second waits here for the first's commit.
    """
    row = {column: getattr(login, column) for column in ("secret_hash", "session_id", "created_at", "expires_at")}
    added = insert(OlaresLogin).values(row).on_conflict_do_nothing().returning(OlaresLogin.session_id)
    return await session.scalar(added) is not None


async def fetch_login(session: AsyncSession, secret_hash: Digest, now: datetime) -> UUID | None:
    """The session of a login, for the first who asks; None when there is none, and for everybody after."""
    return await session.scalar(
        update(OlaresLogin)
        .where(OlaresLogin.secret_hash == secret_hash, OlaresLogin.fetched_at.is_(None))
        .values(fetched_at=now)
        .returning(OlaresLogin.session_id)
    )
