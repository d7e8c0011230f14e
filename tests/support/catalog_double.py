"""A stand-in for catalog's internal listener: a real HTTP server that speaks the endpoints restore calls."""

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

CREDENTIAL = "restore-credential"
REPOSITORY_URL = "s3:https://127.0.0.1:8443/vault/p1.amazonaws.com/backups/did:key:z6Mk-abc/olares-backups/photos"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@dataclass
class Snapshot:
    """A successful snapshot as catalog knows it."""

    owner_id: UUID
    backup_id: UUID = field(default_factory=uuid4)
    snapshot_id: UUID = field(default_factory=uuid4)
    restic_id: str = "4b" * 32
    backup_url: str | None = None

    def answer(self) -> dict[str, Any]:
        return {
            "snapshot_id": str(self.snapshot_id),
            "backup_id": str(self.backup_id),
            "backup_name": "photos",
            "terminus_name": "home",
            "restic_id": self.restic_id,
            "taken_at": "2026-11-01T10:00:00Z",
            "size_processed_bytes": 2_512_555_868,
            "path": "/home/alice/Photos",
            "repository": f"photos-{self.backup_id}",
            "backup_url": self.backup_url,
        }


class CatalogDouble:
    """Answers as agreed unless told otherwise; ``calls`` and ``keys`` say what was asked and given."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.keys: list[dict[str, Any]] = []
        self.pins: set[str] = set()
        self.refusal: tuple[int, bytes] | None = None
        self.headers: dict[str, str] = {}
        self.delay_seconds = 0.0
        self.drip_seconds = 0.0
        self.before_answer: Callable[[], None] = lambda: None
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.headers["Authorization"] != f"Bearer {CREDENTIAL}":
                    self._send(401, b'{"code": "sign_in_needed", "detail": "no"}')
                    return
                double.calls.append((self.path, body))
                time.sleep(double.delay_seconds)
                status, content = double.refusal or double.answer(self.path, body)
                double.before_answer()
                self._send(status, content)

            def _send(self, status: int, content: bytes) -> None:
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(content)))
                    for name, value in double.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    step = 1 if double.drip_seconds else len(content) or 1
                    for start in range(0, len(content), step):
                        self.wfile.write(content[start : start + step])
                        self.wfile.flush()
                        time.sleep(double.drip_seconds)
                except OSError:
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def snapshot_of(self, owner_id: UUID) -> Snapshot:
        """A new successful snapshot, the latest of a backup of its own."""
        snapshot = Snapshot(owner_id)
        self.snapshots.append(snapshot)
        return snapshot

    def refuse(self, status: int, code: str) -> None:
        self.refusal = (status, json.dumps({"code": code, "status": status, "detail": f"catalog says {code}"}).encode())

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        mine = [item for item in self.snapshots if str(item.owner_id) == body["owner_id"]]
        wanted = body.get("snapshot_id")
        found = [
            item
            for item in mine
            if (str(item.snapshot_id) == wanted if wanted else str(item.backup_id) == body["backup_id"])
        ]
        if not found:
            return 404, json.dumps({"code": "snapshot_not_found", "detail": "You have no such snapshot."}).encode()
        if path == "/internal/restores/pins":
            self.pins.add(body["restore_id"])
        if path != "/internal/restores/keys":
            return 200, json.dumps(found[-1].answer()).encode()
        number = len(self.keys) + 1
        given = {
            "access_key_id": f"KEY{number}",
            "secret_access_key": f"secret-access-key-{number}",
            "session_token": f"session-token-{number}",
            "expires_at": "2099-01-01T00:00:00Z",
            "repository_url": REPOSITORY_URL,
            "ca_certificate": CA,
            "key_files": [{"name": "ab" * 32, "content": base64.b64encode(b'{"kdf": "scrypt"}').decode()}],
        }
        self.keys.append(given | {"restore_id": body["restore_id"]})
        return 200, json.dumps(given).encode()
