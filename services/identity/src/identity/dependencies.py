"""What endpoints ask for by type, native ones and those of the dialect: the instant, the client, the caller."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request, Response

from identity.domain.limits import Limit, client_network
from identity.errors import OriginRefused
from identity.operations.attempts import count_attempt
from identity.settings import LimitSettings, Settings
from identity.signing import AccessTokenIssuer
from shared.auth import Caller, Scope, require
from shared.db import Transactions
from shared.http import RuntimeOf


def _now() -> datetime:
    return datetime.now(UTC)


def _client(request: Request) -> str:
    return client_network(request.client.host if request.client else None)


def _settings(runtime: RuntimeOf) -> Settings:
    settings: Settings = runtime.settings
    return settings


def _issuer(runtime: RuntimeOf) -> AccessTokenIssuer:
    issuer: AccessTokenIssuer = runtime.adapters
    return issuer


Now = Annotated[datetime, Depends(_now)]
Client = Annotated[str, Depends(_client)]
"""Whom the client's address is counted as; the edge's word about it is believed, nobody else's."""
IdentitySettings = Annotated[Settings, Depends(_settings)]
Issuer = Annotated[AccessTokenIssuer, Depends(_issuer)]

AnyCaller = Annotated[Caller, Depends(require())]
AccountReader = Annotated[Caller, Depends(require(Scope.ACCOUNT_READ))]
AccountWriter = Annotated[Caller, Depends(require(Scope.ACCOUNT_WRITE))]


def limit_per_client(choose: Callable[[LimitSettings], Limit]) -> Callable[..., Awaitable[None]]:
    """A dependency: so many requests per client address, whatever becomes of them."""

    async def count(database: Transactions, settings: IdentitySettings, client: Client, now: Now) -> None:
        await count_attempt(database, choose(settings.limits), client, now)

    return count


def limit_per_owner(choose: Callable[[LimitSettings], Limit]) -> Callable[..., Awaitable[None]]:
    """A dependency: so many requests per owner who may write to the account."""

    async def count(caller: AccountWriter, database: Transactions, settings: IdentitySettings, now: Now) -> None:
        await count_attempt(database, choose(settings.limits), str(caller.owner_id), now)

    return count


async def from_our_pages(request: Request, settings: IdentitySettings) -> None:
    """A dependency: what a browser asks for a page of another origin is refused.

    Raises:
        OriginRefused: If ``Origin`` is sent and is not ours, ``null`` included.
    """
    if request.headers.get("origin", settings.issuer) != settings.issuer:
        raise OriginRefused(f"The console is at {settings.issuer}. Open it there.")


def not_stored(response: Response) -> Response:
    """A dependency, and a last touch on an answer made by hand: no cache may keep what is secret."""
    response.headers["Cache-Control"] = "no-store"
    return response
