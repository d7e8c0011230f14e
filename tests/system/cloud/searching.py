"""Looking for bytes wherever a system may have put them: files, memory of processes, and what goes over the wire."""

import asyncio
import base64
import mmap
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from space_local.caddy import Caddy
from tests.support.whole_system import WholeSystem

CHUNK_BYTES = 8 * 2**20
OVERLAP_BYTES = 4096


class Search:
    """Finds any of several secrets, however they are written.

    Args:
        secrets: By what they are called.
    """

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        self._names: dict[bytes, str] = {}
        for name, secret in secrets.items():
            for form in forms(secret):
                self._names[form] = name
        self._any = re.compile(b"|".join(re.escape(form) for form in sorted(self._names, key=len, reverse=True)))

    def names(self, content: bytes | mmap.mmap) -> set[str]:
        """What of it is in there."""
        return {self._names[found.group()] for found in self._any.finditer(content)}

    def in_file(self, file: Path) -> set[str]:
        """What is in a file; one that goes away meanwhile has nothing."""
        # An empty file cannot be mapped.
        with (
            suppress(FileNotFoundError, ValueError),
            file.open("rb") as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            return self.names(content)
        return set()

    def in_folder(self, folder: Path) -> dict[str, set[str]]:
        """What is in which file below a folder, and in the names of files."""
        found = {}
        for path in folder.rglob("*"):
            names = self.names(bytes(path))
            if path.is_file() and not path.is_symlink():
                names |= self.in_file(path)
            if names:
                found[str(path)] = names
        return found

    def in_memory(self, pid: int) -> set[str]:
        """What is in the memory that a process can write."""
        found: set[str] = set()
        with suppress(FileNotFoundError, ProcessLookupError), Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
            for begin, end in _writable(pid):
                before = b""
                for start in range(begin, end, CHUNK_BYTES):
                    try:
                        memory.seek(start)
                        chunk = memory.read(min(CHUNK_BYTES, end - start))
                    except (OSError, ValueError, OverflowError):
                        # A region that was given back meanwhile, or one of the kernel's own.
                        break
                    found |= self.names(before + chunk)
                    before = chunk[-OVERLAP_BYTES:]
        return found


def forms(secret: bytes) -> Iterator[bytes]:
    """As it is, in hexadecimal and base64, and as two bytes a character."""
    yield secret
    yield secret.hex().encode()
    yield base64.b64encode(secret).rstrip(b"=")[:-1]
    yield base64.urlsafe_b64encode(secret).rstrip(b"=")[:-1]
    with suppress(UnicodeDecodeError):
        yield secret.decode().encode("utf-16-le")


def server_processes(whole: WholeSystem) -> dict[int, str]:
    """Every process of the system's servers and services, those that they started included; not the machines."""
    sessions = {server.child.pid: name for name, server in whole.system.servers.items() if server.running}
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
            if session in sessions:
                found[int(entry.name)] = sessions[session]
    return found


def _writable(pid: int) -> list[tuple[int, int]]:
    regions = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, mode = line.split()[:2]
        if mode.startswith("rw"):
            begin, _, end = place.partition("-")
            regions.append((int(begin, 16), int(end, 16)))
    return regions


class Recorder:
    """Stands before services and passes everything on, byte for byte, keeping it."""

    def __init__(self, upstreams: Iterable[int]) -> None:
        self.heard: list[bytes] = []
        self.ports: dict[int, int] = {}
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="recorder")
        self._thread.start()
        for upstream in upstreams:
            self.ports[upstream] = asyncio.run_coroutine_threadsafe(self._listen(upstream), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self, upstream: int) -> int:
        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                up_reader, up_writer = await asyncio.open_connection("127.0.0.1", upstream)
            except OSError:
                writer.close()
                return
            await asyncio.gather(self._pass_on(reader, up_writer), self._pass_on(up_reader, writer))

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A connection is kept whole, so that nothing is missed between two pieces.
        heard = b""
        place = len(self.heard)
        self.heard.append(heard)
        try:
            with suppress(OSError):
                while piece := await reader.read(65536):
                    heard += piece
                    self.heard[place] = heard
                    writer.write(piece)
                    await writer.drain()
        finally:
            writer.close()


@contextmanager
def recorded(whole: WholeSystem) -> Iterator[Recorder]:
    """While everything between the edge and the services is kept."""
    caddy = whole.system.servers["caddy"]
    assert isinstance(caddy, Caddy)
    usual = caddy.values
    ports = {
        name: int(address.rpartition(":")[2])
        for name, address in usual.items()
        if name.endswith("_UPSTREAM") and name != "VAULT_UPSTREAM"
    }
    recorder = Recorder(set(ports.values()))
    told = {name: f"127.0.0.1:{recorder.ports[port]}" for name, port in ports.items()}
    try:
        caddy.values = {**usual, **told}
        whole.kill("caddy")
        whole.start_again("caddy")
        yield recorder
    finally:
        caddy.values = usual
        whole.kill("caddy")
        whole.start_again("caddy")
        recorder.close()
