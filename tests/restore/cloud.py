"""A restore to the cloud as its owner, billing, provisioning and the agent see it, each by the way it really comes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OKPKey
from sqlalchemy import text

from restore.consumers import SUBSCRIPTIONS
from restore.domain.order import State
from restore.encoding import encode
from restore.jobs import JOBS
from shared.events.base import Envelope, Event
from shared.events.billing import (
    OrderFulfilled,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentFailed,
    PaymentVoided,
)
from shared.events.provisioning import InstanceEnrolled, InstanceFailed, InstanceReturned, InstanceRunning
from tests.support.catalog_double import Snapshot
from tests.support.order_double import OrderDouble
from tests.support.running import Running
from tests.support.tokens import ORIGIN

PLACE = {"provider": "local", "region": "here", "plan": "small"}
NAME = "alice@olares.com"
SEALED = encode(b"\x07" * 70)


@dataclass
class Agent:
    """An agent's key, and what it says to restore."""

    restore: Running
    restore_id: str
    instance_id: UUID
    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519"))

    @property
    def public_key(self) -> str:
        return str(self.key.as_dict(private=False)["x"])

    def headers(self, **claims: Any) -> dict[str, str]:
        now = int(datetime.now(UTC).timestamp())
        said = {"iss": str(self.instance_id), "sub": str(self.instance_id), "aud": ORIGIN, "iat": now, "exp": now + 60}
        header = {"alg": "Ed25519", "typ": "agent+jwt"}
        return {"Authorization": "Bearer " + jwt.encode(header, said | claims, self.key, algorithms=["Ed25519"])}

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        url = f"/api/v1/restores/{self.restore_id}/agent/{path}"
        return await self.restore.api.request(method, url, json=body, headers=self.headers())

    async def offer(self, key: str | None = None) -> int:
        answer = await self.call("POST", "rounds", {"public_key": key or new_key()})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["round"])

    async def report(self, number: int, state: str, **said: Any) -> httpx.Response:
        return await self.call("POST", "reports", {"round": number, "state": state, **said})


