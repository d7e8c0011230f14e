"""A stand-in for provisioning as agents see it: a real HTTP server that enrols, verifies, hears and orders."""

import base64
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

HEARTBEAT_SECONDS = 0.1
FUTURE = timedelta(seconds=120)
LEEWAY_SECONDS = 30
LONGEST_TOKEN_SECONDS = 300

Answer = tuple[int, dict[str, Any]]


@dataclass
class Request:
    """What was asked and, unless the answer was lost, what was answered."""

    what: str
    body: dict[str, Any]
    token: str | None
    status: int = 0


@dataclass
class ProvisioningDouble:
    """Answers as agreed unless told otherwise; one instance, whose agent is the only caller."""

    instance_id: str = field(default_factory=lambda: str(uuid4()))
    secret: str = "one-time-secret-that-nobody-may-see"
    name: str = "alice@olares.com"
    clock_ahead: timedelta = timedelta()
    """Of this server's clock before the agent's."""
    public_key: str | None = None
    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    log: dict[int, str] = field(default_factory=dict)
    logged_at: dict[int, datetime] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    over: bool = False
    requests: list[Request] = field(default_factory=list)
    lost_answers: int = 0
    """So many of the next answers are lost after what was asked is done."""
    refusals: list[Answer] = field(default_factory=list)
    """The next answers, in place of doing what was asked."""
    retry_after: str | None = None
    """What a refusal says in the header of this name."""
    refused_lines: set[str] = field(default_factory=set)
    """Lines that the log takes by no means."""
    before_answer: Callable[[Request], None] = lambda request: None
    """Called once what was asked is done, before it is answered."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self._tls: ssl.SSLContext | None = None
        self.open()

    @property
    def origin(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Be there, again at the same address after `close`."""
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_port
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Be away."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self.close()
        self._tls = context
        self.open()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_ahead

    def order(self, kind: str) -> str:
        order_id = str(uuid4())
        self.orders[order_id] = kind
        return order_id

    def count(self, what: str) -> int:
        return sum(request.what == what for request in self.requests)

    def lines(self) -> list[str]:
        return [line for _, line in sorted(self.log.items())]

    def act(self, method: str, path: str, body: bytes, token: str | None) -> tuple[Request, Answer]:
        with self._lock:
            what = path.removeprefix(f"/api/v1/instances/{self.instance_id}/")
            request = Request(what, json.loads(body or b"{}"), token)
            self.requests.append(request)
            answer = self.refusals.pop(0) if self.refusals else self._answer(method, request)
            request.status = answer[0]
            return request, answer

    def loses_answer(self) -> bool:
        with self._lock:
            self.lost_answers -= 1
            return self.lost_answers >= 0

    def problem(self, status: int, code: str, **members: Any) -> Answer:
        return status, {"status": status, "code": code, "detail": f"Provisioning says {code}.", **members}

    def _answer(self, method: str, request: Request) -> Answer:
        if method != "POST" or request.what not in {"enrolment", "heartbeats", "log"}:
            return self.problem(404, "path_not_found")
        if request.what == "enrolment":
            return self._enrol(request.body)
        if not self._is_signed(request.token):
            return self.problem(401, "agent_unknown", server_time=self.now().isoformat())
        if self.over:
            return self.problem(410, "instance_over")
        return self._hear(request.body) if request.what == "heartbeats" else self._keep(request.body["lines"])

    def _enrol(self, body: dict[str, Any]) -> Answer:
        if self.over:
            return self.problem(410, "instance_over")
        if body["secret"] != self.secret:
            return self.problem(401, "enrolment_refused")
        if self.public_key not in {None, body["public_key"]}:
            return self.problem(410, "enrolment_spent")
        assert len(base64.urlsafe_b64decode(body["public_key"] + "=")) == 32
        self.public_key = body["public_key"]
        return 200, {"instance_id": self.instance_id, "instance_name": self.name, "restore_id": None, **self._told()}

    def _is_signed(self, token: str | None) -> bool:
        """The token is this agent's, for us, of now and short-lived."""
        if token is None or self.public_key is None:
            return False
        key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": self.public_key})
        now = self.now().timestamp()
        try:
            decoded = jwt.decode(token, key, algorithms=["Ed25519"])
        except (JoseError, ValueError):
            return False
        claims = decoded.claims
        return (
            decoded.header == {"alg": "Ed25519", "typ": "agent+jwt"}
            and claims.keys() == {"iss", "sub", "aud", "iat", "exp"}
            and claims["iss"] == claims["sub"] == self.instance_id
            and claims["aud"] == self.origin
            and claims["iat"] - LEEWAY_SECONDS <= now < claims["exp"] <= claims["iat"] + LONGEST_TOKEN_SECONDS
        )

    def _hear(self, body: dict[str, Any]) -> Answer:
        if datetime.fromisoformat(body["sent_at"]) > self.now() + FUTURE:
            return self.problem(422, "heartbeat_from_future", server_time=self.now().isoformat())
        self.heartbeats.append(body)
        for order_id in body["done_orders"]:
            self.orders.pop(order_id, None)
            self.done.append(order_id)
        return 200, self._told() | {
            "orders": [{"order_id": order_id, "kind": kind} for order_id, kind in self.orders.items()]
        }

    def _keep(self, lines: list[dict[str, Any]]) -> Answer:
        assert 0 < len(lines) <= 500
        if any(line["line"] in self.refused_lines or not 0 < len(line["line"]) <= 4000 for line in lines):
            return self.problem(422, "request_invalid")
        for line in lines:
            self.log.setdefault(line["number"], line["line"])
            self.logged_at.setdefault(line["number"], datetime.fromisoformat(line["logged_at"]))
        return 200, {"next_number": max(self.log) + 1}

    def _told(self) -> dict[str, Any]:
        return {"server_time": self.now().isoformat(), "heartbeat_seconds": HEARTBEAT_SECONDS}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


def _handler(double: ProvisioningDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            assert len(body) <= 1_000_000
            token = (self.headers["Authorization"] or "").removeprefix("Bearer ") or None
            request, (status, answer) = double.act(self.command, self.path, body, token)
            double.before_answer(request)
            if double.loses_answer():
                self.connection.close()
                return
            content = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if status >= 400 and double.retry_after is not None:
                    self.send_header("Retry-After", double.retry_after)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
