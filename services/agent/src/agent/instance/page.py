"""The instance's own small page: whose it is and how it is."""

import asyncio
import html
from contextlib import suppress
from http import HTTPStatus

from agent.instance.journal import Journal
from agent.instance.kept import State
from agent.instance.phases import IN_WORDS
from agent.instance.traffic import Traffic

MOST_CONNECTIONS = 64
HEAD_BYTES = 8192
HEAD_SECONDS = 5.0
SEND_SECONDS = 10.0
BIND_AGAIN_SECONDS = 2.0

HTML = "text/html; charset=utf-8"
JSON = "application/json"
_HEADERS = (
    "Cache-Control: no-store",
    "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy: same-origin",
    "Cross-Origin-Resource-Policy: same-origin",
    "Referrer-Policy: no-referrer",
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: DENY",
    "Connection: close",
)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{name}</title>
<h1>{name}</h1>
<p>{words}</p>
</html>
"""


class Page:
    """One request to a connection; each connection has little time and little room, and there are not many."""

    def __init__(self, instance_name: str, state: State, traffic: Traffic, journal: Journal) -> None:
        self._instance_name = instance_name
        self._state = state
        self._traffic = traffic
        self._journal = journal
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, address: tuple[str, int]) -> None:
        """Answer until cancelled; an address that is taken is waited for."""
        said = False
        while True:
            try:
                server = await asyncio.start_server(self._meet, *address, backlog=MOST_CONNECTIONS)
            except OSError as error:
                if not said:
                    self._journal.say(f"The page cannot be served at {address[0]}:{address[1]}: {error.strerror}.")
                    said = True
                await asyncio.sleep(BIND_AGAIN_SECONDS)
                continue
            try:
                await server.serve_forever()
            finally:
                for connection in self._connections:
                    connection.cancel()
                server.close()

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        connection = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, TimeoutError):
                await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HEAD_SECONDS):
            head = await self._head(reader)
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            await self._send(writer, HTTPStatus.BAD_REQUEST)
            return
        method, target, _ = words
        match method, target.partition(b"?")[0]:
            case b"GET", b"/":
                await self._send(writer, HTTPStatus.OK, HTML, self._html())
            case b"GET", b"/healthz":
                await self._send(writer, HTTPStatus.OK, JSON, '{"status":"ok"}')
            case _:
                await self._send(writer, HTTPStatus.NOT_FOUND)

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        """The request as far as its headers go; what is longer, or has no end, is not a request."""
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = await reader.read(HEAD_BYTES)
            self._traffic.add(len(chunk))
            head += chunk
            if not chunk or len(head) > HEAD_BYTES:
                return b""
        return head

    async def _send(
        self, writer: asyncio.StreamWriter, status: HTTPStatus, media_type: str = HTML, content: str | None = None
    ) -> None:
        body = (_PAGE.format(name=status.phrase, words="") if content is None else content).encode()
        lines = (
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Content-Type: {media_type}",
            f"Content-Length: {len(body)}",
            *_HEADERS,
        )
        answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        self._traffic.add(len(answer))
        writer.write(answer)
        async with asyncio.timeout(SEND_SECONDS):
            await writer.drain()

    def _html(self) -> str:
        return _PAGE.format(name=html.escape(self._instance_name), words=IN_WORDS[self._state.now.phase])
