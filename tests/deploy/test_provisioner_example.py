"""The example of a provisioner as a process of its own, over a real broker, with machines that are processes."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import jsonschema_rs
import pytest

from shared.broker import EVENTS, declare_topology
from shared.events import provisioning, restore
from shared.events.base import REGISTRY, Envelope, Event
from space_local.rabbitmq import RabbitMQ
from tests.deploy.support import ROOT

EXAMPLE = ROOT / "deploy" / "provisioner-example" / "provisioner.py"
KILLER = Path(__file__).parent / "line_killer.py"
EVERY = "1" if os.environ.get("CHAOS") else "5"
"""Of the lines it may be killed at, every so many; `make chaos` takes all."""
QUEUE, DEAD, HEARD = "outside.provisioner", "outside.provisioner.dead", "tests.provisioner"
OWNER = UUID("0f9c1e8a-7a53-4c39-9d0e-6f2f4f1c0001")
MACHINE = """echo "$1 $$" >> "$2"; exec sleep 600"""
ENDS = {provisioning.InstanceFailed.name, provisioning.InstanceReturned.name}


def wanted(instance_id: UUID | None = None, **changes: Any) -> restore.InstanceWanted:
    said: dict[str, Any] = {
        "owner_id": OWNER,
        "restore_id": uuid4(),
        "instance_id": instance_id or uuid4(),
        "instance_name": f"n{uuid4().hex[:8]}@olares.com",
        "provider": "mine",
        "region": "here",
        "plan": "small",
    }
    return restore.InstanceWanted(**(said | changes))


def unwanted(instance_id: UUID) -> restore.InstanceUnwanted:
    return restore.InstanceUnwanted(owner_id=OWNER, instance_id=instance_id, reason="It is not needed any more.")


@dataclass
class World:
    """The broker as Space and as its operator see it, and the folder that the example works in."""

    channel: aio_pika.abc.AbstractChannel
    folder: Path
    environment: dict[str, str]
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def publish(self, *events: Event) -> None:
        for event in events:
            envelope = {
                "id": str(uuid4()),
                "source": "/restore",
                "type": event.name,
                "time": "2026-11-23T10:00:00Z",
                "data": event.model_dump(mode="json"),
            }
            await self.send(Envelope.model_validate(envelope).model_dump_json().encode(), event.name)

    async def send(self, body: bytes, routing_key: str = restore.InstanceWanted.name) -> None:
        exchange = await self.channel.get_exchange(EVENTS)
        await exchange.publish(aio_pika.Message(body), routing_key)

    async def listen(self) -> None:
        queue = await self.channel.get_queue(HEARD)
        while (message := await queue.get(fail=False)) is not None:
            self.heard.append(json.loads(message.body))
            await message.ack()

    def of(self, instance_id: UUID, *, usage: bool = False) -> list[str]:
        """What was told of an instance, in short and in order; a fact that was told twice is there once."""
        told = {item["id"]: item["type"] for item in self.heard if item["data"]["instance_id"] == str(instance_id)}
        names = [name.removeprefix("provisioning.instance.").removesuffix(".v1") for name in told.values()]
        return [name for name in names if usage or name != "usage_measured"]

    async def until(self, instance_id: UUID, *facts: str) -> None:
        async def told() -> bool:
            await self.listen()
            return self.of(instance_id) == list(facts)

        await eventually(told, lambda: f"{self.of(instance_id)}, not {facts}")

    def starts(self) -> dict[str, list[int]]:
        """The process of each machine that was ever started, by its instance."""
        found: dict[str, list[int]] = {}
        for line in (self.folder / "starts").read_text().splitlines() if (self.folder / "starts").exists() else []:
            found.setdefault(line.split()[0], []).append(int(line.split()[1]))
        return found

    def running(self) -> set[str]:
        return {name for name, pids in self.starts().items() if any(map(is_running, pids))}

    @asynccontextmanager
    async def example(self, *before: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The program at work; killed at the end, if it has not been before."""
        command = [sys.executable, *before, str(EXAMPLE)]
        process = await asyncio.create_subprocess_exec(*command, cwd=self.folder, env=self.environment)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def eventually(holds: Callable[[], Awaitable[bool]], otherwise: Callable[[], str], seconds: float = 20) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(otherwise())


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
async def world(rabbitmq: RabbitMQ, tmp_path: Path) -> AsyncIterator[World]:
    await declare_topology(rabbitmq.url, [])
    script = tmp_path / "machine.sh"
    script.write_text(MACHINE)
    environment = {
        "PATH": os.environ["PATH"],
        "PROVISIONER_BROKER_URL": rabbitmq.url,
        "PROVISIONER_OFFERS": "mine/here/small mine/here/large",
        "PROVISIONER_COMMAND": f"/bin/sh {script} {{instance_id}} {tmp_path / 'starts'}",
        "PROVISIONER_TURN_SECONDS": "0.05",
    }
    async with await aio_pika.connect(rabbitmq.url) as connection:
        channel = await connection.channel()
        for name in (QUEUE, DEAD, HEARD):
            await channel.queue_delete(name)
        queue = await channel.declare_queue(HEARD, durable=True)
        await queue.bind(await channel.get_exchange(EVENTS), "provisioning.#")
        world = World(channel, tmp_path, environment)
        yield world
        for pids in world.starts().values():
            for pid in filter(is_running, pids):
                os.kill(pid, signal.SIGKILL)
        for name in (QUEUE, DEAD, HEARD):
            await channel.queue_delete(name)


