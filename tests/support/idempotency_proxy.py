"""Stands before a payment API: keeps the promise of Idempotency-Key as Stripe does, and loses answers on demand."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import httpx
from aiohttp import web

from space_local import ports


@dataclass
class Fault:
    """What goes wrong with the next request that matches, once.

    ``drop``: forwarded, the answer lost. ``refuse``: the connection is closed and nothing forwarded. ``delay``: held
    for ``seconds``, then forwarded. ``error``: forwarded, and 500 answered (and kept under the key, as Stripe does).
    ``busy``: 429 answered, nothing forwarded. ``nonsense``: forwarded, and a page of HTML answered.
    """

    kind: Literal["drop", "refuse", "delay", "error", "busy", "nonsense"]
    method: str
    path: str
    seconds: float = 0


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"

    def response(self) -> web.Response:
        return web.Response(status=self.status, body=self.body, content_type=self.content_type)


IN_USE = Answer(409, b'{"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "in use"}}')
OTHER = Answer(400, b'{"error": {"type": "idempotency_error", "message": "Keys are for one request with one body."}}')
BUSY = Answer(
    429, b'{"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests"}}'
)
ERROR = Answer(500, b'{"error": {"type": "api_error", "message": "Something went wrong on our side."}}')
NONSENSE = Answer(502, b"<html>Bad gateway</html>", "text/html")
NOT_KEPT = frozenset({401, 409, 429})


@dataclass
class IdempotencyProxy:
    """Same key: same answer. Same key, other request: 400. Same key while the first is on its way: 409."""

    client: httpx.AsyncClient
    """Of what stands behind."""
    url: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and key of every request that came."""
    _kept: dict[str, tuple[bytes, Answer]] = field(default_factory=dict)
    _on_their_way: set[str] = field(default_factory=set)

    def will(
        self, kind: Literal["drop", "refuse", "delay", "error", "busy", "nonsense"], method: str, path: str
    ) -> None:
        """The next request whose path matches the whole pattern goes wrong so."""
        self.faults.append(Fault(kind, method, path))

    def will_delay(self, seconds: float, method: str, path: str) -> None:
        self.faults.append(Fault("delay", method, path, seconds))

    def forget_keys(self) -> None:
        """A day passes: Stripe keeps keys no longer."""
        self._kept.clear()

    def forwarded(self, method: str, path: str) -> int:
        return sum(1 for seen, where, _ in self.seen if seen == method and re.fullmatch(path, where))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key")
        self.seen.append((request.method, request.path, key))
        fault = self._next_fault(request)
        if fault is not None and fault.kind == "refuse":
            return _cut(request)
        if fault is not None and fault.kind == "busy":
            return BUSY.response()
        body = await request.read()
        if request.method != "POST" or key is None:
            answer = await self._forward(request, body, fault)
        else:
            answer = await self._once(request, body, key, fault)
        return _cut(request) if fault is not None and fault.kind == "drop" else answer.response()

    async def _once(self, request: web.Request, body: bytes, key: str, fault: Fault | None) -> Answer:
        fingerprint = request.path.encode() + b"\n" + body
        if key in self._on_their_way:
            return IN_USE
        if key in self._kept:
            known, answer = self._kept[key]
            return answer if known == fingerprint else OTHER
        self._on_their_way.add(key)
        try:
            answer = await self._forward(request, body, fault)
        finally:
            self._on_their_way.discard(key)
        if answer.status not in NOT_KEPT:
            self._kept[key] = (fingerprint, answer)
        return answer

    async def _forward(self, request: web.Request, body: bytes, fault: Fault | None) -> Answer:
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        response = await self.client.request(request.method, request.path_qs, content=body, headers=headers)
        if fault is not None and fault.kind in ("error", "nonsense"):
            return ERROR if fault.kind == "error" else NONSENSE
        return Answer(response.status_code, response.content)

    def _next_fault(self, request: web.Request) -> Fault | None:
        for fault in self.faults:
            if fault.method == request.method and re.fullmatch(fault.path, request.path):
                self.faults.remove(fault)
                return fault
        return None


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


@asynccontextmanager
async def idempotency_proxy(target: str) -> AsyncIterator[IdempotencyProxy]:
    """The proxy at work on a private port, in this event loop."""
    port = ports.pick()
    # Without certificates to verify: loading them takes longer than a request, and there is no TLS here.
    async with httpx.AsyncClient(base_url=target, verify=False) as client:
        proxy = IdempotencyProxy(client, f"http://127.0.0.1:{port}")
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield proxy
        finally:
            await runner.cleanup()
