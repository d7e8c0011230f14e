"""Confirming what was quoted: twice, at once, with another card, and when its name or its reservation is gone."""

import asyncio
from uuid import UUID, uuid4

from sqlalchemy import text

from restore.domain.order import State
from shared.events.billing import PaymentAuthorised, PaymentFailed
from shared.events.provisioning import InstanceReturned
from tests.restore.cloud import NAME, Cloud
from tests.restore.waiting import is_held_up, until
from tests.support.order_double import OrderDouble

RESERVE = "/internal/instances"
PAY = "restore.payment_wanted"


def reserved(orders: OrderDouble) -> list[str]:
    """The ids that names were kept for, as often as that was asked."""
    return [body["instance_id"] for path, body in orders.calls if path == RESERVE]


async def test_confirming_twice_is_confirming_once(cloud: Cloud, orders: OrderDouble) -> None:
    restore_id = await cloud.quoted()
    method_id = uuid4()
    first = await cloud.confirm(restore_id, method_id)
    body = first.json()
    assert (body["state"], body["actions"], body["expires_at"]) == ("authorising", ["cancel"], None)
    assert (body["cloud"]["payment"], body["cloud"]["compute"]) == ("asked", "reserved")
    second = await cloud.confirm(restore_id)
    assert (second.status_code, second.json()) == (200, body)
    [(name, wanted)] = await cloud.wanted(restore_id)
    assert (name, wanted["payment_method_id"]) == (PAY, str(method_id))
    assert wanted["quote_id"] == body["cloud"]["quote"]["quote_id"]
    [asked] = [call for path, call in orders.calls if path == RESERVE]
    assert (asked["restore_id"], asked["instance_name"]) == (restore_id, NAME)
    assert asked["instance_id"] == body["cloud"]["instance_id"]
    await cloud.hold(restore_id)
    assert (await cloud.confirm(restore_id)).json()["state"] == "provisioning"
    assert (await cloud.names(restore_id)).count(PAY) == 1


async def test_confirming_at_once_from_two_sessions_is_confirming_once(cloud: Cloud, orders: OrderDouble) -> None:
    """Both have kept the name before either writes the money down."""
    restore_id = await cloud.quoted()
    before = len(orders.calls)
    async with cloud.restore.runtime.database.transaction() as session:
        await session.execute(text("LOCK TABLE outbox IN SHARE MODE"))
        both = [asyncio.create_task(cloud.confirm(restore_id, uuid4())) for _ in range(2)]
        await until(lambda: len(orders.calls) == before + 2)
        assert all(await asyncio.gather(*(is_held_up(task) for task in both)))
    answers = await asyncio.gather(*both)
    assert [answer.status_code for answer in answers] == [200, 200]
    [(name, wanted)] = await cloud.wanted(restore_id)
    async with cloud.restore.runtime.database.reading() as session:
        kept = await session.scalar(text("SELECT payment_method_id FROM cloud_restores"))
    assert (name, wanted["payment_method_id"]) == (PAY, str(kept))
    assert len(set(reserved(orders))) == 1
    assert await cloud.states(restore_id) == ["quoting", "quoted", "authorising"]


async def test_another_card_after_a_decline(cloud: Cloud, orders: OrderDouble) -> None:
    restore_id = await cloud.quoted()
    first, second = uuid4(), uuid4()
    await cloud.confirm(restore_id, first)
    declined = await cloud.money(restore_id, PaymentFailed)
    await cloud.hear(declined, declined)
    found = await cloud.read(restore_id)
    assert (found["state"], found["cloud"]["payment"], found["cloud"]["compute"]) == ("quoted", "refused", "reserved")
    assert found["expires_at"] == found["cloud"]["quote"]["expires_at"]
    await cloud.confirm(restore_id, second)
    assert (await cloud.read(restore_id))["code"] is None
    methods = [wanted["payment_method_id"] for name, wanted in await cloud.wanted(restore_id) if name == PAY]
    assert methods == [str(first), str(second)]
    assert len(set(reserved(orders))) == 1
    # The same name as before, and not twice wanted.
    held = await cloud.money(restore_id, PaymentAuthorised)
    await cloud.hear(held, held)
    assert (await cloud.names(restore_id)).count("restore.instance_wanted") == 1
    wanted = dict(await cloud.wanted(restore_id))["restore.instance_wanted"]
    assert wanted["instance_id"] == reserved(orders)[0]


async def test_a_name_that_somebody_took_meanwhile(cloud: Cloud, orders: OrderDouble) -> None:
    restore_id = await cloud.quoted()
    holder = str(uuid4())
    orders.names[NAME] = holder
    refused = await cloud.confirm(restore_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "name_in_use")
    assert refused.json()["instance_id"] == holder
    assert (await cloud.read(restore_id))["actions"] == ["confirm", "cancel"]
    assert await cloud.names(restore_id) == []
    orders.names.clear()
    assert (await cloud.confirm(restore_id)).json()["state"] == "authorising"


