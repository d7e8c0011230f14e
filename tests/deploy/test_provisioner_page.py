"""docs/provisioner.md against the code: its fields, its codes, and what the broker lets an outsider do."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from provisioning import errors
from provisioning.operations import obtaining
from shared.broker import EVENTS, UNROUTED, Queue, declare_topology
from shared.events import provisioning, restore
from shared.events.base import Event
from space_local.rabbitmq import RabbitMQ, server_script
from tests.deploy.support import ROOT

PAGE = (ROOT / "docs" / "provisioner.md").read_text()
INTERFACE: list[type[Event]] = [
    restore.InstanceWanted,
    restore.InstanceUnwanted,
    provisioning.InstanceRequested,
    provisioning.InstanceRunning,
    provisioning.InstanceEnrolled,
    provisioning.InstanceFailed,
    provisioning.InstanceReturned,
    provisioning.InstanceUsageMeasured,
]
FAILURES = [
    errors.NameInUse.code,
    errors.InstanceNameInvalid.code,
    errors.OfferUnknown.code,
    errors.OfferUnavailable.code,
    obtaining.NO_MACHINE,
    obtaining.REFUSED,
    obtaining.SILENT,
    "reservation_lapsed",
]


@pytest.mark.parametrize("event", INTERFACE, ids=lambda event: str(event.name))
def test_the_page_has_every_field_of_an_event_and_no_other(event: type[Event]) -> None:
    found = re.search(rf"### {re.escape(event.name)}\n(.*?)(?=\n##|\Z)", PAGE, re.DOTALL)
    assert found
    assert re.findall(r"^\| `(\w+)` \|", found[1], re.MULTILINE) == list(event.model_fields)
    assert all(field.description for field in event.model_fields.values())


def test_the_page_has_every_event_of_provisioning() -> None:
    module = [item for item in vars(provisioning).values() if isinstance(item, type) and "name" in vars(item)]
    assert set(module) <= set(INTERFACE)


def test_the_page_has_every_code_of_a_failure() -> None:
    (table,) = re.findall(r"## What `failed` says\n(.*?)\n## ", PAGE, re.DOTALL)
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(FAILURES)


@pytest.fixture
async def outsider(rabbitmq: RabbitMQ) -> AsyncIterator[str]:
    """The URL of a user that was made by the page's own commands."""
    await declare_topology(rabbitmq.url, [Queue("restore.events", (provisioning.InstanceRunning.name,))])
    commands = re.findall(r"^rabbitmqctl (?:add_user|set_).*$", PAGE, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        await control(rabbitmq, command)
    yield rabbitmq.url.replace(f"{rabbitmq.user}:{rabbitmq.password}@", "outside:secret@")
    await control(rabbitmq, "rabbitmqctl delete_user outside")
    async with await aio_pika.connect(rabbitmq.url) as connection:
        channel = await connection.channel()
        for name in ("outside.provisioner", "restore.events", "restore.events.dead"):
            await channel.queue_delete(name)


async def control(rabbitmq: RabbitMQ, command: str) -> None:
    assert rabbitmq.epmd is not None
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(rabbitmq.folder),
        "ERL_EPMD_PORT": rabbitmq.epmd.command[2],
        "RABBITMQ_NODENAME": "space@127.0.0.1",
        "RABBITMQ_USE_LONGNAME": "true",
        "RABBITMQ_CONF_ENV_FILE": str(rabbitmq.folder / "rabbitmq-env.conf"),
        "PASSWORD": "secret",
    }
    program = Path(server_script()).parent / "rabbitmqctl"
    line = command.replace("rabbitmqctl", str(program), 1)
    process = await asyncio.create_subprocess_shell(
        line, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_an_outsider_reaches_the_interface_and_nothing_else(rabbitmq: RabbitMQ, outsider: str) -> None:
    limits: dict[str, int | str] = {"x-queue-type": "quorum", "x-delivery-limit": 1000}
    dead = {"x-dead-letter-exchange": "outside.provisioner.dead"}
    async with await aio_pika.connect(outsider) as connection:
        channel = await connection.channel(on_return_raises=True)
        await channel.declare_exchange("outside.provisioner.dead", "fanout", durable=True)
        queue = await channel.declare_queue("outside.provisioner", durable=True, arguments={**limits, **dead})
        events = await channel.get_exchange(EVENTS)
        for name in (restore.InstanceWanted.name, restore.InstanceUnwanted.name):
            await queue.bind(events, name)
        await events.publish(aio_pika.Message(b"{}"), provisioning.InstanceRunning.name)

        async def refused(what: str) -> None:
            fresh = await connection.channel(on_return_raises=True)
            exchange = await fresh.get_exchange(EVENTS, ensure=False)
            own = await fresh.get_queue("outside.provisioner", ensure=False)
            with pytest.raises((AMQPError, ChannelInvalidStateError)):
                if what == "another's event":
                    await exchange.publish(aio_pika.Message(b"{}"), "billing.payment.captured.v1")
                elif what == "hearing everything":
                    await own.bind(exchange, "#")
                elif what == "another's queue":
                    await (await fresh.get_queue("restore.events", ensure=False)).get()
                else:
                    await fresh.default_exchange.publish(aio_pika.Message(b"{}"), "restore.events")

        for what in ("another's event", "hearing everything", "another's queue", "past the exchange"):
            await refused(what)


async def test_what_an_outsider_hears_is_not_unrouted_and_what_nobody_reads_of_it_is(
    rabbitmq: RabbitMQ, outsider: str
) -> None:
    async with await aio_pika.connect(rabbitmq.url) as connection:
        channel = await connection.channel(on_return_raises=True)
        events = await channel.get_exchange(EVENTS)
        await (await channel.get_queue(UNROUTED)).purge()

        async def unrouted() -> int:
            return (await channel.declare_queue(UNROUTED, passive=True)).declaration_result.message_count or 0

        await events.publish(aio_pika.Message(b"{}"), restore.InstanceWanted.name)
        assert await unrouted() == 1
        queue = await channel.declare_queue("outside.provisioner", durable=True)
        await queue.bind(events, restore.InstanceWanted.name)
        await events.publish(aio_pika.Message(b"{}"), restore.InstanceWanted.name)
        assert await unrouted() == 1
        await events.publish(aio_pika.Message(b"{}"), provisioning.InstanceRunning.name)
        assert await unrouted() == 1
        await events.publish(aio_pika.Message(b"{}"), provisioning.InstanceRequested.name)
        assert await unrouted() == 2
