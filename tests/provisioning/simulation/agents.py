"""The agents on the machines of a simulated world: they enrol, count, report late or twice, and do as they are told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from uuid import UUID

from provisioning.domain.lifecycle import Status
from provisioning.models import Instance
from provisioning.operations import agents
from provisioning.operations.agents import Enrolment, Heartbeat
from provisioning.settings import Settings
from shared.db import Database
from shared.errors import ServiceError
from tests.provisioning.simulation.cloud import BOOTS_IN, SimulatedCloud

PHASES = (Status.INSTALLING, Status.RESTORING, Status.PENDING_ACTIVATION, Status.RUNNING)


@dataclass
class Agent:
    """What one agent knows, and what it has truly counted as far as the service has heard."""

    public_key: bytes
    enrolled: bool = False
    phase: int = 0
    number: int = 0
    counter: int = 0
    heard_counter: int = 0
    heard_number: int = 0
    heard_total: int = 0
    orders: list[UUID] = field(default_factory=list)
    sent: list[Heartbeat] = field(default_factory=list)


class Agents:
    def __init__(
        self,
        random: Random,
        cloud: SimulatedCloud,
        database: Database,
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        self._random = random
        self._cloud = cloud
        self._database = database
        self._settings = settings
        self._clock = clock
        self.known: dict[UUID, Agent] = {}

    async def act(self) -> None:
        """One of the agents whose machine runs does the next thing."""
        now = self._clock()
        up = [
            truth.instance_id
            for truth in self._cloud.machines.values()
            if truth.is_on and truth.ending_at is None and truth.made_at + BOOTS_IN <= now
        ]
        awake = [instance_id for instance_id in up if instance_id in self._cloud.wanted]
        if not awake:
            return
        instance_id = self._random.choice(awake)
        agent = self.known.setdefault(instance_id, Agent(self._random.randbytes(32)))
        try:
            if agent.enrolled:
                await self._report(instance_id, agent)
            else:
                await self._enrol(instance_id, agent)
        except ServiceError:
            # Refused: that its instance is over, say. A real one stops; this one may as well try again.
            return

    async def _enrol(self, instance_id: UUID, agent: Agent) -> None:
        secret = str(self._cloud.wanted[instance_id].agent["enrolment_secret"])
        key = self._settings.enrolment_key.get_secret_value()
        async with self._database.transaction() as session:
            given = Enrolment(secret=secret, public_key=agent.public_key, agent_version="1.0")
            await agents.enrol(session, instance_id, given, key, self._clock())
        agent.enrolled = True

    async def _report(self, instance_id: UUID, agent: Agent) -> None:
        if agent.sent and self._random.random() < 0.2:
            # An old one comes late.
            await self._send(instance_id, self._random.choice(agent.sent))
            return
        if self._random.random() < 0.15:
            agent.counter = 0
        agent.counter += self._random.randrange(1000)
        agent.phase = min(agent.phase + self._random.randrange(2), len(PHASES) - 1)
        agent.number += 1
        heartbeat = Heartbeat(
            number=agent.number,
            sent_at=self._clock(),
            phase=PHASES[agent.phase],
            agent_version="1.0",
            olares_version=None,
            traffic_bytes=agent.counter,
            disk_bytes=self._random.randrange(10**9),
            done_orders=tuple(agent.orders),
        )
        agent.sent.append(heartbeat)
        if self._random.random() < 0.1:
            # Lost on its way.
            return
        await self._send(instance_id, heartbeat)

    async def _send(self, instance_id: UUID, heartbeat: Heartbeat) -> None:
        agent = self.known[instance_id]
        try:
            async with self._database.transaction() as session:
                orders = await agents.record_heartbeat(
                    session, instance_id, heartbeat, self._settings.usage_every, self._clock()
                )
            agent.orders += [order.id for order in orders if order.id not in agent.orders]
        finally:
            # Also where the process died: it may have been heard all the same.
            await self._note(instance_id, agent, heartbeat)

    async def _note(self, instance_id: UUID, agent: Agent, heartbeat: Heartbeat) -> None:
        async with self._database.reading() as session:
            instance = await session.get(Instance, instance_id)
        if instance is not None and instance.heartbeat == heartbeat.number > agent.heard_number:
            fell = heartbeat.traffic_bytes < agent.heard_counter
            agent.heard_total += heartbeat.traffic_bytes - (0 if fell else agent.heard_counter)
            agent.heard_counter, agent.heard_number = heartbeat.traffic_bytes, heartbeat.number
