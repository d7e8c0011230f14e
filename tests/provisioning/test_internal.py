"""What restore and the operator ask inside: is it to be had, keep its name, what is stuck, what nobody knows."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from provisioning.domain.lifecycle import RESERVED
from provisioning.operations import availability, prices
from shared.events.billing import PlanPrice, PricesChanged
from shared.events.provisioning import InstanceReturned
from tests.provisioning.conftest import CREDENTIALS
from tests.provisioning.support import World


@pytest.fixture
async def priced(world: World) -> World:
    """The packaged plans have prices, and their driver says that they are to be had."""
    plans = [
        PlanPrice(
            provider="local",
            region="local",
            plan=plan,
            monthly_minor=2900,
            included_traffic_bytes=3 * 2**30,
            included_storage_bytes=2**30,
        )
        for plan in ("small", "medium", "large")
    ]
    event = PricesChanged(
        price_version="2026-01", effective_from=world.now - timedelta(days=1), currency="USD", plans=plans
    )
    async with world.database.transaction() as session:
        await prices.take_prices(session, event, world.now)
    await availability.survey(world.database, world.shop.drivers, world.shop.offers, world.now)
    return world


async def post(world: World, path: str, body: dict[str, Any], caller: str = "restore") -> httpx.Response:
    headers = {"Authorization": f"Bearer {CREDENTIALS[caller]}"}
    return await world.provisioning.internal.post(path, json=body, headers=headers)


async def get(world: World, path: str) -> Any:
    headers = {"Authorization": f"Bearer {CREDENTIALS['operator']}"}
    return (await world.provisioning.internal.get(path, headers=headers)).json()


def order(world: World, **changes: str) -> dict[str, Any]:
    wanted = world.wanted().model_dump(mode="json") | changes
    return {name: value for name, value in wanted.items() if name not in ("instance_id", "restore_id")}


def reservation(world: World, **changes: str) -> dict[str, Any]:
    return world.wanted().model_dump(mode="json") | changes


async def test_of_what_can_be_had_it_is_said_what_it_is(priced: World) -> None:
    answer = await post(priced, "/internal/instances/checks", order(priced))
    (plan,) = [plan for *_, plan in priced.shop.offers.plans() if plan.plan == "small"]
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "provider": "local",
            "region": "local",
            "plan": "small",
            "vcpu": plan.vcpu,
            "memory_bytes": plan.memory_bytes,
            "disk_bytes": plan.disk_bytes,
            "included_traffic_bytes": 3 * 2**30,
            "included_storage_bytes": 2**30,
        },
    )


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"provider": "nowhere"}, 422, "offer_unknown"),
        ({"region": "mars"}, 422, "offer_unknown"),
        ({"plan": "enormous"}, 422, "offer_unknown"),
        ({"instance_name": "not a name"}, 422, "instance_name_invalid"),
    ],
)
async def test_what_cannot_be_had_is_refused_with_the_reason(
    priced: World, changes: dict[str, str], status: int, code: str
) -> None:
    for path, body in (
        ("/internal/instances/checks", order(priced, **changes)),
        ("/internal/instances", reservation(priced, **changes)),
    ):
        answer = await post(priced, path, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_what_is_sold_out_is_refused(priced: World) -> None:
    priced.cloud.sold_out_sizes = frozenset({"small"})
    await availability.survey(priced.database, priced.shop.drivers, priced.shop.offers, priced.now)
    answer = await post(priced, "/internal/instances/checks", order(priced))
    assert (answer.status_code, answer.json()["code"]) == (409, "offer_unavailable")
    assert "medium" in answer.json()["detail"]


async def test_a_name_in_use_is_refused_and_its_holder_named(priced: World) -> None:
    holder = await priced.want()
    for path, body in (
        ("/internal/instances/checks", order(priced)),
        ("/internal/instances", reservation(priced)),
    ):
        answer = await post(priced, path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "name_in_use")
        assert answer.json()["instance_id"] == str(holder)


async def test_a_reserved_name_is_kept_until_its_order_is_paid(priced: World) -> None:
    body = reservation(priced)
    answers = [await post(priced, "/internal/instances", body) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json() == {"instance_id": body["instance_id"], "status": "unpaid"}
    assert (await post(priced, "/internal/instances", reservation(priced))).json()["code"] == "name_in_use"

    instance_id = await priced.want(instance_id=UUID(body["instance_id"]))
    await priced.work_on(3)
    assert await priced.history(instance_id) == ["unpaid", "queuing", "fetching", "pending"]
    assert await priced.told_names(instance_id) == ["requested", "running"]


async def test_a_reservation_that_is_called_off_is_returned_and_frees_its_name(priced: World) -> None:
    body = reservation(priced)
    await post(priced, "/internal/instances", body)
    instance_id = UUID(body["instance_id"])
    await priced.unwant(instance_id)
    assert await priced.status(instance_id) == "canceled"
    (returned,) = await priced.told(instance_id)
    assert isinstance(returned, InstanceReturned)
    assert returned.cause == "unwanted"
    # A wish that comes after all changes nothing, and the end is not told twice.
    await priced.want(instance_id=instance_id)
    await priced.unwant(instance_id)
    await priced.work_on(2)
    assert await priced.told_names(instance_id) == ["returned"]
    assert (await post(priced, "/internal/instances", reservation(priced))).status_code == 201


async def test_a_name_that_lapsed_and_was_taken_meanwhile_is_not_given_to_who_wants_it_late(priced: World) -> None:
    body = reservation(priced)
    await post(priced, "/internal/instances", body)
    first = UUID(body["instance_id"])
    priced.now += RESERVED + timedelta(seconds=10)
    await priced.work_on(1)
    second = await priced.want()
    await priced.want(instance_id=first)
    assert await priced.told_names(first) == ["failed"]
    assert await priced.status(first) == "canceled"
    await priced.unwant(first)
    assert await priced.told_names(first) == ["failed"]
    assert await priced.status(second) in ("queuing", "fetching")


async def test_wanted_without_a_reservation_a_name_in_use_is_refused_by_an_event(priced: World) -> None:
    await post(priced, "/internal/instances", reservation(priced))
    late = await priced.want()
    assert await priced.told_names(late) == ["failed"]
    assert (await priced.instance(late)).code == "name_in_use"


async def test_an_id_of_another_owners_instance_is_refused(priced: World) -> None:
    body = reservation(priced)
    await post(priced, "/internal/instances", body)
    answer = await post(priced, "/internal/instances", body | {"owner_id": str(uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (404, "instance_not_found")


async def test_a_reservation_that_is_not_paid_lapses(priced: World) -> None:
    body = reservation(priced)
    await post(priced, "/internal/instances", body)
    instance_id = UUID(body["instance_id"])
    priced.now += RESERVED + timedelta(seconds=10)
    await priced.work_on(1)
    assert await priced.status(instance_id) == "canceled"
    assert await priced.told_names(instance_id) == ["failed"]
    # A wish that comes after all finds it over, and its failure has been told.
    await priced.want(instance_id=instance_id)
    assert await priced.told_names(instance_id) == ["failed"]


async def test_what_was_called_off_cannot_be_reserved(priced: World) -> None:
    body = reservation(priced)
    await priced.unwant(UUID(body["instance_id"]))
    answer = await post(priced, "/internal/instances", body)
    assert (answer.status_code, answer.json()["code"]) == (410, "instance_over")


async def stuck(world: World, *calls: str) -> UUID:
    """An instance of which its provider has said nothing certain for long."""
    world.cloud.script.extend(calls)
    instance_id = await world.want()
    await world.work_on(3)
    world.now += timedelta(hours=2)
    await world.work_on(1)
    return instance_id


async def test_what_is_stuck_is_listed_and_can_look_again(world: World) -> None:
    instance_id = await stuck(world, "create done_unanswered", *["find unanswered"] * 30)
    (listed,) = await get(world, "/internal/instances/stuck")
    assert (listed["instance_id"], listed["status"]) == (str(instance_id), "fetching")
    world.cloud.script.clear()
    path = f"/internal/instances/{instance_id}/redrive"
    assert (await post(world, path, {"verdict": "look_again"}, "operator")).status_code == 200
    await world.work_on(2)
    assert await world.status(instance_id) == "pending"
    again = await post(world, path, {"verdict": "look_again"}, "operator")
    assert (again.status_code, again.json()["code"]) == (409, "not_stuck")


async def test_an_operators_word_that_there_is_no_machine_is_taken(world: World) -> None:
    instance_id = await stuck(world, "create unanswered", *["find unanswered"] * 30)
    path = f"/internal/instances/{instance_id}/redrive"
    answer = await post(world, path, {"verdict": "no_machine"}, "operator")
    assert answer.json()["status"] == "queuing"
    await world.work_on(2)
    # It was wanted two hours ago: nobody waits for it any more.
    assert await world.status(instance_id) == "canceled"
    assert world.cloud.made[instance_id] == 0


@pytest.mark.parametrize("decision", ["keep", "return"])
async def test_an_operator_decides_about_orphans(world: World, decision: str) -> None:
    stray = world.cloud.plant(uuid4())
    await world.sweep()
    (listed,) = await get(world, "/internal/orphans")
    assert (listed["reference"], listed["state"]) == (stray.reference, "found")
    path = f"/internal/orphans/local/{stray.reference}/{decision}"
    assert (await post(world, path, {}, "operator")).status_code == 200
    world.now += timedelta(minutes=1) if decision == "return" else timedelta(days=100)
    await world.sweep()
    (listed,) = await get(world, "/internal/orphans")
    assert listed["state"] == {"keep": "kept", "return": "returned"}[decision]
    assert (stray.reference in world.cloud.machines) is (decision == "keep")
    unknown = await post(world, f"/internal/orphans/local/m-unknown/{decision}", {}, "operator")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "orphan_not_found")


@pytest.mark.parametrize(
    ("path", "caller"),
    [
        ("/internal/instances/checks", "operator"),
        ("/internal/instances", "operator"),
        (f"/internal/instances/{UUID(int=1)}/redrive", "restore"),
        ("/internal/orphans/local/m-1/keep", "restore"),
    ],
)
async def test_each_path_is_for_one_caller(world: World, path: str, caller: str) -> None:
    assert (await post(world, path, {}, caller)).status_code == 401


async def test_an_operator_reads_what_the_provider_said_last(world: World) -> None:
    world.cloud.script.append("create done_unanswered")
    world.cloud.script.extend(["find unanswered"] * 2)
    instance_id = await world.want()
    await world.work()
    world.now += timedelta(seconds=2)
    await world.work()
    world.now += timedelta(hours=2)
    await world.work()
    (stuck,) = await get(world, "/internal/instances/stuck")
    assert (stuck["instance_id"], stuck["reason"]) == (str(instance_id), "the script says that find is unanswered")
