"""An object store over a folder that restic reads from, and that can be slow, away or refuse its keys."""

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

EXPIRED = (400, "ExpiredToken", "The provided token has expired.")

Refusal = tuple[int, str, str]


class ReadStore:
    """S3 as far as a restore needs it. The folder holds `repository`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.data_seconds = 0.0
        """How long an answer with a pack's content takes; they come one after the other then."""
        self._turn = threading.Lock()
        self.data_requests = 0
        self.data_bytes = 0
        self.keys_seen: set[str] = set()
        self.refuse: Callable[[str, str], Refusal | None] = lambda key, path: None
        """Of an access key and a path: what to answer in place of the object."""
        self.open()

    @property
    def url(self) -> str:
        return f"s3:http://127.0.0.1:{self._port}/bucket/repository"

    def open(self) -> None:
        """Be there, again at the same address after `close`."""
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, key: str, target: str, byte_range: str | None) -> tuple[int, bytes] | None:
        """None where nobody is there any more."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        self.keys_seen.add(key)
        if "list-type" in query:
            return self._refused(key, path) or (200, self._listing(query["prefix"][0]))
        if "location" in query or path == "/bucket/":
            return self._refused(key, path) or (200, b"<LocationConstraint/>")
        if "/data/" not in path:
            return self._refused(key, path) or self._object(path, byte_range)
        with self._turn:
            time.sleep(self.data_seconds)
            if self._server is None:
                return None
            refused = self._refused(key, path)
            if refused is None:
                self.data_requests += 1
        return refused or self._object(path, byte_range)

    def _refused(self, key: str, path: str) -> tuple[int, bytes] | None:
        refusal = self.refuse(key, path)
        return None if refusal is None else _error(*refusal)

    def _object(self, path: str, byte_range: str | None) -> tuple[int, bytes]:
        file = self.folder / unquote(path).removeprefix("/bucket/")
        if not file.is_file():
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        content = _part(file.read_bytes(), byte_range)
        if "/data/" in path:
            self.data_bytes += len(content)
        return (200 if byte_range is None else 206), content

    def _listing(self, prefix: str) -> bytes:
        found = sorted(str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file())
        listed = "".join(
            f"<Contents><Key>{key}</Key><Size>{(self.folder / key).stat().st_size}</Size>"
            "<LastModified>2026-11-23T10:00:00Z</LastModified></Contents>"
            for key in found
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode()


def _part(content: bytes, byte_range: str | None) -> bytes:
    first, _, last = (byte_range or "bytes=0-").removeprefix("bytes=").partition("-")
    return content[int(first) : int(last) + 1 if last else None]


def _error(status: int, code: str, message: str) -> tuple[int, bytes]:
    return status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


def _handler(store: ReadStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            # restic is killed here while it waits for an answer.
            with suppress(ConnectionError):
                super().handle()

        def do_GET(self) -> None:
            key = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization") or "")
            answer = store.answer(key[1] if key else "", self.path, self.headers.get("Range"))
            if answer is None:
                self.close_connection = True
                return
            status, body = answer
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT")
                self.send_header("ETag", '"0"')
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler
