"""API tokens: made by an owner for a program, exchanged by it for access tokens."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.secrets import API_TOKEN_PREFIX, SECRET_BYTES, digest, render_secret
from identity.errors import ApiTokenInvalid, ScopeNotGrantable, TokenNotFound
from identity.models import ApiToken
from identity.operations.sessions import demand_live_session
from identity.signing import AccessTokenIssuer
from shared.auth import Caller, Scope, ScopeMissing

# With it a program could make further tokens and enrol devices, and so outlive the token's own revocation.
UNGRANTABLE = frozenset({Scope.ACCOUNT_WRITE})


@dataclass(frozen=True)
class CreatedToken:
    """An API token as it is given out, once."""

    token_id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    token: str


@dataclass(frozen=True)
class ExchangedToken:
    """An access token for an API token; ``expires_in`` in seconds."""

    access_token: str
    expires_in: int
    scopes: list[str]


async def create_token(
    session: AsyncSession, caller: Caller, *, name: str, scopes: list[Scope], lifetime: timedelta, now: datetime
) -> CreatedToken:
    """An API token of the caller's owner.

    Raises:
        ScopeNotGrantable: If a scope is for people only.
        ScopeMissing: If the caller lacks one of the scopes.
    """
    granted = sorted({scope.value for scope in scopes})
    if UNGRANTABLE & set(scopes):
        raise ScopeNotGrantable(f"An API token cannot have {', '.join(sorted(UNGRANTABLE))}: only a sign-in has it.")
    missing = sorted(set(granted) - caller.scopes)
    if missing:
        raise ScopeMissing(f"You cannot give what you lack: {', '.join(missing)}.", missing_scopes=missing)
    live = await demand_live_session(session, caller, now)
    text = render_secret(API_TOKEN_PREFIX, secrets.token_bytes(SECRET_BYTES))
    token = ApiToken(
        token_id=uuid4(),
        owner_id=live.owner_id,
        device_id=live.device_id,
        token_hash=digest(text),
        name=name,
        scopes=granted,
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(token)
    return CreatedToken(token.token_id, name, granted, now, token.expires_at, text)


async def exchange(session: AsyncSession, issuer: AccessTokenIssuer, text: str, now: datetime) -> ExchangedToken:
    """An access token with the API token's scopes.

    Raises:
        ApiTokenInvalid: If it is unknown, revoked or too old.
    """
    token = await queries.grants.use_token(session, digest(text), now)
    if token is None:
        raise ApiTokenInvalid("This API token is not valid: unknown, revoked, or too old. Make a new one.")
    access = issuer.issue(
        token.owner, scopes=token.scopes, session_id=token.token_id, now=now, grant_expires_at=token.expires_at
    )
    return ExchangedToken(access.text, access.expires_in, token.scopes)


async def revoke_token(session: AsyncSession, caller: Caller, token_id: UUID, now: datetime) -> None:
    if not await queries.grants.revoke_token(session, caller.owner_id, token_id, now):
        raise TokenNotFound("You have no API token of this id.")
