"""An instance's agent as provisioning sees it: a key pair, a number that rises, and requests that it signs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OKPKey

from tests.support.tokens import ORIGIN


@dataclass
class AgentDouble:
    """``ahead`` is by how much its clock is wrong; ``number`` that of its last heartbeat."""

    api: httpx.AsyncClient
    instance_id: UUID
    secret: str
    ahead: timedelta = timedelta(0)
    number: int = 0
    private_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public_key(self) -> str:
        return str(OKPKey.import_key(self.private_key).as_dict(private=False)["x"])

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def token(self, **claims: object) -> str:
        """``claims`` replace the usual ones."""
        seconds = int(self.now.timestamp())
        usual = {"iss": str(self.instance_id), "sub": str(self.instance_id), "aud": ORIGIN}
        header = {"alg": "Ed25519", "typ": "agent+jwt"}
        key = OKPKey.import_key(self.private_key)
        return jwt.encode(header, {**usual, "iat": seconds, "exp": seconds + 300, **claims}, key, ["Ed25519"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}

    async def enrol(self, **said: object) -> httpx.Response:
        body = {"secret": self.secret, "public_key": self.public_key, "agent_version": "0.1.0", **said}
        return await self.api.post(f"/api/v1/instances/{self.instance_id}/enrolment", json=body)

    async def beat(
        self, phase: str = "running", *, headers: dict[str, str] | None = None, **said: Any
    ) -> httpx.Response:
        """The next heartbeat, unless ``number`` says which."""
        self.number += 1
        body = {
            "number": self.number,
            "sent_at": self.now.isoformat(),
            "phase": phase,
            "agent_version": "0.1.0",
            "olares_version": None,
            "traffic_bytes": 0,
            "disk_bytes": 0,
            "done_orders": [],
            **said,
        }
        return await self.api.post(
            f"/api/v1/instances/{self.instance_id}/heartbeats", json=body, headers=headers or self.headers
        )

    async def log(self, *lines: tuple[int, str], headers: dict[str, str] | None = None) -> httpx.Response:
        said = [{"number": number, "logged_at": self.now.isoformat(), "line": line} for number, line in lines]
        return await self.api.post(
            f"/api/v1/instances/{self.instance_id}/log", json={"lines": said}, headers=headers or self.headers
        )
