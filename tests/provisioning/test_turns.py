"""Turns at once: one that goes wrong in a way nobody expected holds up no other, and calls an operator in the end."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from provisioning.models import Instance
from provisioning.operations import work
from provisioning.ports import Machine, MachineWanted
from tests.provisioning.shelves import shelf
from tests.provisioning.support import World
from tests.support.fake_cloud import FakeCloud


class Flawed(FakeCloud):
    """A driver with a fault: what it raises about one instance is nothing that the port knows."""

    flawed: UUID | None = None

    async def create(self, wanted: MachineWanted) -> Machine:
        if wanted.instance_id == self.flawed:
            raise LookupError("a fault")
        return await super().create(wanted)

    async def find(self, region: str, instance_id: UUID) -> Sequence[Machine]:
        if instance_id == self.flawed:
            raise LookupError("a fault")
        return await super().find(region, instance_id)


@pytest.fixture
def cloud() -> Flawed:
    return Flawed()


async def spoil(world: World, instance_id: UUID) -> None:
    """A row such as no code of ours writes: in the queue, and never asked for."""
    async with world.database.transaction() as session:
        instance = await session.get(Instance, instance_id)
        assert instance is not None
        instance.requested_at = None


async def test_a_row_that_cannot_be_worked_on_holds_up_no_other(world: World) -> None:
    spoiled = [await world.want(instance_name=f"a{number}@olares.com") for number in range(work.AT_ONCE + 2)]
    for instance_id in spoiled:
        await spoil(world, instance_id)
    sound = await world.want(instance_name="bob@olares.com")
    world.now += timedelta(seconds=1)
    for _ in range(2):
        with pytest.raises(AssertionError):
            await world.work()
    assert await world.status(sound) == "pending"


async def test_a_driver_with_a_fault_holds_up_no_other_and_calls_an_operator(world: World, cloud: Flawed) -> None:
    cloud.flawed = await world.want()
    sound = await world.want(instance_name="bob@olares.com")
    for _ in range(25):
        try:
            await world.work()
        except LookupError:
            world.now += world.shop.lease
    assert cloud.made[sound] == 1
    instance = await world.instance(cloud.flawed)
    assert (instance.status, instance.trouble) == ("fetching", "LookupError: a fault")
    assert instance.stuck_at is not None
    assert cloud.made[cloud.flawed] == 0


async def test_an_instance_that_was_moved_before_its_turn_began_is_left_to_what_is_due_then(world: World) -> None:
    instance_id = await world.want()
    shop = world.shop

    until = world.now + shop.lease
    claimed = await work.claim_due(shop, world.now, until)
    await world.unwant(instance_id)
    for each in claimed:
        await work.take_turn(shop, each, until)
    assert world.cloud.calls == []
    assert await world.told_names(instance_id) == ["requested", "returned"]


async def test_a_provider_that_hangs_holds_up_no_other(world: World) -> None:
    hanging = FakeCloud("slow", delay_seconds=3600)
    offers = shelf(local={"local": ["small"]}, slow={"local": ["small"]})
    shop = replace(world.shop, drivers={"local": world.cloud, "slow": hanging}, offers=offers)
    await world.want(provider="slow")
    working = asyncio.create_task(work.work_all(shop))
    await asyncio.sleep(0.3)
    # It comes due while the other provider is waited for.
    instance_id = await world.want(instance_name="bob@olares.com")
    async with asyncio.timeout(60):
        while await world.status(instance_id) != "pending":
            await asyncio.sleep(0.1)
    assert not working.done()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_all_work_ends_when_nothing_is_due(world: World) -> None:
    instance_id = await world.want()
    strange = await world.want(instance_name="bob@olares.com", provider="nowhere")
    assert await work.work_all(world.shop) > 0
    assert await world.status(instance_id) == "pending"
    assert (await world.instance(strange)).code == "offer_unknown"
    assert await work.work_all(world.shop) == 0


async def test_a_fault_at_one_provider_is_told_once_the_others_are_done(world: World, cloud: Flawed) -> None:
    cloud.flawed = await world.want()
    with pytest.raises(LookupError):
        await work.work_all(world.shop)
