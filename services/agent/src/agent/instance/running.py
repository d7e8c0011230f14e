"""An agent's whole life: assembled, run until it is told to stop, and ended so that it can go on."""

import asyncio
import resource
import signal
from contextlib import ExitStack, closing, suppress
from importlib import metadata
from uuid import UUID

from agent.errors import ExitCode
from agent.instance.clock import Clock
from agent.instance.config import InstanceConfig
from agent.instance.delivery import Delivery
from agent.instance.disk import Disk
from agent.instance.enrolment import EnrolmentRefused, enrol
from agent.instance.heartbeats import Heartbeats, InstanceOver
from agent.instance.identity import Identity
from agent.instance.journal import Journal
from agent.instance.kept import Ending, Folder, KeptNumber, State
from agent.instance.page import Page
from agent.instance.patience import Patience
from agent.instance.phases import Phases
from agent.instance.server import Server
from agent.instance.traffic import open_traffic

GATHER_SECONDS = 1.0
_SIGNALS = {
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.TERMINATED,
    signal.SIGINT: ExitCode.INTERRUPTED,
}
_LAST_WORDS = {
    Ending.FINISHED: "Finished, as ordered: this agent has nothing more to do.",
    Ending.OVER: "The instance is over: this agent has nothing more to do.",
}


class Agent:
    """The parts of an agent, around one folder."""

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config
        self._version = metadata.version("space-agent")
        self._clock = clock = Clock()
        with ExitStack() as opened:
            folder = opened.enter_context(closing(Folder(config.folder)))
            self._journal = opened.enter_context(closing(Journal(folder, clock.now)))
            identity = Identity(folder, config.instance_id, config.origin)
            self._journal.hide(config.enrolment_secret.get_secret_value(), identity.private_key)
            self._state = State(folder, config.instance_id, self._journal.say)
            self._traffic = open_traffic(config, folder, self._journal.say)
            self._disk = Disk(config)
            self._server = Server(config, identity, clock, self._traffic)
            self._delivery = Delivery(self._journal, self._server)
            self._heartbeats = Heartbeats(
                server=self._server,
                state=self._state,
                numbers=KeptNumber(folder.path / "heartbeats"),
                clock=clock,
                traffic=self._traffic,
                disk=self._disk,
                journal=self._journal,
                agent_version=self._version,
            )
            self._opened = opened.pop_all()

    def close(self) -> None:
        self._opened.close()

    async def live(self) -> None:
        """Until there is nothing more to do, ever.

        Raises:
            EnrolmentRefused: The server will never let this agent in.
        """
        if self._state.now.ended is None:
            self._journal.say(f"Agent {self._version} of {self._config.instance_name} starts.")
            async with self._server:
                try:
                    self._state.change(ended=await self._work_and_finish())
                finally:
                    self._disk.stop()
                    with suppress(OSError):
                        self._traffic.read()
        if self._state.now.ended is not None:
            self._journal.say(_LAST_WORDS[self._state.now.ended])

    def stopped(self) -> None:
        self._journal.say("Stopped. Started again it goes on where it was.")

    async def _work_and_finish(self) -> Ending:
        try:
            if self._state.now.finishing is None:
                # Kept before the last heartbeat: a kill after that must not make it begin anew.
                self._state.change(finishing=await self._work())
                self._journal.say("Told to finish: the last figures are sent.")
                await self._delivery.flush()
            if self._state.now.finishing is not None:
                await self._heartbeats.last(self._state.now.finishing)
        except InstanceOver:
            return Ending.OVER
        return Ending.FINISHED

    async def _work(self) -> UUID:
        """Everything at once, until the order to finish comes."""
        stop: EnrolmentRefused | InstanceOver
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._serve_page())]
            try:
                await self._enrol()
                beside.append(group.create_task(self._delivery.run(self._gather_seconds())))
                beside.append(group.create_task(self._pass_phases()))
                return await self._heartbeats.until_finish()
            except (EnrolmentRefused, InstanceOver) as error:
                # Raised in here, the group would wrap it.
                stop = error
            finally:
                for task in beside:
                    task.cancel()
        raise stop

    async def _enrol(self) -> None:
        if not self._state.now.enrolled:
            patience = Patience(self._journal.say, "The enrolment", first_seconds=0.5)
            await enrol(self._config, self._server, self._state, patience, self._version)
            self._journal.say("Enrolled.")

    async def _pass_phases(self) -> None:
        phases = Phases(
            config=self._config,
            state=self._state,
            server=self._server,
            clock=self._clock,
            traffic=self._traffic,
            journal=self._journal,
            changed=self._heartbeats.hurry,
        )
        await phases.run(self._heartbeats.told)

    async def _serve_page(self) -> None:
        address = self._config.listen_address()
        if address is not None:
            page = Page(self._config, self._state, self._traffic, self._journal, self._server.redeem)
            await page.serve(address)

    def _gather_seconds(self) -> float:
        return min(GATHER_SECONDS, self._state.now.heartbeat_seconds)


def run(config: InstanceConfig) -> ExitCode:
    """Run an agent until it has nothing more to do, or a signal stops it.

    Raises:
        SpaceError: It cannot begin, or the server will never let it in.
    """
    # The backup password is in this process' memory, and in restic's, which inherits this: never in a file of it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with closing(Agent(config)) as agent:
        return asyncio.run(_until_stopped(agent))


async def _until_stopped(agent: Agent) -> ExitCode:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[ExitCode] = []

    def stop(code: ExitCode) -> None:
        if task is not None and not received:
            received.append(code)
            task.cancel()

    for number, code in _SIGNALS.items():
        loop.add_signal_handler(number, stop, code)
    try:
        await agent.live()
    except asyncio.CancelledError:
        if not received:
            raise
        agent.stopped()
        return received[0]
    return ExitCode.OK
