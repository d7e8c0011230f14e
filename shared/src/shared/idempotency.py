"""Idempotency-Key: the same key gets the same answer, another body 422, a request still in flight 409."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.errors import Kind, ServiceError
from shared.messaging import IdempotentResponse

Answer = Callable[[], Awaitable[tuple[int, Any]]]


class IdempotencyKeyReused(ServiceError):
    """The key was used before with another request."""

    code = "idempotency_key_reused"
    kind = Kind.INVALID


class RequestInFlight(ServiceError):
    """The same request is being answered right now."""

    code = "request_in_flight"
    kind = Kind.CONFLICT


class Once:
    """Runs a request's effect once per Idempotency-Key and caller; always, when there is no key."""

    def __init__(self, key: str | None, caller: str, request_hash: bytes) -> None:
        self._key = key
        self._caller = caller
        # Keyed: of a request that holds a card's number, a plain hash would give that away to whoever tries them all.
        self._request_hash = hmac.digest(f"{caller}\0{key}".encode(), request_hash, "sha256")

    async def __call__(self, session: AsyncSession, answer: Answer, model: type[BaseModel]) -> Response:
        """The answer of ``answer`` (a status and what ``model`` reads), or the one given before to the same request.

        Raises:
            IdempotencyKeyReused: If the key came with another method, path or body.
            RequestInFlight: If the first such request has not been answered yet.
        """
        if self._key is None:
            status, body = await answer()
            return _respond(status, _encode(model, body))
        key_hash = self._key_hash()
        lock = int.from_bytes(key_hash[:8], signed=True)
        if not await session.scalar(select(func.pg_try_advisory_xact_lock(lock))):
            raise RequestInFlight("The same request is still being answered. Ask again in a moment.")
        before = await self.answered(session)
        if before is not None:
            return before
        status, body = await answer()
        content = _encode(model, body)
        session.add(
            IdempotentResponse(
                key_hash=key_hash,
                request_hash=self._request_hash,
                status=status,
                sealed_body=self._cipher().encrypt(key_hash[:12], content, None),
            )
        )
        return _respond(status, content)

    async def answered(self, session: AsyncSession) -> Response | None:
        """The answer given before to the same request, or None.

        For an endpoint that asks another service before its transaction, so that a repeated request does not ask again.

        Raises:
            IdempotencyKeyReused: If the key came with another method, path or body.
        """
        key_hash = self._key_hash()
        before = None if self._key is None else await session.get(IdempotentResponse, key_hash)
        if before is None:
            return None
        if before.request_hash != self._request_hash:
            raise IdempotencyKeyReused("This Idempotency-Key was used for another request. Use a new key.")
        return _respond(before.status, self._cipher().decrypt(key_hash[:12], before.sealed_body, None))

    def same_id(self) -> UUID:
        """An id for what the request makes: the same for the same key of the same caller, another one without a key."""
        return uuid4() if self._key is None else UUID(bytes=self._key_hash()[:16], version=4)

    def _key_hash(self) -> bytes:
        return hashlib.sha256(f"{self._caller}\0{self._key}".encode()).digest()

    def _cipher(self) -> AESGCMSIV:
        seed = f"{self._caller}\0{self._key}".encode()
        return AESGCMSIV(HKDF(SHA256(), 32, salt=None, info=b"space idempotent response").derive(seed))


async def _once(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=8, max_length=200, description="A random value; repeat it to repeat the request safely."),
    ] = None,
) -> Once:
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + await request.body()).digest()
    # Without a caller there is nobody to tell keys apart by, so declare the caller's parameter before this one.
    return Once(idempotency_key, str(request.state.caller.owner_id), digest)


OnceOnly = Annotated[Once, Depends(_once)]


def _encode(model: type[BaseModel], body: Any) -> bytes:
    return model.model_validate(body, from_attributes=True).model_dump_json().encode()


def _respond(status: int, content: bytes) -> Response:
    return Response(content, status_code=status, media_type="application/json")
