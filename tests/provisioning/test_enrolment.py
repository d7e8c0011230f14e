"""How an agent becomes known: once, with the secret that its machine alone was given."""

import asyncio
import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from provisioning.domain.enrolment import enrolment_secret, is_enrolment_secret
from provisioning.domain.lifecycle import TERMINAL, Status
from provisioning.errors import EnrolmentSpent
from provisioning.operations import agents
from provisioning.operations.agents import Enrolment
from tests.support.agent_double import AgentDouble
from tests.support.instances import change, put_agent, put_instance, put_new_agent, row_of, secret_of, told
from tests.support.running import Running

ENROLLED = "provisioning.instance.enrolled.v1"
KEY = "0123456789abcdef" * 4
MINUTE = timedelta(minutes=1)


def code(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


def test_the_secret_is_derived_as_it_is_documented() -> None:
    instance_id = uuid4()
    digest = hmac.new(bytes.fromhex(KEY), b"enrolment:" + instance_id.bytes, hashlib.sha256).digest()
    assert enrolment_secret(KEY, instance_id) == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert enrolment_secret(KEY, instance_id) == enrolment_secret(KEY, instance_id)


def test_no_two_instances_and_no_two_installations_share_a_secret() -> None:
    first, second = uuid4(), uuid4()
    other = "f" + KEY[1:]
    assert len({enrolment_secret(key, instance_id) for key in (KEY, other) for instance_id in (first, second)}) == 4


def test_only_the_whole_secret_is_the_secret() -> None:
    instance_id = uuid4()
    secret = enrolment_secret(KEY, instance_id)
    assert is_enrolment_secret(KEY, instance_id, secret)
    for wrong in ("", secret[:-1], secret + "=", secret + "A", secret.swapcase(), " " + secret, "é" * 43, "\ud800"):
        assert not is_enrolment_secret(KEY, instance_id, wrong)


async def test_an_agent_enrols_and_its_instance_installs(provisioning: Running) -> None:
    restore_id = uuid4()
    agent = await put_new_agent(provisioning, Status.PENDING, restore_id=restore_id)
    before = await row_of(provisioning, agent.instance_id)
    answer = await agent.enrol(agent_version="0.2.0")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert datetime.now(UTC) - datetime.fromisoformat(body.pop("server_time")) < MINUTE
    assert body == {
        "instance_id": str(agent.instance_id),
        "instance_name": before.name,
        "restore_id": str(restore_id),
        "heartbeat_seconds": provisioning.runtime.settings.heartbeat_seconds,
    }
    row = await row_of(provisioning, agent.instance_id)
    assert (row.status, row.agent_version, row.due_at) == (Status.INSTALLING, "0.2.0", None)
    assert row.public_key == agent.private_key.public_key().public_bytes_raw()
    assert row.heard_at is not None
    [event] = await told(provisioning, ENROLLED)
    assert UUID(event["owner_id"]) == before.owner_id
    assert (event["instance_id"], event["restore_id"]) == (str(agent.instance_id), str(restore_id))
    assert event["public_key"] == agent.public_key
    assert (await agent.beat("installing")).status_code == 200


async def test_the_same_agent_may_enrol_again_and_nothing_is_told_twice(provisioning: Running) -> None:
    """Its answer was lost. That the time to enrol is over by now is no matter."""
    agent = await put_new_agent(provisioning, Status.PENDING)
    assert (await agent.enrol()).status_code == 200
    await agent.beat("running")
    before = await row_of(provisioning, agent.instance_id)
    await change(provisioning, agent.instance_id, enrolment_expires_at=datetime.now(UTC) - MINUTE)
    assert (await agent.enrol()).status_code == 200
    after = await row_of(provisioning, agent.instance_id)
    assert (after.status, after.last_number, after.last_line) == (Status.RUNNING, before.last_number, before.last_line)
    assert len(await told(provisioning, ENROLLED)) == 1


async def test_the_secret_serves_one_key_only(provisioning: Running) -> None:
    agent = await put_new_agent(provisioning, Status.PENDING)
    thief = AgentDouble(provisioning.api, agent.instance_id, agent.secret)
    assert (await agent.enrol()).status_code == 200
    assert code(await thief.enrol()) == (410, "enrolment_spent")
    assert code(await thief.beat()) == (401, "agent_unknown")
    assert (await agent.beat()).status_code == 200
    assert len(await told(provisioning, ENROLLED)) == 1


async def test_of_two_that_enrol_at_once_one_is_known(provisioning: Running) -> None:
    instance_id = await put_instance(provisioning, Status.PENDING)
    key = provisioning.runtime.settings.enrolment_key.get_secret_value()
    database, now = provisioning.runtime.database, datetime.now(UTC)
    secret = secret_of(provisioning, instance_id)

    async def second() -> None:
        async with database.transaction() as session:
            await agents.enrol(session, instance_id, Enrolment(secret, bytes(32), "0"), key, now)

    async with database.transaction() as session:
        await agents.enrol(session, instance_id, Enrolment(secret, b"1" * 32, "0"), key, now)
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not contender.done()
    with pytest.raises(EnrolmentSpent):
        await contender
    assert (await row_of(provisioning, instance_id)).public_key == b"1" * 32
    assert len(await told(provisioning, ENROLLED)) == 1


async def test_a_wrong_secret_is_refused_and_learns_nothing(provisioning: Running) -> None:
    """Neither another instance's secret nor a part of it serves, and the instance's status does not show."""
    other = await put_instance(provisioning, Status.PENDING)
    for status, secret in product(sorted(Status), (secret_of(provisioning, other), None, "x")):
        known = await put_agent(provisioning, status)
        answer = await known.enrol(secret=secret or known.secret[:-1])
        assert code(answer) == (401, "enrolment_refused")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert await told(provisioning, ENROLLED) == []


async def test_what_enrolling_does_in_each_status(provisioning: Running) -> None:
    # Restoring and its error come about by a known agent only; the table has the move.
    installs = {Status.PENDING, Status.STARTING, Status.RESTARTING, Status.ERRORED}
    installs |= {Status.RESTORING, Status.RESTORE_ERROR}
    refused = dict.fromkeys((*TERMINAL, Status.DESTROYING), "instance_over")
    # Nobody was given its secret yet.
    refused[Status.UNPAID] = "enrolment_expired"
    for status in sorted(Status):
        agent = await put_new_agent(provisioning, status)
        answer = await agent.enrol()
        row = await row_of(provisioning, agent.instance_id)
        if status in refused:
            assert code(answer) == (410, refused[status])
            assert (row.status, row.public_key, row.heard_at) == (status, None, None)
        else:
            assert answer.status_code == 200
            assert row.status == (Status.INSTALLING if status in installs else status)
    assert len(await told(provisioning, ENROLLED)) == len(Status) - len(refused)


@pytest.mark.parametrize("status", [Status.FETCHING, Status.QUEUING])
async def test_an_agent_of_a_machine_nobody_told_us_of_is_known_and_its_machine_looked_for(
    provisioning: Running, status: Status
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    agent = await put_new_agent(provisioning, status, started_at=None, due_at=later)
    assert (await agent.enrol()).status_code == 200
    row = await row_of(provisioning, agent.instance_id)
    assert row.status == status
    assert row.due_at is not None
    assert row.due_at <= datetime.now(UTC)
    assert len(await told(provisioning, ENROLLED)) == 1
    assert (await agent.beat("installing", traffic_bytes=5)).status_code == 200
    row = await row_of(provisioning, agent.instance_id)
    assert (row.status, row.traffic_bytes) == (status, 5)


async def test_a_machine_that_was_not_seen_running_is_looked_at_further(provisioning: Running) -> None:
    agent = await put_new_agent(provisioning, Status.PENDING, started_at=None)
    await agent.enrol()
    row = await row_of(provisioning, agent.instance_id)
    assert (row.status, row.due_at is not None) == (Status.INSTALLING, True)


@pytest.mark.parametrize("status", [Status.STARTING, Status.RESTARTING])
async def test_an_agent_from_before_the_restart_does_not_make_it_done(provisioning: Running, status: Status) -> None:
    agent = await put_new_agent(provisioning, status, acted_at=None)
    assert (await agent.enrol()).status_code == 200
    assert (await row_of(provisioning, agent.instance_id)).status == status


@pytest.mark.parametrize("expires_at", [None, timedelta(0), -timedelta(days=1)])
async def test_a_secret_serves_for_its_time(provisioning: Running, expires_at: timedelta | None) -> None:
    ends = None if expires_at is None else datetime.now(UTC) + expires_at
    agent = await put_new_agent(provisioning, Status.PENDING, enrolment_expires_at=ends)
    assert code(await agent.enrol()) == (410, "enrolment_expired")
    assert (await row_of(provisioning, agent.instance_id)).public_key is None


@pytest.mark.parametrize("status", [*sorted(TERMINAL), Status.DESTROYING])
async def test_a_known_agent_of_an_ending_instance_does_not_enrol_again(provisioning: Running, status: Status) -> None:
    agent = await put_agent(provisioning, status)
    assert code(await agent.enrol()) == (410, "instance_over")


async def test_an_instance_that_there_is_not_is_not_found(provisioning: Running) -> None:
    nowhere = uuid4()
    agent = AgentDouble(provisioning.api, nowhere, secret_of(provisioning, nowhere))
    assert code(await agent.enrol()) == (404, "instance_not_found")


NO_ENROLMENTS: list[dict[str, Any]] = [
    {"public_key": ""},
    {"public_key": "A" * 42},
    {"public_key": "A" * 44},
    {"public_key": "A" * 42 + "="},
    {"public_key": "A" * 42 + "+"},
    {"public_key": "A" * 43 + "\n"},
    {"public_key": None},
    {"secret": ""},
    {"secret": "x" * 201},
    {"secret": 5},
    {"agent_version": ""},
    {"agent_version": "v" * 101},
    {"private_key": "x"},
]


async def test_what_is_no_enrolment_is_refused(provisioning: Running) -> None:
    agent = await put_new_agent(provisioning, Status.PENDING)
    for said in NO_ENROLMENTS:
        assert code(await agent.enrol(**said)) == (422, "request_invalid"), said
    assert (await row_of(provisioning, agent.instance_id)).public_key is None


async def test_half_a_character_is_only_a_wrong_secret(provisioning: Running) -> None:
    agent = await put_new_agent(provisioning, Status.PENDING)
    body = f'{{"secret": "\\ud800", "public_key": "{agent.public_key}", "agent_version": "1"}}'
    answer = await provisioning.api.post(
        f"/api/v1/instances/{agent.instance_id}/enrolment",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert code(answer) in {(401, "enrolment_refused"), (422, "request_invalid")}


async def test_the_secret_lies_nowhere(provisioning: Running) -> None:
    agent = await put_new_agent(provisioning, Status.PENDING)
    await agent.enrol()
    await agent.beat("running")
    at_rest = ""
    async with provisioning.runtime.database.reading() as session:
        names = list(await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
        assert {"instances", "history", "log_lines", "outbox"} <= set(names)
        for name in names:
            at_rest += "\n".join(str(row) for row in (await session.execute(text(f'SELECT * FROM "{name}"'))).all())
    assert str(agent.instance_id) in at_rest
    assert agent.secret not in at_rest
