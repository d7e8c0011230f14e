"""Events between services over the real broker: sent once committed, acted on once."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from opentelemetry.trace import NoOpTracer
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from shared import broker
from shared.db import Database
from shared.errors import Fate
from shared.events.base import Envelope
from shared.inbox import Inbox, Subscription
from shared.messaging import OutboxMessage
from shared.outbox import Relay, publish
from space_local.rabbitmq import RabbitMQ
from tests.shared.conftest import at_work, eventually
from tests.shared.probe import Heard, NoteTaken, Settings, hear, hear_many, make_service


def inbox(database: Database, *, batched: bool = False) -> Inbox:
    subscription = Subscription(NoteTaken, hear_many if batched else hear, batched=batched)
    return Inbox(database, "probe", "probe.events", [subscription], NoOpTracer())


def message(words: str = "hello", event_id: UUID | None = None, note_id: UUID | None = None) -> bytes:
    event = NoteTaken(note_id=note_id or uuid4(), words=words)
    envelope = Envelope(
        id=event_id or uuid4(),
        source="/probe",
        type=NoteTaken.name,
        time=datetime.now(UTC),
        data=event.model_dump(mode="json"),
    )
    return envelope.model_dump_json().encode()


async def heard(database: Database) -> dict[UUID, int]:
    async with database.reading() as session:
        return {row.note_id: row.times for row in await session.scalars(select(Heard))}


@pytest.mark.parametrize("batched", [False, True])
async def test_a_message_delivered_again_is_acted_on_once(database: Database, batched: bool) -> None:
    note_id = uuid4()
    same = message(note_id=note_id, event_id=uuid4())
    box = inbox(database, batched=batched)
    outcomes = [verdict.outcome for _ in range(3) for verdict in await box.accept([same])]
    within = [verdict.outcome for verdict in await box.accept([same, message(), same])]
    assert outcomes == ["done", "duplicate", "duplicate"]
    assert within == ["duplicate", "done", "duplicate"]
    assert (await heard(database))[note_id] == 1


@pytest.mark.parametrize("batched", [False, True])
async def test_one_message_twice_in_a_delivery_is_acted_on_once(database: Database, batched: bool) -> None:
    note_id = uuid4()
    same = message(note_id=note_id, event_id=uuid4())
    verdicts = await inbox(database, batched=batched).accept([same, same])
    assert [verdict.outcome for verdict in verdicts] == ["done", "duplicate"]
    assert (await heard(database))[note_id] == 1


@pytest.mark.parametrize(
    ("words", "fate", "outcome"),
    [
        ("refuse", Fate.DEAD, "dead"),
        ("early", Fate.RETRY, "retried"),
        ("stale", Fate.ACKNOWLEDGE, "stale"),
        ("fault", Fate.RETRY, "retried"),
    ],
)
async def test_one_bad_message_in_a_delivery_stops_no_other(
    database: Database, words: str, fate: Fate, outcome: str
) -> None:
    good = [uuid4(), uuid4()]
    bodies = [message(note_id=good[0]), message(words), message(note_id=good[1])]
    verdicts = await inbox(database).accept(bodies)
    assert [verdict.outcome for verdict in verdicts] == ["done", outcome, "done"]
    assert verdicts[1].fate is fate
    assert await heard(database) == {good[0]: 1, good[1]: 1}


async def test_what_cannot_be_read_is_set_aside(database: Database) -> None:
    bodies: Sequence[bytes] = [b"\xff", b"{}", message().replace(b'"note_id"', b'"other_id"')]
    verdicts = await inbox(database).accept(bodies)
    assert [(verdict.fate, verdict.outcome) for verdict in verdicts] == [(Fate.DEAD, "malformed")] * 3


async def test_two_consumers_of_one_message_act_once(database: Database) -> None:
    """The race, forced: the first holds its transaction open while the second arrives."""
    note_id, event_id = uuid4(), uuid4()
    body = message(note_id=note_id, event_id=event_id)
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def hear_slowly(session: AsyncSession, event: NoteTaken) -> None:
        entered.set()
        await go_on.wait()
        await hear(session, event)

    slow = Inbox(database, "probe", "probe.events", [Subscription(NoteTaken, hear_slowly)], NoOpTracer())
    first = asyncio.create_task(slow.accept([body]))
    await entered.wait()
    second = asyncio.create_task(inbox(database).accept([body]))
    await asyncio.sleep(0.1)
    assert not second.done()
    go_on.set()
    outcomes = {(await first)[0].outcome, (await second)[0].outcome}
    assert outcomes == {"done", "duplicate"}
    assert await heard(database) == {note_id: 1}


async def test_nothing_is_sent_for_a_transaction_that_did_not_commit(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as session:
            publish(session, NoteTaken(note_id=uuid4(), words="never"))
            await session.execute(text("SELECT no_such_function()"))

    with pytest.raises(ProgrammingError):
        await fail()
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(OutboxMessage)) == 0


async def test_what_the_broker_did_not_confirm_stays_to_be_sent(database: Database) -> None:
    async with database.transaction() as session:
        for _ in range(3):
            publish(session, NoteTaken(note_id=uuid4(), words="x"))

    async def confirm_the_first(messages: Sequence[OutboxMessage]) -> list[int]:
        return [messages[0].id]

    assert await Relay(database, "probe", confirm_the_first).drain() == 1
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(OutboxMessage)) == 2


async def test_two_relays_send_each_event_once(database: Database) -> None:
    async with database.transaction() as session:
        for _ in range(50):
            publish(session, NoteTaken(note_id=uuid4(), words="x"))
    sent: list[int] = []
    holding, go_on = asyncio.Event(), asyncio.Event()

    async def send_slowly(messages: Sequence[OutboxMessage]) -> list[int]:
        sent.extend(message.id for message in messages)
        holding.set()
        await go_on.wait()
        return [message.id for message in messages]

    first = asyncio.create_task(Relay(database, "probe", send_slowly).drain())
    await holding.wait()
    assert await Relay(database, "probe", send_slowly).drain() == 0
    go_on.set()
    assert await first == 50
    assert len(sent) == len(set(sent)) == 50


async def test_a_note_reaches_its_reader_through_the_broker(
    settings: Settings, rabbitmq: RabbitMQ, database: Database, probe_name: str
) -> None:
    note_id = uuid4()
    async with (
        at_work(make_service(probe_name), settings, rabbitmq) as running,
        httpx.AsyncClient(base_url=f"http://{running.api_listen}") as client,
        httpx.AsyncClient(base_url=f"http://{running.internal_listen}") as internal,
    ):
        answer = await client.post("/api/v1/notes", json={"id": str(note_id), "words": "hello"})
        assert answer.status_code == 201

        async def arrived() -> bool:
            return (await heard(database)).get(note_id) == 1

        await eventually(arrived, 30)
        inside = await internal.get("/metrics")
        assert f'space_events_published_total{{event="probe.note.taken.v1",service="{probe_name}"}} 1.0' in inside.text
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"database": True, "broker": True})


async def test_what_was_taken_while_the_broker_was_away_arrives_afterwards(
    settings: Settings, rabbitmq: RabbitMQ, database: Database, probe_name: str
) -> None:
    notes = [uuid4() for _ in range(5)]
    async with (
        at_work(make_service(probe_name), settings, rabbitmq) as running,
        httpx.AsyncClient(base_url=f"http://{running.api_listen}") as client,
    ):
        # RabbitMQ confirms a new quorum queue a moment before its registration is on disk; these are seconds old.
        await asyncio.sleep(3)
        await asyncio.to_thread(rabbitmq.kill)
        for note_id in notes:
            answer = await client.post("/api/v1/notes", json={"id": str(note_id), "words": str(note_id)})
            assert answer.status_code == 201
        await rabbitmq.start()

        async def all_arrived() -> bool:
            return set(await heard(database)) >= set(notes)

        await eventually(all_arrived, 30)
    assert set((await heard(database)).values()) == {1}


async def test_a_dead_letter_is_listed_and_given_back(
    settings: Settings, rabbitmq: RabbitMQ, database: Database, probe_name: str
) -> None:
    note_id = uuid4()
    operator = {"Authorization": "Bearer operator-credential"}
    async with (
        at_work(make_service(probe_name), settings, rabbitmq) as running,
        httpx.AsyncClient(base_url=f"http://{running.api_listen}") as client,
        httpx.AsyncClient(base_url=f"http://{running.internal_listen}") as inside,
    ):
        await client.post("/api/v1/notes", json={"id": str(note_id), "words": "refuse"})

        async def is_dead() -> bool:
            return len((await inside.get("/internal/dead-letters", headers=operator)).json()) == 1

        await eventually(is_dead)
        (letter,) = (await inside.get("/internal/dead-letters", headers=operator)).json()
        assert letter["event_name"] == NoteTaken.name
        assert letter["reason"].startswith("NoteRefused")
        assert (await inside.get("/internal/dead-letters")).status_code == 401

    # The service that comes back with the fault mended takes the letter it is given.
    mended = make_service(probe_name)
    object.__setattr__(mended, "subscriptions", (Subscription(NoteTaken, _hear_anything),))
    async with (
        at_work(mended, settings, rabbitmq) as running,
        httpx.AsyncClient(base_url=f"http://{running.internal_listen}") as inside,
    ):
        answer = await inside.post("/internal/dead-letters/redrive", headers=operator)
        assert answer.json() == {"given_back": 1}

        async def arrived() -> bool:
            return (await heard(database)).get(note_id) == 1

        await eventually(arrived)
        assert (await inside.get("/internal/dead-letters", headers=operator)).json() == []


async def test_a_message_that_comes_too_early_is_tried_again_with_delay(
    settings: Settings, rabbitmq: RabbitMQ, database: Database, probe_name: str
) -> None:
    attempts: list[float] = []

    async def hear_at_the_third_time(session: AsyncSession, event: NoteTaken) -> None:
        attempts.append(asyncio.get_running_loop().time())
        if len(attempts) < 3:
            raise LookupError("not yet")
        await hear(session, event)

    service = make_service(probe_name)
    object.__setattr__(service, "subscriptions", (Subscription(NoteTaken, hear_at_the_third_time),))
    async with (
        at_work(service, settings, rabbitmq) as running,
        httpx.AsyncClient(base_url=f"http://{running.api_listen}") as client,
    ):
        await client.post("/api/v1/notes", json={"id": str(uuid4()), "words": "patience"})

        async def arrived() -> bool:
            return len(await heard(database)) == 1

        await eventually(arrived, 20)
    first, second, third = attempts
    assert second - first >= broker.RETRY_DELAYS_SECONDS[0] * 0.9
    assert third - second >= broker.RETRY_DELAYS_SECONDS[1] * 0.9


async def test_an_event_nobody_reads_is_kept_and_counted(rabbitmq: RabbitMQ) -> None:
    async with broker.connect(rabbitmq.url, "test") as connection:
        await broker.declare_over(connection, [])
        before = (await broker.count_messages(connection, [broker.UNROUTED]))[broker.UNROUTED]
        publisher = await broker.Publisher.open(connection)
        lonely = OutboxMessage(id=1, event_name="probe.nobody.listens.v1", envelope="{}")
        assert await publisher.send([lonely]) == [1]
        after = (await broker.count_messages(connection, [broker.UNROUTED]))[broker.UNROUTED]
    assert after == before + 1


async def _hear_anything(session: AsyncSession, event: NoteTaken) -> None:
    await hear(session, event.model_copy(update={"words": "anything"}))


async def test_a_statement_that_takes_too_long_is_tried_again_and_holds_up_no_other(
    database: Database,
) -> None:
    async def hear_or_wait(session: AsyncSession, event: NoteTaken) -> None:
        if event.words == "slow":
            await session.execute(text("SET LOCAL statement_timeout = '50ms'"))
            await session.execute(text("SELECT pg_sleep(60)"))
        await hear(session, event)

    box = Inbox(database, "probe", "probe.events", [Subscription(NoteTaken, hear_or_wait)], NoOpTracer())
    good = uuid4()
    async with asyncio.timeout(30):
        verdicts = await box.accept([message("slow"), message(note_id=good)])
    assert [verdict.outcome for verdict in verdicts] == ["retried", "done"]
    assert await heard(database) == {good: 1}
