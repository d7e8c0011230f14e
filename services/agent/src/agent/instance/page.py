"""The instance's own small page: whose it is and how it is, and to its owner what was restored."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from agent.instance import page_files, page_html, page_requests
from agent.instance.config import InstanceConfig
from agent.instance.destination import TargetUnusable
from agent.instance.journal import Journal
from agent.instance.kept import State
from agent.instance.page_answers import JSON, Answer, download, framed, refusal, to
from agent.instance.page_files import Listing, NotThere, OpenFile
from agent.instance.page_requests import NoRequest, Request
from agent.instance.page_visits import Visits
from agent.instance.phases import IN_WORDS
from agent.instance.server import CallFailed, Refused
from agent.instance.traffic import Traffic

MOST_CONNECTIONS = 64
MOST_LINKS_AT_ONCE = 4
HEAD_SECONDS = 5.0
SEND_SECONDS = 30.0
BIND_AGAIN_SECONDS = 2.0
CHUNK_BYTES = 64 * 1024

_LINK = re.compile(r"[A-Za-z0-9_-]{20,200}")
_OVER = "This link was used before, or its minute is over."


class Page:
    """One request to a connection; each connection has little time and little room, and there are not many.

    Args:
        redeem: Uses a link of the owner's up.
    """

    def __init__(
        self,
        config: InstanceConfig,
        state: State,
        traffic: Traffic,
        journal: Journal,
        redeem: Callable[[str], Awaitable[None]],
    ) -> None:
        self._name = config.instance_name
        self._target = config.restore_target
        self._visits = Visits(config.instance_id)
        self._state = state
        self._traffic = traffic
        self._journal = journal
        self._redeem = redeem
        self._redeeming = asyncio.Semaphore(MOST_LINKS_AT_ONCE)
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
                await self._send(writer, await self._hear(reader))
        finally:
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader) -> Answer:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                request = await page_requests.read(reader, self._traffic.add)
        except NoRequest:
            return refusal(HTTPStatus.BAD_REQUEST)
        return await self._answer(request)

    async def _answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case b"GET", b"/":
                return self._front(request)
            case b"GET", b"/healthz":
                return Answer(HTTPStatus.OK, b'{"status":"ok"}', JSON)
            case b"GET", b"/open":
                return self._show_door(request)
            case b"POST", b"/open":
                return await self._let_in(request)
            case b"GET", b"/files":
                return to(page_html.FILES)
            case b"GET", path if path.startswith(page_html.FILES.encode()):
                return await self._files(request)
            case _:
                return refusal(HTTPStatus.NOT_FOUND)

    def _front(self, request: Request) -> Answer:
        return self._page(HTTPStatus.OK, page_html.front(IN_WORDS[self._state.now.phase], self._inside(request)))

    def _show_door(self, request: Request) -> Answer:
        link = request.asked("link")
        if not _LINK.fullmatch(link):
            return self._refuse(request, HTTPStatus.GONE, _OVER)
        return self._page(HTTPStatus.OK, page_html.door(link))

    async def _let_in(self, request: Request) -> Answer:
        """Begin a visit, once the server has used the link up for it."""
        link = request.told("link")
        # Another site's page may make a browser send this; that browser says so.
        if request.headers.get(b"sec-fetch-site", b"none") not in {b"same-origin", b"none"}:
            return refusal(HTTPStatus.FORBIDDEN)
        if not _LINK.fullmatch(link):
            return self._refuse(request, HTTPStatus.GONE, _OVER)
        if self._redeeming.locked():
            return self._try_again(link)
        try:
            async with self._redeeming:
                await self._redeem(link)
        except CallFailed as error:
            if isinstance(error, Refused) and error.status == HTTPStatus.GONE:
                return self._refuse(request, HTTPStatus.GONE, _OVER)
            return self._try_again(link)
        return to(page_html.url(self._restored()), f"Set-Cookie: {self._visits.begin()}")

    async def _files(self, request: Request) -> Answer:
        """A folder, or a file, which is sent in pieces.

        Not only what was restored, but all beside it in the owner's home is shown, as they may have moved things there.
        """
        if not self._is_owner(request):
            return self._refuse(request, HTTPStatus.FORBIDDEN)
        names: page_files.Names = ()
        try:
            names = page_files.names_of(request.path.removeprefix(page_html.FILES.encode()))
            found = await self._look(names, request.asked("after"))
        except NotThere:
            if names and list(names) == self._restored():
                # It is not made yet, or its owner has renamed it.
                return to(page_html.FILES)
            return self._page(HTTPStatus.NOT_FOUND, page_html.front("Nothing is there.", self._way_back()))
        except TargetUnusable as error:
            return self._unreadable(error.message)
        except OSError as error:
            return self._unreadable(f"This cannot be read: {error.strerror}.")
        if isinstance(found, OpenFile):
            return download(found)
        return self._page(HTTPStatus.OK, page_html.nothing_yet() if found is None else page_html.folder(names, found))

    async def _look(self, names: page_files.Names, after: str) -> Listing | OpenFile | None:
        """What is there; None while there is nothing at all."""
        try:
            if self._target is None:
                raise NotThere
            return await asyncio.to_thread(page_files.look, self._target, names, page_html.place_of(after))
        except NotThere:
            if names:
                raise
            return None

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        try:
            await self._write(writer, answer.wire())
            if answer.file is not None:
                await self._send_file(writer, answer.file)
        finally:
            if answer.file is not None:
                os.close(answer.file.descriptor)

    async def _send_file(self, writer: asyncio.StreamWriter, file: OpenFile) -> None:
        """As many bytes as were announced, or the connection breaks off, so that nobody takes a part for the whole."""
        sent = 0
        while sent < file.size_bytes:
            size = min(CHUNK_BYTES, file.size_bytes - sent)
            chunk = await asyncio.to_thread(os.pread, file.descriptor, size, sent)
            if not chunk:
                writer.transport.abort()
                return
            await self._write(writer, chunk)
            sent += len(chunk)

    async def _write(self, writer: asyncio.StreamWriter, chunk: bytes) -> None:
        self._traffic.add(len(chunk))
        writer.write(chunk)
        async with asyncio.timeout(SEND_SECONDS):
            await writer.drain()

    def _is_owner(self, request: Request) -> bool:
        return self._visits.is_known(request.headers.get(b"cookie", b""))

    def _inside(self, request: Request) -> str:
        return self._way_back() if self._is_owner(request) else page_html.way_in(self._name)

    def _restored(self) -> list[bytes]:
        """Where what was restored lies, as far as that is known."""
        name = self._state.now.target_name
        return [] if name is None else [name.encode()]

    def _way_back(self) -> str:
        return page_html.to_files(self._restored())

    def _refuse(self, request: Request, status: HTTPStatus, words: str = "") -> Answer:
        return self._page(status, page_html.front(words, self._inside(request)))

    def _unreadable(self, words: str) -> Answer:
        return self._page(HTTPStatus.INTERNAL_SERVER_ERROR, page_html.front(words, self._way_back()))

    def _try_again(self, link: str) -> Answer:
        words = "Space could not be asked about this link just now. Try again, or make another one."
        return self._page(HTTPStatus.SERVICE_UNAVAILABLE, page_html.door(link, words))

    def _page(self, status: HTTPStatus, content: str) -> Answer:
        return Answer(status, framed(self._name, content))
