"""What an operator sees of restores that are parked, and lets go on."""

from datetime import timedelta
from uuid import UUID, uuid4

from prometheus_client import REGISTRY
from sqlalchemy import text

from restore.domain.order import State
from tests.restore.cloud import Cloud
from tests.support.running import OPERATOR

HEADERS = {"Authorization": f"Bearer {OPERATOR}"}


async def park(cloud: Cloud, restore_id: str) -> None:
    async with cloud.restore.runtime.database.transaction() as session:
        asked = text("UPDATE cloud_restores SET asked = 1000 WHERE restore_id = :id")
        await session.execute(asked, {"id": UUID(restore_id)})
    await cloud.let_pass(restore_id, timedelta(minutes=5))
    assert await cloud.state(restore_id) == "needs_operator"


async def redrive(cloud: Cloud, restore_id: str) -> tuple[int, dict[str, str]]:
    answer = await cloud.restore.internal.post(f"/internal/restores/{restore_id}/redrive", headers=HEADERS)
    return answer.status_code, answer.json()


async def test_what_is_parked_is_listed_the_longest_first(cloud: Cloud) -> None:
    capturing, _ = await cloud.to(State.CAPTURING, "a@olares.com")
    undoing, _ = await cloud.to(State.PROVISIONING, "b@olares.com")
    await cloud.cancel(undoing)
    await cloud.to(State.QUOTED, "c@olares.com")
    for restore_id in (capturing, undoing):
        await park(cloud, restore_id)
    listed = (await cloud.restore.internal.get("/internal/restores/stuck", headers=HEADERS)).json()
    assert [each["restore_id"] for each in listed] == [capturing, undoing]
    assert [(each["ending"], each["payment"], each["compute"], each["code"]) for each in listed] == [
        (None, "capture_asked", "enrolled", None),
        ("cancel", "void_asked", "unwanted", "cancelled"),
    ]
    assert listed[1]["quote_id"] == str(cloud.orders.quote_of(undoing))
    assert listed[1]["owner_id"] == str(cloud.snapshot.owner_id)
    for headers in ({}, cloud.headers, {"Authorization": "Bearer x"}):
        refused = await cloud.restore.internal.get("/internal/restores/stuck", headers=headers)
        assert refused.status_code == 401
        refused = await cloud.restore.internal.post(f"/internal/restores/{undoing}/redrive", headers=headers)
        assert refused.status_code == 401
    assert await cloud.state(undoing) == "needs_operator"


async def test_an_operator_lets_a_parked_one_ask_again(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.PROVISIONING)
    await cloud.cancel(restore_id)
    await park(cloud, restore_id)
    assert (await cloud.read(restore_id))["actions"] == []
    assert (await cloud.cancel(restore_id)).status_code == 200
    before = await cloud.names(restore_id)
    status, body = await redrive(cloud, restore_id)
    assert (status, body) == (200, {"restore_id": restore_id, "state": "undoing"})
    assert sorted((await cloud.names(restore_id))[len(before) :]) == [
        "restore.instance_unwanted",
        "restore.void_wanted",
    ]
    # It has its hour again.
    await cloud.let_pass(restore_id, timedelta(minutes=5))
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("undoing", "cancelled")
    await cloud.gone(restore_id, cause="unwanted")
    await cloud.void(restore_id)
    assert await cloud.state(restore_id) == "cancelled"
    status, body = await redrive(cloud, restore_id)
    assert (status, body["code"]) == (409, "not_stuck")


async def test_a_parked_payment_is_asked_for_again(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.CAPTURING)
    await park(cloud, restore_id)
    refused = await cloud.cancel(restore_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "restore_over")
    assert (await redrive(cloud, restore_id))[1]["state"] == "capturing"
    assert (await cloud.names(restore_id)).count("restore.capture_wanted") == 2
    await cloud.capture(restore_id)
    assert await cloud.state(restore_id) == "completed"


async def test_only_what_is_parked_goes_on(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.QUOTED)
    status, body = await redrive(cloud, restore_id)
    assert (status, body["code"]) == (409, "not_stuck")
    status, body = await redrive(cloud, str(uuid4()))
    assert (status, body["code"]) == (404, "restore_not_found")
    assert await cloud.state(restore_id) == "quoted"


async def test_what_is_open_is_counted_for_who_is_alerted(cloud: Cloud) -> None:
    parked, _ = await cloud.to(State.CAPTURING, "a@olares.com")
    await park(cloud, parked)
    await cloud.to(State.COMPLETED, "b@olares.com")
    await cloud.work()

    def counted(state: str) -> float | None:
        return REGISTRY.get_sample_value("space_restore_cloud_restores", {"state": state})

    assert (counted("needs_operator"), counted("capturing"), counted("quoted")) == (1, 0, 0)
    assert counted("completed") is None
    await cloud.capture(parked)
    await cloud.work()
    assert counted("needs_operator") == 0
