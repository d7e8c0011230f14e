"""The Caddyfile: the console's page, its assets, and where neither is."""

import asyncio
import contextlib
import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from space_local import certificates, ports
from space_local.caddy import Caddy
from space_local.system import EDGE

PAGE = """<!doctype html>
<meta name="csp-nonce" content='{{placeholder "http.request.uuid"}}' />
<script type="module" src="/assets/index-CS_Y5j-S.js"></script>
"""
SCRIPT = "export const words = 'as long as what is worth the trouble of compressing';\n" * 100
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'nonce-?'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "manifest-src": "'self'",
}

NO_FILE = ("/assets/", "/assets/index-12345678.js", "/favicon.ico", "/index.html", "/.stamp", "/openapi.json")
NO_PAGE = (
    *("/api", "/api/", "/api/v1/backupsx", "/api/v2/me", "/v1", "/v1/me", "/v2/user", "/space", "/space/v1/nothing"),
    *("/internal", "/internal/invites", "//internal/invites", "/metrics"),
)
OUTSIDE = (
    *("/assets/../.stamp", "/assets/..%2f.stamp", "/assets/%2e%2e/.stamp", "/assets%2f..%2f.stamp"),
    *("/../secrets.json", "/assets/..%2f..%2fsecrets.json", "/assets/....//....//secrets.json"),
    "/assets/%5c..%5c..%5csecrets.json",
)


@contextlib.asynccontextmanager
async def serve(home: Path, payments: str) -> AsyncIterator[httpx.AsyncClient]:
    """The origin without any service, and with a console of two files and one secret beside it."""
    console = home / "dist"
    (console / "assets").mkdir(parents=True)
    (console / "index.html").write_text(PAGE)
    (console / "assets" / "index-CS_Y5j-S.js").write_text(SCRIPT)
    (console / "assets" / "icon.svg").write_text("<svg/>")
    (console / ".stamp").write_text("secret")
    (home / "secrets.json").write_text("secret")
    certificates.ensure(home / "tls", "127.0.0.1")
    origin_port, store_port = ports.pick(), ports.pick()
    values = {
        "EDGE_ADDRESS": f"http://:{origin_port}",
        "EDGE_BIND": "127.0.0.1",
        "EDGE_FILES": str(EDGE),
        "EDGE_PAYMENTS": payments,
        "CONSOLE_FILES": str(console),
        "STORE_ADDRESS": f"https://:{store_port}",
        "STORE_BIND": "127.0.0.1",
        "TLS_CERTIFICATE": str(home / "tls" / "store.pem"),
        "TLS_KEY": str(home / "tls" / "store.key"),
        "GATE_CREDENTIAL": "of-the-gate",
    }
    async with (
        Caddy(home, EDGE / "Caddyfile", values, (origin_port, store_port)),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{origin_port}", timeout=60) as client,
    ):
        yield client


@pytest.fixture
async def origin(home: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(home, "sandbox") as client:
        yield client


def policy(answer: httpx.Response) -> dict[str, str]:
    """Its directives, of which the nonce is left open."""
    parts = [part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";")]
    return {name: re.sub("'nonce-[0-9a-f-]{36}'", "'nonce-?'", sources) for name, _, sources in parts}


def nonce(answer: httpx.Response) -> str:
    [found] = re.findall("'nonce-([^']+)'", answer.headers["content-security-policy"])
    return str(found)


@pytest.mark.parametrize("path", ["/", "/sign-in", "/backups/1/restore-to-cloud?step=2", "/apiary", "/spaceship/v1"])
async def test_every_path_of_the_console_is_its_page(origin: httpx.AsyncClient, path: str) -> None:
    answer = await origin.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not {"server", "via", "etag", "last-modified"} & answer.headers.keys()
    assert policy(answer) == POLICY
    assert answer.text == PAGE.replace('{{placeholder "http.request.uuid"}}', nonce(answer))


async def test_no_two_answers_have_one_nonce(origin: httpx.AsyncClient) -> None:
    pages = await asyncio.gather(*(origin.get("/") for _ in range(20)))
    assert len({nonce(page) for page in pages}) == 20
    assert all(f"content='{nonce(page)}'" in page.text for page in pages)


async def test_part_of_a_page_is_the_whole_and_its_head_has_no_body(origin: httpx.AsyncClient) -> None:
    part = await origin.get("/", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.text) == (200, PAGE.replace('{{placeholder "http.request.uuid"}}', nonce(part)))
    head = await origin.head("/backups")
    assert (head.status_code, head.text) == (200, "")
    assert policy(head) == POLICY
    assert "content-length" not in head.headers


async def test_where_stripe_takes_the_money_its_form_may_be_shown(home: Path) -> None:
    async with serve(home, "stripe") as origin:
        page = await origin.get("/billing/payment")
    assert policy(page) == POLICY | {
        "script-src": "'self' https://js.stripe.com",
        "connect-src": "'self' https://api.stripe.com",
        "frame-src": "https://js.stripe.com https://hooks.stripe.com",
    }
    assert nonce(page) in page.text


async def test_an_asset_is_kept_for_a_year_and_compressed(origin: httpx.AsyncClient) -> None:
    asset = await origin.get("/assets/index-CS_Y5j-S.js", headers={"Accept-Encoding": "identity"})
    assert (asset.status_code, asset.text) == (200, SCRIPT)
    assert asset.headers["content-type"] == "text/javascript; charset=utf-8"
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["x-content-type-options"] == "nosniff"
    assert asset.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    for encoding in ("gzip", "zstd"):
        head = await origin.head("/assets/index-CS_Y5j-S.js", headers={"Accept-Encoding": encoding})
        assert (head.status_code, head.headers["vary"]) == (200, "Accept-Encoding")
        async with origin.stream(
            "GET", "/assets/index-CS_Y5j-S.js", headers={"Accept-Encoding": encoding}
        ) as compressed:
            raw = b"".join([chunk async for chunk in compressed.aiter_raw()])
        assert compressed.headers["content-encoding"] == encoding
        assert len(raw) < len(SCRIPT) / 10
        assert encoding != "gzip" or gzip.decompress(raw).decode() == SCRIPT
    again = await origin.get("/assets/index-CS_Y5j-S.js", headers={"If-None-Match": asset.headers["etag"]})
    assert (again.status_code, again.text) == (304, "")


async def test_what_has_no_hash_in_its_name_is_asked_for_again(origin: httpx.AsyncClient) -> None:
    icon = await origin.get("/assets/icon.svg")
    assert (icon.status_code, icon.text) == (200, "<svg/>")
    assert "cache-control" not in icon.headers


@pytest.mark.parametrize("path", [*NO_FILE, *NO_PAGE, *OUTSIDE])
async def test_elsewhere_there_is_nothing_and_neither_page_nor_file(origin: httpx.AsyncClient, path: str) -> None:
    reader, writer = await asyncio.open_connection(origin.base_url.host, origin.base_url.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 60)).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith("HTTP/1.1 404 "), head
    assert "Content-Type: application/problem+json" in head
    assert "Cache-Control: no-store" in head
    assert '"code":"path_not_found"' in body
    assert "secret" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_a_page_is_only_read(origin: httpx.AsyncClient, method: str) -> None:
    answer = await origin.request(method, "/backups")
    assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found")
