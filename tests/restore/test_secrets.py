"""Nothing secret lies in the database or in a log."""

import json
import logging
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.restore.conftest import OTHER_SECRET, SECRET, Client
from tests.support.catalog_double import CREDENTIAL, CatalogDouble


async def everything_at_rest(client: Client) -> bytes:
    """All rows of all tables, as text; bytes columns in their own form too."""
    found = b""
    async with client.restore.runtime.database.reading() as session:
        names = list(await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
        assert {"restores", "tickets", "timeline", "outbox", "idempotent_responses"} <= set(names)
        for name in names:
            for row in (await session.execute(text(f'SELECT * FROM "{name}"'))).all():
                found += b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
    return found


async def test_no_secret_is_at_rest_or_in_a_log(
    client: Client, catalog: CatalogDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"snapshot_id": str(client.snapshot.snapshot_id)}
    keyed = client.headers | {"Idempotency-Key": str(uuid4())}
    issued = (await client.restore.api.post("/api/v1/tickets", json=body, headers=keyed)).json()
    redeemed = (await client.redeem(issued["ticket"])).json()
    await client.redeem(issued["ticket"], OTHER_SECRET)
    catalog.refusal = (200, json.dumps(redeemed | {"expires_at": "never"}).encode())
    assert (await client.redeem(issued["ticket"])).status_code == 503
    catalog.refusal = None
    await client.report(issued["restore_id"], "restoring")
    await client.report(issued["restore_id"], "failed", reason="no")
    await client.redeem(issued["ticket"])
    await client.report(issued["restore_id"], "completed")
    secrets = [
        issued["ticket"],
        issued["ticket"].removeprefix("srt_"),
        SECRET,
        OTHER_SECRET,
        redeemed["secret_access_key"],
        redeemed["session_token"],
        redeemed["key_files"][0]["content"],
        keyed["Idempotency-Key"],
        CREDENTIAL,
    ]
    assert "an answer is not what was agreed" in caplog.text
    at_rest = await everything_at_rest(client)
    logged = caplog.text + json.dumps([record.__dict__ for record in caplog.records], default=str)
    for secret in secrets:
        assert secret.encode() not in at_rest
        assert secret not in logged


async def test_tickets_are_not_alike(client: Client) -> None:
    tickets = {(await client.issue())["ticket"] for _ in range(5)}
    assert len(tickets) == 5
    assert all(len(ticket) == 47 and ticket.isascii() for ticket in tickets)
