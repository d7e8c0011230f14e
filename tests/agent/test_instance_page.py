"""The instance's own page: what it shows, and that nobody can hurt the agent through it."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.instance import page as pages
from agent.instance.page import MOST_CONNECTIONS
from tests.agent.running_agents import AgentProcess, free_port, living, settings, until, wait_until
from tests.support.provisioning_double import ProvisioningDouble

NAME = "<b>alice</b>&\"'@olares.com"


@pytest.fixture
def double() -> Iterator[ProvisioningDouble]:
    double = ProvisioningDouble()
    yield double
    double.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def told(double: ProvisioningDouble, port: int, tmp_path: Path) -> dict[str, Any]:
    return settings(double, tmp_path / "folder", listen=f"127.0.0.1:{port}", instance_name=NAME)


@pytest.fixture
async def visitor(double: ProvisioningDouble, told: dict[str, Any], port: int) -> AsyncIterator[httpx.AsyncClient]:
    """Of a running instance."""
    async with living(told), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as visitor:
        await until(lambda: double.heartbeats and double.heartbeats[-1]["phase"] == "running")
        yield visitor


async def raw(port: int, sent: bytes) -> bytes:
    """What comes back until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_the_page_shows_whose_instance_it_is_and_how_it_is(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/?lang=en")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>&lt;b&gt;alice&lt;/b&gt;&amp;&quot;&#x27;@olares.com</h1>" in answer.text
    assert "<p>Running</p>" in answer.text
    assert "<b>" not in answer.text


async def test_the_page_shows_the_phase_in_words(told: dict[str, Any], port: int, double: ProvisioningDouble) -> None:
    async with living(told | {"activation": ["sleep", "60"]}), httpx.AsyncClient() as visitor:
        await until(lambda: double.heartbeats and double.heartbeats[-1]["phase"] == "pending_activation")
        assert "<p>Pending activation</p>" in (await visitor.get(f"http://127.0.0.1:{port}/")).text


async def test_the_page_is_there_before_the_agent_is_let_in(
    told: dict[str, Any], port: int, double: ProvisioningDouble
) -> None:
    double.close()
    async with living(told), httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=3)) as visitor:
        assert "<p>Installing</p>" in (await visitor.get(f"http://127.0.0.1:{port}/")).text


async def test_health_is_answered_as_json(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/healthz")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz/"), ("GET", "/index.html"), ("GET", "//"), ("GET", "/../etc/passwd"), ("GET", "/%2e%2e"),
        ("POST", "/"), ("HEAD", "/"), ("OPTIONS", "/healthz"), ("DELETE", "/"),
    ],
)  # fmt: skip
async def test_everything_else_is_not_found(method: str, path: str, visitor: httpx.AsyncClient, port: int) -> None:
    answer = await raw(port, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"alice" not in answer


async def test_every_answer_has_the_headers_that_keep_browsers_safe(visitor: httpx.AsyncClient) -> None:
    for path in ("/", "/healthz", "/none"):
        headers = (await visitor.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=repr,
)
async def test_what_is_no_request_is_refused(sent: bytes, visitor: httpx.AsyncClient, port: int) -> None:
    answer = await raw(port, sent)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert (await visitor.get("/healthz")).status_code == 200


async def test_who_says_nothing_is_sent_away(
    visitor: httpx.AsyncClient, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "HEAD_SECONDS", 0.3)
    began = asyncio.get_running_loop().time()

    assert await raw(port, b"GET / HTTP/1.1\r\n") == b""
    assert asyncio.get_running_loop().time() - began < 3


async def test_there_are_not_more_connections_than_there_may_be(visitor: httpx.AsyncClient, port: int) -> None:
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_CONNECTIONS)]
    await asyncio.sleep(0.1)

    assert await raw(port, b"GET /healthz HTTP/1.1\r\n\r\n") == b""
    for _, writer in held:
        writer.close()
    await until(lambda: _is_served(port))


async def test_an_address_that_is_taken_is_waited_for(
    told: dict[str, Any], port: int, double: ProvisioningDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BIND_AGAIN_SECONDS", 0.1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        async with living(told):
            await until(lambda: any("cannot be served" in line for line in double.lines()))
            other.close()
            await until(lambda: _is_served(port))
            assert sum("cannot be served" in line for line in double.lines()) == 1


def _is_served(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_open_connections_do_not_keep_the_agent_from_ending(
    told: dict[str, Any], port: int, double: ProvisioningDouble, tmp_path: Path
) -> None:
    agent = AgentProcess(tmp_path, told)
    agent.start()
    try:
        wait_until(lambda: double.heartbeats and _is_served(port))
        with socket.create_connection(("127.0.0.1", port)) as held:
            held.sendall(b"GET / HTTP/1.1\r\n")
            assert agent.end(signal.SIGTERM) == 143
    finally:
        agent.kill()
    lines = agent.output.splitlines()
    assert lines[-1].endswith("Stopped. Started again it goes on where it was.")
    assert "Traceback" not in agent.output
    assert "Exception" not in agent.output
