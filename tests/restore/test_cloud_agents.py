"""The agent of a restore's instance: who it is, when it may ask for keys, and what its reports say."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from restore.domain.order import READING, State
from restore.domain.reports import AgentState
from restore.errors import RestoreEnded
from restore.operations import agents, passwords
from restore.operations.agents import AgentReport
from restore.operations.progress import Progress
from shared.events.provisioning import InstanceEnrolled, InstanceReturned, InstanceRunning
from tests.restore.cloud import SEALED, Agent, Cloud, new_key
from tests.support.catalog_double import CatalogDouble

CALLS: tuple[tuple[str, str, Any], ...] = (
    ("POST", "rounds", {"public_key": new_key()}),
    ("GET", "rounds/1", None),
    ("POST", "keys", {}),
    ("POST", "reports", {"round": 1, "state": "restoring"}),
)
AGENTS = [State.INSTALLING, State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD, State.RESTORING, State.VALIDATING]


async def every(agent: Agent) -> list[httpx.Response]:
    return [await agent.call(method, path, body) for method, path, body in CALLS]


async def refused(agent: Agent, headers: dict[str, str]) -> None:
    """None of the calls is answered with these credentials, and none says more than another."""
    for method, path, body in CALLS:
        url = f"/api/v1/restores/{agent.restore_id}/agent/{path}"
        answer = await agent.restore.api.request(method, url, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "agent_unknown"), path
        told = datetime.fromisoformat(answer.json()["server_time"])
        assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)


async def at(cloud: Cloud, state: State, name: str | None = None) -> tuple[str, Agent]:
    restore_id, agent = await cloud.to(state, name or f"{state.replace('_', '-')}@olares.com")
    assert agent is not None
    return restore_id, agent


async def test_nobody_but_the_agent_is_answered(cloud: Cloud) -> None:
    restore_id, agent = await at(cloud, State.VERIFYING_PASSWORD)
    now = int(datetime.now(UTC).timestamp())
    stranger = Agent(cloud.restore, restore_id, agent.instance_id)
    _, neighbour = await at(cloud, State.AWAITING_PASSWORD)
    for headers in (
        {},
        cloud.headers,
        {"Authorization": "Bearer x"},
        stranger.headers(),
        neighbour.headers(),
        agent.headers(iss=str(uuid4())),
        agent.headers(sub=str(neighbour.instance_id)),
        agent.headers(aud="http://elsewhere.test"),
        agent.headers(iat=now - 400, exp=now - 200),
        agent.headers(exp=now + 3600),
    ):
        await refused(agent, headers)
    assert await cloud.state(restore_id) == "verifying_password"
    # The same where there is nothing at all.
    nothing = Agent(cloud.restore, str(uuid4()), uuid4())
    await refused(nothing, nothing.headers())


async def test_an_agent_is_unknown_until_its_enrolment_is_known(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.PROVISIONING)
    agent = Agent(cloud.restore, restore_id, UUID((await cloud.read(restore_id))["cloud"]["instance_id"]))
    await refused(agent, agent.headers())
    await cloud.hear(await cloud.machine(restore_id, InstanceRunning))
    await refused(agent, agent.headers())
    await cloud.hear(await cloud.machine(restore_id, InstanceEnrolled, public_key=agent.public_key))
    assert await agent.offer() == 1


async def test_an_enrolment_that_overtakes_word_of_the_machine(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.PROVISIONING)
    agent = Agent(cloud.restore, restore_id, UUID((await cloud.read(restore_id))["cloud"]["instance_id"]))
    await cloud.hear(await cloud.machine(restore_id, InstanceEnrolled, public_key=agent.public_key))
    assert await cloud.state(restore_id) == "installing"
    assert await agent.offer() == 1
    await cloud.hear(await cloud.machine(restore_id, InstanceRunning))
    found = await cloud.read(restore_id)
    assert (found["state"], found["cloud"]["compute"]) == ("awaiting_password", "enrolled")
    assert found["cloud"]["address"] == "127.0.0.1:18123"


async def test_the_agent_of_a_machine_that_was_replaced_is_unknown(cloud: Cloud) -> None:
    restore_id, first = await at(cloud, State.INSTALLING)
    await cloud.let_pass(restore_id, timedelta(hours=1))
    # It goes, and nothing is restored onto it.
    assert (await first.call("POST", "keys", {})).json()["code"] == "password_not_expected"
    await first.offer()
    assert await cloud.state(restore_id) == "provisioning"
    await cloud.gone(restore_id, cause="unwanted")
    await refused(first, first.headers())
    # Its key is good for no other machine, also while that has none yet.
    wanted = (await cloud.read(restore_id))["cloud"]["instance_id"]
    await refused(first, first.headers(iss=wanted, sub=wanted))
    second = await cloud.boot(restore_id)
    assert second.instance_id != first.instance_id
    await refused(second, first.headers())
    number = await second.offer()
    assert (await cloud.send(restore_id, number)).status_code == 200
    assert (await second.report(number, "restoring")).status_code == 204
    assert await cloud.state(restore_id) == "restoring"


async def test_a_machine_that_is_replaced_while_its_agent_asks_is_told_to_stop(cloud: Cloud) -> None:
    """Who it is was found out before its restore was locked."""
    restore_id, _ = await at(cloud, State.INSTALLING)
    report = AgentReport(1, AgentState.USABLE, Progress(), None, None)
    now, before = datetime.now(UTC), uuid4()
    async with cloud.restore.runtime.database.transaction() as session:
        with pytest.raises(RestoreEnded):
            await passwords.offer_key(session, UUID(restore_id), before, b"\x07" * 32, now)
        with pytest.raises(RestoreEnded):
            await agents.record_report(session, UUID(restore_id), before, report, now)
    assert await cloud.state(restore_id) == "installing"


async def test_an_agent_is_told_to_stop_while_it_is_undone_and_after(cloud: Cloud) -> None:
    for state in (State.INSTALLING, State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD):
        restore_id, agent = await at(cloud, state)
        await cloud.cancel(restore_id)
        for over in (False, True):
            if over:
                await cloud.gone(restore_id, cause="unwanted")
                await (cloud.void if state is State.INSTALLING else cloud.capture)(restore_id)
                assert await cloud.state(restore_id) in ("cancelled", "returned")
            for answer in await every(agent):
                assert (answer.status_code, answer.json()["code"]) == (410, "restore_ended"), (state, answer.url)


async def test_an_agent_is_told_to_stop_after_a_failure(cloud: Cloud) -> None:
    restore_id, agent = await at(cloud, State.RESTORING)
    assert (await agent.report(1, "failed", code="disk_full", reason="the disk is full")).status_code == 204
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"], found["reason"]) == ("undoing", "disk_full", "the disk is full")
    repeated = await agent.report(1, "failed", code="disk_full")
    assert (repeated.status_code, repeated.json()["code"]) == (410, "restore_ended")
    assert "the disk is full" in repeated.json()["detail"]
    assert "restore.void_wanted" in await cloud.names(restore_id)
    await cloud.gone(restore_id)
    await cloud.void(restore_id)
    assert await cloud.state(restore_id) == "failed"
    assert dict(await cloud.wanted(restore_id))["restore.failed"]["reason"] == "the disk is full"
    assert {answer.status_code for answer in await every(agent)} == {410}


async def test_a_failure_without_a_word_has_a_code_and_a_reason(cloud: Cloud) -> None:
    restore_id, agent = await at(cloud, State.AWAITING_PASSWORD)
    await agent.report(1, "failed")
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"], found["reason"]) == (
        "undoing",
        "restore_failed",
        "The agent gave no reason.",
    )


async def test_what_is_done_stays_done_whatever_its_agent_says(cloud: Cloud) -> None:
    for state in (State.CAPTURING, State.COMPLETED):
        restore_id, agent = await at(cloud, state)
        before = await cloud.timeline(restore_id)
        for said in ("usable", "failed", "restoring", "password_wrong"):
            assert (await agent.report(1, said, bytes_restored=1, code="disk_full")).status_code == 204
        assert await cloud.timeline(restore_id) == before
        assert (await cloud.read(restore_id))["bytes_restored"] == 100
        assert (await agent.call("POST", "keys", {})).json()["code"] == "password_not_expected"
    assert (await cloud.names(restore_id)).count("restore.capture_wanted") == 1


async def test_reports_that_are_repeated_late_or_out_of_order(cloud: Cloud) -> None:
    restore_id, agent = await at(cloud, State.VERIFYING_PASSWORD)
    # The first words were lost.
    await agent.report(1, "validating", bytes_restored=90)
    assert await cloud.state(restore_id) == "validating"
    for _ in range(2):
        await agent.report(1, "restoring", bytes_restored=91)
        await agent.report(1, "password_wrong")
    assert await cloud.state(restore_id) == "validating"
    for _ in range(2):
        assert (await agent.report(1, "usable", warnings=2)).status_code == 204
    found = await cloud.read(restore_id)
    assert (found["state"], found["warnings"], found["cloud"]["data"]) == ("capturing", 2, "whole")
    assert (await cloud.states(restore_id))[-3:] == ["restoring", "validating", "capturing"]
    assert (await cloud.names(restore_id)).count("restore.capture_wanted") == 1


@pytest.mark.parametrize("said", ["restoring", "validating", "usable", "failed", "password_wrong"])
async def test_a_report_of_an_old_round_says_nothing(cloud: Cloud, said: str) -> None:
    restore_id, agent = await at(cloud, State.RESTORING)
    number = await agent.offer()
    assert (await agent.report(1, said, bytes_restored=99)).status_code == 204
    assert await cloud.state(restore_id) == "awaiting_password"
    assert (await cloud.send(restore_id, number)).status_code == 200
    assert (await agent.report(1, said)).status_code == 204
    assert await cloud.state(restore_id) == "verifying_password"
    await agent.report(number, "restoring", bytes_restored=11)
    assert (await agent.report(1, said, bytes_restored=99)).status_code == 204
    found = await cloud.read(restore_id)
    assert (found["state"], found["bytes_restored"], found["cloud"]["data"]) == ("restoring", 11, "partial")
    assert (await agent.report(number + 1, said)).status_code == 204
    assert await cloud.state(restore_id) == "restoring"


async def test_keys_are_given_while_there_is_something_to_read(cloud: Cloud, catalog: CatalogDouble) -> None:
    for state in AGENTS:
        restore_id, agent = await at(cloud, state)
        answer = await agent.call("POST", "keys", {})
        if state not in READING:
            assert (answer.status_code, answer.json()["code"]) == (409, "password_not_expected")
            continue
        assert answer.status_code == 200, state
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert (body["restore_id"], body["backup_name"]) == (restore_id, "photos")
        assert body["snapshot"]["path"] == "/home/alice/Photos"
        assert body["access_key_id"] == f"KEY{len(catalog.keys)}"
        assert (await cloud.timeline(restore_id))[-1]["kind"] == "keys_issued"


async def test_what_catalog_says_about_keys_reaches_the_agent(cloud: Cloud, catalog: CatalogDouble) -> None:
    restore_id, agent = await at(cloud, State.AWAITING_PASSWORD)
    for status, code, told in (
        (409, "snapshot_not_restorable", 409),
        (409, "repository_missing", 409),
        (429, "too_many_requests", 429),
        (503, "store_unavailable", 503),
    ):
        catalog.refuse(status, code)
        answer = await agent.call("POST", "keys", {})
        assert answer.status_code == told
        assert answer.json()["code"] == (code if told != 503 else "service_unavailable")
    assert "keys_issued" not in [entry["kind"] for entry in await cloud.timeline(restore_id)]


@pytest.mark.parametrize("is_over", [True, False])
async def test_a_restore_that_ends_while_catalog_makes_keys_says_so_once_more(
    cloud: Cloud, catalog: CatalogDouble, is_over: bool
) -> None:
    """Then those keys end as well; while it is undone its end is still to come."""
    restore_id, agent = await at(cloud, State.AWAITING_PASSWORD)
    loop = asyncio.get_running_loop()

    async def end() -> None:
        await cloud.cancel(restore_id)
        if is_over:
            await cloud.gone(restore_id, cause="unwanted")
            await cloud.capture(restore_id)

    catalog.before_answer = lambda: asyncio.run_coroutine_threadsafe(end(), loop).result(10)
    answer = await agent.call("POST", "keys", {})
    catalog.before_answer = lambda: None
    assert (answer.status_code, answer.json()["code"]) == (410, "restore_ended")
    assert "secret-access-key" not in answer.text
    assert len(catalog.keys) == 1
    assert (await cloud.names(restore_id)).count("restore.cancelled") == (2 if is_over else 0)


async def test_a_machine_that_is_lost_while_catalog_makes_keys_gets_none(cloud: Cloud, catalog: CatalogDouble) -> None:
    restore_id, agent = await at(cloud, State.RESTORING)
    loop = asyncio.get_running_loop()
    lost = await cloud.machine(restore_id, InstanceReturned)
    catalog.before_answer = lambda: asyncio.run_coroutine_threadsafe(cloud.hear(lost), loop).result(10)
    answer = await agent.call("POST", "keys", {})
    assert answer.status_code == 410
    assert await cloud.state(restore_id) == "undoing"


async def test_what_no_agent_sends_is_refused(cloud: Cloud) -> None:
    _, agent = await at(cloud, State.AWAITING_PASSWORD)
    for path, body in (
        ("rounds", {"public_key": "A" * 42}),
        ("rounds", {"public_key": "A" * 43, "round": 1}),
        ("reports", {"round": 0, "state": "restoring"}),
        ("reports", {"round": 1, "state": "done"}),
        ("reports", {"round": 1, "state": "restoring", "bytes_restored": -1}),
        ("reports", {"round": 1, "state": "failed", "code": "Disk full"}),
        ("reports", {"round": 1, "state": "failed", "reason": "x" * 501}),
        ("reports", {"round": 1, "state": "restoring", "password": "open"}),
    ):
        answer = await agent.call("POST", path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid"), (path, body)
    assert (await agent.call("GET", "rounds/0")).status_code == 422
    assert SEALED not in (await agent.call("GET", "rounds/9")).text
