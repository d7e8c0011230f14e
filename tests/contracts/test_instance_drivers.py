"""What every driver of instances must do: one machine for one intent, found again until it is gone for good."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from provisioning.ports import Machine, MachineState, OrderRefused, OutOfCapacity, Unanswered
from tests.support.local_machines import until
from tests.support.machines import DRIVERS, DriverUnderTest

pytestmark = pytest.mark.asyncio(loop_scope="module")

MADE = {MachineState.PENDING, MachineState.RUNNING}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(DRIVERS))
async def under(request: pytest.FixtureRequest) -> AsyncIterator[DriverUnderTest]:
    async with DRIVERS[request.param]() as under:
        yield under


async def running(under: DriverUnderTest) -> Machine:
    """A new machine that runs."""
    made = await under.driver.create(under.wanted())
    return await until_state(under, made.instance_id, MachineState.RUNNING)


async def until_state(under: DriverUnderTest, instance_id: UUID, state: MachineState) -> Machine:
    found = await until(
        lambda: under.driver.find(under.region, instance_id),
        lambda machines: [machine.state for machine in machines] == [state],
        under.patience_seconds,
    )
    return found[0]


async def until_gone(under: DriverUnderTest, instance_id: UUID) -> None:
    await until(
        lambda: under.driver.find(under.region, instance_id), lambda machines: not machines, under.patience_seconds
    )


async def listed(under: DriverUnderTest) -> set[UUID]:
    return {machine.instance_id for machine in await under.driver.list_machines(under.region)}


async def test_a_machine_is_made_for_its_intent(under: DriverUnderTest) -> None:
    wanted = under.wanted()
    made = await under.driver.create(wanted)
    assert made.instance_id == wanted.instance_id
    assert made.region == under.region
    assert made.state in MADE
    assert made.reference


async def test_asked_twice_there_is_one_machine(under: DriverUnderTest) -> None:
    wanted = under.wanted()
    references = {(await under.driver.create(wanted)).reference for _ in range(2)}
    found = await under.driver.find(under.region, wanted.instance_id)
    assert {machine.reference for machine in found} == references
    assert len(found) == len(references) == 1


async def test_asked_twice_at_once_there_is_one_machine(under: DriverUnderTest) -> None:
    """A call that loses may be refused an answer; it may not make a second machine."""
    wanted = under.wanted()
    answers = await asyncio.gather(*(under.driver.create(wanted) for _ in range(4)), return_exceptions=True)
    made = [answer for answer in answers if isinstance(answer, Machine)]
    assert made, answers
    assert all(isinstance(answer, Machine | Unanswered) for answer in answers), answers
    found = await under.driver.find(under.region, wanted.instance_id)
    assert len(found) == 1
    assert {machine.reference for machine in made} == {found[0].reference}


async def test_two_intents_are_two_machines(under: DriverUnderTest) -> None:
    first, second = await asyncio.gather(*(under.driver.create(under.wanted()) for _ in range(2)))
    assert first.reference != second.reference


async def test_a_machine_is_found_by_its_intent_and_listed(under: DriverUnderTest) -> None:
    made = await under.driver.create(under.wanted())
    (found,) = await under.driver.find(under.region, made.instance_id)
    assert (found.instance_id, found.reference, found.region) == (made.instance_id, made.reference, made.region)
    assert found.state in MADE
    assert made.instance_id in await listed(under)


async def test_an_unknown_intent_has_no_machine(under: DriverUnderTest) -> None:
    unknown = uuid4()
    assert list(await under.driver.find(under.region, unknown)) == []
    assert unknown not in await listed(under)


async def test_a_machine_comes_to_run_and_has_an_address(under: DriverUnderTest) -> None:
    assert (await running(under)).address


async def test_another_installation_does_not_see_it(under: DriverUnderTest) -> None:
    made = await running(under)
    assert list(await under.other.find(under.region, made.instance_id)) == []
    seen = await under.other.list_machines(under.region)
    assert made.instance_id not in {machine.instance_id for machine in seen}


@pytest.mark.parametrize("change", ["stop", "restart", "destroy"])
async def test_another_installation_cannot_touch_it(under: DriverUnderTest, change: str) -> None:
    made = await running(under)
    with contextlib.suppress(Unanswered, OrderRefused):
        await getattr(under.other, change)(under.region, made.reference)
    (found,) = await under.driver.find(under.region, made.instance_id)
    assert found.state is MachineState.RUNNING


async def test_stopped_and_stopped_again_it_is_off_and_stays_listed(under: DriverUnderTest) -> None:
    made = await running(under)
    await under.driver.stop(under.region, made.reference)
    await under.driver.stop(under.region, made.reference)
    await until_state(under, made.instance_id, MachineState.STOPPED)
    await under.driver.stop(under.region, made.reference)
    assert (await until_state(under, made.instance_id, MachineState.STOPPED)).reference == made.reference
    assert made.instance_id in await listed(under)


async def test_started_and_started_again_it_runs(under: DriverUnderTest) -> None:
    made = await running(under)
    await under.driver.stop(under.region, made.reference)
    await until_state(under, made.instance_id, MachineState.STOPPED)
    await under.driver.start(under.region, made.reference)
    await under.driver.start(under.region, made.reference)
    found = await until_state(under, made.instance_id, MachineState.RUNNING)
    assert found.reference == made.reference
    assert found.address


async def test_a_running_machine_that_is_started_goes_on_running(under: DriverUnderTest) -> None:
    made = await running(under)
    await under.driver.start(under.region, made.reference)
    await until_state(under, made.instance_id, MachineState.RUNNING)


async def test_restarted_and_restarted_again_it_runs(under: DriverUnderTest) -> None:
    made = await running(under)
    await under.driver.restart(under.region, made.reference)
    await under.driver.restart(under.region, made.reference)
    assert (await until_state(under, made.instance_id, MachineState.RUNNING)).reference == made.reference


async def test_asking_for_a_stopped_machine_again_does_not_start_it(under: DriverUnderTest) -> None:
    wanted = under.wanted()
    made = await under.driver.create(wanted)
    await until_state(under, made.instance_id, MachineState.RUNNING)
    await under.driver.stop(under.region, made.reference)
    await until_state(under, made.instance_id, MachineState.STOPPED)
    assert (await under.driver.create(wanted)).reference == made.reference
    await until_state(under, made.instance_id, MachineState.STOPPED)


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_destroyed_and_destroyed_again_it_is_gone(under: DriverUnderTest, is_stopped: bool) -> None:
    made = await running(under)
    if is_stopped:
        await under.driver.stop(under.region, made.reference)
        await until_state(under, made.instance_id, MachineState.STOPPED)
    await under.driver.destroy(under.region, made.reference)
    await under.driver.destroy(under.region, made.reference)
    await until_gone(under, made.instance_id)
    await under.driver.destroy(under.region, made.reference)
    assert list(await under.driver.find(under.region, made.instance_id)) == []
    assert made.instance_id not in await listed(under)


async def test_destroyed_by_several_at_once_it_is_gone(under: DriverUnderTest) -> None:
    made = await running(under)
    calls = [under.driver.destroy(under.region, made.reference) for _ in range(3)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(answer is None or isinstance(answer, Unanswered) for answer in answers), answers
    await until_gone(under, made.instance_id)


async def test_a_machine_on_its_way_out_does_not_come_back(under: DriverUnderTest) -> None:
    made = await running(under)
    await under.driver.destroy(under.region, made.reference)
    for machine in await under.driver.find(under.region, made.instance_id):
        assert machine.state is MachineState.ENDING
    for change in (under.driver.stop, under.driver.start, under.driver.restart):
        with contextlib.suppress(Unanswered, OrderRefused):
            await change(under.region, made.reference)
    await until_gone(under, made.instance_id)


async def test_a_destroyed_machines_intent_is_refused_another(under: DriverUnderTest) -> None:
    wanted = under.wanted()
    made = await under.driver.create(wanted)
    await under.driver.destroy(under.region, made.reference)
    for _ in range(2):
        with pytest.raises(OrderRefused):
            await under.driver.create(wanted)
        await until_gone(under, made.instance_id)
    with pytest.raises(OrderRefused):
        await under.driver.create(wanted)


async def test_destroying_one_leaves_the_others(under: DriverUnderTest) -> None:
    kept, ended = await running(under), await running(under)
    await under.driver.destroy(under.region, ended.reference)
    await until_gone(under, ended.instance_id)
    await until_state(under, kept.instance_id, MachineState.RUNNING)


async def test_what_can_be_had_is_not_sold_out(under: DriverUnderTest) -> None:
    assert await under.driver.sold_out(under.region, [under.size]) == frozenset()
    assert await under.driver.sold_out(under.region, []) == frozenset()


async def test_a_full_provider_says_so_and_makes_nothing(under: DriverUnderTest) -> None:
    """Where a provider can be filled up; the drivers of others have tests of their own for it."""
    if under.full is None:
        return
    wanted = under.wanted()
    assert await under.full.sold_out(under.region, [under.size]) == {under.size}
    with pytest.raises(OutOfCapacity):
        await under.full.create(wanted)
    assert list(await under.full.find(under.region, wanted.instance_id)) == []


async def test_an_unknown_region_is_refused(under: DriverUnderTest) -> None:
    with pytest.raises(OrderRefused):
        await under.driver.create(under.wanted(region=under.unknown_region))
    with pytest.raises(OrderRefused):
        await under.driver.sold_out(under.unknown_region, [under.size])


async def test_an_unknown_region_is_not_said_to_be_empty(under: DriverUnderTest) -> None:
    """Whoever mistypes a region must not be told that all the machines there are gone."""
    with pytest.raises((OrderRefused, Unanswered)):
        await under.driver.list_machines(under.unknown_region)
    with pytest.raises((OrderRefused, Unanswered)):
        await under.driver.find(under.unknown_region, uuid4())


async def test_an_unknown_size_is_refused_and_where_sizes_are_only_names_none_is(under: DriverUnderTest) -> None:
    if under.unknown_size is None:
        assert (await under.driver.create(under.wanted(size="as-you-like"))).state in MADE
        return
    wanted = under.wanted(size=under.unknown_size)
    with pytest.raises(OrderRefused):
        await under.driver.create(wanted)
    with pytest.raises(OrderRefused):
        await under.driver.sold_out(under.region, [under.size, under.unknown_size])
    assert list(await under.driver.find(under.region, wanted.instance_id)) == []
