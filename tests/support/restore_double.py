"""A stand-in for the restore service as agents see it, behind one origin with the one for provisioning."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.sealing import read_public_key, seal
from tests.support import provisioning_double
from tests.support.provisioning_double import Answer, ProvisioningDouble, Request

POLL_SECONDS = 0.05


class Offer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    public_key: str = Field(min_length=43, max_length=43)


class Report(BaseModel):
    model_config = ConfigDict(extra="forbid")

    round: int = Field(ge=1)
    state: Literal["password_wrong", "restoring", "validating", "usable", "failed"]
    bytes_restored: int | None = Field(None, ge=0)
    files_restored: int | None = Field(None, ge=0)
    total_bytes: int | None = Field(None, ge=0)
    warnings: int | None = Field(None, ge=0)
    code: Literal["disk_full", "snapshot_damaged", "target_unusable", "restore_failed"] | None = None
    reason: str | None = Field(None, max_length=500)


@dataclass
class RestoreDouble(ProvisioningDouble):
    """One restore to one instance. What is asked of it is among `requests` as `rounds`, `poll`, `keys`, `reports`."""

    restore_id: str = field(default_factory=lambda: str(uuid4()))
    repository_url: str = ""
    repository: Path = Path()
    """Where the repository's files are."""
    restic_id: str = ""
    path: str = "/"
    keys_seconds: float = 3600.0
    """How long a key says that it lasts."""
    key_files: list[tuple[str, bytes]] | None = None
    """Those of the repository, unless given."""
    public_keys: list[str] = field(default_factory=list)
    """By round, from 1."""
    sealed: dict[int, str] = field(default_factory=dict)
    typed: list[bytes] = field(default_factory=list)
    """What an owner with an open page types, a password for each round; the last one again and again."""
    keys_given: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)
    restore_ended: bool = False
    restore_refusals: dict[str, list[Answer]] = field(default_factory=dict)
    """The next answers to calls of a kind, in place of doing what was asked."""
    while_asked: Callable[[Request], None] = lambda request: None
    """Called before a call to restore is looked at: it may take long, or change what is answered."""

    def open(self) -> None:
        super().open()
        assert self._server is not None
        self._server.RequestHandlerClass = _handler(self)

    @property
    def round(self) -> int:
        return len(self.public_keys)

    def type(self, password: bytes) -> None:
        """As the owner's page does it in the current round."""
        assert self.round
        self.sealed[self.round] = seal(
            password,
            read_public_key(self.public_keys[-1]),
            restore_id=UUID(self.restore_id),
            instance_id=UUID(self.instance_id),
            round=self.round,
        )

    def states(self) -> list[str]:
        """The states that were reported, each once, in order."""
        return list(dict.fromkeys(report["state"] for report in self.reports))

    def secrets(self) -> list[str]:
        """Of the keys that were given."""
        return [text for number in range(1, self.keys_given + 1) for text in _secrets(number)]

    def act(self, method: str, path: str, body: bytes, token: str | None) -> tuple[Request, Answer]:
        prefix = f"/api/v1/restores/{self.restore_id}/agent/"
        if not path.startswith(prefix):
            return super().act(method, path, body, token)
        what, _, number = path.removeprefix(prefix).partition("/")
        request = Request("poll" if method == "GET" else what, json.loads(body or b"{}"), token)
        with self._lock:
            self.requests.append(request)
        self.while_asked(request)
        with self._lock:
            try:
                answer = self._act(request, number)
            except ValidationError as error:
                answer = self.problem(422, "request_invalid")
                self.malformed.append(str(error))
            request.status = answer[0]
            return request, answer

    def _act(self, request: Request, number: str) -> Answer:
        if refusals := self.restore_refusals.get(request.what):
            return refusals.pop(0)
        if not self._is_signed(request.token):
            return self.problem(401, "agent_unknown", server_time=self.now().isoformat())
        if self.restore_ended:
            return self.problem(410, "restore_ended")
        match request.what:
            case "rounds":
                return self._offer(Offer.model_validate(request.body))
            case "poll":
                is_current = int(number) == self.round
                return 200, {"is_current": is_current, "sealed": self.sealed.get(int(number)), **self._poll()}
            case "keys":
                return self._keys()
            case "reports":
                Report.model_validate(request.body)
                self.reports.append(request.body)
                return 204, {}
        return self.problem(404, "path_not_found")

    def _offer(self, offer: Offer) -> Answer:
        if offer.public_key not in self.public_keys:
            self.public_keys.append(offer.public_key)
            if self.typed:
                self.type(self.typed.pop(0) if len(self.typed) > 1 else self.typed[0])
        return 200, {"round": self.public_keys.index(offer.public_key) + 1, **self._poll()}

    def _keys(self) -> Answer:
        self.keys_given += 1
        secret, session_token = _secrets(self.keys_given)
        names = sorted((self.repository / "keys").iterdir())
        key_files = [(key.name, key.read_bytes()) for key in names] if self.key_files is None else self.key_files
        return 200, {
            "restore_id": self.restore_id,
            "backup_name": "docs",
            "snapshot": {
                "snapshot_id": "22222222-0000-4000-8000-000000000001",
                "restic_id": self.restic_id,
                "taken_at": "2026-11-01T00:00:00Z",
                "size_processed_bytes": None,
                "path": self.path,
            },
            "access_key_id": f"KEY{self.keys_given}",
            "secret_access_key": secret,
            "session_token": session_token,
            "expires_at": (self.now() + timedelta(seconds=self.keys_seconds)).isoformat(),
            "repository_url": self.repository_url,
            "ca_certificate": None,
            "key_files": [{"name": name, "content": base64.b64encode(content).decode()} for name, content in key_files],
        }

    def _poll(self) -> dict[str, Any]:
        return {"poll_seconds": POLL_SECONDS, "server_time": self.now().isoformat()}


def _secrets(number: int) -> tuple[str, str]:
    return f"store-secret-nobody-may-see-{number}", f"session-token-nobody-may-see-{number}"


def _handler(double: RestoreDouble) -> type[BaseHTTPRequestHandler]:
    handler: Any = provisioning_double._handler(double)

    class Handler(handler):  # type: ignore[misc]
        do_GET = handler.do_POST  # noqa: N815

    return Handler
