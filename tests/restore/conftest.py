"""Restore in the test's process, over a fresh database and with a stand-in for catalog."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
from sqlalchemy import text

from restore.app import service
from restore.settings import Settings
from tests.restore.cloud import Cloud
from tests.support import order_double
from tests.support.catalog_double import CREDENTIAL, CatalogDouble, Snapshot
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.order_double import OrderDouble
from tests.support.running import OPERATOR, Running, running
from tests.support.tokens import ORIGIN, Owner, TokenIssuer

SECRET = "5ec7e7" * 11
OTHER_SECRET = "07be75" * 11


@pytest.fixture(autouse=True)
def logging_through_pytest() -> Iterator[None]:
    """Logs go where pytest captures them; structlog's own default prints every local of a traceback, for seconds."""
    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    yield
    structlog.configure(**before)


@pytest.fixture
def catalog() -> Iterator[CatalogDouble]:
    double = CatalogDouble()
    yield double
    double.close()


@pytest.fixture
def orders() -> Iterator[OrderDouble]:
    """Billing and provisioning, as far as ordering goes."""
    double = OrderDouble()
    yield double
    double.close()


@pytest.fixture
async def settings(
    databases: Databases,
    issuer: TokenIssuer,
    catalog: CatalogDouble,
    orders: OrderDouble,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Settings]:
    needed = {
        "catalog_url": catalog.url,
        "catalog_credential": CREDENTIAL,
        "billing_url": orders.url,
        "billing_credential": order_double.CREDENTIAL,
        "provisioning_url": orders.url,
        "provisioning_credential": order_double.CREDENTIAL,
    }
    url = await databases.clone(service, **needed)
    overrides: dict[str, Any] = getattr(request, "param", {})
    yield Settings(
        database_url=url,
        broker_url=PLACEHOLDER,
        origin=ORIGIN,
        jwks_url=issuer.jwks_url,
        internal_credentials={"operator": OPERATOR},
        **{"catalog_deadline_seconds": 2.0, **needed, **overrides},
    )
    await databases.drop(url)


@pytest.fixture
async def restore(settings: Settings) -> AsyncIterator[Running]:
    async with running(service, settings) as restore:
        yield restore


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def headers(issuer: TokenIssuer, owner: Owner) -> dict[str, str]:
    return issuer.headers(owner)


@pytest.fixture
def snapshot(catalog: CatalogDouble, owner: Owner) -> Snapshot:
    return catalog.snapshot_of(owner.owner_id)


@dataclass
class Client:
    """What a restoring client and its owner do, in short."""

    restore: Running
    headers: dict[str, str]
    snapshot: Snapshot

    async def issue(self) -> dict[str, Any]:
        answer = await self.restore.api.post(
            "/api/v1/tickets", json={"snapshot_id": str(self.snapshot.snapshot_id)}, headers=self.headers
        )
        assert answer.status_code == 201, answer.text
        issued: dict[str, Any] = answer.json()
        return issued

    async def redeem(self, ticket: str, secret: str = SECRET) -> httpx.Response:
        body = {"ticket": ticket, "redeemer_secret": secret}
        return await self.restore.api.post("/api/v1/tickets/redeem", json=body)

    async def begin(self) -> str:
        """A restore whose ticket is redeemed; its id."""
        issued = await self.issue()
        answer = await self.redeem(issued["ticket"])
        assert answer.status_code == 200, answer.text
        return str(issued["restore_id"])

    async def report(self, restore_id: str, state: str, secret: str = SECRET, **said: Any) -> httpx.Response:
        body = {"redeemer_secret": secret, "state": state, **said}
        return await self.restore.api.post(
            f"/api/v1/restores/{restore_id}/reports",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )

    async def read(self, restore_id: str) -> dict[str, Any]:
        answer = await self.restore.api.get(f"/api/v1/restores/{restore_id}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def cancel(self, restore_id: str) -> httpx.Response:
        return await self.restore.api.post(f"/api/v1/restores/{restore_id}/cancel", headers=self.headers)

    async def timeline(self, restore_id: str) -> list[dict[str, Any]]:
        answer = await self.restore.api.get(
            f"/api/v1/restores/{restore_id}/timeline", headers=self.headers, params={"limit": 100}
        )
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest.fixture
def client(restore: Running, headers: dict[str, str], snapshot: Snapshot) -> Client:
    return Client(restore, headers, snapshot)


@pytest.fixture
def let_pass(restore: Running) -> Callable[[str, timedelta], Awaitable[None]]:
    """Let time pass for one restore, by moving everything that is written of it into the past."""

    async def pass_time(restore_id: str, duration: timedelta) -> None:
        async with restore.runtime.database.transaction() as session:
            for table, key, columns in (
                ("restores", "id", ("created_at", "updated_at", "redeemed_at", "heard_at", "ended_at", "due_at")),
                ("tickets", "restore_id", ("expires_at",)),
            ):
                moves = ", ".join(f"{column} = {column} - CAST(:duration AS interval)" for column in columns)
                await session.execute(
                    text(f"UPDATE {table} SET {moves} WHERE {key} = :id"),
                    {"duration": duration, "id": UUID(restore_id)},
                )

    return pass_time


@pytest.fixture
def outbox(restore: Running) -> Callable[[], Awaitable[list[str]]]:
    """The names of the events that are on their way out, in order."""

    async def names() -> list[str]:
        async with restore.runtime.database.reading() as session:
            return list(await session.scalars(text("SELECT event_name FROM outbox ORDER BY id")))

    return names


@pytest.fixture
def cloud(restore: Running, headers: dict[str, str], snapshot: Snapshot, orders: OrderDouble) -> Cloud:
    return Cloud(restore, headers, snapshot, orders)
