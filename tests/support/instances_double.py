"""A stand-in for provisioning as owners see it: a real HTTP server whose instances live as its table says."""

import json
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from provisioning.domain import lifecycle
from provisioning.domain.lifecycle import Status, Trigger

GB = 2**30
PREFIX = "/api/v1"
EVENT_STREAM = "text/event-stream"
MAX_TAIL = 1000
MADE_AT = "2026-11-01T09:30:00Z"

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


def plan(name: str, **members: Any) -> dict[str, Any]:
    return {
        "plan": name,
        "name": name.capitalize(),
        "vcpu": 2,
        "memory_bytes": 4 * GB,
        "disk_bytes": 40 * GB,
        "monthly_price": {"amount_minor": 2900, "currency": "USD"},
        "price_version": "2020-01",
        "included_traffic_bytes": 100 * GB,
        "included_storage_bytes": 200 * GB,
        "available": True,
        "unavailable_because": None,
        "unconfirmed_since": None,
    } | members


NO_PRICE = {
    "monthly_price": None, "price_version": None, "included_traffic_bytes": None, "included_storage_bytes": None,
    "available": False, "unavailable_because": "no_price",
}  # fmt: skip
OFFERS: dict[str, Any] = {
    "providers": [
        {
            "provider": "local",
            "name": "This machine",
            "regions": [
                {
                    "region": "local",
                    "name": "Here",
                    "plans": [
                        plan("small"),
                        plan("medium", vcpu=4, available=False, unavailable_because="sold_out"),
                        plan("large", vcpu=8, **NO_PRICE),
                    ],
                }
            ],
        },
        {
            "provider": "aws",
            "name": "Amazon Web Services",
            "regions": [
                {
                    "region": "us-east-1",
                    "name": "US East (N. Virginia)",
                    "plans": [
                        plan("tiny", unconfirmed_since=MADE_AT),
                        plan("huge", available=False, unavailable_because="unusable"),
                    ],
                }
            ],
        },
    ]
}


def instance(instance_id: str, name: str, status: str, **members: Any) -> dict[str, Any]:
    """An instance as its owner reads it."""
    return {
        "instance_id": instance_id,
        "name": name,
        "status": status,
        "code": None,
        "reason": None,
        "needs_operator": False,
        "actions": [str(action) for action in lifecycle.actions(Status(status))],
        "provider": "local",
        "provider_name": "This machine",
        "region": "local",
        "region_name": "Here",
        "plan": "small",
        "vcpu": 2,
        "memory_bytes": 4 * GB,
        "plan_disk_bytes": 40 * GB,
        "address": "127.0.0.1:18123",
        "restore_id": None,
        "created_at": MADE_AT,
        "updated_at": "2026-11-01T09:40:00Z",
        "started_at": "2026-11-01T09:31:00Z",
        "runtime_seconds": 3 * 86400 + 4 * 3600 + 300,
        "ended_at": None,
        "heard_at": "2026-11-04T13:35:00Z",
        "versions": {"agent": "0.1.0", "olares": "1.12.0"},
        "usage": {
            "traffic_bytes": 3 * GB,
            "disk_bytes": 20 * GB,
            "measured_at": "2026-11-04T13:30:00Z",
            "included_traffic_bytes": 100 * GB,
            "included_storage_bytes": 200 * GB,
        },
    } | members


