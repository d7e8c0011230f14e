"""Load over HTTP/1.1: a few connections, on each the next request as soon as the answer is there."""

import asyncio
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

CONNECTIONS = 8


@dataclass(frozen=True)
class Load:
    """What came of it; times in milliseconds."""

    per_second: float
    p50: float
    p99: float


async def press(port: int, path: str, headers: Mapping[str, str], seconds: float) -> Load:
    """GET a path for so long, from several connections at once.

    Raises:
        AssertionError: At the first answer that is not 200, with the answer.
    """
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{key}: {value}" for key, value in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    until = started + seconds
    opened = [
        await loop.create_connection(lambda: _Connection(request, until), "127.0.0.1", port) for _ in range(CONNECTIONS)
    ]
    taken = [item for _, connection in opened for item in await asyncio.wait_for(connection.done, seconds + 30)]
    cuts = statistics.quantiles(taken, n=100)
    return Load(len(taken) / (time.perf_counter() - started), cuts[49] * 1000, cuts[98] * 1000)


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, until: float) -> None:
        self._request = request
        self._until = until
        self._answer = b""
        self._taken: list[float] = []
        self.done: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._taken.append(time.perf_counter() - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._end(AssertionError(self._answer.decode()))
        elif time.perf_counter() < self._until:
            self._answer = b""
            self._ask()
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or AssertionError("the server closed the connection"))

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def _end(self, failure: Exception | None = None) -> None:
        if self.done.done():
            return
        if failure is None:
            self.done.set_result(self._taken)
        else:
            self.done.set_exception(failure)
        self._transport.close()


def _length(head: bytes) -> int:
    """The length of a body from its ``Content-Length``; both servers send it."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0
