"""Sessions: opened by a sign-in, carried on by refreshing, ended by signing out."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.lifetimes import RefreshVerdict, judge_refresh, session_end
from identity.domain.secrets import REFRESH_TOKEN_PREFIX, SECRET_BYTES, SEED_BYTES, digest, render_secret, succeed
from identity.errors import RefreshInvalid, RefreshReused, SessionEnded, SessionNotFound
from identity.models import OLARES, Device, Owner, RefreshToken, Session
from identity.signing import AccessTokenIssuer
from shared.auth import LEEWAY_SECONDS, Caller, Scope
from shared.db import Database
from shared.events import identity as events
from shared.outbox import publish

ALL_SCOPES = [scope.value for scope in Scope]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Tokens:
    """What a client holds after signing in or refreshing. Lifetimes in seconds."""

    owner: Owner
    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


async def open_session(
    session: AsyncSession, issuer: AccessTokenIssuer, device: Device, client_name: str | None, now: datetime
) -> Tokens:
    """Sign a device in; its owner must be loaded."""
    device.last_signed_in_at = now
    opened = Session(
        owner_id=device.owner_id,
        device_id=device.device_id,
        client_name=client_name,
        created_at=now,
        last_used_at=now,
        expires_at=session_end(now, now),
    )
    session.add(opened)
    await session.flush()
    token = render_secret(REFRESH_TOKEN_PREFIX, secrets.token_bytes(SECRET_BYTES))
    session.add(RefreshToken(token_hash=digest(token), session_id=opened.session_id, expires_at=opened.expires_at))
    return _tokens(issuer, device.owner, opened, token, now)


async def refresh(database: Database, issuer: AccessTokenIssuer, token: str, now: datetime) -> Tokens:
    """New tokens for a refresh token.

    Raises:
        RefreshInvalid: If it is not one of ours.
        SessionEnded: If its session was ended or is too old.
        RefreshReused: If it was used before; its session is ended then, which is why this commits by itself
            before it raises.
    """
    async with database.transaction() as session:
        tokens = await rotate(session, issuer, token, now)
    if tokens is None:
        raise RefreshReused(
            "This refresh token was used before, so its session has been ended in case it was stolen. Sign in again."
        )
    return tokens


async def rotate(session: AsyncSession, issuer: AccessTokenIssuer, token: str, now: datetime) -> Tokens | None:
    """Exchange a refresh token for its successor; None when it was used before, and its session is ended then."""
    token_hash = digest(token)
    family = await queries.sessions.lock_session_of(session, token_hash)
    if family is None:
        raise RefreshInvalid("This refresh token is not known here. Sign in again.")
    presented = await session.get_one(RefreshToken, token_hash)
    verdict = judge_refresh(
        now=now,
        session_expires_at=family.expires_at,
        session_revoked_at=family.revoked_at,
        token_used_at=presented.used_at,
        is_predecessor=family.predecessor_hash == token_hash,
    )
    if verdict is RefreshVerdict.ENDED:
        raise SessionEnded("This session has ended. Sign in again.")
    if verdict is RefreshVerdict.REUSED:
        end(session, family, now)
        log.warning("a refresh token came twice; its session is ended", session_id=str(family.session_id))
        return None
    if verdict is RefreshVerdict.ROTATE:
        family.predecessor_hash = token_hash
        family.successor_seed = secrets.token_bytes(SEED_BYTES)
        family.expires_at = session_end(now, family.created_at)
        presented.used_at = now
    assert family.successor_seed is not None
    successor = succeed(token, family.successor_seed)
    if verdict is RefreshVerdict.ROTATE:
        session.add(
            RefreshToken(token_hash=digest(successor), session_id=family.session_id, expires_at=family.expires_at)
        )
    family.last_used_at = now
    return _tokens(issuer, family.owner, family, successor, now)


async def sign_out(session: AsyncSession, token: str, now: datetime) -> None:
    """End the session a refresh token belongs to, also if the token is an old one. An unknown one changes nothing."""
    family = await queries.sessions.lock_session_of(session, digest(token))
    if family is not None:
        end(session, family, now)


async def end_session(session: AsyncSession, caller: Caller, session_id: UUID, now: datetime) -> None:
    """End a session of the caller's owner. Ending it again changes nothing.

    Raises:
        SessionNotFound: If the owner has none of this id.
    """
    found = await queries.sessions.find_session_of(session, caller.owner_id, session_id)
    if found is None:
        raise SessionNotFound("You have no session of this id.")
    end(session, found, now)


async def end_sessions_of(session: AsyncSession, device_id: UUID, now: datetime) -> None:
    for ended in await queries.sessions.revoke_sessions_of(session, device_id, now):
        announce_end(session, ended, now)


def end(session: AsyncSession, live: Session, now: datetime) -> None:
    """End a session, which is locked, if it was not ended before."""
    if live.revoked_at is None:
        live.revoked_at = now
        announce_end(session, live, now)


def announce_end(session: AsyncSession, ended: Session, now: datetime) -> None:
    """Tell of the end of a session whose tokens would outlive it by more than minutes."""
    tokens_end_at = ended.expires_at + timedelta(seconds=LEEWAY_SECONDS)
    if ended.kind == OLARES and tokens_end_at > now:
        publish(
            session,
            events.SessionEnded(
                owner_id=ended.owner_id, session_id=ended.session_id, ended_at=now, tokens_end_at=tokens_end_at
            ),
        )


async def demand_live_session(session: AsyncSession, caller: Caller, now: datetime) -> Session:
    """The caller's session, which cannot end before this transaction does.

    An access token outlives its session by up to ten minutes; it must not be able to hand out what lasts longer.

    Raises:
        SessionEnded: If it has ended.
    """
    live = await queries.sessions.find_live_session(session, caller.owner_id, caller.session_id, now)
    if live is None:
        raise SessionEnded("This session has ended. Sign in again.")
    return live


def _tokens(issuer: AccessTokenIssuer, owner: Owner, opened: Session, refresh_token: str, now: datetime) -> Tokens:
    access = issuer.issue(
        owner, scopes=ALL_SCOPES, session_id=opened.session_id, now=now, grant_expires_at=opened.expires_at
    )
    remaining = int((opened.expires_at - now).total_seconds())
    return Tokens(owner, access.text, access.expires_in, refresh_token, remaining)