@dataclass
class Cloud:
    """One owner's restores to the cloud."""

    restore: Running
    headers: dict[str, str]
    snapshot: Snapshot
    orders: OrderDouble

    # The owner.

    async def ask(self, name: str = NAME, **body: Any) -> httpx.Response:
        wanted = {"backup_id": str(self.snapshot.backup_id), **PLACE, "instance_name": name, **body}
        return await self.restore.api.post("/api/v1/restores", json=wanted, headers=self.headers)

    async def quoted(self, name: str = NAME) -> str:
        answer = await self.ask(name)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["restore_id"])

    async def confirm(self, restore_id: str, method_id: UUID | None = None) -> httpx.Response:
        body = {"payment_method_id": str(method_id)} if method_id else {}
        return await self._post(restore_id, "confirm", body)

    async def cancel(self, restore_id: str) -> httpx.Response:
        return await self._post(restore_id, "cancel", None)

    async def send(self, restore_id: str, number: int, sealed: str = SEALED) -> httpx.Response:
        return await self._post(restore_id, "password", {"round": number, "sealed": sealed})

    async def read(self, restore_id: str) -> dict[str, Any]:
        answer = await self.restore.api.get(f"/api/v1/restores/{restore_id}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def state(self, restore_id: str) -> str:
        return str((await self.read(restore_id))["state"])

    async def timeline(self, restore_id: str) -> list[dict[str, Any]]:
        answer = await self.restore.api.get(
            f"/api/v1/restores/{restore_id}/timeline", headers=self.headers, params={"limit": 100}
        )
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def states(self, restore_id: str) -> list[str]:
        """Where it has been, in order."""
        return [entry["state"] for entry in await self.timeline(restore_id) if entry["kind"] == "moved"]

    async def _post(self, restore_id: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        return await self.restore.api.post(f"/api/v1/restores/{restore_id}/{path}", json=body, headers=self.headers)

    # The others, whose words come as events.

    async def hear(self, *events: Event) -> None:
        """Give events to the handlers that are subscribed to them, each in a transaction of its own."""
        for event in events:
            handlers = [each.handler for each in SUBSCRIPTIONS if each.event is type(event)]
            assert handlers
            for handler in handlers:
                async with self.restore.runtime.database.transaction() as session:
                    await handler(session, event)

    async def money(self, restore_id: str, kind: type[Event], **said: Any) -> Event:
        quote_id = self.orders.quote_of(restore_id)
        owner_id = self.snapshot.owner_id
        about: dict[str, Any] = {"owner_id": owner_id, "restore_id": UUID(restore_id), "quote_id": quote_id}
        if kind is OrderFulfilled:
            about |= {"invoice_id": uuid4(), "is_held": True, "fulfilled_at": datetime.now(UTC)}
        else:
            about |= {"payment_id": None, "amount_minor": 1999, "currency": "USD", "occurred_at": datetime.now(UTC)}
        if kind is PaymentFailed:
            about |= {"code": "declined", "reason": "The card was declined."}
        return kind.model_validate(about | said)

    async def machine(self, restore_id: str, kind: type[Event], **said: Any) -> Event:
        now = datetime.now(UTC)
        instance_id = UUID((await self.read(restore_id))["cloud"]["instance_id"])
        about: dict[str, Any] = {
            "owner_id": self.snapshot.owner_id,
            "instance_id": instance_id,
            "restore_id": UUID(restore_id),
        }
        if kind is InstanceRunning:
            about |= {"instance_name": NAME, **PLACE, "address": "127.0.0.1:18123", "running_at": now}
        elif kind is InstanceEnrolled:
            about |= {"public_key": "A" * 43, "enrolled_at": now}
        elif kind is InstanceFailed:
            about |= {"code": "out_of_capacity", "reason": "There is no machine to be had.", "failed_at": now}
        elif kind is InstanceReturned:
            about |= {"returned_at": now}
        return kind.model_validate(about | said)

    async def hold(self, restore_id: str) -> None:
        await self.hear(await self.money(restore_id, PaymentAuthorised))

    async def capture(self, restore_id: str) -> None:
        await self.hear(await self.money(restore_id, OrderFulfilled), await self.money(restore_id, PaymentCaptured))

    async def void(self, restore_id: str) -> None:
        await self.hear(await self.money(restore_id, PaymentVoided))

    async def gone(self, restore_id: str, **said: Any) -> None:
        await self.hear(await self.machine(restore_id, InstanceReturned, **said))

    async def boot(self, restore_id: str) -> Agent:
        """Its machine runs, and its agent has enrolled."""
        await self.hear(await self.machine(restore_id, InstanceRunning))
        agent = Agent(self.restore, restore_id, UUID((await self.read(restore_id))["cloud"]["instance_id"]))
        await self.hear(await self.machine(restore_id, InstanceEnrolled, public_key=agent.public_key))
        return agent

    # The way to a state, straight on.

    async def to(self, state: State, name: str = NAME) -> tuple[str, Agent | None]:
        """A restore in that state, and its agent where it has one by then."""
        restore_id = await self.quoted(name)
        if state is State.QUOTED:
            return restore_id, None
        assert (await self.confirm(restore_id)).status_code == 200
        if state is State.AUTHORISING:
            return restore_id, None
        await self.hold(restore_id)
        if state is State.PROVISIONING:
            return restore_id, None
        agent = await self.boot(restore_id)
        if state is State.INSTALLING:
            return restore_id, agent
        number = await agent.offer()
        if state is State.AWAITING_PASSWORD:
            return restore_id, agent
        assert (await self.send(restore_id, number)).status_code == 200
        if state is State.VERIFYING_PASSWORD:
            return restore_id, agent
        await self._on(agent, number, "restoring", bytes_restored=10, total_bytes=100)
        if state is State.RESTORING:
            return restore_id, agent
        await self._on(agent, number, "validating", bytes_restored=100)
        if state is State.VALIDATING:
            return restore_id, agent
        await self._on(agent, number, "usable", bytes_restored=100, files_restored=3, warnings=0)
        if state is State.CAPTURING:
            return restore_id, agent
        assert state is State.COMPLETED
        await self.capture(restore_id)
        return restore_id, agent

    async def _on(self, agent: Agent, number: int, state: str, **said: Any) -> None:
        answer = await agent.report(number, state, **said)
        assert answer.status_code == 204, answer.text

    # Behind the service.

    async def wanted(self, restore_id: str) -> list[tuple[str, dict[str, Any]]]:
        """The events that were published about a restore, in order: name without the version, and content."""
        async with self.restore.runtime.database.reading() as session:
            rows: Sequence[str] = (await session.scalars(text("SELECT envelope FROM outbox ORDER BY id"))).all()
        found = [Envelope.model_validate_json(row) for row in rows]
        return [(each.type.removesuffix(".v1"), each.data) for each in found if each.data["restore_id"] == restore_id]

    async def names(self, restore_id: str) -> list[str]:
        return [name for name, _ in await self.wanted(restore_id)]

    async def let_pass(self, restore_id: str, duration: timedelta) -> None:
        """Let time pass for one restore, and the jobs that look at the time do what they do."""
        passed = {"duration": duration, "id": UUID(restore_id)}
        async with self.restore.runtime.database.transaction() as session:
            for table, key, columns in (
                ("restores", "id", ("created_at", "updated_at", "heard_at", "due_at")),
                ("cloud_restores", "restore_id", ("running_at", "password_not_before", "password_until")),
            ):
                moves = ", ".join(f"{column} = {column} - CAST(:duration AS interval)" for column in columns)
                await session.execute(text(f"UPDATE {table} SET {moves} WHERE {key} = :id"), passed)
        await self.work()

    async def work(self) -> None:
        """One turn of each job of restore."""
        for job in JOBS:
            await job.run(self.restore.runtime, datetime.now(UTC))


def new_key() -> str:
    return encode(X25519PrivateKey.generate().public_key().public_bytes_raw())
