"""What tests of provisioning arrange and look at: instances that are wanted, a clock that can be set, what was told."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from provisioning.jobs import workshop
from provisioning.models import HistoryEntry, Instance
from provisioning.operations import sweep, wanting, work
from provisioning.operations.turns import Workshop
from shared.db import Database
from shared.events.base import REGISTRY, Event
from shared.events.restore import InstanceUnwanted, InstanceWanted
from shared.messaging import OutboxMessage
from tests.support.fake_cloud import FakeCloud
from tests.support.running import Running


@dataclass
class World:
    """Provisioning with its cloud, at an hour that the test chooses."""

    provisioning: Running
    cloud: FakeCloud
    now: datetime
    owner_id: UUID = field(default_factory=uuid4)

    @property
    def database(self) -> Database:
        return self.provisioning.runtime.database

    @property
    def shop(self) -> Workshop:
        return replace(workshop(self.provisioning.runtime), clock=lambda: self.now)

    def wanted(self, **changes: Any) -> InstanceWanted:
        values = {
            "owner_id": self.owner_id,
            "restore_id": uuid4(),
            "instance_id": uuid4(),
            "instance_name": "alice@olares.com",
            "provider": "local",
            "region": "local",
            "plan": "small",
        }
        return InstanceWanted(**values | changes)

    async def want(self, wanted: InstanceWanted | None = None, **changes: Any) -> UUID:
        event = wanted or self.wanted(**changes)
        async with self.database.transaction() as session:
            await wanting.want(session, event, self.now)
        return event.instance_id

    async def unwant(self, instance_id: UUID, owner_id: UUID | None = None) -> None:
        event = InstanceUnwanted(owner_id=owner_id or self.owner_id, instance_id=instance_id, reason="Called off.")
        async with self.database.transaction() as session:
            await wanting.unwant(session, event, self.now)

    async def work(self) -> int:
        """Do what is due, once for each instance that is due now."""
        return await work.work_due(self.shop)

    async def work_on(self, steps: int = 20, step: timedelta = timedelta(seconds=2)) -> None:
        """Let time pass, and do what comes due."""
        for _ in range(steps):
            while await self.work():
                pass
            self.now += step

    async def sweep(self) -> int:
        return await sweep.sweep(self.shop)

    async def instance(self, instance_id: UUID) -> Instance:
        async with self.database.reading() as session:
            found = await session.get(Instance, instance_id)
        assert found is not None
        return found

    async def status(self, instance_id: UUID) -> str:
        return (await self.instance(instance_id)).status

    async def history(self, instance_id: UUID) -> list[str]:
        """The statuses that an instance has had, in order."""
        async with self.database.reading() as session:
            rows = select(HistoryEntry.status).where(HistoryEntry.instance_id == instance_id)
            return list(await session.scalars(rows.order_by(HistoryEntry.number)))

    async def told(self, instance_id: UUID | None = None) -> list[Event]:
        """The events that wait to be sent, in order; of one instance, if one is named."""
        async with self.database.reading() as session:
            rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
            events = [REGISTRY[row.event_name].model_validate(json.loads(row.envelope)["data"]) for row in rows]
        return [event for event in events if instance_id is None or getattr(event, "instance_id", None) == instance_id]

    async def told_names(self, instance_id: UUID) -> list[str]:
        """The same, each by the words that tell it from others."""
        return [type(event).__name__.removeprefix("Instance").lower() for event in await self.told(instance_id)]
