"""The HTTP of a stand-in whose timelines are followed: answers that are lost, streams that break off."""

import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from tests.support.instances_double import EVENT_STREAM, PREFIX, Answer, Asked


class Answering(Protocol):
    lock: threading.Condition
    asked: list[Asked]
    bodies: list[tuple[str, str, dict[str, Any]]]
    away: int
    lost: deque[tuple[str, str]]
    breaks: deque[int]
    timelines: dict[str, list[dict[str, Any]]]

    def answer(self, asked: Asked, body: dict[str, Any]) -> Answer: ...

    def is_over(self, restore_id: str) -> bool: ...


def pattern(path: str) -> str:
    """A path with {id} for ids."""
    return "/".join("{id}" if _is_id(part) else part for part in path.split("/"))


def _is_id(part: str) -> bool:
    try:
        UUID(part)
    except ValueError:
        return False
    return True


def serve(double: Answering) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._act()

        def do_POST(self) -> None:
            self._act()

        def _act(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            url = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(url.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, url.path.removeprefix(PREFIX), query, headers)
            with double.lock:
                double.asked.append(asked)
                double.bodies.append((asked.method, pattern(asked.path), body))
                if double.away:
                    double.away -= 1
                    self.close_connection = True
                    return
                status, content = double.answer(asked, body)
                sent = json.dumps(content).encode()
                if (asked.method, pattern(asked.path)) in double.lost:
                    double.lost.remove((asked.method, pattern(asked.path)))
                    self.close_connection = True
                    return
            if status == 200 and headers.get("accept") == EVENT_STREAM:
                self._stream(asked.path.split("/")[2], int(headers["last-event-id"]))
            else:
                self._send(status, sent)

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
            self.send_header("Content-Length", str(len(content)))
            if status == 429:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(content)

        def _stream(self, restore_id: str, after: int) -> None:
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
                        is_over = double.is_over(restore_id)
                        entries = [each for each in double.timelines[restore_id] if each["number"] > after]
                    for entry in entries:
                        event = f"id: {entry['number']}\r\nevent: {entry['kind']}\r\ndata: {json.dumps(entry)}"
                        if left == 0:
                            self._chunk(event.encode())
                            return
                        self._chunk(f"{event}\r\n\r\n".encode())
                        after, left = entry["number"], None if left is None else left - 1
                    if is_over:
                        self._chunk(b"event: end\r\ndata: {}\r\n\r\n")
                        self._chunk(b"")
                        return
                    time.sleep(0.01)
                    self._chunk(b": ping\r\n\r\n")
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
