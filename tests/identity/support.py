"""Identity as its clients see it: people with key pairs, addresses and clocks."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from joserfc.util import urlsafe_b64encode

from identity import dependencies
from identity.domain.did import encode_did
from identity.models import Owner
from identity.settings import Settings
from identity.signing import AccessTokenIssuer
from shared.service import Runtime
from tests.support.running import OPERATOR
from tests.support.tokens import ORIGIN


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).decode()


def code_of(answer: httpx.Response) -> str:
    """The problem's code, with its status: ``"409 olares_name_taken"``."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return f"{answer.status_code} {answer.json()['code']}"


class Clock:
    """The instant that endpoints see."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._stopped_at: datetime | None = None

    def now(self) -> datetime:
        return (self._stopped_at or datetime.now(UTC)) + self._offset

    def stop(self) -> None:
        """Stay at this whole second."""
        self._stopped_at = datetime.now(UTC).replace(microsecond=0)

    def move(self, **by: float) -> None:
        self._offset += timedelta(**by)

    def rule(self, *apps: FastAPI) -> None:
        for app in apps:
            app.dependency_overrides[dependencies._now] = self.now


@dataclass(frozen=True)
class Person:
    """A key pair and how it signs, truly or otherwise."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def did(self) -> str:
        return encode_did(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, header: object, payload: object) -> str:
        signed = f"{b64(header)}.{b64(payload)}"
        return f"{signed}.{b64(self.key.sign(signed.encode()))}"

    def prove(self, nonce: str, /, *, at: datetime, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A proof for our origin; ``header`` and ``claims`` replace single members, None removes one."""
        did = self.did
        protected = {"alg": "EdDSA", "kid": f"{did}#{did.removeprefix('did:key:')}", **(header or {})}
        payload = {"iss": did, "aud": ORIGIN, "nonce": nonce, "iat": int(at.timestamp()), **claims}
        return self.sign(
            {name: value for name, value in protected.items() if value is not None},
            {name: value for name, value in payload.items() if value is not None},
        )


@dataclass
class Space:
    """One replica of identity, and what people do with it."""

    runtime: Runtime[Settings, AccessTokenIssuer]
    app: FastAPI
    inside: FastAPI
    clock: Clock
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, address: str = "192.0.2.1", app: FastAPI | None = None) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app or self.app, raise_app_exceptions=False, client=(address, 4711))
        client = httpx.AsyncClient(transport=transport, base_url=ORIGIN)
        self.clients.append(client)
        return client

    async def close(self) -> None:
        for client in self.clients:
            await client.aclose()

    async def post(self, path: str, body: object, *, address: str = "192.0.2.1", **headers: str) -> httpx.Response:
        return await self.client(address).post(f"/api/v1{path}", json=body, headers=headers)

    async def nonce(self, address: str = "192.0.2.1") -> str:
        answer = await self.post("/auth/nonces", {}, address=address)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["nonce"])

    async def proof(self, person: Person, /, address: str = "192.0.2.1", **claims: Any) -> str:
        return person.prove(await self.nonce(address), at=self.clock.now(), **claims)

    async def log_in(self, person: Person, *, address: str = "192.0.2.1", **body: Any) -> httpx.Response:
        return await self.post("/auth/login", {"proof": await self.proof(person, address), **body}, address=address)

    async def register(self, name: str, person: Person | None = None) -> "Signed":
        person = person or Person()
        answer = await self.log_in(person, olares_name=name, client_name=f"{name}'s laptop")
        assert answer.status_code == 200, answer.text
        return Signed(self, person, answer.json())

    async def refresh(self, token: str) -> httpx.Response:
        return await self.post("/auth/refresh", {"refresh_token": token})

    async def invite(self, **body: Any) -> str:
        answer = await self.client(app=self.inside).post(
            "/internal/invites", json=body, headers={"Authorization": f"Bearer {OPERATOR}"}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["invite"])

    async def rows(self, statement: str, *values: Any) -> Sequence[Any]:
        """Rows as they lie in the database."""
        async with self.runtime.database.reading() as session:
            connection = await session.connection()
            return (await connection.exec_driver_sql(statement, values)).all()


@dataclass
class Signed:
    """Somebody signed in, holding tokens."""

    space: Space
    person: Person
    tokens: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def owner(self) -> Owner:
        async with self.space.runtime.database.reading() as session:
            return await session.get_one(Owner, UUID(self.tokens["owner"]["owner_id"]))

    async def ask(self, method: str, path: str, body: object | None = None, **headers: str) -> httpx.Response:
        # By hand, because httpx would refuse to send what a careless client sends.
        content = None if body is None else json.dumps(body)
        return await self.space.client().request(
            method,
            f"/api/v1{path}",
            content=content,
            headers={"Content-Type": "application/json", **self.headers, **headers},
        )

    async def listed(self, path: str) -> list[dict[str, Any]]:
        answer = await self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def code(self) -> str:
        answer = await self.ask("POST", "/me/devices/enrolments")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["code"])

    async def enrol(self, person: Person | None = None) -> "Signed":
        """Another device of the same owner."""
        person = person or Person()
        proof = await self.space.proof(person)
        answer = await self.space.post(
            "/auth/enrol", {"proof": proof, "code": await self.code(), "device_name": "Desktop"}
        )
        assert answer.status_code == 200, answer.text
        return Signed(self.space, person, answer.json())

    async def api_token(self, *scopes: str, days: int = 30, name: str = "script") -> dict[str, Any]:
        answer = await self.ask("POST", "/tokens", {"name": name, "scopes": list(scopes), "expires_in_days": days})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def exchanged(self, token: str) -> "Signed":
        """The same owner by an API token."""
        answer = await self.space.post("/auth/exchange", {"api_token": token})
        assert answer.status_code == 200, answer.text
        return Signed(self.space, self.person, answer.json())


Harness = Callable[..., Awaitable[Space]]
