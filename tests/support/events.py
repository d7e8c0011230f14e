"""Everything that is published, as one more subscriber sees it; and publishing it once more."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aio_pika

from shared.broker import EVENTS
from shared.events.base import Envelope, Event
from tests.support.waiting import wait_for

QUEUE = "tests.everything"


async def publish(broker_url: str, event: Event) -> None:
    """Publish an event of somebody who is not there."""
    envelope = Envelope(
        id=uuid4(),
        source=f"/{event.publisher()}",
        type=event.name,
        time=datetime.now(UTC),
        data=event.model_dump(mode="json"),
    )
    await send(broker_url, [envelope.model_dump(mode="json")])


async def send(broker_url: str, envelopes: list[dict[str, Any]]) -> None:
    async with await aio_pika.connect(broker_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EVENTS)
        for envelope in envelopes:
            message = aio_pika.Message(
                json.dumps(envelope).encode(),
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                content_type="application/cloudevents+json",
                message_id=envelope["id"],
                type=envelope["type"],
            )
            await exchange.publish(message, routing_key=envelope["type"])


class Tap:
    """A queue of its own that gets every event; ``seen`` are all so far, in order of arrival."""

    def __init__(self, broker_url: str) -> None:
        self._url = broker_url
        self.seen: list[dict[str, Any]] = []
        wait_for(self._open())

    def read(self) -> list[dict[str, Any]]:
        """The envelopes of all events since the tap was opened."""
        wait_for(self._drain())
        return self.seen

    def of(self, name: str, **wanted: str) -> list[dict[str, Any]]:
        """What the events of this name say, those that hold these values."""
        data = [envelope["data"] for envelope in self.read() if envelope["type"] == name]
        return [item for item in data if wanted.items() <= item.items()]

    def publish_again(self, envelopes: list[dict[str, Any]], *, fresh_ids: bool) -> None:
        """Publish events that were published before, as they were or as if each had happened again."""
        again = [{**item, "id": str(uuid4())} if fresh_ids else item for item in envelopes]
        wait_for(send(self._url, again))

    def waiting(self, *queues: str) -> int:
        """How many messages wait in these queues."""

        async def count() -> int:
            async with await aio_pika.connect(self._url) as connection:
                channel = await connection.channel()
                found = [await channel.declare_queue(name, passive=True) for name in queues]
                return sum(queue.declaration_result.message_count or 0 for queue in found)

        return wait_for(count())

    async def _open(self) -> None:
        async with await aio_pika.connect(self._url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(QUEUE, durable=True)
            await queue.bind(await channel.get_exchange(EVENTS), "#")

    async def _drain(self) -> None:
        async with await aio_pika.connect(self._url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(QUEUE, durable=True)
            while (message := await queue.get(fail=False)) is not None:
                self.seen.append(json.loads(message.body))
                await message.ack()
