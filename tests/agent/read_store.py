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
        self._folder = folder
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.data_seconds = 0.0
        """How long an answer with a pack's content takes."""
        self.data_requests = 0
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

    def answer(self, key: str, target: str, byte_range: str | None) -> tuple[int, bytes]:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        self.keys_seen.add(key)
        if (refusal := self.refuse(key, path)) is not None:
            return _error(*refusal)
        if "list-type" in query:
            return 200, self._listing(query["prefix"][0])
        if "location" in query or path == "/bucket/":
            return 200, b"<LocationConstraint/>"
        file = self._folder / unquote(path).removeprefix("/bucket/")
        if not file.is_file():
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        if "/data/" in path:
            self.data_requests += 1
            time.sleep(self.data_seconds)
        content = file.read_bytes()
        if byte_range is None:
            return 200, content
        first, _, last = byte_range.removeprefix("bytes=").partition("-")
        return 206, content[int(first) : int(last) + 1 if last else None]

    def _listing(self, prefix: str) -> bytes:
        found = sorted(str(file.relative_to(self._folder)) for file in self._folder.rglob("*") if file.is_file())
        listed = "".join(
            f"<Contents><Key>{key}</Key><Size>{(self._folder / key).stat().st_size}</Size>"
            "<LastModified>2026-11-23T10:00:00Z</LastModified></Contents>"
            for key in found
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode()


def _error(status: int, code: str, message: str) -> tuple[int, bytes]:
    return status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


def _handler(store: ReadStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            key = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization") or "")
            status, body = store.answer(key[1] if key else "", self.path, self.headers.get("Range"))
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT")
                self.send_header("ETag", '"0"')
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
            if store._server is None:
                # A store that is away hangs up on whoever it knew too.
                self.close_connection = True

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler
