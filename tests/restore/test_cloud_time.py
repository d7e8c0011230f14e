"""What time does to a restore to the cloud: each wait has its end, and asking again has one too."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from restore.domain.order import ASKED_AGAIN, LIMITS, State
from shared.events.billing import OrderFulfilled, PaymentAuthorised, PaymentCaptured
from shared.events.provisioning import InstanceEnrolled, InstanceFailed, InstanceRunning
from tests.restore.cloud import Cloud

MINUTE = timedelta(minutes=1)
ASK_AGAIN = timedelta(minutes=5)
VOID, UNWANTED = "restore.void_wanted", "restore.instance_unwanted"
CAPTURE = "restore.capture_wanted"


async def ids(cloud: Cloud, restore_id: str) -> list[str]:
    """The machines that were wanted, in order."""
    return [said["instance_id"] for name, said in await cloud.wanted(restore_id) if name == "restore.instance_wanted"]


async def ask_for_long(cloud: Cloud, restore_id: str, state: State, times: int) -> None:
    """As if it had been asked again so often, and it is time for once more."""
    async with cloud.restore.runtime.database.transaction() as session:
        asked = text("UPDATE cloud_restores SET asked = :times WHERE restore_id = :id")
        await session.execute(asked, {"times": times, "id": UUID(restore_id)})
    assert await cloud.state(restore_id) == state
    await cloud.let_pass(restore_id, ASK_AGAIN)


async def test_each_wait_runs_out_as_its_table_says(cloud: Cloud) -> None:
    for state, code, target in (
        (State.QUOTED, "quote_expired", "expired"),
        (State.AUTHORISING, "payment_unknown", "undoing"),
        (State.PROVISIONING, "machine_late", "provisioning"),
        (State.INSTALLING, "agent_silent", "provisioning"),
        (State.AWAITING_PASSWORD, "password_not_entered", "undoing"),
        (State.VERIFYING_PASSWORD, None, "awaiting_password"),
        (State.RESTORING, "agent_silent", "undoing"),
        (State.VALIDATING, "agent_silent", "undoing"),
    ):
        restore_id, _ = await cloud.to(state, f"{state.replace('_', '-')}@olares.com")
        await cloud.let_pass(restore_id, LIMITS[state] - MINUTE)
        before = len(await cloud.timeline(restore_id))
        assert await cloud.state(restore_id) == state
        await cloud.let_pass(restore_id, MINUTE)
        found = await cloud.read(restore_id)
        assert (found["state"], found["code"]) == (target, code), state
        assert len(await cloud.timeline(restore_id)) > before


async def test_who_restores_is_waited_for_as_long_as_it_is_heard(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None
    for state in ("restoring", "validating"):
        for _ in range(2):
            await agent.report(1, state)
            await cloud.let_pass(restore_id, timedelta(hours=23, minutes=59))
            assert await cloud.state(restore_id) == state
    await cloud.let_pass(restore_id, MINUTE)
    assert await cloud.state(restore_id) == "undoing"
    assert VOID in await cloud.names(restore_id)


@pytest.mark.parametrize("state", [State.PROVISIONING, State.INSTALLING])
async def test_a_machine_that_is_late_is_returned_and_another_is_tried_once_it_is_gone(
    cloud: Cloud, state: State
) -> None:
    restore_id, _ = await cloud.to(state)
    first = (await cloud.read(restore_id))["cloud"]["instance_id"]
    await cloud.let_pass(restore_id, LIMITS[state])
    found = await cloud.read(restore_id)
    assert (found["state"], found["cloud"]["compute"], found["cloud"]["payment"]) == (
        "provisioning",
        "unwanted",
        "held",
    )
    assert await ids(cloud, restore_id) == [first]
    assert (await cloud.names(restore_id))[-1] == UNWANTED
    # It comes up after all, too late.
    await cloud.hear(
        await cloud.machine(restore_id, InstanceRunning), await cloud.machine(restore_id, InstanceEnrolled)
    )
    assert await cloud.state(restore_id) == "provisioning"
    await cloud.let_pass(restore_id, LIMITS[State.PROVISIONING] - MINUTE)
    await cloud.gone(restore_id, cause="unwanted")
    found = await cloud.read(restore_id)
    second = found["cloud"]["instance_id"]
    assert await ids(cloud, restore_id) == [first, second]
    assert second != first
    assert found["cloud"]["address"] is None
    # It has all the time that the first one had, and is the last.
    await cloud.let_pass(restore_id, LIMITS[State.PROVISIONING] - MINUTE)
    assert await cloud.state(restore_id) == "provisioning"
    await cloud.let_pass(restore_id, MINUTE)
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"], found["cloud"]["payment"]) == ("undoing", "machine_late", "void_asked")
    unwanted = [said["instance_id"] for name, said in await cloud.wanted(restore_id) if name == UNWANTED]
    assert unwanted == [first, second]
    await cloud.gone(restore_id, cause="unwanted")
    await cloud.void(restore_id)
    assert await cloud.state(restore_id) == "failed"
    assert CAPTURE not in await cloud.names(restore_id)


async def test_a_machine_that_does_not_go_is_not_followed_by_another(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.INSTALLING)
    await cloud.let_pass(restore_id, LIMITS[State.INSTALLING])
    await cloud.let_pass(restore_id, LIMITS[State.PROVISIONING])
    assert await cloud.state(restore_id) == "undoing"
    await cloud.gone(restore_id, cause="unwanted")
    await cloud.void(restore_id)
    assert await cloud.state(restore_id) == "failed"
    assert len(await ids(cloud, restore_id)) == 1


async def test_a_machine_that_fails_is_followed_by_another_and_no_third(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.PROVISIONING)
    await cloud.hear(await cloud.machine(restore_id, InstanceFailed))
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("provisioning", "out_of_capacity")
    assert len(set(await ids(cloud, restore_id))) == 2
    await cloud.boot(restore_id)
    await cloud.hear(await cloud.machine(restore_id, InstanceFailed, code="machine_lost"))
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"], found["cloud"]["compute"]) == ("undoing", "machine_lost", "gone")
    await cloud.void(restore_id)
    assert await cloud.state(restore_id) == "failed"
    assert len(await ids(cloud, restore_id)) == 2


@pytest.mark.parametrize("code", ["offer_unknown", "offer_unavailable", "instance_name_invalid", "name_in_use"])
async def test_what_another_machine_would_meet_too_is_not_tried_again(cloud: Cloud, code: str) -> None:
    restore_id, _ = await cloud.to(State.PROVISIONING)
    await cloud.hear(await cloud.machine(restore_id, InstanceFailed, code=code))
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"], found["reason"]) == ("undoing", code, "There is no machine to be had.")
    assert len(await ids(cloud, restore_id)) == 1


async def test_undoing_asks_again_and_is_parked_after_an_hour(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.INSTALLING)
    await cloud.cancel(restore_id)
    await cloud.let_pass(restore_id, ASK_AGAIN - MINUTE)
    assert (await cloud.names(restore_id)).count(VOID) == 1
    await cloud.let_pass(restore_id, MINUTE)
    names = await cloud.names(restore_id)
    assert (names.count(VOID), names.count(UNWANTED)) == (2, 2)
    await cloud.void(restore_id)
    await cloud.let_pass(restore_id, ASK_AGAIN)
    names = await cloud.names(restore_id)
    assert (names.count(VOID), names.count(UNWANTED)) == (2, 3)
    await ask_for_long(cloud, restore_id, State.UNDOING, ASKED_AGAIN[State.UNDOING] - 1)
    assert await cloud.state(restore_id) == "undoing"
    await cloud.let_pass(restore_id, ASK_AGAIN)
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"], found["expires_at"]) == ("needs_operator", "cancelled", None)
    names = await cloud.names(restore_id)
    await cloud.let_pass(restore_id, timedelta(days=9))
    assert await cloud.names(restore_id) == names
    # The late answer.
    await cloud.gone(restore_id, cause="unwanted")
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("cancelled", "cancelled")


async def test_a_payment_that_stays_unknown_is_let_go_again_and_again_and_then_parked(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AUTHORISING)
    await cloud.let_pass(restore_id, timedelta(hours=24))
    await cloud.gone(restore_id, cause="unwanted")
    found = await cloud.read(restore_id)
    # Whether it is held is not known: billing lets go of it when that is.
    assert (found["state"], found["cloud"]["payment"]) == ("undoing", "void_asked")
    await cloud.let_pass(restore_id, ASK_AGAIN)
    assert (await cloud.names(restore_id)).count(VOID) == 2
    for times in (ASKED_AGAIN[State.UNDOING] - 1, ASKED_AGAIN[State.UNDOING]):
        await ask_for_long(cloud, restore_id, State.UNDOING, times)
    assert await cloud.state(restore_id) == "needs_operator"
    asked = (await cloud.names(restore_id)).count(VOID)
    held = await cloud.money(restore_id, PaymentAuthorised)
    await cloud.hear(held, held)
    assert (await cloud.names(restore_id)).count(VOID) == asked
    assert await cloud.state(restore_id) == "needs_operator"
    await cloud.void(restore_id)
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("expired", "payment_unknown")


async def test_capturing_asks_again_is_parked_after_a_day_and_never_destroys(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.CAPTURING)
    await cloud.let_pass(restore_id, ASK_AGAIN)
    captures = [said for name, said in await cloud.wanted(restore_id) if name == CAPTURE]
    assert [said["ended_at"] for said in captures] == [None, None]
    await ask_for_long(cloud, restore_id, State.CAPTURING, ASKED_AGAIN[State.CAPTURING])
    found = await cloud.read(restore_id)
    assert (found["state"], found["cloud"]["compute"], found["cloud"]["data"]) == (
        "needs_operator",
        "enrolled",
        "whole",
    )
    assert UNWANTED not in await cloud.names(restore_id)
    await cloud.hear(await cloud.money(restore_id, OrderFulfilled, is_held=True))
    # The order is fulfilled, and its payment is still to come.
    assert (await cloud.read(restore_id))["cloud"]["payment"] == "capture_asked"
    await cloud.hear(await cloud.money(restore_id, PaymentCaptured))
    assert await cloud.state(restore_id) == "completed"
    assert (await cloud.names(restore_id))[-1] == "restore.completed"
