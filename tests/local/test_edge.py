"""The Caddyfile: what the origin answers, and what the store gate shows to whom."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from shared.service import _server
from space_local import certificates, ports
from space_local.caddy import Caddy
from space_local.members import MEMBERS
from space_local.system import EDGE

IDENTITY = (
    "/api/v1/me",
    "/api/v1/me/olares-name",
    "/api/v1/auth/olares-tokens",
    "/api/v1/auth/console/links/redeem",
    "/api/v1/auth/console/qr/check",
    "/api/v1/openapi/identity.json",
)
CATALOG = ("/api/v1/backups?limit=1", "/api/v1/snapshots/1/backup-url", "/api/v1/openapi/catalog.json")
BILLING = (
    "/api/v1/price-book?provider=local",
    "/api/v1/quotas/spend-limit",
    "/api/v1/usage/days",
    "/api/v1/quotes/keys.json",
    "/api/v1/orders",
    "/api/v1/payments/webhooks/stripe",
    "/api/v1/payment-methods/1/default",
    "/api/v1/invoices/1/pdf",
    "/api/v1/credit-notes",
    "/api/v1/balance/history",
    "/api/v1/billing-details",
    "/api/v1/notices",
    "/api/v1/openapi/billing.json",
)
PROVISIONING = (
    "/api/v1/offers?provider=local",
    "/api/v1/instances",
    "/api/v1/instances/1/heartbeats",
    "/api/v1/openapi/provisioning.json",
    "/api/v1/docs/provisioning",
)
PUBLIC = [
    *(("identity", path) for path in IDENTITY),
    *(("catalog", path) for path in CATALOG),
    *(("billing", path) for path in BILLING),
    *(("provisioning", path) for path in PROVISIONING),
]
DIALECT = {
    "identity": ("/v2/user/login", "/v2/user/activeLogin", "/v2/user/refresh"),
    "catalog": (
        "/v1/resource/backup/region",
        "/v1/resource/backup/save",
        "/v1/resource/backup/stop",
        "/v1/resource/stsToken/backup",
        "/v1/resource/stsToken/backup/refresh",
        "/v1/resource/snapshot/save",
        "/v1/resource/clusterMetrics/update",
        "/v1/bind/getTerminusNames",
        "/v1/bind/bindTerminusName",
    ),
    "billing": ("/v1/resource/backup/usage", "/v1/resource/traffic/usage"),
}
"""What Olares devices ask of each service, as it hears it."""
SPELLINGS = [
    (service, prefix + path, path)
    for service, paths in DIALECT.items()
    for path in paths
    for prefix in (("", "/space", "/api") if service == "billing" else ("", "/space"))
]


@dataclass
class Upstream:
    """A server that writes down what reaches it and answers what it is told."""

    port: int = field(default_factory=ports.pick)
    answer: bytes = b"HTTP/1.1 200 OK\r\nServer: secret\r\nContent-Length: 2\r\n\r\nok"
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    first_bytes: asyncio.Event = field(default_factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                body = b""
                length = self.header(head, "content-length")
                while len(body) < int(length or 0):
                    chunk = await reader.read(65536)
                    if not chunk:
                        raise asyncio.IncompleteReadError(body, int(length or 0))
                    body += chunk
                    self.first_bytes.set()
                self.heads.append(head)
                self.bodies.append(body)
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def close(self) -> None:
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    @staticmethod
    def header(head: str, name: str) -> str | None:
        for line in head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return None

    @property
    def targets(self) -> list[str]:
        return [head.split("\r\n")[0] for head in self.heads]


@dataclass
class Edge:
    origin: str
    store_port: int
    ca: Path
    services: dict[str, Upstream]
    catalog: Upstream
    vault: Upstream

    @property
    def reached(self) -> dict[str, list[str]]:
        """By service, what its public listener was asked."""
        return {name: upstream.targets for name, upstream in self.services.items() if upstream.heads}

    def client(self) -> httpx.AsyncClient:
        trust = ssl.create_default_context(cafile=str(self.ca))
        return httpx.AsyncClient(base_url=f"https://127.0.0.1:{self.store_port}", verify=trust)

    async def raw(self, request: str) -> str:
        """One request to the store gate exactly as written, and its answer."""
        trust = ssl.create_default_context(cafile=str(self.ca))
        reader, writer = await asyncio.open_connection("127.0.0.1", self.store_port, ssl=trust)
        writer.write(request.encode())
        await writer.drain()
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        return answer


@pytest.fixture
async def edge(home: Path, request: pytest.FixtureRequest) -> AsyncIterator[Edge]:
    """Its parameter, if there is one, says which proxies are trusted."""
    certificates.ensure(home / "tls", "127.0.0.1")
    services = {name: Upstream() for name in ("identity", "catalog", "billing", "provisioning")}
    catalog, vault = Upstream(), Upstream()
    upstreams = (*services.values(), catalog, vault)
    servers = [await asyncio.start_server(item.serve, "127.0.0.1", item.port) for item in upstreams]
    origin_port, store_port, nobody = ports.pick(), ports.pick(), ports.pick()
    values = {
        "EDGE_ADDRESS": f"http://:{origin_port}",
        "EDGE_BIND": "127.0.0.1",
        "EDGE_FILES": str(EDGE),
        "EDGE_TRUSTED_PROXIES": getattr(request, "param", ""),
        **{f"{name.upper()}_UPSTREAM": f"127.0.0.1:{upstream.port}" for name, upstream in services.items()},
        "RESTORE_UPSTREAM": f"127.0.0.1:{nobody}",
        "IDENTITY_INTERNAL": f"127.0.0.1:{catalog.port}",
        "CATALOG_INTERNAL": f"127.0.0.1:{catalog.port}",
        "BILLING_INTERNAL": f"127.0.0.1:{catalog.port}",
        "PROVISIONING_INTERNAL": f"127.0.0.1:{catalog.port}",
        "RESTORE_INTERNAL": f"127.0.0.1:{catalog.port}",
        "STORE_ADDRESS": f"https://:{store_port}",
        "STORE_BIND": "127.0.0.1",
        "VAULT_UPSTREAM": f"127.0.0.1:{vault.port}",
        "TLS_CERTIFICATE": str(home / "tls" / "store.pem"),
        "TLS_KEY": str(home / "tls" / "store.key"),
        "GATE_CREDENTIAL": "of-the-gate",
    }
    async with Caddy(home, EDGE / "Caddyfile", values, (origin_port, store_port)):
        yield Edge(f"http://127.0.0.1:{origin_port}", store_port, home / "tls" / "ca.pem", services, catalog, vault)
    for server in servers:
        server.close()
    for upstream in upstreams:
        await upstream.close()


@pytest.mark.parametrize(
    "path",
    [
        "/internal/invites",
        "/internal/store/keys",
        "/internal/price-book",
        "/api/v1/paymentsx",
        "/api/v1/instancesx",
        "/internal/instances/stuck",
        "/internal/orphans",
        "/internal",
        "/metrics",
        "/api/v1/internal/invites",
        "/api/v1/backups/%2e%2e/%2e%2e/%2e%2e/internal/store/keys",
        "//internal/store/keys",
        "/api/v1/backupsx",
        "/v1/nothing",
        "/space/internal/store/keys",
    ],
)
async def test_what_is_not_public_is_not_there(edge: Edge, path: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{edge.origin}{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "path_not_found"
    assert edge.catalog.heads == []


@pytest.mark.parametrize(("service", "path"), PUBLIC)
async def test_a_public_path_reaches_its_service_and_nothing_is_said_about_servers(
    edge: Edge, service: str, path: str
) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{edge.origin}{path}", headers={"X-Forwarded-For": "6.6.6.6"})
    assert answer.text == "ok"
    assert edge.reached == {service: [f"GET {path} HTTP/1.1"]}
    assert Upstream.header(edge.services[service].heads[0], "x-forwarded-for") == "127.0.0.1"
    assert not {"server", "via"} & answer.headers.keys()
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("edge", ["127.0.0.1 10.0.0.0/8"], indirect=True)
async def test_a_trusted_proxy_says_where_clients_are_and_they_do_not(edge: Edge) -> None:
    said = {
        "203.0.113.7": "203.0.113.7",
        "2001:db8::7": "2001:db8::7",
        # A proxy adds whom it was asked by; the client wrote the rest.
        "6.6.6.6, 203.0.113.7": "203.0.113.7",
        "127.0.0.1, 10.1.2.3, 203.0.113.7": "203.0.113.7",
        "6.6.6.6, 203.0.113.7, 10.1.2.3": "203.0.113.7",
        "": "127.0.0.1",
        "10.1.2.3": "127.0.0.1",
    }
    for service, path in [*PUBLIC, *((service, spelt) for service, spelt, _ in SPELLINGS)]:
        for told, counted in said.items():
            async with httpx.AsyncClient() as client:
                sent = {"X-Forwarded-For": told} if told else {}
                assert (await client.post(f"{edge.origin}{path}", headers=sent)).text == "ok"
            head = edge.services[service].heads.pop()
            assert Upstream.header(head, "x-forwarded-for") == counted, (path, told)
            assert head.lower().count("x-forwarded-for:") == 1


@pytest.mark.parametrize("edge", ["192.0.2.1 10.0.0.0/8"], indirect=True)
async def test_where_others_are_trusted_a_stranger_says_nothing_about_its_address(edge: Edge) -> None:
    async with httpx.AsyncClient() as client:
        for told in ("203.0.113.7", "203.0.113.7, 192.0.2.1", "10.1.2.3"):
            assert (await client.get(f"{edge.origin}/api/v1/me", headers={"X-Forwarded-For": told})).text == "ok"
    heads = edge.services["identity"].heads
    assert [Upstream.header(head, "x-forwarded-for") for head in heads] == ["127.0.0.1"] * 3


async def test_every_spelling_of_the_dialect_reaches_its_service_as_one_path(edge: Edge) -> None:
    form = b'userid=did:key:z6Mk&token=a.b+c%&message={"a": "50% & more"}\n'
    async with httpx.AsyncClient() as client:
        for service, spelt, heard in SPELLINGS:
            for method in ("POST", "OPTIONS") if service == "billing" else ("POST",):
                answer = await client.request(method, f"{edge.origin}{spelt}?a=%2Fspace", content=form)
                assert answer.text == "ok", spelt
                assert edge.reached == {service: [f"{method} {heard}?a=%2Fspace HTTP/1.1"]}, spelt
                assert edge.services[service].bodies == [form]
                edge.services[service].heads.clear()
                edge.services[service].bodies.clear()


async def test_the_prefixes_of_the_dialect_lead_to_nothing_else(edge: Edge) -> None:
    native = [path for _, path in PUBLIC]
    internal = ["/internal/store/keys", "/internal/reservations", "/metrics", "/readyz", "/healthz"]
    dialect = [path for paths in DIALECT.values() for path in paths]
    closed = [
        *(
            prefix + path
            for path in [*native, *internal]
            for prefix in ("/space", "/space/space", "/space/api", "/api")
        ),
        *(prefix + path for path in dialect for prefix in ("/space/space", "/space/api", "/api/space", "/api/api")),
        *("/api" + path for service in ("identity", "catalog") for path in DIALECT[service]),
        *("/v1", "/v2", "/v1/", "/v2/user", "/v2/users/login", "/space", "/space/", "/spacev1/resource/backup/usage"),
        *("/v1/backups", "/v1/resource", "/v1/resource/backup", "/v1/resource/backup/usage/x", "/v1/bind", "/v1/me"),
        *("/v1/resource/stsToken", "/v1/resource/stsToken/setup", "/v1/bind/getEthAddress", "/v1/domain/domains"),
    ]
    reader_address = edge.origin.removeprefix("http://").split(":")
    for path in closed:
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{edge.origin}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found"), path
    for target in (
        "/space/../internal/store/keys",
        "/space/v2/user/../../../internal/store/keys",
        "/v2/user/%2e%2e/%2e%2e/internal/store/keys",
        "/v2/user/..%2f..%2finternal/store/keys",
        "/space%2f..%2finternal/store/keys",
        "/space//internal/store/keys",
        "/api/../space/internal/store/keys",
    ):
        reader, writer = await asyncio.open_connection(*reader_address)
        writer.write(f"POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        answered = await reader.read()
        assert answered.split(b" ", 2)[1] in (b"404", b"308"), (target, answered)
        writer.close()
        await writer.wait_closed()
    assert edge.reached == {}
    assert edge.catalog.heads == []


async def test_the_proxy_that_olares_md_shows_parts_space_from_what_is_the_originals(home: Path) -> None:
    page = (EDGE.parents[1] / "docs" / "olares.md").read_text()
    [block] = re.findall(r"```\n(space\.example\.com \{\n.*?)```", page, re.DOTALL)
    certificates.ensure(home / "tls", "127.0.0.1")
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(home / "tls" / "store.pem", home / "tls" / "store.key")
    space, original, port = Upstream(), Upstream(), ports.pick()
    for written, ours in (
        ("space.example.com {", f"http://:{port} {{"),
        ("https://192.168.1.10:8480", f"https://127.0.0.1:{space.port}"),
        ("/path/to/space/.space/tls/ca.pem", str(home / "tls" / "ca.pem")),
        ("https://api.olares.com", f"http://127.0.0.1:{original.port}"),
    ):
        assert block.count(written) == 1
        block = block.replace(written, ours)
    file = home / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tpersist_config off\n}\n" + block)
    servers = [
        await asyncio.start_server(space.serve, "127.0.0.1", space.port, ssl=trust),
        await asyncio.start_server(original.serve, "127.0.0.1", original.port),
    ]
    async with Caddy(home, file, {}, (port,)), httpx.AsyncClient() as client:
        for path in (*(spelt for _, spelt, _ in SPELLINGS), "/api/v1/me"):
            assert (await client.post(f"http://127.0.0.1:{port}{path}")).text == "ok"
        for path in ("/market/v1/apps", "/frp/servers", "/", "/spacex"):
            assert (await client.get(f"http://127.0.0.1:{port}{path}")).text == "ok"
    assert [target.split(" ")[1] for target in space.targets] == [*(spelt for _, spelt, _ in SPELLINGS), "/api/v1/me"]
    assert [target.split(" ")[1] for target in original.targets] == ["/market/v1/apps", "/frp/servers", "/", "/spacex"]
    assert {Upstream.header(head, "host") for head in original.heads} == {"api.olares.com"}
    for server in servers:
        server.close()
    for upstream in (space, original):
        await upstream.close()


async def test_a_service_that_is_away_is_a_503_to_be_tried_again(edge: Edge) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{edge.origin}/api/v1/restores")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert "server" not in answer.headers


async def test_a_followed_log_arrives_line_by_line_however_long_it_is_quiet(edge: Edge) -> None:
    log = edge.services["provisioning"]
    log.answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(
        b"data: 1\n\n"
    )
    async with (
        httpx.AsyncClient(timeout=10) as client,
        client.stream(
            "GET", f"{edge.origin}/api/v1/instances/1/log", headers={"Accept": "text/event-stream"}
        ) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "data: 1"
        # Nothing but the first line was sent yet, so nobody on the way waits for more.
        await asyncio.sleep(2)
        (writer,) = log.writers
        writer.write(chunk(b"data: 2\n\n"))
        assert [await anext(lines) for _ in range(2)] == ["", "data: 2"]
        writer.write(chunk(b""))
        assert [line async for line in lines] == [""]


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


async def test_a_large_body_is_refused(edge: Edge) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{edge.origin}/api/v1/backups", content=b"x" * 1_000_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_the_documents_are_listed_on_a_page_without_scripts(edge: Edge) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{edge.origin}/api/v1/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "script" not in answer.headers["content-security-policy"]
    for service in (member.name for member in MEMBERS):
        assert f'href="/api/v1/openapi/{service}.json"' in answer.text
        assert f'href="/api/v1/docs/{service}"' in answer.text


async def test_readiness_is_that_of_every_service(edge: Edge) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{edge.origin}/readyz")).json() == {"status": "ready"}
        assert edge.catalog.targets == ["GET /readyz HTTP/1.1"] * len(MEMBERS)
        edge.catalog.answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"
        assert (await client.get(f"{edge.origin}/readyz")).status_code == 503
        assert (await client.get(f"{edge.origin}/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "uri",
    [
        "/vault/did%3Akey%3AzX-1/olares-backups/my%20docs-1/config",
        "/vault/did:key:zX/a+b%2Bc",
        "/x//y/./../z",
        "/x/%2e%2e/y%2Fz",
        "/vault/?list-type=2&prefix=a%2Fb%20c&x=%zz",
        "/%C3%A9/a%25252e;b",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST"])
async def test_gate_and_store_read_the_same_path(edge: Edge, method: str, uri: str) -> None:
    await edge.raw(f"{method} {uri} HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    asked, served = edge.catalog.heads[0], edge.vault.heads[0]
    assert asked.startswith("GET /internal/store/gate")
    assert Upstream.header(asked, "x-forwarded-method") == method
    assert Upstream.header(asked, "x-forwarded-uri") == uri
    assert served.startswith(f"{method} {uri} HTTP/1.1\r\n")
    assert Upstream.header(served, "host") == "h:1"


@pytest.mark.parametrize("edge", ["", "127.0.0.1"], indirect=True)
async def test_the_gate_is_shown_headers_alone_and_a_client_cannot_speak_for_it(edge: Edge) -> None:
    await edge.raw(
        "PUT /vault/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: AWS4-HMAC-SHA256 mine\r\n"
        "X-Amz-Security-Token: token\r\nX-Amz-Copy-Source: /vault/y%20z\r\nX-Store-Authorization: forged\r\n"
        "X-Forwarded-Uri: /forged\r\nX-Forwarded-Method: GET\r\nContent-Length: 5\r\n\r\nhello"
    )
    asked, served = edge.catalog.heads[0], edge.vault.heads[0]
    assert edge.catalog.bodies == [b""]
    assert edge.vault.bodies == [b"hello"]
    assert Upstream.header(asked, "authorization") == "Bearer of-the-gate"
    assert Upstream.header(asked, "x-store-authorization") == "AWS4-HMAC-SHA256 mine"
    assert Upstream.header(asked, "x-forwarded-method") == "PUT"
    assert Upstream.header(asked, "x-forwarded-uri") == "/vault/x"
    assert Upstream.header(asked, "x-amz-security-token") == "token"
    assert Upstream.header(asked, "x-amz-copy-source") == "/vault/y%20z"
    assert Upstream.header(served, "authorization") == "AWS4-HMAC-SHA256 mine"
    assert "of-the-gate" not in served


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "503 Service Unavailable"])
async def test_a_refusal_reaches_the_client_word_for_word_and_the_store_hears_nothing(edge: Edge, status: str) -> None:
    body = "<?xml version='1.0'?><Error><Code>ExpiredToken</Code><Message>é &amp; co</Message></Error>"
    edge.catalog.answer = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()
    async with edge.client() as client:
        answer = await client.put("/vault/x", content=b"upload")
    assert (answer.status_code, answer.text) == (int(status[:3]), body)
    assert answer.headers["content-type"] == "application/xml"
    assert edge.vault.heads == []


async def test_an_upload_reaches_the_store_while_it_is_still_being_sent(edge: Edge) -> None:
    trust = ssl.create_default_context(cafile=str(edge.ca))
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.store_port, ssl=trust)
    writer.write(b"PUT /vault/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n")
    writer.write(b"x" * 1_000_000)
    await writer.drain()
    await asyncio.wait_for(edge.vault.first_bytes.wait(), 5)
    assert edge.vault.heads == []
    writer.write(b"x" * 1_000_000)
    await writer.drain()
    assert b"200 OK" in await reader.readline()
    assert len(edge.vault.bodies[0]) == 2_000_000
    # The rest of the answer may still be on its way, over which TLS would stumble at a polite end.
    writer.transport.abort()


async def test_a_store_that_is_away_is_said_in_the_stores_own_words(edge: Edge) -> None:
    edge.vault.answer = b""
    async with edge.client() as client:
        edge.catalog.answer = b"garbage\r\n\r\n"
        answer = await client.get("/vault/x")
    assert answer.status_code == 503
    assert "<Code>ServiceUnavailable</Code>" in answer.text


def test_the_edge_gives_up_an_idle_connection_before_the_service_does() -> None:
    """A request that is sent at the moment in which the service closes the connection is answered 503 for nothing."""
    kept = max(map(int, re.findall(r"^\s*keepalive (\d+)s$", EDGE.joinpath("Caddyfile").read_text(), re.MULTILINE)))
    server = _server(FastAPI(), "127.0.0.1:8000", "127.0.0.1")
    assert server.config.timeout_keep_alive >= 2 * kept
