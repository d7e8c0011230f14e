"""The vault whole, with catalog behind it in the test's process: rclone, the Caddy gate, keys over HTTP."""

import asyncio
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from catalog.adapters import Adapters
from catalog.app import service
from catalog.domain.layout import owner_prefix
from catalog.settings import Settings
from shared.service import Runtime
from space_local import certificates, ports
from space_local.caddy import Caddy
from space_local.system import AUTH_PROXY, EDGE
from space_local.vault import Vault
from tests.support import billing_double
from tests.support.billing_double import BillingDouble
from tests.support.databases import Databases
from tests.support.running import OPERATOR
from tests.support.tokens import ORIGIN, Owner, TokenIssuer

PROJECT = Path(__file__).parents[2]
MASTER_KEY = "5e" * 32
PASSWORD = "correct horse battery staple"
REQUIRED: dict[str, Any] = {
    "vault_master_key": MASTER_KEY,
    "vault_root": "/unused",
    "billing_url": "http://127.0.0.1:1",
    "billing_credential": billing_double.CREDENTIAL,
}
"""What catalog must be told where nothing of it is used."""
CREDENTIALS = {"gate": "gate-secret", "vault": "vault-secret", "restore": "restore-secret", "operator": OPERATOR}


@dataclass
class Store:
    """A running catalog and its store, as a device and as an operator see them."""

    runtime: Runtime[Settings, Adapters]
    api: httpx.AsyncClient
    internal: httpx.AsyncClient
    issuer: TokenIssuer
    folder: Path
    """Where the vault's objects lie as files; for looking, never for writing through."""
    billing: BillingDouble
    vault: Vault | None
    home: Path
    store_client: httpx.AsyncClient

    async def register_backup(self, owner: Owner, name: str = "photos") -> UUID:
        answer = await self.api.post(
            "/api/v1/backups",
            json={"name": name, "source": {"kind": "path", "path": "/data"}},
            headers=self.issuer.headers(owner),
        )
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["backup_id"])

    async def key(self, owner: Owner, backup_id: UUID, scope: str = "write") -> dict[str, Any]:
        answer = await self.api.post(
            "/api/v1/storage-keys",
            json={"backup_id": str(backup_id), "scope": scope},
            headers=self.issuer.headers(owner),
        )
        assert answer.status_code == 201, answer.text
        key: dict[str, Any] = answer.json()
        return key

    async def get(self, owner: Owner, path: str) -> dict[str, Any]:
        answer = await self.api.get(path, headers=self.issuer.headers(owner))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def folder_of(self, owner: Owner) -> Path:
        """Where the vault keeps this owner's objects."""
        return self.folder / owner_prefix(owner.did)

    async def restic(self, key: dict[str, Any], *arguments: str, password: str = PASSWORD) -> tuple[int, str]:
        """Run restic with a key; its exit status and all it said."""
        return await run_restic(self.home, key, arguments, password)

    async def ask(
        self, key: dict[str, Any], method: str, path: str, query: str = "", *, content: bytes = b"", sent: str = ""
    ) -> httpx.Response:
        """One S3 request to the gate, signed with a key.

        Args:
            sent: Another spelling of the path, which goes over the wire to the letter; the signature is for ``path``.
        """
        endpoint = key["repository_url"].removeprefix("s3:").split("/vault/")[0]
        request = AWSRequest(method, f"{endpoint}{path}{query}", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        credentials = Credentials(key["access_key_id"], key["secret_access_key"], key["session_token"])
        S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        return await self.store_client.request(
            method,
            endpoint,
            headers=dict(request.headers),
            content=content,
            extensions={"target": f"{sent or path}{query}".encode()},
        )


async def run_restic(home: Path, key: dict[str, Any], arguments: Sequence[str], password: str) -> tuple[int, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": key["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
        "AWS_SESSION_TOKEN": key["session_token"],
        "RESTIC_REPOSITORY": key["repository_url"],
        "RESTIC_PASSWORD": password,
        "RESTIC_CACHE_DIR": str(home / "restic-cache"),
    }
    trust = ["--cacert", str(home / "tls" / "ca.pem")] if key["repository_url"].startswith("s3:https") else []
    program = os.environ.get("RESTIC") or str(PROJECT / ".space" / "tools" / "restic")
    process = await asyncio.create_subprocess_exec(
        program, *arguments, *trust, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, said.decode()


def sum_of_files(folder: Path) -> tuple[int, int]:
    """Bytes and number of all files below a folder."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return sum(sizes), len(sizes)


def tree_hash(folder: Path) -> dict[str, str]:
    """SHA-256 of every file by its path."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@asynccontextmanager
async def store_at_work(
    databases: Databases, issuer: TokenIssuer, broker_url: str, home: Path, **changes: Any
) -> AsyncIterator[Store]:
    """Catalog's listeners, rclone and the gate; no worker, so that a test decides when something is measured.

    Args:
        changes: Settings that replace the usual ones; with ``storage_issuer="aws"`` there is no vault and no gate.
    """
    store_port, vault_port, api_port, internal_port = (ports.pick() for _ in range(4))
    certificates.ensure(home / "tls", "127.0.0.1")
    vault = {
        "vault_master_key": MASTER_KEY,
        "vault_root": str(home / "store"),
        "vault_endpoint": f"https://127.0.0.1:{store_port}",
        "vault_internal_endpoint": f"http://127.0.0.1:{vault_port}",
        "vault_ca_file": home / "tls" / "ca.pem",
    }
    url = await databases.clone(service, **REQUIRED)
    billing = BillingDouble()
    settings = Settings(
        database_url=url,
        broker_url=broker_url,
        origin=ORIGIN,
        jwks_url=issuer.jwks_url,
        internal_credentials=CREDENTIALS,
        api_listen=f"127.0.0.1:{api_port}",
        internal_listen=f"127.0.0.1:{internal_port}",
        billing_url=billing.url,
        billing_credential=billing_double.CREDENTIAL,
        **{**vault, **changes},
    )
    rclone = Vault(home, AUTH_PROXY, f"http://127.0.0.1:{internal_port}", CREDENTIALS["vault"], vault_port)
    gate = Caddy(home, EDGE / "Caddyfile", _gate_values(home, store_port, vault_port, internal_port), (store_port,))
    trust = ssl.create_default_context(cafile=str(home / "tls" / "ca.pem"))
    servers = (rclone, gate) if settings.storage_issuer == "vault" else ()
    stop = asyncio.Event()
    async with service.open_runtime(settings) as runtime, asyncio.TaskGroup() as group:
        group.create_task(service.run(settings, frozenset({"api"}), stop))
        try:
            for server in servers:
                await server.start()
            async with (
                httpx.AsyncClient(base_url=f"http://{settings.api_listen}", timeout=30) as api,
                httpx.AsyncClient(base_url=f"http://{settings.internal_listen}", timeout=30) as internal,
                httpx.AsyncClient(verify=trust, timeout=30) as store_client,
            ):
                await _until_answered(api)
                own = rclone if servers else None
                yield Store(runtime, api, internal, issuer, home / "store", billing, own, home, store_client)
        finally:
            for server in reversed(servers):
                await server.stop()
            stop.set()
            billing.close()
    await databases.drop(url)


async def _until_answered(api: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await api.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


def _gate_values(home: Path, store_port: int, vault_port: int, internal_port: int) -> dict[str, str]:
    edge_port = ports.pick()
    return {
        "EDGE_ADDRESS": f"http://:{edge_port}",
        "EDGE_BIND": "127.0.0.1",
        "EDGE_FILES": str(EDGE),
        "STORE_ADDRESS": f"https://:{store_port}",
        "STORE_BIND": "127.0.0.1",
        "STORE_NAME": "127.0.0.1",
        "TLS_CERTIFICATE": str(home / "tls" / "store.pem"),
        "TLS_KEY": str(home / "tls" / "store.key"),
        "VAULT_UPSTREAM": f"127.0.0.1:{vault_port}",
        "GATE_CREDENTIAL": CREDENTIALS["gate"],
        "CATALOG_INTERNAL": f"127.0.0.1:{internal_port}",
    }
