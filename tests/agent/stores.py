"""Object stores that fail in one way each."""

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


class Refusing:
    """An address that answers every S3 request with one error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"s3:http://127.0.0.1:{self._server.server_port}/bucket/repository"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Full:
    """An S3 store over a folder that takes what an owner at the limit may still write, and no content."""

    def __init__(self, folder: Path, message: str) -> None:
        self.room_for = 2**62
        self.refused = 0
        self._taking: set[int] = set()
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def file(self) -> Path:
                return folder / unquote(urlsplit(self.path).path).removeprefix("/bucket/")

            def reply(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT")
                self.send_header("ETag", '"0"')
                self.end_headers()
                if self.command != "HEAD":
                    with suppress(ConnectionError):
                        self.wfile.write(body)

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                if "list-type" in query:
                    self.reply(200, self.listing(query["prefix"][0]))
                elif "location" in query or urlsplit(self.path).path == "/bucket/":
                    self.reply(200, b"<LocationConstraint/>")
                elif self.file().is_file():
                    self.reply(200 if "Range" not in self.headers else 206, self.ranged(self.file().read_bytes()))
                else:
                    self.reply(404, b"<Error><Code>NoSuchKey</Code><Message>No such key.</Message></Error>")

            do_HEAD = do_GET  # noqa: N815

            def listing(self, prefix: str) -> bytes:
                found = [file for file in folder.rglob("*") if file.is_file()]
                keys = sorted(str(file.relative_to(folder)) for file in found)
                listed = "".join(
                    f"<Contents><Key>{key}</Key><Size>{(folder / key).stat().st_size}</Size>"
                    "<LastModified>2026-11-23T10:00:00Z</LastModified></Contents>"
                    for key in keys
                    if key.startswith(prefix)
                )
                return f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode()

            def ranged(self, content: bytes) -> bytes:
                first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
                return content[int(first) : int(last) + 1 if last else None]

            def do_PUT(self) -> None:
                store._taking.add(id(self))
                try:
                    self.take()
                finally:
                    store._taking.discard(id(self))

            def take(self) -> None:
                content = self.content()
                if "/data/" in self.path and store.room_for < len(content):
                    store.refused += 1
                    self.reply(403, f"<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>".encode())
                    return
                store.room_for -= len(content)
                self.file().parent.mkdir(parents=True, exist_ok=True)
                self.file().write_bytes(content)
                self.reply(200)

            def content(self) -> bytes:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                return unchunked(sent) if self.headers["X-Amz-Content-Sha256"].startswith("STREAMING") else sent

            def do_DELETE(self) -> None:
                self.file().unlink(missing_ok=True)
                self.reply(204)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"s3:http://127.0.0.1:{self._server.server_port}/bucket/repository"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def settle(self) -> None:
        """Wait until what was on its way when its sender ended is taken or refused."""
        while self._taking:
            time.sleep(0.01)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def unchunked(sent: bytes) -> bytes:
    """The content of a body in signed chunks, which S3 clients send where there is no TLS."""
    content = b""
    while sent:
        size, _, rest = sent.partition(b";")
        length = int(size, 16)
        if not length:
            break
        chunk = rest.partition(b"\r\n")[2]
        content, sent = content + chunk[:length], chunk[length + 2 :]
    return content
