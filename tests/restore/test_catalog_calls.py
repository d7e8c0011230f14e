"""The call to catalog: down, slow, wrong; and never inside an open transaction."""

import asyncio
import time
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.restore.conftest import Client
from tests.support.catalog_double import CatalogDouble


async def both(client: Client, ticket: str) -> list[tuple[int, str, bool]]:
    """What the owner and the redeeming client are answered: status, code, and whether to come again."""
    body = {"snapshot_id": str(client.snapshot.snapshot_id)}
    answers = [
        await client.restore.api.post("/api/v1/tickets", json=body, headers=client.headers),
        await client.redeem(ticket),
    ]
    return [(item.status_code, item.json()["code"], "retry-after" in item.headers) for item in answers]


UNAVAILABLE = [(503, "service_unavailable", True)] * 2


async def test_catalog_is_down(client: Client, catalog: CatalogDouble) -> None:
    ticket = (await client.issue())["ticket"]
    catalog.close()
    assert await both(client, ticket) == UNAVAILABLE


@pytest.mark.parametrize("settings", [{"catalog_deadline_seconds": 0.3}], indirect=True)
async def test_catalog_does_not_answer_in_time(client: Client, catalog: CatalogDouble) -> None:
    ticket = (await client.issue())["ticket"]
    catalog.delay_seconds = 10
    started = time.monotonic()
    assert await both(client, ticket) == UNAVAILABLE
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("settings", [{"catalog_deadline_seconds": 0.3}], indirect=True)
async def test_catalog_answers_byte_by_byte(client: Client, catalog: CatalogDouble) -> None:
    ticket = (await client.issue())["ticket"]
    catalog.drip_seconds = 0.05
    started = time.monotonic()
    assert await both(client, ticket) == UNAVAILABLE
    assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    "refusal",
    [
        (200, b"{}"),
        (200, b"not json"),
        (200, b""),
        (401, b'{"code": "sign_in_needed", "detail": "no"}'),
        (500, b"<html>"),
        (500, b"[]"),
        (404, b'{"code": "path_not_found", "detail": "internal"}'),
        (503, b'{"code": "store_unavailable", "detail": "internal"}'),
        (302, b""),
    ],
)
async def test_catalog_answers_what_was_not_agreed(
    client: Client, catalog: CatalogDouble, refusal: tuple[int, bytes]
) -> None:
    ticket = (await client.issue())["ticket"]
    catalog.refusal = refusal
    assert await both(client, ticket) == UNAVAILABLE


async def test_once_catalog_is_back_the_same_client_gets_its_keys(client: Client, catalog: CatalogDouble) -> None:
    ticket = (await client.issue())["ticket"]
    catalog.refuse(500, "unexpected")
    assert (await client.redeem(ticket)).status_code == 503
    catalog.refusal = None
    assert (await client.redeem(ticket)).status_code == 200


async def test_no_transaction_is_open_while_catalog_answers(client: Client, catalog: CatalogDouble) -> None:
    database = client.restore.runtime.database
    seen: list[int] = []
    loop = asyncio.get_running_loop()

    async def open_transactions() -> None:
        async with database.engine.connect() as connection:
            count = await connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
                )
            )
        seen.append(int(count or 0))

    catalog.before_answer = lambda: asyncio.run_coroutine_threadsafe(open_transactions(), loop).result(5)
    issued = await client.issue()
    assert (await client.redeem(issued["ticket"])).status_code == 200
    assert seen == [0, 0]


async def test_catalog_is_asked_in_the_owners_name(client: Client, catalog: CatalogDouble) -> None:
    await client.begin()
    assert {body["owner_id"] for _, body in catalog.calls} == {str(client.snapshot.owner_id)}
    catalog.snapshots[0].owner_id = uuid4()
    body = {"snapshot_id": str(client.snapshot.snapshot_id)}
    answer = await client.restore.api.post("/api/v1/tickets", json=body, headers=client.headers)
    assert answer.status_code == 404


async def test_catalogs_limit_is_passed_on_with_its_wait(client: Client, catalog: CatalogDouble) -> None:
    ticket = (await client.issue())["ticket"]
    catalog.refuse(429, "too_many_requests")
    catalog.headers = {"Retry-After": "60"}
    answer = await client.redeem(ticket)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert answer.headers["retry-after"] == "60"
