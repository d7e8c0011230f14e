"""What owners see of their instances and ask of them over HTTP, and nobody else's."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import event

from provisioning.domain.lifecycle import Trigger
from provisioning.operations import moves
from provisioning.queries import instances as queries
from provisioning.schemas.instances import InstanceRead
from shared.auth import Scope
from shared.paging import Page
from tests.provisioning.support import World
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

LIST = "/api/v1/instances"


@pytest.fixture
def mine(world: World, owner: Owner) -> World:
    world.owner_id = owner.owner_id
    return world


async def running(world: World, name: str = "alice@olares.com") -> UUID:
    instance_id = await world.want(instance_name=name)
    await world.work_on(3)
    async with world.database.transaction() as session:
        instance = await queries.lock(session, instance_id)
        assert instance is not None
        for trigger in (Trigger.INSTALL, Trigger.RUN):
            await moves.move(session, instance, trigger, world.now)
    return instance_id


async def ended(world: World, instance_id: UUID) -> None:
    await world.unwant(instance_id)
    await world.work_on(3)


async def shown(world: World, headers: dict[str, str], instance_id: UUID) -> dict[str, Any]:
    answer = await world.provisioning.api.get(f"{LIST}/{instance_id}", headers=headers)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def post(world: World, headers: dict[str, str], instance_id: UUID, what: str) -> httpx.Response:
    return await world.provisioning.api.post(f"{LIST}/{instance_id}/{what}", headers=headers)


async def test_an_instance_holds_what_its_document_says(mine: World, headers: dict[str, str]) -> None:
    instance_id = await running(mine)
    found = await shown(mine, headers, instance_id)
    read = InstanceRead.model_validate(found)
    assert set(found) == set(InstanceRead.model_fields)
    assert (read.status, read.provider_name, read.actions) == ("running", "This machine", ["restart", "stop", "return"])
    assert (read.address, read.vcpu, read.memory_bytes) == ("10.0.0.9", 2, 4 * 2**30)
    listed = (await mine.provisioning.api.get(LIST, headers=headers)).json()
    assert Page[InstanceRead].model_validate(listed).items == [read]


async def test_a_list_is_paged_newest_first_and_filtered(mine: World, headers: dict[str, str]) -> None:
    names = [f"alice{number}@olares.com" for number in range(5)]
    made = [str(await running(mine, name)) for name in names]
    await ended(mine, UUID(made[0]))

    async def listed(**params: Any) -> list[str]:
        seen: list[str] = []
        while True:
            page = (await mine.provisioning.api.get(LIST, headers=headers, params=params)).json()
            seen += [item["instance_id"] for item in page["items"]]
            if page["next_cursor"] is None:
                return seen
            params["cursor"] = page["next_cursor"]

    assert await listed(limit=2) == made[::-1]
    assert await listed(live="true") == made[:0:-1]
    assert await listed(live="false") == await listed(status="destroyed") == made[:1]
    assert await listed(name="ALICE3@olares.com") == made[3:4]


async def test_a_poller_is_told_that_nothing_has_changed(mine: World, headers: dict[str, str]) -> None:
    await running(mine)
    first = await mine.provisioning.api.get(LIST, headers=headers)
    again = await mine.provisioning.api.get(LIST, headers={**headers, "If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


async def test_returned_twice_and_once_more_when_it_is_over(mine: World, headers: dict[str, str]) -> None:
    instance_id = await running(mine)
    first = await post(mine, headers, instance_id, "return")
    second = await post(mine, headers, instance_id, "return")
    assert [(each.status_code, each.json()["status"]) for each in (first, second)] == [(202, "destroying")] * 2
    await mine.work_on(3)
    over = await post(mine, headers, instance_id, "return")
    assert (over.status_code, over.json()["code"]) == (410, "instance_over")
    last = await shown(mine, headers, instance_id)
    assert (last["actions"], last["address"]) == ([], None)


async def test_returned_while_its_machine_is_made(mine: World, headers: dict[str, str]) -> None:
    mine.cloud.script.append("create done_unanswered")
    instance_id = await mine.want()
    await mine.work()
    answer = await post(mine, headers, instance_id, "return")
    assert (answer.status_code, answer.json()["status"]) == (202, "destroying")
    mine.now = max(mine.now, (await mine.instance(instance_id)).updated_at)
    await mine.work_on(60)
    assert (await shown(mine, headers, instance_id))["status"] == "destroyed"
    assert mine.cloud.machines == {}


@pytest.mark.parametrize("what", ["restart", "stop"])
async def test_asked_for_over_http_it_is_on_its_way(mine: World, headers: dict[str, str], what: str) -> None:
    instance_id = await running(mine)
    answer = await post(mine, headers, instance_id, what)
    assert answer.status_code == 202
    assert answer.json()["status"] == {"restart": "restarting", "stop": "stopping"}[what]


@pytest.mark.parametrize("what", ["restart", "stop", "start"])
async def test_nothing_is_done_with_what_is_over(mine: World, headers: dict[str, str], what: str) -> None:
    instance_id = await running(mine)
    await ended(mine, instance_id)
    answer = await post(mine, headers, instance_id, what)
    assert (answer.status_code, answer.json()["code"]) == (410, "instance_over")


async def test_what_the_status_does_not_allow_is_a_conflict(mine: World, headers: dict[str, str]) -> None:
    instance_id = await running(mine)
    assert (await post(mine, headers, instance_id, "restart")).status_code == 202
    answer = await post(mine, headers, instance_id, "stop")
    assert (answer.status_code, answer.json()["code"]) == (409, "instance_busy")


@pytest.mark.parametrize("what", ["", "/restart", "/stop", "/start", "/return", "/log"])
async def test_another_owners_instance_is_not_there(mine: World, issuer: TokenIssuer, what: str) -> None:
    instance_id = await running(mine)
    headers = issuer.headers(Owner())
    method = "GET" if what in ("", "/log") else "POST"
    answer = await mine.provisioning.api.request(method, f"{LIST}/{instance_id}{what}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "instance_not_found")
    listed = await mine.provisioning.api.get(LIST, headers=headers)
    assert listed.json()["items"] == []


async def test_without_the_scope_it_is_refused(mine: World, issuer: TokenIssuer, owner: Owner) -> None:
    instance_id = await running(mine)
    reading = issuer.headers(owner, Scope.INSTANCES_READ)
    assert (await mine.provisioning.api.get(LIST, headers=reading)).status_code == 200
    for what in ("restart", "stop", "start", "return"):
        answer = await post(mine, reading, instance_id, what)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    other = issuer.headers(owner, Scope.ACCOUNT_READ)
    assert (await mine.provisioning.api.get(LIST, headers=other)).status_code == 403
    assert (await mine.provisioning.api.get(LIST)).status_code == 401


async def test_the_reason_why_it_could_not_be_had_is_shown(mine: World, headers: dict[str, str]) -> None:
    mine.cloud.script.append("create refused")
    instance_id = await mine.want()
    await mine.work_on(2)
    found = await shown(mine, headers, instance_id)
    assert (found["status"], found["code"]) == ("canceled", "provider_refused")
    assert "will not make this machine" in found["reason"]


async def test_reading_a_list_is_one_query(mine: World, headers: dict[str, str], provisioning: Running) -> None:
    for number in range(3):
        await running(mine, f"alice{number}@olares.com")
    statements: list[str] = []
    engine = provisioning.runtime.database.engine.sync_engine

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    try:
        await mine.provisioning.api.get(LIST, headers=headers)
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert len([each for each in statements if each.startswith("SELECT")]) == 1
