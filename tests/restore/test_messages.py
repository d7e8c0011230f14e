"""Restore's events over a real broker: the deletion of a backup comes in, the ends of restores go out."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from restore.app import service
from restore.settings import Settings
from shared import broker
from shared.events.base import Envelope, Event
from shared.events.catalog import BackupDeleted
from shared.events.restore import RestoreCancelled, RestoreCompleted, RestoreFailed
from space_local import ports
from space_local.rabbitmq import RabbitMQ
from tests.restore.conftest import Client
from tests.support.running import Running

CATALOG = broker.Queue("catalog.events", (RestoreCancelled.name, RestoreCompleted.name, RestoreFailed.name))
Say = Callable[..., Awaitable[UUID]]


@pytest.fixture
async def worker(settings: Settings, restore: Running, rabbitmq: RabbitMQ) -> AsyncIterator[AbstractChannel]:
    """Restore's worker over the broker, which also holds a queue as catalog has it."""
    await broker.declare_topology(rabbitmq.url, [*service.queues, CATALOG])
    stop = asyncio.Event()
    told = settings.model_copy(update={"broker_url": rabbitmq.url, "internal_listen": f"127.0.0.1:{ports.pick()}"})
    task = asyncio.create_task(service.run(told, frozenset({"worker"}), stop))
    async with broker.connect(rabbitmq.url, "test") as connection:
        channel = await connection.channel()
        for name in (CATALOG.name, "restore.events"):
            await (await channel.get_queue(name)).purge()
        yield channel
        stop.set()
        await asyncio.wait_for(task, 30)


@pytest.fixture
def say(worker: AbstractChannel) -> Say:
    async def publish(event: Event, event_id: UUID | None = None) -> UUID:
        envelope = Envelope(
            id=event_id or uuid4(),
            source="/catalog",
            type=event.name,
            time=datetime.now(UTC),
            data=event.model_dump(mode="json"),
        )
        exchange = await worker.get_exchange(broker.EVENTS)
        await exchange.publish(aio_pika.Message(envelope.model_dump_json().encode()), event.name)
        return envelope.id

    return publish


async def heard(worker: AbstractChannel, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The next events that catalog would get."""
    queue = await worker.get_queue(CATALOG.name)
    found: list[tuple[str, dict[str, Any]]] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            message = await queue.get(fail=False, no_ack=True)
            if message is None:
                await asyncio.sleep(0.05)
                continue
            envelope = json.loads(message.body)
            found.append((envelope["type"], envelope["data"]))
    return found


async def reaches(client: Client, restore_id: str, state: str) -> None:
    async with asyncio.timeout(60):
        while (await client.read(restore_id))["state"] != state:
            await asyncio.sleep(0.05)


async def test_what_ends_a_restore_reaches_catalog(client: Client, worker: AbstractChannel) -> None:
    done, failed, cancelled = [await client.begin() for _ in range(3)]
    await client.report(done, "completed", bytes_restored=9, warnings=1)
    await client.report(failed, "failed", reason="the disk is full")
    await client.cancel(cancelled)
    events = dict(await heard(worker, 3))
    assert events["restore.completed.v1"]["restore_id"] == done
    assert events["restore.completed.v1"]["target"] == "local"
    assert events["restore.failed.v1"]["reason"] == "the disk is full"
    assert events["restore.cancelled.v1"]["restore_id"] == cancelled
    assert {event["snapshot_id"] for event in events.values()} == {str(client.snapshot.snapshot_id)}


async def test_a_deleted_backup_ends_its_restores_and_no_others(
    client: Client, worker: AbstractChannel, say: Say
) -> None:
    ready = (await client.issue())["restore_id"]
    under_way = await client.begin()
    done = await client.begin()
    await client.report(done, "completed")
    snapshot = client.snapshot
    stranger = uuid4()
    for owner_id, backup_id in (
        (stranger, snapshot.backup_id),
        (snapshot.owner_id, uuid4()),
    ):
        await say(BackupDeleted(owner_id=owner_id, backup_id=backup_id, deleted_at=datetime.now(UTC)))
    event = BackupDeleted(owner_id=snapshot.owner_id, backup_id=snapshot.backup_id, deleted_at=datetime.now(UTC))
    event_id = await say(event)
    await reaches(client, ready, "cancelled")
    await reaches(client, under_way, "cancelled")
    assert (await client.read(under_way))["reason"] == "the backup was deleted"
    assert (await client.read(done))["state"] == "completed"
    answer = await client.report(under_way, "completed")
    assert (answer.status_code, answer.json()["code"]) == (410, "restore_ended")
    # The same message again, and the same fact in another message.
    await say(event, event_id)
    await say(event)
    await asyncio.sleep(0.5)
    names = [name for name, _ in await heard(worker, 3)]
    assert sorted(names) == ["restore.cancelled.v1", "restore.cancelled.v1", "restore.completed.v1"]
    assert await (await worker.get_queue(CATALOG.name)).get(fail=False, no_ack=True) is None


async def test_a_deleted_backup_shuts_the_door_on_a_failed_restore(client: Client, say: Say) -> None:
    issued = await client.issue()
    await client.redeem(issued["ticket"])
    await client.report(issued["restore_id"], "failed")
    snapshot = client.snapshot
    await say(BackupDeleted(owner_id=snapshot.owner_id, backup_id=snapshot.backup_id, deleted_at=datetime.now(UTC)))
    await reaches(client, issued["restore_id"], "cancelled")
    assert (await client.redeem(issued["ticket"])).status_code == 410
