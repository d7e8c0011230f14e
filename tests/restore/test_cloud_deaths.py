"""The process dies around every call of ordering and confirming, and at each of their commits; the end is the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from restore import jobs
from restore.adapters import Adapters
from restore.domain.order import State
from restore.operations import agents, ordering
from restore.operations.ordering import Wanted
from restore.provisioning_client import Place
from shared.db import Database
from tests.restore.cloud import NAME, PLACE, Cloud
from tests.support.catalog_double import CatalogDouble
from tests.support.order_double import OrderDouble


class Died(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Mortal:
    """A neighbour's client; the process dies right before one of its calls is made, or before its answer is used."""

    client: Any
    call: str
    when: str

    def __getattr__(self, name: str) -> Any:
        wanted = getattr(self.client, name)
        if name != self.call:
            return wanted

        async def die(*args: Any, **kwargs: Any) -> Any:
            if self.when == "after":
                await wanted(*args, **kwargs)
            raise Died

        return die


@dataclass
class MortalDatabase:
    """A database; the process dies right before the commit of that number, from 1, or right after it."""

    database: Database
    number: int
    when: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        self.number -= 1
        async with self.database.transaction() as session:
            yield session
            await session.flush()
            if self.number == 0 and self.when == "before":
                raise Died
        if self.number == 0:
            raise Died


def mortal(adapters: Adapters, neighbour: str, call: str, when: str) -> Adapters:
    replaced: Any = {neighbour: Mortal(getattr(adapters, neighbour), call, when)}
    return replace(adapters, **replaced)


@pytest.fixture
def wanted(cloud: Cloud) -> Wanted:
    place = Place(NAME, PLACE["provider"], PLACE["region"], PLACE["plan"])
    return Wanted(cloud.snapshot.owner_id, uuid4(), cloud.snapshot.backup_id, None, place)


@dataclass
class Ordering:
    """Ordering and confirming as the API does it, on a database and with neighbours that may die."""

    cloud: Cloud
    wanted: Wanted

    async def order(self, database: Any = None, adapters: Adapters | None = None) -> None:
        runtime = self.cloud.restore.runtime
        await ordering.order_restore(
            database or runtime.database,
            adapters or runtime.adapters,
            runtime.settings,
            self.wanted,
            datetime.now(UTC),
        )

    async def confirm(self, database: Any = None, adapters: Adapters | None = None) -> None:
        runtime = self.cloud.restore.runtime
        await ordering.confirm(
            database or runtime.database,
            adapters or runtime.adapters,
            self.wanted.owner_id,
            self.wanted.restore_id,
            None,
            datetime.now(UTC),
        )

    async def quoted_as_if_nothing_had_happened(self, catalog: CatalogDouble) -> None:
        restore_id = str(self.wanted.restore_id)
        assert await self.cloud.states(restore_id) == ["quoting", "quoted"]
        assert catalog.pins == {restore_id}
        assert list(self.cloud.orders.quotes) == [restore_id]
        found = await self.cloud.read(restore_id)
        assert found["cloud"]["quote"]["quote_id"] == str(self.cloud.orders.quote_of(restore_id))

    async def confirmed_as_if_nothing_had_happened(self) -> None:
        restore_id = str(self.wanted.restore_id)
        assert await self.cloud.states(restore_id) == ["quoting", "quoted", "authorising"]
        assert await self.cloud.names(restore_id) == ["restore.payment_wanted"]
        found = await self.cloud.read(restore_id)
        assert self.cloud.orders.names == {NAME: found["cloud"]["instance_id"]}


@pytest.fixture
def ours(cloud: Cloud, wanted: Wanted) -> Ordering:
    return Ordering(cloud, wanted)


async def exists(cloud: Cloud, restore_id: UUID) -> bool:
    answer = await cloud.restore.api.get(f"/api/v1/restores/{restore_id}", headers=cloud.headers)
    return answer.status_code == 200


@pytest.mark.parametrize("goes_on", ["a worker", "the request again"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("neighbour", "call"),
    [("provisioning", "check"), ("catalog", "pin_snapshot"), ("billing", "make_quote")],
    ids=["check", "pin", "quote"],
)
async def test_dying_around_a_call_of_ordering(
    cloud: Cloud, ours: Ordering, catalog: CatalogDouble, neighbour: str, call: str, when: str, goes_on: str
) -> None:
    with pytest.raises(Died):
        await ours.order(adapters=mortal(cloud.restore.runtime.adapters, neighbour, call, when))
    if call == "check":
        assert not await exists(cloud, ours.wanted.restore_id)
        await ours.order()
    elif goes_on == "a worker":
        assert await cloud.state(str(ours.wanted.restore_id)) == "quoting"
        await cloud.let_pass(str(ours.wanted.restore_id), timedelta(seconds=21))
    else:
        await ours.order()
    await ours.quoted_as_if_nothing_had_happened(catalog)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2])
