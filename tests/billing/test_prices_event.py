"""Telling the others what instances cost: once for each version that comes into force, whoever is first to see it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import create_async_engine

from billing import jobs
from billing.app import service
from billing.domain.prices import GB
from billing.models import PriceBookDocument, ToldPrices
from billing.operations import price_books, told_prices
from billing.settings import PACKAGED_PRICE_BOOK, Settings
from shared.events.billing import PricesChanged
from shared.messaging import MessagingBase, OutboxMessage
from tests.billing.support.price_lists import use, with_version
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.running import Running
from tests.support.tokens import ORIGIN

PACKAGED = PACKAGED_PRICE_BOOK.read_text()
NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(days=2)
SECOND = timedelta(seconds=1)
BEFORE_PROVISIONING = "38d644c2a35f"


async def told(billing: Running) -> list[PricesChanged]:
    async with billing.runtime.database.reading() as session:
        rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
        return [
            PricesChanged.model_validate(json.loads(row.envelope)["data"])
            for row in rows
            if row.event_name == PricesChanged.name
        ]


async def announce(billing: Running, version: str = "dearer") -> None:
    """An operator loads prices that begin soon."""
    async with billing.runtime.database.transaction() as session:
        await price_books.load(session, with_version(version, SOON, {'"29.00"': '"39.00"'}), "new.yaml", NOW)


async def test_the_version_in_force_is_told_at_the_first_start_and_then_no_more(billing: Running) -> None:
    assert await jobs.tell_prices(billing.runtime, NOW) == 1
    assert await jobs.tell_prices(billing.runtime, NOW) == 0
    assert await jobs.tell_prices(billing.runtime, NOW + timedelta(days=400)) == 0
    (event,) = await told(billing)
    assert (event.price_version, event.effective_from, event.currency) == (
        "2020-01",
        datetime(2020, 1, 1, tzinfo=UTC),
        "USD",
    )
    assert {(plan.provider, plan.region, plan.plan): plan.monthly_minor for plan in event.plans} == {
        ("local", "local", "small"): 2900,
        ("local", "local", "medium"): 4900,
        ("local", "local", "large"): 9900,
        ("aws", "us-east-1", "small"): 2900,
        ("aws", "us-east-1", "medium"): 6900,
        ("aws", "us-east-1", "large"): 13900,
        ("aws", "ap-northeast-1", "small"): 3500,
        ("aws", "ap-northeast-1", "medium"): 7900,
        ("aws", "ap-northeast-1", "large"): 15900,
    }
    assert {(plan.included_traffic_bytes, plan.included_storage_bytes) for plan in event.plans} == {
        (100 * GB, 200 * GB)
    }


async def test_other_prices_are_told_when_they_come_into_force_and_not_before(billing: Running) -> None:
    await jobs.tell_prices(billing.runtime, NOW)
    await announce(billing)
    assert await jobs.tell_prices(billing.runtime, SOON - SECOND) == 0
    assert await jobs.tell_prices(billing.runtime, SOON) == 1
    assert await jobs.tell_prices(billing.runtime, SOON + SECOND) == 0
    before, after = await told(billing)
    assert (after.price_version, after.effective_from) == ("dearer", SOON)
    assert {plan.monthly_minor for plan in before.plans} - {plan.monthly_minor for plan in after.plans} == {2900}


async def test_what_was_announced_and_taken_back_is_never_told(billing: Running) -> None:
    await jobs.tell_prices(billing.runtime, NOW)
    await announce(billing)
    async with billing.runtime.database.transaction() as session:
        await price_books.load(session, PACKAGED, "old.yaml", NOW)
    assert await jobs.tell_prices(billing.runtime, SOON + SECOND) == 0


async def test_a_worker_whose_clock_is_behind_does_not_tell_of_what_is_past(billing: Running) -> None:
    await announce(billing)
    assert await jobs.tell_prices(billing.runtime, SOON) == 1
    assert await jobs.tell_prices(billing.runtime, SOON - SECOND) == 0
    assert [event.price_version for event in await told(billing)] == ["dearer"]


@pytest.mark.parametrize("commits", [True, False])
async def test_of_two_workers_one_tells(billing: Running, commits: bool) -> None:
    """The second waits for the first, and tells when the first has not come to its end."""
    database = billing.runtime.database
    async with database.sessions() as first:
        await first.begin()
        assert await told_prices.tell(first, NOW)
        contender = asyncio.create_task(jobs.tell_prices(billing.runtime, NOW))
        await asyncio.sleep(0.2)
        assert not contender.done()
        await (first.commit() if commits else first.rollback())
        assert await contender == (0 if commits else 1)
    assert len(await told(billing)) == 1


async def test_eight_workers_at_once_tell_once(billing: Running) -> None:
    assert sum(await asyncio.gather(*(jobs.tell_prices(billing.runtime, NOW) for _ in range(8)))) == 1
    assert len(await told(billing)) == 1


async def test_without_prices_in_force_nothing_is_told(billing: Running) -> None:
    assert await jobs.tell_prices(billing.runtime, datetime(2019, 1, 1, tzinfo=UTC)) == 0
    async with billing.runtime.database.transaction() as session:
        for document in await session.scalars(select(PriceBookDocument)):
            await session.delete(document)
    assert await jobs.tell_prices(billing.runtime, NOW) == 0
    assert await told(billing) == []


async def test_a_book_without_plans_says_that_nothing_is_sold(billing: Running) -> None:
    lines = PACKAGED.replace("        plans:\n", "        plans: []\n").splitlines()
    await use(billing.runtime.database, "\n".join(line for line in lines if "monthly_price" not in line))
    assert await jobs.tell_prices(billing.runtime, NOW) == 1
    assert [event.plans for event in await told(billing)] == [[]]


def settings(url: str) -> Settings:
    told: dict[str, Any] = {"database_url": url, "broker_url": PLACEHOLDER, "origin": ORIGIN, "jwks_url": ORIGIN}
    return Settings(**told, quote_key="7a" * 32, webhook_secret="whsec_c2FuZGJveA==")


async def test_an_installation_that_had_prices_before_tells_them_after_its_upgrade(databases: Databases) -> None:
    url = await databases.create()
    config = service._alembic(settings(url))
    await asyncio.to_thread(command.upgrade, config, BEFORE_PROVISIONING)
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO price_books (document, loaded_at) VALUES ($1, now())", PACKAGED)
    await asyncio.to_thread(command.upgrade, config, "head")
    async with service.open_runtime(settings(url)) as runtime:
        assert [await jobs.tell_prices(runtime, NOW) for _ in range(2)] == [1, 0]
        async with runtime.database.reading() as session:
            assert [row.version for row in await session.scalars(select(ToldPrices))] == ["2020-01"]
    await asyncio.to_thread(command.downgrade, config, BEFORE_PROVISIONING)
    assert await connection.fetchval("SELECT to_regclass('told_prices')") is None
    await connection.close()
    await databases.drop(url)


async def test_the_revisions_make_what_the_models_say(databases: Databases) -> None:
    url = await databases.create()
    await asyncio.to_thread(command.upgrade, service._alembic(settings(url)), "head")
    tables: Any = [service.metadata, MessagingBase.metadata]

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), tables))

    engine = create_async_engine(settings(url).async_database_url)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []
    await databases.drop(url)
