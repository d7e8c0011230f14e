"""What is undone and how: whatever ends a restore, in whatever state, and whatever is said of it late or twice."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from restore.domain.order import TERMINAL, State
from shared.events.base import Event
from shared.events.billing import (
    OrderFulfilled,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentFailed,
    PaymentVoided,
)
from shared.events.catalog import BackupDeleted
from shared.events.provisioning import InstanceEnrolled, InstanceFailed, InstanceReturned, InstanceRunning
from tests.restore.cloud import Agent, Cloud

MONEY: tuple[type[Event], ...] = (PaymentAuthorised, PaymentFailed, PaymentCaptured, PaymentVoided, OrderFulfilled)
MACHINE: tuple[type[Event], ...] = (InstanceRunning, InstanceEnrolled, InstanceFailed, InstanceReturned)
VOID, UNWANTED, CAPTURE = "restore.void_wanted", "restore.instance_unwanted", "restore.capture_wanted"
WITH_MACHINE = [
    State.PROVISIONING,
    State.INSTALLING,
    State.AWAITING_PASSWORD,
    State.VERIFYING_PASSWORD,
    State.RESTORING,
    State.VALIDATING,
]


async def at(cloud: Cloud, state: State) -> tuple[str, Agent | None]:
    return await cloud.to(state, f"{state.replace('_', '-')}@olares.com")


async def settle(cloud: Cloud, restore_id: str) -> str:
    """Everybody answers what they were asked; the state that this leads to."""
    found = (await cloud.read(restore_id))["cloud"]
    if found["compute"] == "unwanted":
        await cloud.gone(restore_id, cause="unwanted")
    if found["payment"] == "void_asked":
        await cloud.void(restore_id)
    if found["payment"] == "capture_asked":
        await cloud.capture(restore_id)
    return await cloud.state(restore_id)


async def test_a_machine_that_is_lost(cloud: Cloud) -> None:
    for state in WITH_MACHINE:
        restore_id, _ = await at(cloud, state)
        await cloud.gone(restore_id)
        found = await cloud.read(restore_id)
        if state in (State.PROVISIONING, State.INSTALLING):
            assert (found["state"], found["cloud"]["compute"]) == ("provisioning", "wanted"), state
            continue
        assert (found["state"], found["code"], found["cloud"]["compute"]) == ("undoing", "machine_lost", "gone"), state
        names = await cloud.names(restore_id)
        assert (VOID in names, UNWANTED in names, CAPTURE in names) == (True, False, False), state
        assert await settle(cloud, restore_id) == "failed"


async def test_an_instance_that_its_owner_returns(cloud: Cloud) -> None:
    for state in WITH_MACHINE:
        restore_id, agent = await at(cloud, state)
        await cloud.gone(restore_id, cause="owner")
        found = await cloud.read(restore_id)
        assert (found["state"], found["code"], found["cloud"]["compute"]) == ("undoing", "instance_returned", "gone")
        names = await cloud.names(restore_id)
        is_given_up = state in (State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD)
        assert (CAPTURE in names, VOID in names, UNWANTED in names) == (is_given_up, not is_given_up, False), state
        if agent is not None:
            assert (await agent.call("GET", "rounds/1")).status_code == 410
        assert (await cloud.cancel(restore_id)).status_code == 200
        assert await settle(cloud, restore_id) == ("returned" if is_given_up else "cancelled"), state


async def test_a_reservation_that_its_owner_returns(cloud: Cloud) -> None:
    authorising, _ = await at(cloud, State.AUTHORISING)
    await cloud.gone(authorising, cause="owner")
    found = await cloud.read(authorising)
    assert (found["state"], found["cloud"]["payment"]) == ("undoing", "void_asked")
    await cloud.hold(authorising)
    assert await settle(cloud, authorising) == "cancelled"
    quoted, _ = await cloud.to(State.AUTHORISING, "bob@olares.com")
    await cloud.hear(await cloud.money(quoted, PaymentFailed))
    await cloud.gone(quoted, cause="owner")
    assert (await cloud.read(quoted))["actions"] == ["confirm", "cancel"]


async def test_an_instance_that_its_owner_returns_when_it_is_done_stays_paid_for(cloud: Cloud) -> None:
    for state in (State.CAPTURING, State.COMPLETED):
        restore_id, _ = await at(cloud, state)
        await cloud.gone(restore_id, cause="owner")
        assert await cloud.state(restore_id) == state
        if state is State.CAPTURING:
            await cloud.capture(restore_id)
        assert await cloud.state(restore_id) == "completed"
        assert VOID not in await cloud.names(restore_id)


async def test_an_instance_that_its_owner_returns_while_it_is_replaced(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.INSTALLING)
    await cloud.let_pass(restore_id, timedelta(hours=1))
    await cloud.gone(restore_id, cause="owner")
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("undoing", "instance_returned")
    assert (await cloud.names(restore_id)).count("restore.instance_wanted") == 1
    assert await settle(cloud, restore_id) == "cancelled"


@pytest.mark.parametrize("kind", [PaymentVoided, PaymentFailed, PaymentCaptured], ids=lambda kind: kind.__name__)
async def test_a_hold_that_is_gone_in_the_middle_is_invoiced_at_the_end_and_not_let_go_again(
    cloud: Cloud, kind: type[Event]
) -> None:
    for state in WITH_MACHINE:
        restore_id, _ = await at(cloud, state)
        gone = await cloud.money(restore_id, kind)
        await cloud.hear(gone, gone)
        found = await cloud.read(restore_id)
        assert (found["state"], found["code"]) == (state, None), state
        assert found["cloud"]["payment"] == ("refused" if kind is PaymentFailed else "released")
        if state in (State.RESTORING, State.VALIDATING):
            continue
        await cloud.cancel(restore_id)
        is_given_up = state in (State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD)
        names = await cloud.names(restore_id)
        assert (CAPTURE in names, VOID in names) == (is_given_up, False), state
        assert await settle(cloud, restore_id) == ("returned" if is_given_up else "cancelled"), state


async def test_money_that_is_released_while_it_is_authorised_ends_the_order(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AUTHORISING)
    await cloud.hear(await cloud.money(restore_id, PaymentVoided))
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"], found["cloud"]["payment"]) == ("undoing", "hold_released", "released")
    assert await settle(cloud, restore_id) == "expired"


async def test_a_backup_that_is_deleted(cloud: Cloud) -> None:
    kept = {State.VALIDATING, State.CAPTURING}
    made = {state: (await at(cloud, state))[0] for state in [State.AUTHORISING, *WITH_MACHINE, State.CAPTURING]}
    await cloud.hear(
        BackupDeleted(
            owner_id=cloud.snapshot.owner_id, backup_id=cloud.snapshot.backup_id, deleted_at=datetime.now(UTC)
        )
    )
    for state, restore_id in made.items():
        found = await cloud.read(restore_id)
        if state in kept:
            assert (found["state"], found["code"]) == (state, None)
        else:
            assert (found["state"], found["code"]) == ("undoing", "backup_deleted"), state
            assert CAPTURE not in await cloud.names(restore_id)


async def test_cancelling_says_what_it_means_in_each_state(cloud: Cloud) -> None:
    for state in State:
        if state in (State.QUOTING, State.UNDOING, State.NEEDS_OPERATOR) or state in TERMINAL - {State.COMPLETED}:
            continue
        restore_id, _ = await at(cloud, state)
        actions = (await cloud.read(restore_id))["actions"]
        answer = await cloud.cancel(restore_id)
        body = answer.json()
        if state in (State.RESTORING, State.VALIDATING, State.CAPTURING):
            assert (answer.status_code, body["code"], actions) == (409, "restore_copying", []), state
        elif state is State.COMPLETED:
            assert (answer.status_code, body["code"], actions) == (409, "restore_over", []), state
        elif state in (State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD):
            assert (body["state"], body["code"], actions[-1]) == ("undoing", "given_up", "give_up"), state
        else:
            target = "cancelled" if state is State.QUOTED else "undoing"
            assert (body["state"], body["code"], actions[-1]) == (target, "cancelled", "cancel"), state
            assert (await cloud.cancel(restore_id)).json()["state"] == target
    failing, _ = await cloud.to(State.RESTORING, "z@olares.com")
    await cloud.gone(failing)
    refused = await cloud.cancel(failing)
    assert (refused.status_code, refused.json()["code"]) == (409, "restore_over")


async def test_giving_up_charges_from_when_the_machine_ran_until_then(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AWAITING_PASSWORD)
    await cloud.let_pass(restore_id, timedelta(hours=2))
    await cloud.cancel(restore_id)
    given_up = datetime.now(UTC)
    # Asked for again later it is the same use.
    await cloud.let_pass(restore_id, timedelta(minutes=5))
    first, second = [said for name, said in await cloud.wanted(restore_id) if name == CAPTURE]
    assert first["ended_at"] == second["ended_at"]
    ended, started = datetime.fromisoformat(first["ended_at"]), datetime.fromisoformat(first["started_at"])
    assert abs(given_up - ended) < timedelta(seconds=20)
    assert timedelta(hours=2) <= ended - started < timedelta(hours=2, minutes=1)


async def test_a_machine_whose_start_nobody_told_ran_since_its_agent_was_heard(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.PROVISIONING)
    agent = Agent(cloud.restore, restore_id, UUID((await cloud.read(restore_id))["cloud"]["instance_id"]))
    enrolled = await cloud.machine(restore_id, InstanceEnrolled, public_key=agent.public_key)
    await cloud.hear(enrolled)
    await agent.offer()
    assert (await cloud.cancel(restore_id)).json()["state"] == "undoing"
    used = dict(await cloud.wanted(restore_id))[CAPTURE]
    assert datetime.fromisoformat(used["started_at"]) == enrolled.model_dump()["enrolled_at"]


async def test_what_was_heard_is_not_heard_again(cloud: Cloud) -> None:
    """Every word that led to a state, and those before it, again and in the wrong order: no change."""
    told: dict[State, tuple[type[Event], ...]] = {
        State.AUTHORISING: (),
        State.PROVISIONING: (PaymentAuthorised,),
        State.INSTALLING: (InstanceEnrolled, InstanceRunning, PaymentAuthorised),
        State.AWAITING_PASSWORD: (InstanceEnrolled, InstanceRunning, PaymentAuthorised),
        State.RESTORING: (InstanceEnrolled, InstanceRunning, PaymentAuthorised),
        State.CAPTURING: (InstanceEnrolled, InstanceRunning, PaymentAuthorised),
        State.COMPLETED: (*MONEY, InstanceEnrolled, InstanceRunning),
    }
    for state, kinds in told.items():
        restore_id, agent = await at(cloud, state)
        key = agent.public_key if agent else None
        before = await cloud.read(restore_id), await cloud.timeline(restore_id), await cloud.names(restore_id)
        for kind in kinds:
            said = {"public_key": key} if kind is InstanceEnrolled else {}
            event = await (cloud.money if kind in MONEY else cloud.machine)(restore_id, kind, **said)
            await cloud.hear(event, event)
        after = await cloud.read(restore_id), await cloud.timeline(restore_id), await cloud.names(restore_id)
        assert after == before, state


async def test_whatever_is_said_of_what_is_over_changes_nothing(cloud: Cloud) -> None:
    cancelled, _ = await cloud.to(State.PROVISIONING, "a@olares.com")
    await cloud.cancel(cancelled)
    returned, _ = await cloud.to(State.AWAITING_PASSWORD, "b@olares.com")
    await cloud.cancel(returned)
    failed, _ = await cloud.to(State.RESTORING, "c@olares.com")
    await cloud.gone(failed)
    for restore_id, state in ((cancelled, "cancelled"), (returned, "returned"), (failed, "failed")):
        assert await settle(cloud, restore_id) == state
        before = await cloud.read(restore_id), await cloud.timeline(restore_id), await cloud.names(restore_id)
        for kind in (*MONEY, *MACHINE, *reversed(MONEY)):
            event = await (cloud.money if kind in MONEY else cloud.machine)(restore_id, kind)
            await cloud.hear(event, event)
        after = await cloud.read(restore_id), await cloud.timeline(restore_id), await cloud.names(restore_id)
        assert after == before
        await cloud.let_pass(restore_id, timedelta(days=3))
        assert (await cloud.timeline(restore_id), await cloud.names(restore_id)) == before[1:]


async def test_words_about_others_are_not_for_here(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AUTHORISING)
    other, _ = await cloud.to(State.PROVISIONING, "bob@olares.com")
    held = await cloud.money(restore_id, PaymentAuthorised)
    running = await cloud.machine(other, InstanceRunning)
    elsewhere = (await cloud.money(restore_id, PaymentAuthorised)).model_dump()["quote_id"]
    for event in (
        held.model_copy(update={"quote_id": cloud.orders.quote_of(other)}),
        held.model_copy(update={"restore_id": None}),
        held.model_copy(update={"quote_id": None}),
        held.model_copy(update={"restore_id": elsewhere}),
        running.model_copy(update={"instance_id": elsewhere}),
        running.model_copy(update={"restore_id": None}),
        running.model_copy(update={"restore_id": elsewhere}),
    ):
        await cloud.hear(event)
    assert await cloud.state(restore_id) == "authorising"
    assert await cloud.state(other) == "provisioning"


async def test_while_it_is_undone_only_its_end_is_heard(cloud: Cloud) -> None:
    """Word of a hold that comes after the cancellation lets go of it, once; a machine that comes up stays unwanted."""
    restore_id, _ = await cloud.to(State.AUTHORISING)
    await cloud.cancel(restore_id)
    held = await cloud.money(restore_id, PaymentAuthorised)
    running = await cloud.machine(restore_id, InstanceRunning)
    await cloud.hear(held, held, running, await cloud.machine(restore_id, InstanceEnrolled))
    names = await cloud.names(restore_id)
    assert (names.count(VOID), names.count(UNWANTED)) == (1, 1)
    assert "restore.instance_wanted" not in names
    assert (await cloud.read(restore_id))["cloud"]["compute"] == "unwanted"
    assert await settle(cloud, restore_id) == "cancelled"
