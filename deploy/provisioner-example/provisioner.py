"""Takes the place of Space's provisioning. README.md says how to run it, docs/provisioner.md what it has to keep to.

Intent, act, record: an instance is a row before its machine is started, the machine itself shows whether it exists, and
what is recorded is told until the broker confirms. Killed at any moment, it goes on from there."""

import asyncio
import json
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import aio_pika
import machines
from aio_pika.abc import AbstractExchange

QUEUE, DEAD, CAUSES = "outside.provisioner", "outside.provisioner.dead", ({"cause": "lost"}, {"cause": "unwanted"})
LIMITS: Any = {"x-queue-type": "quorum", "x-delivery-limit": 1000, "x-dead-letter-exchange": DEAD}
UNWANTED = {"restore.instance_wanted.v1": False, "restore.instance_unwanted.v1": True}
PLACE = ("instance_name", "provider", "region", "plan")
OFFERS, COMMAND = os.environ["PROVISIONER_OFFERS"].split(), os.environ["PROVISIONER_COMMAND"].split()
ROOT, TURN_SECONDS = Path("machines").absolute(), float(os.environ.get("PROVISIONER_TURN_SECONDS", "10"))
TABLE = """PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE IF NOT EXISTS instances (id TEXT PRIMARY KEY, lease TEXT,
    intent TEXT, unwanted INTEGER, fact TEXT, at TEXT, more TEXT, told INTEGER)"""
HEARD = "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET unwanted = max(unwanted, ?4)"
RECORD = "UPDATE instances SET fact = ?, at = ?, more = ?, told = FALSE WHERE id = ?"
LEASED = "SELECT 1 FROM instances WHERE lease = ? AND fact IN ('requested', 'running')"


def hear(db: sqlite3.Connection, body: bytes, at: str) -> None:
    """Write down what is wanted or is no longer: what is known can only become unwanted. Raises if unreadable."""
    envelope = json.loads(body)
    unwanted, said = UNWANTED[envelope["type"]], envelope["data"]
    intent = {key: str(UUID(said[key])) for key in ("owner_id", "instance_id", "restore_id") if said.get(key)}
    more = CAUSES[True] if unwanted else {key: "" + said[key] for key in PLACE}
    lease, fact = f"{intent['owner_id']} {said.get('instance_name')}", "returned" if unwanted else "requested"
    if not unwanted and "/".join(more[key] for key in PLACE[1:]) not in OFFERS:
        fact, more = "failed", {"code": "offer_unknown", "reason": "There is no such machine here."}
    elif not unwanted and db.execute(LEASED, [lease]).fetchone():
        fact, more = "failed", {"code": "name_in_use", "reason": "Another instance has that name. Return it first."}
    db.execute(HEARD, [intent["instance_id"], lease, json.dumps(intent), unwanted, fact, at, json.dumps(more)])


async def advance(db: sqlite3.Connection, events: AbstractExchange, row: sqlite3.Row, at: str) -> None:
    """Tell what was recorded; once that is told, bring the machine nearer to what is wanted, and record."""
    intent, more, folder = json.loads(row["intent"]), json.loads(row["more"]), ROOT / row["id"]
    if not row["told"]:
        await tell(events, intent, row["fact"], row["at"], more)
        db.execute("UPDATE instances SET told = TRUE WHERE id = ?", [row["id"]])
        return
    if row["unwanted"]:
        machines.end(folder)
    elif row["fact"] == "requested":
        machines.start(folder, [part.format(**intent, **more) for part in COMMAND])
        db.execute(RECORD, ["running", at, json.dumps(more | {"address": None}), row["id"]])
    if folder.exists():
        await tell(events, intent, "usage_measured", at, machines.count(folder))
    if not machines.exists(folder):
        machines.clear(folder)
        db.execute(RECORD, ["returned", datetime.now(UTC).isoformat(), json.dumps(CAUSES[row["unwanted"]]), row["id"]])


async def tell(events: AbstractExchange, intent: dict[str, str], fact: str, at: str, more: dict[str, Any]) -> None:
    """Publish, and wait until the broker has it. What is told again has the same id."""
    name, event_id = f"provisioning.instance.{fact}.v1", str(uuid5(UUID(intent["instance_id"]), fact + at))
    data = {"restore_id": None} | intent | more | {f"{fact.removeprefix('usage_')}_at": at}
    envelope = {"specversion": "1.0", "id": event_id, "source": "/provisioning", "type": name, "time": at}
    body = json.dumps(envelope | {"datacontenttype": "application/json", "data": data}).encode()
    message = aio_pika.Message(body, type=name, content_type="application/cloudevents+json", delivery_mode=2)
    await events.publish(message, name, timeout=30)


async def main() -> None:
    db = sqlite3.connect("provisioner.db", isolation_level=None)
    db.row_factory = sqlite3.Row
    db.executescript(TABLE)
    async with await aio_pika.connect(os.environ["PROVISIONER_BROKER_URL"]) as connection:
        channel = await connection.channel(on_return_raises=True)
        events = await channel.get_exchange("space.events")
        dead = await channel.declare_queue(DEAD, durable=True, arguments={"x-queue-type": "quorum"})
        await dead.bind(await channel.declare_exchange(DEAD, aio_pika.ExchangeType.FANOUT, durable=True))
        queue = await channel.declare_queue(QUEUE, durable=True, arguments=LIMITS)
        for event in UNWANTED:
            await queue.bind(events, event)
        while True:
            while message := await queue.get(fail=False):
                try:
                    hear(db, message.body, datetime.now(UTC).isoformat())
                    await message.ack()
                except (AttributeError, KeyError, TypeError, ValueError):
                    await message.reject()
            for row in list(db.execute("SELECT * FROM instances WHERE fact IN ('requested', 'running') OR NOT told")):
                await advance(db, events, row, datetime.now(UTC).isoformat())
            await asyncio.sleep(TURN_SECONDS)


asyncio.run(main())
