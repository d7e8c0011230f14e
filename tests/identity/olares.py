"""Identity as Olares devices see it: what LarePass signs and sends, and the envelope that it reads."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from tests.identity.support import Person, Signed, Space

YEAR_SECONDS = 365 * 86_400


def new_secret() -> str:
    return secrets.token_hex(16)


def key_id(did: str) -> str:
    return f"{did}#{did.removeprefix('did:key:')}"


def milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def sign(
    person: Person, secret: str, /, *, at: datetime, header: Mapping[str, Any] | None = None, **claims: Any
) -> str:
    """What LarePass signs; ``header`` and ``claims`` replace single members, None removes one."""
    did, seconds = person.did, int(at.timestamp())
    body = {"did": did, "secret": secret, "time": milliseconds(at)}
    payload = {**body, "exp": seconds + YEAR_SECONDS, "iss": key_id(did), "nbf": seconds, **claims}
    protected = {"alg": "EdDSA", "kid": key_id(did), **(header or {})}
    return person.sign(
        {name: value for name, value in protected.items() if value is not None},
        {name: value for name, value in payload.items() if value is not None},
    )


def envelope(answer: httpx.Response) -> dict[str, Any]:
    """The body of an answer in the dialect, whose form is checked."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    told: dict[str, Any] = answer.json()
    assert told.keys() == {"code", "message", "data"}
    assert isinstance(told["code"], int)
    assert isinstance(told["message"], str)
    if told["code"] not in (0, 200):
        assert told["data"] is None
    return told


@dataclass(frozen=True)
class Olares:
    """An Olares of somebody's, and LarePass beside it."""

    space: Space
    address: str = "192.0.2.1"

    async def send(self, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """As the Go clients send it: nothing is escaped."""
        return await self.send_raw(path, "&".join(f"{name}={value}" for name, value in fields.items()).encode())

    async def send_raw(self, path: str, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        client = self.space.client(self.address)
        return envelope(await client.post(f"/v2/user{path}", content=body, headers=headers))

    async def log_in(self, person: Person, secret: str, /, **claims: Any) -> dict[str, Any]:
        """As LarePass sends it: ``qs.stringify`` escapes, and names what is nested."""
        at = self.space.clock.now()
        fields = {
            "id": secret,
            "jws": sign(person, secret, at=at, **claims),
            "did": person.did,
            "body[did]": person.did,
            "body[secret]": secret,
            "body[time]": str(milliseconds(at)),
        }
        form = "&".join(f"{quote(name)}={quote(value)}" for name, value in fields.items())
        return await self.send_raw("/login", form.encode())

    async def fetch(self, secret: str) -> dict[str, Any]:
        return await self.send("/activeLogin", {"secret": secret})

    async def refresh(self, held: Mapping[str, Any]) -> dict[str, Any]:
        return await self.send("/refresh", {"userid": held["userid"], "token": held["token"]})

    async def connect(self, person: Person) -> dict[str, Any]:
        """Log in and fetch the token."""
        secret = new_secret()
        assert (await self.log_in(person, secret))["code"] == 0
        told = await self.fetch(secret)
        assert told["code"] == 200, told
        held: dict[str, Any] = told["data"]
        return held

    async def session_id(self, held: Mapping[str, Any]) -> UUID:
        return (await self.space.runtime.verifier.verify(held["token"], "olares+jwt")).session_id


async def olares_sessions(owner: Signed) -> list[dict[str, Any]]:
    return [item for item in await owner.listed("/me/sessions") if item["kind"] == "olares"]


async def announced(space: Space, name: str) -> list[dict[str, Any]]:
    """What waits in the outbox under this name, oldest first."""
    rows = await space.rows("SELECT envelope FROM outbox WHERE event_name = $1 ORDER BY 1", name)
    return [json.loads(row[0])["data"] for row in rows]


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)
