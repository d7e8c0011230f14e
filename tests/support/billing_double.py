"""A stand-in for billing's internal listener: a real HTTP server that keeps reservations as catalog may expect."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CREDENTIAL = "catalog-credential"
GB = 2**30
PATH = "/internal/reservations"


@dataclass
class Account:
    """What an owner stores and may store; ``reason`` says why there may be no room.

    Args:
        number: Of the last word on the owner's uploads, which is ``restriction``.
    """

    used_bytes: int = 0
    limit_bytes: int = 10 * GB
    reason: str = "over_limit"
    number: int = 0
    restriction: str | None = None


@dataclass(frozen=True)
class Kept:
    """Room that is reserved."""

    owner_id: str
    backup_id: str
    size_bytes: int
    expires_at: datetime


@dataclass
class Reservations:
    """The rules; tests/contracts/test_quota.py holds them against billing's own.

    All of what is declared is reserved or nothing, of what is not declared as much of 1 GB as is left. It counts as
    used until it is released, expires, or the same backup gets another.
    """

    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    kept: dict[str, Kept] = field(default_factory=dict)

    def reserve(self, wanted: dict[str, Any]) -> dict[str, Any]:
        account, declared = self.accounts[wanted["owner_id"]], wanted["declared_bytes"]
        left = max(0, account.limit_bytes - account.used_bytes - self._reserved_for_others(wanted))
        size = min(left, GB) if declared is None else declared
        known = wanted["reservation_id"] in self.kept
        allowed = known or 0 < size <= left
        if allowed and not known:
            earlier = [key for key, kept in self.kept.items() if kept.backup_id == wanted["backup_id"]]
            for key in earlier:
                del self.kept[key]
            self.kept[wanted["reservation_id"]] = Kept(
                wanted["owner_id"], wanted["backup_id"], size, datetime.fromisoformat(wanted["expires_at"])
            )
        return {
            "allowed": allowed,
            "reason": None if allowed else account.reason,
            "detail": "" if allowed else f"billing says {account.reason}: {account.used_bytes} bytes are used",
            "used_bytes": account.used_bytes,
            "limit_bytes": account.limit_bytes,
            "left_bytes": left,
            "number": account.number,
            "restriction": account.restriction,
        }

    def _reserved_for_others(self, wanted: dict[str, Any]) -> int:
        now = datetime.now(UTC)
        return sum(
            kept.size_bytes
            for kept in self.kept.values()
            if kept.owner_id == wanted["owner_id"] and kept.backup_id != wanted["backup_id"] and kept.expires_at > now
        )


class BillingDouble:
    """Answers as agreed unless told otherwise; ``asked`` and ``released`` say what came in."""

    def __init__(self) -> None:
        self.reservations = Reservations()
        self.asked: list[dict[str, Any]] = []
        self.released: list[str] = []
        self.answer: tuple[int, bytes] | None = None
        self.delay_seconds = 0.0
        self.drip_seconds = 0.0
        self.broken_answers = 0
        """How many answers are lost on their way, after the question was acted on."""
        self.before_answer: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._server = _server(self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def kept(self) -> set[str]:
        """Ids of what is reserved now."""
        return set(self.reservations.kept)

    def account(self, owner_id: object) -> Account:
        return self.reservations.accounts[str(owner_id)]

    def close(self) -> None:
        """Stop answering; connections to it are refused."""
        self._server.shutdown()
        self._server.server_close()

    def act(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        with self._lock:
            if method == "POST" and path == PATH:
                wanted = json.loads(body)
                self.asked.append(wanted)
                return 200, json.dumps(self.reservations.reserve(wanted)).encode()
            if method == "DELETE" and path.startswith(f"{PATH}/"):
                reservation_id = path.rpartition("/")[2]
                self.released.append(reservation_id)
                self.reservations.kept.pop(reservation_id, None)
                return 204, b""
            return 404, b'{"code": "path_not_found", "detail": "no"}'

    def loses_an_answer(self) -> bool:
        with self._lock:
            self.broken_answers -= 1
            return self.broken_answers >= 0


def _server(double: BillingDouble) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._act()

        def do_DELETE(self) -> None:
            self._act()

        def _act(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if self.headers["Authorization"] != f"Bearer {CREDENTIAL}":
                self._send(401, b'{"code": "sign_in_needed", "detail": "no"}')
                return
            status, content = double.act(self.command, self.path, body)
            if double.loses_an_answer():
                self.connection.close()
                return
            time.sleep(double.delay_seconds)
            double.before_answer()
            self._send(*(double.answer or (status, content)))

        def _send(self, status: int, content: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
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

    return Server(("127.0.0.1", 0), Handler)
