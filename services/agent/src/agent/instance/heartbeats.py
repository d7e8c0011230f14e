"""Telling the server at every turn how the instance is, and hearing what it wants."""

import asyncio
from uuid import UUID

from agent.config import JsonObject
from agent.instance.clock import Clock
from agent.instance.disk import Disk
from agent.instance.journal import Journal
from agent.instance.kept import KeptNumber, State
from agent.instance.patience import Patience
from agent.instance.server import CallFailed, Heard, Refused, Server
from agent.instance.traffic import Traffic

FINISH = "finish"
LAST_MEASUREMENT_SECONDS = 10.0


class InstanceOver(Exception):
    """The server says that this instance is no more."""


class Heartbeats:
    def __init__(
        self,
        *,
        server: Server,
        state: State,
        numbers: KeptNumber,
        clock: Clock,
        traffic: Traffic,
        disk: Disk,
        journal: Journal,
        agent_version: str,
    ) -> None:
        self._server = server
        self._state = state
        self._numbers = numbers
        self._clock = clock
        self._traffic = traffic
        self._disk = disk
        self._journal = journal
        self._agent_version = agent_version
        self._patience = Patience(journal.say, "The heartbeat")
        self._soon = asyncio.Event()
        self._unknown: set[UUID] = set()
        self.told = asyncio.Event()
        """The server knows the phase that this agent began with."""

    def hurry(self) -> None:
        """Something changed that the server should know."""
        self._soon.set()

    async def until_finish(self) -> UUID:
        """Beat until the order to finish comes; its id.

        Raises:
            InstanceOver: There is nothing to beat for.
        """
        while True:
            self._soon.clear()
            heard = await self._beat([])
            self.told.set()
            for order in heard.orders:
                if order.kind == FINISH:
                    return order.order_id
                self._pass_over(order.order_id, order.kind)
            self._state.change(heartbeat_seconds=heard.heartbeat_seconds)
            try:
                async with asyncio.timeout(heard.heartbeat_seconds):
                    await self._soon.wait()
            except TimeoutError:
                continue

    async def last(self, order_id: UUID) -> None:
        """The final counters, and that the order is done.

        Raises:
            InstanceOver: Nobody waits for them any more.
        """
        self._disk.rested()
        await self._disk.used(patience_seconds=LAST_MEASUREMENT_SECONDS)
        await self._beat([order_id])

    async def _beat(self, done_orders: list[UUID]) -> Heard:
        """One heartbeat that is answered, however many it takes."""
        while True:
            try:
                heard = await self._server.beat(await self._reading(done_orders))
            except CallFailed as error:
                if isinstance(error, Refused) and error.is_over:
                    raise InstanceOver from error
                await self._patience.after(error)
                continue
            self._patience.over()
            return heard

    async def _reading(self, done_orders: list[UUID]) -> JsonObject:
        disk_bytes = await self._disk.used()
        try:
            number = await asyncio.to_thread(self._numbers.next)
            traffic_bytes = await asyncio.to_thread(self._traffic.read)
        except OSError as error:
            raise CallFailed(f"Its figures cannot be kept: {error.strerror}.") from error
        return {
            "number": number,
            "sent_at": self._clock.now().isoformat(),
            "phase": self._state.now.phase,
            "agent_version": self._agent_version,
            "olares_version": None,
            "traffic_bytes": traffic_bytes,
            "disk_bytes": disk_bytes,
            "done_orders": [str(order_id) for order_id in done_orders],
        }

    def _pass_over(self, order_id: UUID, kind: str) -> None:
        if order_id not in self._unknown:
            self._unknown.add(order_id)
            self._journal.say(f"An order that this agent ({self._agent_version}) does not know is left: {kind}.")
