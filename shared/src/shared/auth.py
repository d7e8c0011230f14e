"""The caller: owners by access tokens verified offline, other services by credentials of their own."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import httpx
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from shared.errors import Kind, ServiceError, ServiceUnavailable

ALGORITHM = "Ed25519"
TOKEN_TYPE = "at+jwt"  # noqa: S105  (RFC 9068, 2.1)
LEEWAY_SECONDS = 30
FETCH_SECONDS = 3.0
REFETCH_AFTER_SECONDS = 10.0


class Scope(StrEnum):
    """What an access token may be used for."""

    BACKUPS_READ = "backups:read"
    BACKUPS_WRITE = "backups:write"
    BACKUPS_DELETE = "backups:delete"
    BACKUPS_UNLOCK = "backups:unlock"
    RESTORES_READ = "restores:read"
    RESTORES_WRITE = "restores:write"
    INSTANCES_READ = "instances:read"
    INSTANCES_WRITE = "instances:write"
    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"


class SignInNeeded(ServiceError):
    """No token, or one that is not valid."""

    code = "sign_in_needed"
    kind = Kind.UNAUTHENTICATED


class TokenExpired(ServiceError):
    """The token was valid once."""

    code = "token_expired"
    kind = Kind.UNAUTHENTICATED


class ScopeMissing(ServiceError):
    """The token is valid and not meant for this."""

    code = "scope_missing"
    kind = Kind.FORBIDDEN


@dataclass(frozen=True)
class Caller:
    """The owner who asks, as their access token says.

    Args:
        expires_at: When that token ends; it is accepted for ``LEEWAY_SECONDS`` more.
    """

    owner_id: UUID
    did: str
    olares_name: str
    scopes: frozenset[str]
    session_id: UUID
    expires_at: datetime


class TokenVerifier:
    """Verifies access tokens with identity's public keys, fetched when a key is not known yet."""

    def __init__(self, issuer: str, jwks_url: str) -> None:
        self._jwks_url = jwks_url
        self._keys = KeySet([])
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": issuer},
            sub={"essential": True},
            exp={"essential": True},
        )

    async def verify(self, token: str, kind: str = TOKEN_TYPE) -> Caller:
        """The caller the token speaks for.

        Args:
            kind: The header ``typ`` that it must have: a token of one kind is good for nothing else.

        Raises:
            SignInNeeded: If it is not a token of ours, or for somebody else.
            TokenExpired: If its time is over.
            ServiceUnavailable: If identity's keys cannot be had just now.
        """
        await self._know_key(_key_id(token))
        try:
            decoded = jwt.decode(token, self._keys, algorithms=[ALGORITHM])
        except (JoseError, ValueError, RecursionError) as error:
            raise SignInNeeded("This access token is not valid here. Sign in again.") from error
        claims: dict[str, Any] = decoded.claims
        try:
            if decoded.header.get("typ") != kind:
                raise ValueError("another kind of token")
            self._claims.validate(claims)
            return Caller(
                owner_id=UUID(claims["sub"]),
                did=str(claims["did"]),
                olares_name=str(claims["name"]),
                scopes=frozenset(str(claims["scope"]).split()),
                session_id=UUID(claims["sid"]),
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except (JoseError, KeyError, ValueError, TypeError, AttributeError) as error:
            if getattr(error, "error", "") == "expired_token":
                raise TokenExpired("This access token has expired. Refresh it or sign in again.") from error
            raise SignInNeeded("This access token is not valid here. Sign in again.") from error

    async def _know_key(self, key_id: str) -> None:
        if self._has(key_id):
            return
        async with self._fetching:
            if self._has(key_id) or time.monotonic() - self._fetched_at < REFETCH_AFTER_SECONDS:
                return
            try:
                async with httpx.AsyncClient(timeout=FETCH_SECONDS) as client:
                    answer = (await client.get(self._jwks_url)).raise_for_status()
                self._keys = KeySet.import_key_set(answer.json())
                self._fetched_at = time.monotonic()
            except (httpx.HTTPError, ValueError, JoseError) as error:
                raise ServiceUnavailable(
                    "Sign-in cannot be checked just now. Try again in a moment.", retry_after_seconds=5
                ) from error

    def _has(self, key_id: str) -> bool:
        return any(key.kid == key_id for key in self._keys.keys)


def _key_id(token: str) -> str:
    """The ``kid`` of a token's header, before anything about it is believed; empty when there is none."""
    head = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return ""
    return str(header.get("kid", "")) if isinstance(header, dict) else ""


_bearer = HTTPBearer(auto_error=False, description="An access token of identity, or an API token exchanged for one.")


def require(*scopes: Scope) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the signed-in owner, whose token carries all of these scopes."""

    async def caller(request: Request, credentials: Annotated[Any, Depends(_bearer)]) -> Caller:
        if credentials is None:
            raise SignInNeeded("Sign in first: this needs an access token.")
        found: Caller = await request.app.state.runtime.verifier.verify(credentials.credentials)
        missing = sorted(set(scopes) - found.scopes)
        if missing:
            raise ScopeMissing(
                f"This token may not do that: it lacks {', '.join(missing)}. Sign in, or use a token that has it.",
                missing_scopes=missing,
            )
        request.state.caller = found
        return found

    return caller


def require_internal(*names: str) -> Callable[[Request], str]:
    """A dependency: the internal caller's name, one of ``names``, each with a credential of its own."""

    def internal_caller(request: Request) -> str:
        known: Mapping[str, SecretStr] = request.app.state.runtime.settings.internal_credentials
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        for name in names:
            secret = known.get(name)
            if secret is not None and hmac.compare_digest(secret.get_secret_value().encode(), given):
                return name
        raise SignInNeeded("This path is for other services, each with a credential of its own.")

    return internal_caller