async def test_of_two_restores_of_one_name_one_is_confirmed(cloud: Cloud) -> None:
    first, second = await cloud.quoted(), await cloud.quoted()
    assert (await cloud.confirm(first)).status_code == 200
    refused = await cloud.confirm(second)
    assert (refused.status_code, refused.json()["code"]) == (409, "name_in_use")
    assert refused.json()["instance_id"] == (await cloud.read(first))["cloud"]["instance_id"]
    # What was to be kept for the second may have been kept, so it is given back before its end.
    assert (await cloud.cancel(second)).json()["state"] == "undoing"
    assert await cloud.names(second) == ["restore.instance_unwanted"]
    await cloud.gone(second, cause="unwanted")
    assert await cloud.state(second) == "cancelled"
    assert await cloud.state(first) == "authorising"


async def test_what_provisioning_does_not_answer_or_refuses_can_be_confirmed_later(
    cloud: Cloud, orders: OrderDouble
) -> None:
    restore_id = await cloud.quoted()
    orders.down.add(RESERVE)
    answer = await cloud.confirm(restore_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    orders.down.clear()
    orders.refuse(RESERVE, 409, "offer_unavailable")
    assert (await cloud.confirm(restore_id)).json()["code"] == "offer_unavailable"
    assert await cloud.state(restore_id) == "quoted"
    orders.refusals.clear()
    assert (await cloud.confirm(restore_id)).json()["state"] == "authorising"
    assert len(set(reserved(orders))) == 1


async def test_a_reservation_that_was_called_off_goes_on_under_a_new_id(cloud: Cloud, orders: OrderDouble) -> None:
    restore_id, _ = await cloud.to(State.AUTHORISING)
    await cloud.hear(await cloud.money(restore_id, PaymentFailed))
    over = reserved(orders)[0]
    orders.over.add(over)
    orders.names.clear()
    confirmed = (await cloud.confirm(restore_id)).json()
    assert confirmed["state"] == "authorising"
    assert confirmed["cloud"]["instance_id"] == reserved(orders)[-1] != over
    # Late word of the one before is not of this one.
    late = (await cloud.machine(restore_id, InstanceReturned)).model_copy(update={"instance_id": UUID(over)})
    await cloud.hear(late)
    await cloud.hold(restore_id)
    wanted = dict(await cloud.wanted(restore_id))["restore.instance_wanted"]
    assert wanted["instance_id"] == confirmed["cloud"]["instance_id"]


async def test_a_reservation_that_lapsed_while_it_was_paid_for_is_wanted_under_a_new_id(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AUTHORISING)
    before = (await cloud.read(restore_id))["cloud"]["instance_id"]
    await cloud.gone(restore_id)
    assert await cloud.state(restore_id) == "authorising"
    await cloud.hold(restore_id)
    wanted = dict(await cloud.wanted(restore_id))["restore.instance_wanted"]
    assert wanted["instance_id"] == (await cloud.read(restore_id))["cloud"]["instance_id"] != before


async def test_a_reservation_that_is_called_off_again_and_again_is_not_paid_for(
    cloud: Cloud, orders: OrderDouble
) -> None:
    restore_id = await cloud.quoted()
    orders.refuse(RESERVE, 410, "instance_over")
    refused = await cloud.confirm(restore_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "restore_not_confirmable")
    assert len(set(reserved(orders))) == 2
    found = await cloud.read(restore_id)
    assert (found["state"], found["cloud"]["compute"]) == ("quoted", "gone")
    orders.refusals[RESERVE] = (201, {"instance_id": str(uuid4()), "status": "canceled"})
    assert (await cloud.confirm(restore_id)).json()["code"] == "restore_not_confirmable"
    assert await cloud.names(restore_id) == []
    # Nothing was kept, so there is nothing to wait for.
    assert (await cloud.cancel(restore_id)).json()["state"] == "cancelled"


async def test_only_what_is_quoted_is_confirmed(cloud: Cloud, orders: OrderDouble) -> None:
    orders.down.add("/internal/quotes")
    quoting = (await cloud.ask()).json()["restore_id"]
    orders.down.clear()
    cancelled = await cloud.quoted()
    await cloud.cancel(cancelled)
    undoing, _ = await cloud.to(State.PROVISIONING, "bob@olares.com")
    await cloud.cancel(undoing)
    for restore_id in (quoting, cancelled, undoing):
        refused = await cloud.confirm(restore_id)
        assert (refused.status_code, refused.json()["code"]) == (409, "restore_not_confirmable")
        unknown = await cloud._post(restore_id, "confirm", {"card": "4242"})
        assert (unknown.status_code, unknown.json()["code"]) == (422, "request_invalid")


async def test_a_restore_that_is_cancelled_while_its_name_is_kept_is_not_paid_for(
    cloud: Cloud, orders: OrderDouble
) -> None:
    restore_id = await cloud.quoted()
    loop = asyncio.get_running_loop()

    def cancel(path: str) -> None:
        if path == RESERVE:
            asyncio.run_coroutine_threadsafe(cloud.cancel(restore_id), loop).result(10)

    orders.after = cancel
    answer = await cloud.confirm(restore_id)
    assert (answer.status_code, answer.json()["state"]) == (200, "undoing")
    assert await cloud.names(restore_id) == ["restore.instance_unwanted"]
