"""What others wrote, as it is kept and shown to an owner."""

from restore.domain.order import State
from tests.restore.cloud import NAME, Cloud
from tests.support.order_double import OrderDouble


async def test_a_name_is_quoted_as_it_will_be_kept(cloud: Cloud, orders: OrderDouble) -> None:
    restore_id = await cloud.quoted(f" {NAME.title()}\n")
    assert (await cloud.read(restore_id))["cloud"]["instance_name"] == NAME
    assert {body["instance_name"] for _, body in orders.calls} == {NAME}


async def test_a_name_of_nothing_but_blanks_is_none(cloud: Cloud) -> None:
    answer = await cloud.ask(" \t\n")
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_an_agents_reason_cannot_steer_what_shows_it(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None
    steering = "\x1b[2J\x9b2J\u202egnorw\u2066\u2028\x00 the disk is full"
    assert (await agent.report(1, "failed", code="disk_full", reason=steering)).status_code == 204
    found = await cloud.read(restore_id)
    assert found["reason"] == "[2J 2J gnorw    the disk is full"
    assert [entry["reason"] for entry in await cloud.timeline(restore_id)][-1] == found["reason"]