async def test_dying_at_a_commit_of_ordering(
    cloud: Cloud, ours: Ordering, catalog: CatalogDouble, number: int, when: str
) -> None:
    with pytest.raises(Died):
        await ours.order(database=MortalDatabase(cloud.restore.runtime.database, number, when))
    if await exists(cloud, ours.wanted.restore_id):
        await cloud.let_pass(str(ours.wanted.restore_id), timedelta(seconds=21))
    else:
        assert (number, when) == (1, "before")
        await ours.order()
    await ours.quoted_as_if_nothing_had_happened(catalog)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_dying_around_the_call_of_confirming(cloud: Cloud, ours: Ordering, when: str) -> None:
    await ours.order()
    with pytest.raises(Died):
        await ours.confirm(adapters=mortal(cloud.restore.runtime.adapters, "provisioning", "reserve", when))
    assert (await cloud.read(str(ours.wanted.restore_id)))["actions"] == ["confirm", "cancel"]
    await ours.confirm()
    await ours.confirmed_as_if_nothing_had_happened()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2])
async def test_dying_at_a_commit_of_confirming(cloud: Cloud, ours: Ordering, number: int, when: str) -> None:
    await ours.order()
    with pytest.raises(Died):
        await ours.confirm(database=MortalDatabase(cloud.restore.runtime.database, number, when))
    await ours.confirm()
    await ours.confirmed_as_if_nothing_had_happened()


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_dying_at_a_commit_of_what_follows_a_reservation_that_is_over(
    cloud: Cloud, ours: Ordering, orders: OrderDouble, number: int
) -> None:
    await ours.order()
    orders.refuse("/internal/instances", 410, "instance_over")
    with pytest.raises(Died):
        await ours.confirm(database=MortalDatabase(cloud.restore.runtime.database, number, "after"))
    orders.refusals.clear()
    await ours.confirm()
    await ours.confirmed_as_if_nothing_had_happened()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_was_kept_when_the_process_died_is_given_back_with_the_quotes_end(
    cloud: Cloud, ours: Ordering, when: str
) -> None:
    """The owner never comes back; a name may have been kept that nobody wrote down as kept."""
    await ours.order()
    restore_id = str(ours.wanted.restore_id)
    with pytest.raises(Died):
        await ours.confirm(adapters=mortal(cloud.restore.runtime.adapters, "provisioning", "reserve", when))
    await cloud.let_pass(restore_id, timedelta(hours=25))
    assert await cloud.state(restore_id) == "undoing"
    assert await cloud.names(restore_id) == ["restore.instance_unwanted"]
    await cloud.gone(restore_id, cause="unwanted")
    assert await cloud.state(restore_id) == "expired"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_dying_around_the_call_for_keys(cloud: Cloud, catalog: CatalogDouble, when: str) -> None:
    restore_id, agent = await cloud.to(State.AWAITING_PASSWORD)
    assert agent is not None
    runtime = cloud.restore.runtime
    dying: Any = Mortal(runtime.adapters.catalog, "issue_keys", when)
    with pytest.raises(Died):
        await agents.issue_keys(runtime.database, dying, UUID(restore_id), agent.instance_id, datetime.now(UTC))
    assert len(catalog.keys) == (1 if when == "after" else 0)
    answer = await agent.call("POST", "keys", {})
    assert answer.status_code == 200
    # Those that nobody got end with the others: catalog ends all keys of a restore.
    assert {keys["restore_id"] for keys in catalog.keys} == {restore_id}
    assert [entry["kind"] for entry in await cloud.timeline(restore_id)].count("keys_issued") == 1


@pytest.mark.parametrize("number", [1, 2])
async def test_dying_at_a_commit_of_the_keys(cloud: Cloud, number: int) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None
    runtime = cloud.restore.runtime
    dying: Any = MortalDatabase(runtime.database, number, "before")
    with pytest.raises(Died):
        await agents.issue_keys(dying, runtime.adapters.catalog, UUID(restore_id), agent.instance_id, datetime.now(UTC))
    assert (await agent.call("POST", "keys", {})).status_code == 200
    assert await cloud.state(restore_id) == "restoring"


async def test_dying_in_a_turn_of_the_jobs_does_nothing_by_halves(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.QUOTED)
    other, _ = await cloud.to(State.AUTHORISING, "bob@olares.com")
    later = datetime.now(UTC) + timedelta(hours=25)
    runtime = cloud.restore.runtime
    mortal_one: Any = MortalDatabase(runtime.database, 1, "before")
    dying = replace(runtime, database=mortal_one)
    with pytest.raises(Died):
        await jobs.end_waits(dying, later)
    assert [await cloud.state(each) for each in (restore_id, other)] == ["quoted", "authorising"]
    assert await cloud.names(restore_id) == []
    assert await jobs.end_waits(runtime, later) == 2
    assert [await cloud.state(each) for each in (restore_id, other)] == ["expired", "undoing"]