class InstancesDouble:
    """Answers as agreed unless told otherwise; `asked` says what came in."""

    def __init__(self) -> None:
        self.offers = OFFERS
        self.instances: list[dict[str, Any]] = []
        self.lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.coming: dict[str, deque[str | Answer]] = defaultdict(deque)
        """What the next looks at an instance find: a status that it has come to, or another answer."""
        self.refusals: dict[tuple[str, str], Answer] = {}
        self.asked: list[Asked] = []
        self.away = 0
        """How many of the next requests are dropped without an answer."""
        self.lost: set[tuple[str, str]] = set()
        """Requests that are acted on, and their answers are lost on the way."""
        self.token = "t"
        self.breaks: deque[int] = deque()
        """After how many lines the next streams break off, in the middle of another."""
        self.page_size = 100
        self.lock = threading.RLock()
        self._server = _server(self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering; connections to it are refused."""
        self._server.shutdown()
        self._server.server_close()

    def add(self, instance_id: str, name: str, status: str = "running", **members: Any) -> dict[str, Any]:
        """The newest instance."""
        self.instances.insert(0, made := instance(instance_id, name, status, **members))
        return made

    def write(self, instance_id: str, line: str, source: str = "agent") -> None:
        with self.lock:
            number = len(self.lines[instance_id]) + 1
            entry = {"number": number, "logged_at": f"2026-11-01T09:30:{number % 60:02}Z", "source": source}
            self.lines[instance_id].append(entry | {"line": line})

    def move(self, instance_id: str, status: str) -> None:
        with self.lock:
            self.find(instance_id).update(
                status=status,
                actions=[str(action) for action in lifecycle.actions(Status(status))],
                ended_at="2026-11-05T09:30:00Z" if Status(status) in lifecycle.TERMINAL else None,
            )

    def find(self, instance_id: str) -> dict[str, Any]:
        return next(each for each in self.instances if each["instance_id"] == instance_id)

    def count(self, method: str, path: str) -> int:
        return sum((asked.method, asked.path) == (method, path) for asked in self.asked)

    def answer(self, asked: Asked) -> Answer:
        refusal = self.refusals.get((asked.method, asked.path))
        if refusal is not None:
            return refusal
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["auth", "exchange"]:
                return 200, {"access_token": self.token, "expires_in": 600}
            case "GET", ["offers"]:
                return self._offers(asked.query)
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return problem(401, "sign_in_needed", "Sign in.")
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["instances"]:
                return 200, self._page(self._listed(asked.query), asked.query)
            case "GET", ["instances", instance_id]:
                return self._look(instance_id)
            case "GET", ["instances", instance_id, "log"]:
                lines = self.lines[instance_id]
                tail = int(asked.query.get("tail", len(lines) or 1))
                if not 1 <= tail <= MAX_TAIL and "tail" in asked.query:
                    return problem(422, "request_invalid", f"tail is 1 to {MAX_TAIL}.")
                return 200, self._page(lines[max(0, len(lines) - tail) :], {"limit": str(tail)} | asked.query)
            case "POST", ["instances", instance_id, "links"]:
                return self._link(instance_id)
            case "POST", ["instances", instance_id, action]:
                return self._act(instance_id, Trigger(action))
        return problem(404, "path_not_found", "There is nothing at this path.")

    def _offers(self, query: dict[str, str]) -> Answer:
        found = [
            provider | {"regions": at}
            for provider in self.offers["providers"]
            if query.get("provider", provider["provider"]) == provider["provider"]
            and (at := [one for one in provider["regions"] if query.get("region", one["region"]) == one["region"]])
        ]
        return (200, {"providers": found}) if found else problem(422, "offer_unknown", "There is no such place.")

    def _listed(self, query: dict[str, str]) -> list[dict[str, Any]]:
        return [
            each
            for each in self.instances
            if query.get("name", each["name"]) == each["name"]
            and query.get("live", str(_is_live(each)).lower()) == str(_is_live(each)).lower()
        ]

    def _page(self, rows: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
        begin, size = int(query.get("cursor", 0)), min(self.page_size, int(query.get("limit") or 20))
        end = begin + size
        return {"items": rows[begin:end], "next_cursor": str(end) if end < len(rows) else None}

    def _look(self, instance_id: str) -> Answer:
        if all(each["instance_id"] != instance_id for each in self.instances):
            return problem(404, "instance_not_found", "You have no such instance.")
        if self.coming[instance_id]:
            now = self.coming[instance_id].popleft()
            if isinstance(now, tuple):
                return now
            self.move(instance_id, now)
        return 200, self.find(instance_id)

    def _link(self, instance_id: str) -> Answer:
        found = self.find(instance_id)
        if found["status"] not in {"running", "pending_activation"}:
            return problem(409, "page_unavailable", f"This instance is {found['status']}.")
        return 201, {"url": f"http://{found['address']}/open?link=once", "expires_at": "2026-11-05T09:31:00Z"}

    def _act(self, instance_id: str, trigger: Trigger) -> Answer:
        found = self.find(instance_id)
        status = Status(found["status"])
        if status in lifecycle.TERMINAL:
            return problem(410, "instance_over", f"This instance is {status}: nothing is left of it.")
        if status in ON_ITS_WAY[trigger]:
            return 202, found
        if (status, trigger) not in lifecycle.TRANSITIONS:
            return problem(409, "instance_busy", f"This instance is {status}, so it cannot {trigger} now.")
        self.move(instance_id, lifecycle.next_status(status, trigger))
        return 202, found


ON_ITS_WAY = {
    Trigger.STOP: {Status.STOPPING},
    Trigger.START: {Status.STARTING},
    Trigger.RESTART: {Status.RESTARTING},
    Trigger.RETURN: {Status.DESTROYING},
}


def problem(status: int, code: str, detail: str) -> Answer:
    return status, {"status": status, "code": code, "detail": detail}


def _is_live(each: dict[str, Any]) -> bool:
    return Status(each["status"]) not in lifecycle.TERMINAL


def _server(double: InstancesDouble) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._act()

        def do_POST(self) -> None:
            self._act()

        def _act(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, url.path.removeprefix(PREFIX), query, headers)
            with double.lock:
                double.asked.append(asked)
                if double.away:
                    double.away -= 1
                    self.close_connection = True
                    return
                status, content = double.answer(asked)
                if (asked.method, asked.path) in double.lost:
                    self.close_connection = True
                    return
            if status == 200 and asked.path.endswith("/log") and headers.get("accept") == EVENT_STREAM:
                self._stream(asked.path.split("/")[2], int(headers["last-event-id"]))
            else:
                self._send(status, json.dumps(content).encode())

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _stream(self, instance_id: str, after: int) -> None:
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", f"{EVENT_STREAM}; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            left = double.breaks.popleft() if double.breaks else None
            try:
                self._chunk(b": ping\r\n\r\n")
                while True:
                    with double.lock:
                        is_over = not _is_live(double.find(instance_id))
                        lines = double.lines[instance_id][after:]
                    for line in lines:
                        event = f"id: {line['number']}\r\nevent: line\r\ndata: {json.dumps(line, ensure_ascii=False)}"
                        if left == 0:
                            self._chunk(event.encode())
                            return
                        self._chunk(f"{event}\r\n\r\n".encode())
                        after, left = line["number"], None if left is None else left - 1
                    if is_over:
                        self._chunk(b'event: end\r\ndata: {"status": "destroyed"}\r\n\r\n')
                        self._chunk(b"")
                        return
                    time.sleep(0.02)
            except OSError:
                pass

        def _chunk(self, content: bytes) -> None:
            self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    return Server(("127.0.0.1", 0), Handler)
