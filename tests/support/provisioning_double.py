"""A stand-in for provisioning as agents see it: a real HTTP server that enrols, verifies, hears and orders."""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError

from provisioning.operations.agents import MAX_AHEAD
from provisioning.schemas.agents import EnrolmentRequest, HeartbeatRequest, LogRequest
from provisioning.schemas.links import LinkRedeem
from shared import agent_token

HEARTBEAT_SECONDS = 0.1

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
    public_key: bytes | None = None
    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    log: dict[int, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    over: bool = False
    requests: list[Request] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)
    """What was wrong with requests that provisioning would not take as they are."""
    lost_answers: int = 0
    """So many of the next answers are lost after what was asked is done."""
    refusals: dict[str, list[Answer]] = field(default_factory=dict)
    """The next answers to calls of a kind, in place of doing what was asked."""
    retry_after: str | None = None
    """What a refusal says in the header of this name."""
    keeps_log: bool = True
    """Otherwise it says that it has nothing yet, whatever it is sent."""
    refused_lines: set[str] = field(default_factory=set)
    """Lines that the log takes by no means."""
    links: set[str] = field(default_factory=set)
    """To the instance's page, each of which lets somebody in once."""
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
        assert self.malformed == []
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

    def go_wrong(self, ahead: timedelta) -> None:
        """Have another time from the next request on; one that is being answered would tell half of it."""
        with self._lock:
            self.clock_ahead = ahead

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
            try:
                answer = refusals.pop(0) if (refusals := self.refusals.get(what)) else self._answer(method, request)
            except ValidationError as error:
                answer = 422, {"status": 422, "code": "request_invalid", "detail": str(error)}
                self.malformed.append(str(error))
            request.status = answer[0]
            return request, answer

    def loses_answer(self) -> bool:
        with self._lock:
            self.lost_answers -= 1
            return self.lost_answers >= 0

    def problem(self, status: int, code: str, **members: Any) -> Answer:
        return status, {"status": status, "code": code, "detail": f"Provisioning says {code}.", **members}

    def _answer(self, method: str, request: Request) -> Answer:
        if method != "POST" or request.what not in {"enrolment", "heartbeats", "log", "links/redeem"}:
            return self.problem(404, "path_not_found")
        if request.what == "enrolment":
            return self._enrol(request.body)
        if not self._is_signed(request.token):
            return self.problem(401, "agent_unknown", server_time=self.now().isoformat())
        if self.over:
            return self.problem(410, "instance_over")
        match request.what:
            case "heartbeats":
                return self._hear(request.body)
            case "log":
                return self._keep(request.body)
            case _:
                return self._redeem(request.body)

    def _enrol(self, body: dict[str, Any]) -> Answer:
        said = EnrolmentRequest.model_validate(body)
        if self.over:
            return self.problem(410, "instance_over")
        if said.secret.get_secret_value() != self.secret:
            return self.problem(401, "enrolment_refused")
        if self.public_key not in {None, said.key}:
            return self.problem(410, "enrolment_spent")
        self.public_key = said.key
        return 200, {"instance_id": self.instance_id, "instance_name": self.name, "restore_id": None, **self._told()}

    def _is_signed(self, token: str | None) -> bool:
        """As provisioning sees it: by this agent, for us, just now."""
        if token is None or self.public_key is None:
            return False
        try:
            agent_token.verify(
                token, self.public_key, instance_id=UUID(self.instance_id), audience=self.origin, now=self.now()
            )
        except agent_token.TokenRefused:
            return False
        return True

    def _hear(self, body: dict[str, Any]) -> Answer:
        said = HeartbeatRequest.model_validate_json(json.dumps(body))
        if said.sent_at > self.now() + MAX_AHEAD:
            return self.problem(422, "heartbeat_from_future", server_time=self.now().isoformat())
        self.heartbeats.append(body)
        for order_id in body["done_orders"]:
            self.orders.pop(order_id, None)
            self.done.append(order_id)
        return 200, self._told() | {
            "orders": [{"order_id": order_id, "kind": kind} for order_id, kind in self.orders.items()]
        }

    def _keep(self, body: dict[str, Any]) -> Answer:
        said = LogRequest.model_validate_json(json.dumps(body))
        if any(line.line in self.refused_lines for line in said.lines):
            return self.problem(422, "request_invalid")
        if not self.keeps_log:
            return 200, {"next_number": 1}
        for line in said.lines:
            self.log.setdefault(line.number, line.line)
        return 200, {"next_number": max(self.log) + 1}

    def _redeem(self, body: dict[str, Any]) -> Answer:
        link = LinkRedeem.model_validate(body).link.get_secret_value()
        if link not in self.links:
            return self.problem(410, "link_over")
        self.links.remove(link)
        return 204, {}

    def _told(self) -> dict[str, Any]:
        return {"server_time": self.now().isoformat(), "heartbeat_seconds": HEARTBEAT_SECONDS}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


def _handler(double: ProvisioningDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"] or 0)
            body = self.rfile.read(size)
            if len(body) < size:
                # Its caller was killed in the middle.
                return
            assert size <= 1_000_000
            token = (self.headers["Authorization"] or "").removeprefix("Bearer ") or None
            request, (status, answer) = double.act(self.command, self.path, body, token)
            double.before_answer(request)
            if double.loses_answer():
                self.connection.close()
                return
            content = b"" if status == 204 else json.dumps(answer).encode()
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
