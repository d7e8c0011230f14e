"""A device's key is made while what it is given for ends, forced: no such key is good for anything afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.models import StorageKey
from catalog.operations import reservations, sessions, storage_keys
from catalog.operations.olares_keys import OlaresKey
from catalog.ports import IssuedKey
from shared.auth import SignInNeeded
from space_local.rabbitmq import RabbitMQ
from tests.catalog.olares_device import Device
from tests.support.databases import Databases
from tests.support.store import Store, store_at_work
from tests.support.tokens import TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAIT = 60.0

End = Callable[[AsyncSession, Device, OlaresKey], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(
    databases: Databases, issuer: TokenIssuer, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    async with store_at_work(databases, issuer, rabbitmq.url, tmp_path_factory.mktemp("store")) as store:
        yield store


async def end_session(session: AsyncSession, device: Device, _: OlaresKey) -> None:
    now = datetime.now(UTC)
    await sessions.end(session, device.owner.owner_id, device.session_id, now + timedelta(days=9), now)


async def revoke_all(session: AsyncSession, device: Device, _: OlaresKey) -> None:
    await storage_keys.revoke_all_keys(session, device.owner.owner_id, datetime.now(UTC))


async def revoke_it(session: AsyncSession, device: Device, key: OlaresKey) -> None:
    await storage_keys.revoke_key(session, device.owner.owner_id, key.issued.access_key_id, datetime.now(UTC))


async def issue(device: Device, _: OlaresKey) -> OlaresKey:
    return await device.key()


async def renew(device: Device, key: OlaresKey) -> OlaresKey:
    return await device.renew(key)


RACES = pytest.mark.parametrize(
    ("make", "end"), [(issue, end_session), (renew, end_session), (renew, revoke_all), (renew, revoke_it)]
)
"""A token brings another key after all were revoked: only the end of its session ends that."""


async def live_keys(device: Device, known: OlaresKey) -> list[str]:
    """The keys of its owner beside the one known that were not revoked."""
    of_owner = select(StorageKey.access_key_id).where(
        StorageKey.owner_id == device.owner.owner_id,
        StorageKey.revoked_at.is_(None),
        StorageKey.access_key_id != known.issued.access_key_id,
    )
    async with device.store.runtime.database.reading() as session:
        return list(await session.scalars(of_owner))


async def wait_until_blocked(store: Store, contender: asyncio.Task[Any]) -> None:
    """Wait until the contender waits for a lock; that it is done without is the race that it lost."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(WAIT), store.runtime.database.engine.connect() as connection:
        while not await connection.scalar(waiting):
            assert not contender.done(), "it did not wait"
            await connection.rollback()
            await asyncio.sleep(0.02)


@RACES
async def test_an_end_between_the_check_and_the_record_wins(
    store: Store, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Awaitable[OlaresKey]], end: End
) -> None:
    device = Device(store)
    key = await device.key()
    issuer = type(store.runtime.adapters.issuer)
    issue_at_store = issuer.issue

    async def end_and_issue(*arguments: Any) -> IssuedKey:
        async with store.runtime.database.transaction() as session:
            await end(session, device, key)
        return await issue_at_store(*arguments)

    monkeypatch.setattr(issuer, "issue", end_and_issue)
    with pytest.raises(SignInNeeded):
        await make(device, key)
    assert await live_keys(device, key) == []


@RACES
async def test_a_key_waits_for_an_end_that_came_first(
    store: Store, make: Callable[..., Awaitable[OlaresKey]], end: End
) -> None:
    device = Device(store)
    key = await device.key()
    async with store.runtime.database.sessions() as session:
        # All but its own transaction's commit, which the key must not get before.
        await end(session, device, key)
        contender = asyncio.ensure_future(make(device, key))
        await wait_until_blocked(store, contender)
        await session.commit()
    with pytest.raises(SignInNeeded):
        await asyncio.wait_for(contender, WAIT)
    assert await live_keys(device, key) == []


@RACES
async def test_an_end_waits_for_a_key_that_came_first_and_revokes_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Awaitable[OlaresKey]], end: End
) -> None:
    device = Device(store)
    key = await device.key()
    async with held_before_its_commit(monkeypatch) as (recorded, go_on):
        making = asyncio.ensure_future(make(device, key))
        await asyncio.wait_for(recorded.wait(), WAIT)

        async def finish() -> None:
            async with store.runtime.database.transaction() as session:
                await end(session, device, key)

        ending = asyncio.ensure_future(finish())
        try:
            await wait_until_blocked(store, ending)
        finally:
            go_on.set()
        made = await asyncio.wait_for(making, WAIT)
        await asyncio.wait_for(ending, WAIT)
    assert (await device.row(made)).revoked_at is not None
    assert await live_keys(device, key) == []


@asynccontextmanager
async def held_before_its_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """Hold the transaction that recorded a key, between the two events."""
    recorded, go_on = asyncio.Event(), asyncio.Event()
    bind = reservations.bind

    async def wait_and_bind(*arguments: Any) -> None:
        recorded.set()
        await asyncio.wait_for(go_on.wait(), WAIT)
        await bind(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(reservations, "bind", wait_and_bind)
        yield recorded, go_on
