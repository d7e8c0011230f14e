"""What an agent's heartbeats do: levels that count once, phases that the table allows, orders until they are done."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from provisioning.domain.lifecycle import HEARD, TERMINAL, TRANSITIONS, Status
from provisioning.models import AgentOrder, HistoryEntry
from provisioning.operations import agents
from provisioning.operations.agents import PHASES, Heartbeat
from tests.support.agent_double import AgentDouble
from tests.support.instances import change, put_agent, put_instance, put_order, row_of, told
from tests.support.running import Running, counted_statements
from tests.support.tokens import TokenIssuer

MEASURED = "provisioning.instance.usage_measured.v1"
SECOND = timedelta(seconds=1)
LARGEST = 2**63 - 1


def code(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


def heartbeat(number: int, sent_at: datetime, **said: Any) -> Heartbeat:
    usual: dict[str, Any] = {
        "phase": Status.RUNNING,
        "agent_version": "1",
        "olares_version": None,
        "disk_bytes": 0,
        "done_orders": [],
    }
    return Heartbeat(**{"number": number, "sent_at": sent_at, "traffic_bytes": 0, **usual, **said})


async def take(running: Running, instance_id: UUID, given: Heartbeat, now: datetime) -> list[UUID]:
    """As the endpoint does, at any time."""
    async with running.runtime.database.transaction() as session:
        orders = await agents.record_heartbeat(session, instance_id, given, timedelta(minutes=5), now)
        return [order.id for order in orders]


async def test_a_heartbeat_is_kept_and_answered(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    answer = await agent.beat(olares_version="1.12.0", traffic_bytes=1000, disk_bytes=500)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    now = datetime.now(UTC)
    assert now - datetime.fromisoformat(body.pop("server_time")) < timedelta(minutes=1)
    assert body == {"heartbeat_seconds": provisioning.runtime.settings.heartbeat_seconds, "orders": []}
    row = await row_of(provisioning, agent.instance_id)
    assert (row.heartbeat, row.agent_version, row.olares_version) == (1, "0.1.0", "1.12.0")
    assert (row.traffic_bytes, row.disk_bytes) == (1000, 500)
    for instant in (row.heard_at, row.measured_at):
        assert instant is not None
        assert now - instant < timedelta(minutes=1)
    await agent.beat(olares_version=None)
    assert (await row_of(provisioning, agent.instance_id)).olares_version == "1.12.0"


@pytest.mark.parametrize("phase", sorted(PHASES))
async def test_a_phase_moves_an_instance_where_the_table_says_so_and_is_never_an_error(
    provisioning: Running, phase: Status
) -> None:
    for status in sorted(set(Status) - TERMINAL):
        agent = await put_agent(provisioning, status)
        answer = await agent.beat(phase, traffic_bytes=7)
        assert answer.status_code == 200, answer.text
        row = await row_of(provisioning, agent.instance_id)
        moved = status is not phase and (status, PHASES[phase]) in TRANSITIONS
        assert row.status == (phase if moved else status), status
        assert row.last_number == (2 if moved else 1)
        assert (row.traffic_bytes, row.heard_at is not None) == (7, True)


@pytest.mark.parametrize("status", sorted(TERMINAL))
async def test_the_agent_of_an_instance_that_is_over_is_sent_away_for_good(
    provisioning: Running, status: Status
) -> None:
    agent = await put_agent(provisioning, status)
    order_id = await put_order(provisioning, agent.instance_id)
    assert code(await agent.beat(traffic_bytes=7, done_orders=[str(order_id)])) == (410, "instance_over")
    row = await row_of(provisioning, agent.instance_id)
    assert (row.status, row.heartbeat, row.traffic_bytes, row.heard_at) == (status, 0, 0, None)
    assert await told(provisioning, MEASURED) == []


def test_the_phases_are_what_an_agent_is_heard_in_and_lead_there() -> None:
    assert set(PHASES) == HEARD
    assert all(TRANSITIONS[Status.STARTING, trigger] is phase for phase, trigger in PHASES.items())


async def test_a_move_is_in_the_history_and_in_the_log(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.INSTALLING)
    await agent.beat("restoring")
    await agent.beat("restoring")
    async with provisioning.runtime.database.reading() as session:
        found = select(HistoryEntry).where(HistoryEntry.instance_id == agent.instance_id).order_by(HistoryEntry.number)
        entries = [(entry.source, entry.trigger, entry.status) for entry in await session.scalars(found)]
    assert entries[1:] == [("installing", "restore", "restoring")]
    assert (await row_of(provisioning, agent.instance_id)).last_line == 2


@pytest.mark.parametrize("status", [Status.STARTING, Status.RESTARTING])
async def test_an_agent_from_before_the_restart_does_not_make_it_done(provisioning: Running, status: Status) -> None:
    """It is told to the driver by a job, and until then the machine runs on."""
    agent = await put_agent(provisioning, status, acted_at=None)
    assert (await agent.beat("running")).status_code == 200
    assert (await row_of(provisioning, agent.instance_id)).status == status
    await change(provisioning, agent.instance_id, acted_at=datetime.now(UTC))
    await agent.beat("running")
    assert (await row_of(provisioning, agent.instance_id)).status == Status.RUNNING


async def test_a_machine_that_was_not_seen_running_is_looked_at_further(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.PENDING, started_at=None)
    await agent.beat("installing")
    row = await row_of(provisioning, agent.instance_id)
    assert (row.status, row.due_at is not None) == (Status.INSTALLING, True)
    await change(provisioning, agent.instance_id, started_at=datetime.now(UTC))
    await agent.beat("running")
    row = await row_of(provisioning, agent.instance_id)
    assert (row.status, row.due_at) == (Status.RUNNING, None)


@pytest.mark.parametrize("number", [1, 4, 5])
async def test_a_heartbeat_that_comes_late_or_again_changes_nothing(provisioning: Running, number: int) -> None:
    agent = await put_agent(provisioning, Status.INSTALLING)
    await agent.beat("installing", number=5, traffic_bytes=100, disk_bytes=10)
    before = await row_of(provisioning, agent.instance_id)
    order_id = await put_order(provisioning, agent.instance_id)
    answer = await agent.beat("running", number=number, traffic_bytes=5, disk_bytes=5, done_orders=[str(order_id)])
    assert answer.status_code == 200
    assert answer.json()["orders"] == [{"order_id": str(order_id), "kind": "finish"}]
    after = await row_of(provisioning, agent.instance_id)
    for name in ("status", "heartbeat", "traffic_bytes", "counted_bytes", "disk_bytes", "measured_at", "heard_at"):
        assert getattr(after, name) == getattr(before, name)
    assert len(await told(provisioning, MEASURED)) == 1


async def test_heartbeats_may_be_lost_between(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    for number, counter in ((1, 10), (900, 25)):
        await agent.beat(number=number, traffic_bytes=counter)
    row = await row_of(provisioning, agent.instance_id)
    assert (row.heartbeat, row.traffic_bytes) == (900, 25)


async def test_a_counter_that_begins_again_is_not_negative_use(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    for counter in (100, 250, 30, 35, 35, 0, 5):
        await agent.beat(traffic_bytes=counter)
    row = await row_of(provisioning, agent.instance_id)
    assert (row.traffic_bytes, row.counted_bytes) == (290, 5)


async def test_counters_may_be_as_large_as_they_come(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    for counter in (LARGEST, 5, LARGEST):
        answer = await agent.beat(traffic_bytes=counter, disk_bytes=LARGEST)
        assert answer.status_code == 200, answer.text
    row = await row_of(provisioning, agent.instance_id)
    assert (row.traffic_bytes, row.counted_bytes, row.disk_bytes) == (LARGEST, LARGEST, LARGEST)


async def test_of_two_heartbeats_of_one_number_at_once_one_counts(provisioning: Running) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING)
    now = datetime.now(UTC)
    async with provisioning.runtime.database.transaction() as session:
        first = heartbeat(1, now, traffic_bytes=10)
        await agents.record_heartbeat(session, instance_id, first, timedelta(minutes=5), now)
        contender = asyncio.create_task(take(provisioning, instance_id, heartbeat(1, now, traffic_bytes=4), now))
        await asyncio.sleep(0.1)
        assert not contender.done()
    await contender
    row = await row_of(provisioning, instance_id)
    assert (row.traffic_bytes, row.counted_bytes) == (10, 10)


async def test_readings_are_told_now_and_then(provisioning: Running) -> None:
    """Each with the total, over restarts of the counter, so that none between two that are told is lost."""
    instance_id = await put_instance(provisioning, Status.RUNNING, restore_id=uuid4())
    start = datetime.now(UTC)
    counters = [100, 200, 50, 60, 70]
    for number, counter in enumerate(counters):
        now = start + timedelta(minutes=2) * number
        await take(provisioning, instance_id, heartbeat(number + 1, now, traffic_bytes=counter, disk_bytes=number), now)
    row = await row_of(provisioning, instance_id)
    events = await told(provisioning, MEASURED)
    assert [(event["traffic_bytes"], event["disk_bytes"]) for event in events] == [(100, 0), (260, 3)]
    assert [datetime.fromisoformat(event["measured_at"]) for event in events] == [start, start + 6 * 60 * SECOND]
    assert {event["instance_id"] for event in events} == {str(instance_id)}
    assert {event["owner_id"] for event in events} == {str(row.owner_id)}
    assert {event["restore_id"] for event in events} == {str(row.restore_id)}
    assert row.published_at == start + timedelta(minutes=6)


@pytest.mark.parametrize(("ahead", "expected"), [(-3600, -300), (-299, -299), (0, 0), (90, 0), (120, 0)])
async def test_a_reading_is_of_when_its_agent_says_as_far_as_that_can_be(
    provisioning: Running, ahead: int, expected: int
) -> None:
    now = datetime.now(UTC)
    instance_id = await put_instance(provisioning, Status.RUNNING, created_at=now - 300 * SECOND)
    await take(provisioning, instance_id, heartbeat(1, now + ahead * SECOND), now)
    measured_at = (await row_of(provisioning, instance_id)).measured_at
    assert measured_at is not None
    assert timedelta(0) <= measured_at - (now + expected * SECOND) <= timedelta(microseconds=1)


async def test_readings_never_go_back_in_time(provisioning: Running) -> None:
    instance_id = await put_instance(provisioning, Status.RUNNING)
    now = datetime.now(UTC)
    measured: list[datetime] = []
    for number, seconds in enumerate((0, -100, -50, 30), 1):
        await take(provisioning, instance_id, heartbeat(number, now + seconds * SECOND), now + number * SECOND)
        measured_at = (await row_of(provisioning, instance_id)).measured_at
        assert measured_at is not None
        measured.append(measured_at)
    assert measured == sorted(set(measured))


async def test_an_order_is_told_until_it_is_done(provisioning: Running) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    agent = await put_agent(provisioning, Status.DESTROYING, due_at=later)
    order_id = await put_order(provisioning, agent.instance_id)
    for _ in range(2):
        answer = await agent.beat("running", traffic_bytes=10)
        assert answer.json()["orders"] == [{"order_id": str(order_id), "kind": "finish"}]
    assert (await row_of(provisioning, agent.instance_id)).due_at == later
    answer = await agent.beat("running", traffic_bytes=30, disk_bytes=3, done_orders=[str(order_id)])
    assert (answer.status_code, answer.json()["orders"]) == (200, [])
    async with provisioning.runtime.database.reading() as session:
        assert (await session.scalars(select(AgentOrder.done_at))).one() is not None
    row = await row_of(provisioning, agent.instance_id)
    assert row.status == Status.DESTROYING
    assert row.due_at is not None
    assert row.due_at <= datetime.now(UTC)


async def test_the_last_counters_are_always_told(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.DESTROYING)
    order_id = await put_order(provisioning, agent.instance_id)
    await agent.beat(traffic_bytes=10)
    await agent.beat(traffic_bytes=30, disk_bytes=3, done_orders=[str(order_id)])
    await agent.beat(traffic_bytes=31, done_orders=[str(order_id)])
    events = await told(provisioning, MEASURED)
    assert [(event["traffic_bytes"], event["disk_bytes"]) for event in events] == [(10, 0), (30, 3)]
    assert events[0]["measured_at"] < events[1]["measured_at"]


async def test_the_last_counters_have_an_instant_of_their_own(provisioning: Running) -> None:
    """Whoever is told knows readings by it, so a clock that stands still must not make the last one the one before."""
    instance_id = await put_instance(provisioning, Status.DESTROYING)
    order_id = await put_order(provisioning, instance_id)
    now = datetime.now(UTC)
    await take(provisioning, instance_id, heartbeat(1, now, traffic_bytes=10), now)
    await take(provisioning, instance_id, heartbeat(2, now, traffic_bytes=30, done_orders=[order_id]), now)
    events = await told(provisioning, MEASURED)
    assert len({event["measured_at"] for event in events}) == 2


async def test_another_instances_order_is_not_done_by_this_one(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.DESTROYING)
    other = await put_agent(provisioning, Status.DESTROYING)
    order_id = await put_order(provisioning, other.instance_id)
    answer = await agent.beat(done_orders=[str(order_id), str(uuid4())])
    assert (answer.status_code, answer.json()["orders"]) == (200, [])
    assert (await row_of(provisioning, agent.instance_id)).due_at is None
    assert len((await other.beat()).json()["orders"]) == 1


async def test_a_heartbeat_from_the_future_is_refused_and_told_the_time(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.INSTALLING)
    sent_at = (datetime.now(UTC) + 125 * SECOND).isoformat()
    answer = await agent.beat("running", sent_at=sent_at, traffic_bytes=5)
    assert code(answer) == (422, "heartbeat_from_future")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(answer.json()["server_time"])) < timedelta(minutes=1)
    assert answer.json()["server_time"].endswith("Z")
    row = await row_of(provisioning, agent.instance_id)
    assert (row.status, row.heartbeat, row.traffic_bytes) == (Status.INSTALLING, 0, 0)
    assert (await agent.beat(number=1, sent_at=(datetime.now(UTC) + 110 * SECOND).isoformat())).status_code == 200


@pytest.mark.parametrize("ahead", [timedelta(hours=1), -timedelta(hours=1)])
async def test_an_agent_whose_clock_is_wrong_learns_by_how_much(provisioning: Running, ahead: timedelta) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    agent.ahead = ahead
    answer = await agent.beat()
    assert code(answer) == (401, "agent_unknown")
    agent.ahead += datetime.fromisoformat(answer.json()["server_time"]) - agent.now
    assert (await agent.beat()).status_code == 200


async def test_nobody_but_its_agent_is_heard_and_nobody_learns_which_instances_there_are(
    provisioning: Running, issuer: TokenIssuer, headers: dict[str, str]
) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    other = await put_agent(provisioning, Status.RUNNING)
    unknown = AgentDouble(provisioning.api, uuid4(), "x")
    new = AgentDouble(provisioning.api, await put_instance(provisioning, Status.PENDING), "x")
    gone = AgentDouble(provisioning.api, (await put_agent(provisioning, Status.DESTROYED)).instance_id, "x")
    claimed = {"iss": str(other.instance_id), "sub": str(other.instance_id)}
    attempts = [
        (unknown, unknown.headers),
        (new, new.headers),
        (gone, gone.headers),
        (agent, other.headers),
        (agent, {"Authorization": f"Bearer {other.token(iss=str(agent.instance_id), sub=str(agent.instance_id))}"}),
        (agent, {"Authorization": f"Bearer {agent.token(**claimed)}"}),
        (agent, {"Authorization": f"Bearer {agent.token(aud='https://elsewhere.test')}"}),
        (agent, headers),
        (agent, {"Authorization": "Bearer x"}),
        (agent, {"Authorization": f"Basic {agent.token()}"}),
        (agent, {"X-Nothing": "x"}),
    ]
    documents = []
    for asking, given in attempts:
        for answer in (await asking.beat(headers=given), await asking.log((1, "x"), headers=given)):
            assert answer.status_code == 401, answer.text
            assert answer.headers["www-authenticate"] == "Bearer"
            document = answer.json()
            assert datetime.fromisoformat(document.pop("server_time"))
            documents.append(document)
    assert all(document == documents[0] for document in documents)
    assert documents[0]["code"] == "agent_unknown"
    assert (await row_of(provisioning, agent.instance_id)).heartbeat == 0


NO_HEARTBEATS: list[dict[str, Any]] = [
    {"number": 0},
    {"number": -1},
    {"number": 2**63},
    {"number": "1"},
    {"number": True},
    {"number": 1.0},
    {"traffic_bytes": -1},
    {"traffic_bytes": 2**63},
    {"traffic_bytes": 1.5},
    {"traffic_bytes": None},
    {"disk_bytes": -1},
    {"disk_bytes": 2**63},
    {"phase": "stopped"},
    {"phase": "destroyed"},
    {"phase": "RUNNING"},
    {"phase": None},
    {"sent_at": "2026-07-01T12:00:00"},
    {"sent_at": "now"},
    {"sent_at": "0001-01-01T00:00:00+14:00"},
    {"sent_at": "0001-01-01T00:00:00Z"},
    {"sent_at": "9999-12-31T23:59:59-14:00"},
    {"agent_version": "v" * 101},
    {"olares_version": ""},
    {"done_orders": ["x"]},
    {"done_orders": [str(UUID(int=number)) for number in range(101)]},
    {"more": 1},
]


async def test_what_is_no_heartbeat_is_refused(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    for said in NO_HEARTBEATS:
        assert code(await agent.beat(**said)) == (422, "request_invalid"), said
    assert (await row_of(provisioning, agent.instance_id)).heard_at is None


async def test_versions_hold_nothing_that_steers_a_terminal(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    assert (await agent.beat(agent_version="1\x1b[2J\x00", olares_version="\x07")).status_code == 200
    row = await row_of(provisioning, agent.instance_id)
    assert (row.agent_version, row.olares_version) == ("1␀", "␇")


async def test_a_heartbeat_costs_few_statements(provisioning: Running) -> None:
    agent = await put_agent(provisioning, Status.RUNNING)
    with counted_statements(provisioning) as telling:
        await agent.beat()
    with counted_statements(provisioning) as ordinary:
        await agent.beat(traffic_bytes=1)
    with counted_statements(provisioning) as late:
        await agent.beat(number=1)
    assert (len(telling), len(ordinary), len(late)) == (5, 4, 3), ordinary