async def ready(world: World) -> None:
    """Until the example has bound its queue: what is sent earlier is not kept for it."""
    marker = wanted(plan="not offered")

    async def bound() -> bool:
        await world.publish(marker)
        await world.listen()
        return world.of(marker.instance_id) == ["failed"]

    await eventually(bound, lambda: "the example has not bound its queue")


def check_contract(heard: list[dict[str, Any]]) -> None:
    document = json.loads((ROOT / "docs" / "asyncapi.json").read_text())
    for body in heard:
        envelope = Envelope.model_validate(body)
        event = REGISTRY[envelope.type]
        assert set(envelope.data) == set(event.model_fields)
        event.model_validate(envelope.data)
        message = document["components"]["messages"][event.name.replace(".", "_")]
        jsonschema_rs.validator_for(message["payload"], validate_formats=True).validate(body)


def check_ends(world: World, instances: list[UUID]) -> None:
    """Each instance ended once, and had one machine at most, of which nothing is left."""
    for instance_id in instances:
        assert Counter(world.of(instance_id)).keys() & {"failed", "returned"}
        assert [name in ("failed", "returned") for name in world.of(instance_id)].count(True) == 1, instance_id
        assert len(world.starts().get(str(instance_id), [])) <= 1
    assert world.running() == set()
    assert list((world.folder / "machines").glob("*")) == []


async def test_an_instance_from_wanted_to_returned(world: World) -> None:
    order = wanted()
    async with world.example():
        await ready(world)
        await world.publish(order, order)
        await world.until(order.instance_id, "requested", "running")
        assert world.running() == {str(order.instance_id)}
        await world.publish(order, unwanted(order.instance_id), unwanted(order.instance_id))
        await world.until(order.instance_id, "requested", "running", "returned")
        await world.publish(order, unwanted(order.instance_id))
        await ready(world)
    check_ends(world, [order.instance_id])
    check_contract(world.heard)
    readings = [item for item in world.heard if item["type"] == provisioning.InstanceUsageMeasured.name]
    (returned,) = (item for item in world.heard if item["type"] == provisioning.InstanceReturned.name)
    assert readings
    assert returned["data"]["cause"] == "unwanted"
    assert max(item["data"]["measured_at"] for item in readings) < returned["data"]["returned_at"]


async def test_what_is_unwanted_before_it_was_wanted_never_gets_a_machine(world: World) -> None:
    order = wanted()
    async with world.example():
        await ready(world)
        await world.publish(unwanted(order.instance_id))
        await world.until(order.instance_id, "returned")
        await world.publish(order, unwanted(order.instance_id))
        await ready(world)
        await world.until(order.instance_id, "returned")
    assert world.starts() == {}
    check_contract(world.heard)


