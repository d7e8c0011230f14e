"""A restore to the cloud from the quote to its end, as each of its parties sees it."""

from datetime import datetime, timedelta

import pytest

from restore.domain.order import State
from shared.events.billing import OrderFulfilled, PaymentFailed, PaymentVoided
from tests.restore.cloud import NAME, PLACE, Cloud, new_key
from tests.support.catalog_double import CatalogDouble
from tests.support.order_double import GIVEN_UP, PRICE_MINOR, OrderDouble


async def test_the_whole_way(cloud: Cloud, catalog: CatalogDouble) -> None:
    restore_id, agent = await cloud.to(State.COMPLETED)
    found = await cloud.read(restore_id)
    assert agent is not None
    assert found["state"] == "completed"
    assert found["actions"] == []
    assert (found["bytes_restored"], found["files_restored"], found["warnings"]) == (100, 3, 0)
    assert found["cloud"]["payment"] == "captured"
    assert found["cloud"]["compute"] == "enrolled"
    assert found["cloud"]["data"] == "whole"
    assert found["cloud"]["address"] == "127.0.0.1:18123"
    assert await cloud.states(restore_id) == [
        "quoting",
        "quoted",
        "authorising",
        "provisioning",
        "installing",
        "awaiting_password",
        "verifying_password",
        "restoring",
        "validating",
        "capturing",
        "completed",
    ]
    assert await cloud.names(restore_id) == [
        "restore.payment_wanted",
        "restore.instance_wanted",
        "restore.password_required",
        "restore.capture_wanted",
        "restore.completed",
    ]
    assert catalog.pins == {restore_id}


async def test_a_quote_lists_every_charge(cloud: Cloud) -> None:
    answer = await cloud.ask()
    body = answer.json()
    assert answer.status_code == 201
    assert body["state"] == "quoted"
    assert body["actions"] == ["confirm", "cancel"]
    order = body["cloud"]
    assert {name: order[name] for name in PLACE} == PLACE
    assert order["instance_name"] == NAME
    assert order["quote"]["total"] == {"amount_minor": PRICE_MINOR, "currency": "USD"}
    assert order["quote"]["if_given_up"] == GIVEN_UP
    assert order["estimate_seconds"] == 300 + round(2_512_555_868 / 25e6)
    assert body["expires_at"] == order["quote"]["expires_at"]
    assert (order["instance_id"], order["password"], order["payment"]) == (None, None, "none")


async def test_a_declined_card_leads_back_to_the_quote_and_another_is_tried(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AUTHORISING)
    await cloud.hear(await cloud.money(restore_id, PaymentFailed))
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"], found["reason"]) == ("quoted", "declined", "The card was declined.")
    assert (await cloud.confirm(restore_id)).json()["code"] is None
    await cloud.hold(restore_id)
    assert await cloud.state(restore_id) == "provisioning"
    names = await cloud.names(restore_id)
    assert names == ["restore.payment_wanted", "restore.payment_wanted", "restore.instance_wanted"]


async def test_a_wrong_password_is_asked_for_again(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.VERIFYING_PASSWORD)
    assert agent is not None
    assert (await agent.report(1, "password_wrong")).status_code == 204
    found = await cloud.read(restore_id)
    assert found["state"] == "awaiting_password"
    assert found["cloud"]["password"]["reason"] == "wrong"
    assert found["cloud"]["password"]["attempts_left"] == 9
    assert (await cloud.send(restore_id, 1)).json()["code"] == "agent_not_ready"
    number = await agent.offer()
    assert number == 2
    assert (await cloud.send(restore_id, number)).status_code == 200
    assert (await agent.report(number, "restoring")).status_code == 204
    assert await cloud.state(restore_id) == "restoring"


async def test_giving_up_takes_only_the_use(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AWAITING_PASSWORD)
    answer = await cloud.cancel(restore_id)
    assert answer.json()["state"] == "undoing"
    wanted = dict(await cloud.wanted(restore_id))
    capture = wanted["restore.capture_wanted"]
    assert datetime.fromisoformat(capture["ended_at"]) > datetime.fromisoformat(capture["started_at"])
    assert "restore.instance_unwanted" in wanted
    assert "restore.void_wanted" not in wanted
    await cloud.gone(restore_id, cause="unwanted")
    assert await cloud.state(restore_id) == "undoing"
    await cloud.capture(restore_id)
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("returned", "given_up")
    assert (await cloud.names(restore_id))[-1] == "restore.cancelled"


@pytest.mark.parametrize("state", [State.PROVISIONING, State.INSTALLING])
async def test_cancelling_before_the_password_charges_nothing(cloud: Cloud, state: State) -> None:
    restore_id, _ = await cloud.to(state)
    await cloud.cancel(restore_id)
    await cloud.void(restore_id)
    await cloud.gone(restore_id, cause="unwanted")
    assert await cloud.state(restore_id) == "cancelled"
    names = await cloud.names(restore_id)
    assert "restore.void_wanted" in names
    assert "restore.capture_wanted" not in names


async def test_a_hold_that_is_gone_by_the_end_is_invoiced(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None
    await cloud.hear(await cloud.money(restore_id, PaymentVoided))
    assert await cloud.state(restore_id) == "restoring"
    await agent.report(1, "usable")
    await cloud.hear(await cloud.money(restore_id, OrderFulfilled, is_held=False))
    found = await cloud.read(restore_id)
    assert (found["state"], found["cloud"]["payment"]) == ("completed", "billed")


async def test_an_agent_that_was_restarted_is_sent_the_password_again(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None
    key = new_key()
    assert await agent.offer(key) == 2
    assert await agent.offer(key) == 2
    found = await cloud.read(restore_id)
    assert found["state"] == "awaiting_password"
    assert found["cloud"]["password"]["reason"] == "agent_restarted"
    assert found["cloud"]["password"]["wrong_passwords"] == 0
    assert found["cloud"]["data"] == "partial"


async def test_an_unquoted_order_is_gone_on_with_by_a_worker(cloud: Cloud, orders: OrderDouble) -> None:
    orders.down.add("/internal/quotes")
    answer = await cloud.ask()
    assert answer.status_code == 202
    assert answer.json()["state"] == "quoting"
    orders.down.clear()
    await cloud.let_pass(answer.json()["restore_id"], timedelta(seconds=21))
    assert await cloud.state(answer.json()["restore_id"]) == "quoted"
