"""The adapter against stores that fail: each answer is told apart, and none is waited for too long."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent.errors import (
    KeysExpired,
    StoreRefused,
    StoreUnreachable,
)
from agent.restic.repository import Keys, Repository


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


@pytest.fixture
def refusing() -> Iterator[Callable[[int, str, str], str]]:
    started: list[Refusing] = []

    def start(status: int, code: str, message: str) -> str:
        started.append(Refusing(status, code, message))
        return started[-1].url

    yield start
    for server in started:
        server.close()


@pytest.mark.parametrize(
    ("status", "code", "message", "error"),
    [
        (400, "ExpiredToken", "The provided token has expired.", KeysExpired),
        (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", KeysExpired),
        (403, "AccessDenied", "Due to your account is arrears, it is unavailable until you recharge.", StoreRefused),
        (500, "InternalError", "We encountered an internal error.", StoreUnreachable),
    ],
)
def test_what_the_store_answers_ends_the_run_soon_and_is_told_apart(
    repository: Repository,
    refusing: Callable[[int, str, str], str],
    status: int,
    code: str,
    message: str,
    error: type[Exception],
) -> None:
    keys = Keys("key", "secret", "token")
    remote = replace(repository, url=refusing(status, code, message), keys=keys, patience_seconds=3)
    began = time.monotonic()

    with pytest.raises(error) as failure:
        remote.exists()

    assert time.monotonic() - began < 15
    assert "secret" not in str(failure.value)


def test_a_store_that_is_down_is_given_up_after_our_patience_and_not_restics(repository: Repository) -> None:
    down = replace(repository, url="s3:http://127.0.0.1:9/bucket/x", keys=Keys("key", "secret"), patience_seconds=2)
    began = time.monotonic()

    with pytest.raises(StoreUnreachable):
        down.exists()

    assert time.monotonic() - began < 10