async def test_a_name_is_leased_and_free_again_once_its_instance_is_returned(world: World) -> None:
    first = wanted(instance_name="alice@olares.com")
    second, third = (wanted(instance_name="alice@olares.com") for _ in range(2))
    async with world.example():
        await ready(world)
        await world.publish(first, second)
        await world.until(first.instance_id, "requested", "running")
        await world.until(second.instance_id, "failed")
        await world.publish(unwanted(first.instance_id), unwanted(second.instance_id))
        await world.until(first.instance_id, "requested", "running", "returned")
        await world.publish(third)
        await world.until(third.instance_id, "requested", "running")
        await world.until(second.instance_id, "failed")
        await world.publish(unwanted(third.instance_id))
        await world.until(third.instance_id, "requested", "running", "returned")
    failed = [item["data"] for item in world.heard if item["data"]["instance_id"] == str(second.instance_id)]
    assert [item["code"] for item in failed] == ["name_in_use"]
    check_ends(world, [first.instance_id, second.instance_id, third.instance_id])
    check_contract(world.heard)


async def test_a_machine_that_ends_by_itself_is_returned(world: World) -> None:
    order = wanted()
    async with world.example():
        await ready(world)
        await world.publish(order)
        await world.until(order.instance_id, "requested", "running")
        (pid,) = world.starts()[str(order.instance_id)]
        os.kill(pid, signal.SIGKILL)
        await world.until(order.instance_id, "requested", "running", "returned")
    check_ends(world, [order.instance_id])
    assert [item["data"]["cause"] for item in world.heard if item["type"] == provisioning.InstanceReturned.name] == [
        "lost"
    ]


async def test_what_cannot_be_read_becomes_a_dead_letter_and_stops_nothing(world: World) -> None:
    order = wanted()
    envelope = {"specversion": "1.0", "id": str(uuid4()), "source": "/restore", "type": restore.InstanceWanted.name}
    data = order.model_dump(mode="json")
    bad = [
        b"\xff",
        b"[]",
        b"{}",
        json.dumps(envelope | {"data": []}).encode(),
        json.dumps(envelope | {"data": data | {"instance_id": "../../etc"}}).encode(),
        json.dumps(envelope | {"data": data | {"instance_id": 7}}).encode(),
        json.dumps(envelope | {"data": data | {"instance_name": None}}).encode(),
        json.dumps(envelope | {"data": {key: data[key] for key in data if key != "plan"}}).encode(),
        json.dumps(envelope | {"type": "restore.instance_forgotten.v1", "data": data}).encode(),
    ]
    async with world.example():
        await ready(world)
        for body in bad:
            await world.send(body)
        await world.publish(order)
        await world.until(order.instance_id, "requested", "running")
        await world.publish(unwanted(order.instance_id))
        await world.until(order.instance_id, "requested", "running", "returned")
        letters = await world.channel.get_queue(DEAD)
        found = [await letters.get() for _ in bad]
        assert [letter.body for letter in found] == bad
        assert await letters.get(fail=False) is None


async def test_killed_at_any_line_there_is_one_machine_and_one_end_for_each_instance(world: World) -> None:
    """Also between starting a machine and recording it."""
    async with world.example():
        await ready(world)
    lines, instances = world.folder / "lines", [uuid4()]
    while True:
        # The second has another name and is the same order; every third instance is after a name that may be taken.
        name = "taken@olares.com" if len(instances) % 3 == 0 else f"n{len(instances)}@olares.com"
        await world.publish(wanted(instances[-1], instance_name=name), wanted(instances[-1]))
        if len(instances) % 4 == 0:
            await world.publish(unwanted(instances[-2]))
        async with world.example(str(KILLER), str(lines), EVERY) as process:
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                break  # It came to no line where it was not killed before.
        assert process.returncode == -signal.SIGKILL
        instances.append(uuid4())
    been = lines.read_text().split()
    assert len(been) > 40, been
    async with world.example():
        await world.publish(*map(unwanted, instances))
        for instance_id in instances:
            await until_over(world, instance_id)
    check_ends(world, instances)
    assert len(world.starts()) > len(instances) / 4
    check_contract(world.heard)


async def until_over(world: World, instance_id: UUID) -> None:
    async def over() -> bool:
        await world.listen()
        return bool({"failed", "returned"} & set(world.of(instance_id)))

    await eventually(over, lambda: f"{instance_id} has not ended: {world.of(instance_id)}")
