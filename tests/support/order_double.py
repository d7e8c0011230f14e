"""A stand-in for what restore asks of billing and provisioning when something is ordered: a real HTTP server."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

CREDENTIAL = "restore-order-credential"
GIVEN_UP = "If you give up the restore you pay only for the time the instance ran."
PRICE_MINOR = 1999
DISK_BYTES = 80 * 10**9


def money(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


@dataclass
class OrderDouble:
    """Answers as agreed unless told otherwise; ``calls`` is what was asked, ``names`` who has which name."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    quotes: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    refusals: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    disk_bytes: int = DISK_BYTES
    quote_life: timedelta = timedelta(hours=24)
    after: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.headers["Authorization"] != f"Bearer {CREDENTIAL}":
                    self._send(401, {"code": "sign_in_needed", "detail": "no"})
                    return
                double.calls.append((self.path, body))
                if self.path in double.down:
                    time.sleep(0.05)
                    self.connection.close()
                    return
                status, answer = double.refusals.get(self.path) or double.answer(self.path, body)
                double.after(self.path)
                self._send(status, answer)

            def _send(self, status: int, answer: dict[str, Any]) -> None:
                content = json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
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

    def refuse(self, path: str, status: int, code: str, **members: Any) -> None:
        self.refusals[path] = (status, {"code": code, "detail": f"says {code}", **members})

    def count(self, path: str) -> int:
        return sum(1 for asked, _ in self.calls if asked == path)

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match path:
            case "/internal/quotes":
                return 201, self.quotes.setdefault(body["restore_id"], self._quote())
            case "/internal/instances/checks":
                return 200, {"provider": body["provider"], "plan": body["plan"], "disk_bytes": self.disk_bytes}
            case "/internal/instances":
                return self._reserve(body)
        return 404, {"code": "path_not_found", "detail": path}

    def _reserve(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        wanted = body["instance_id"]
        if wanted in self.over:
            return 410, {"code": "instance_over", "detail": "called off"}
        holder = self.names.setdefault(body["instance_name"], wanted)
        if holder != wanted:
            return 409, {"code": "name_in_use", "detail": f"{holder} has it", "instance_id": holder}
        return 201, {"instance_id": wanted, "status": "unpaid"}

    def _quote(self) -> dict[str, Any]:
        line = {
            "kind": "instance",
            "description": "Instance, first month",
            "quantity": "1",
            "unit": "month",
            "unit_price": "19.99",
            "amount": money(PRICE_MINOR),
        }
        return {
            "quote_id": str(uuid4()),
            "state": "open",
            "lines": [line],
            "total": money(PRICE_MINOR),
            "applied": {"promotional": money(0), "balance": money(0), "card": money(PRICE_MINOR)},
            "next_month": {"lines": [line], "total": money(PRICE_MINOR)},
            "if_given_up": GIVEN_UP,
            "expires_at": (datetime.now(UTC) + self.quote_life).isoformat(),
            "token": "signed",
        }

    def quote_of(self, restore_id: UUID | str) -> UUID:
        return UUID(self.quotes[str(restore_id)]["quote_id"])
