"""From an empty machine to a running instance, one phase after the other; a restart goes on in the same one."""

import asyncio
from collections.abc import Callable

from agent.instance.activation import activate
from agent.instance.clock import Clock
from agent.instance.config import InstanceConfig
from agent.instance.journal import Journal
from agent.instance.kept import Phase, State
from agent.instance.restore import InstanceRestore
from agent.instance.server import Server
from agent.instance.traffic import Traffic

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

IN_WORDS = {
    Phase.INSTALLING: "Installing",
    Phase.RESTORING: "Restoring",
    Phase.RESTORE_ERROR: "Restore error",
    Phase.PENDING_ACTIVATION: "Pending activation",
    Phase.RUNNING: "Running",
}


class Phases:
    def __init__(
        self,
        *,
        config: InstanceConfig,
        state: State,
        server: Server,
        clock: Clock,
        traffic: Traffic,
        journal: Journal,
        changed: Callable[[], None],
    ) -> None:
        self._config = config
        self._state = state
        self._journal = journal
        self._changed = changed
        self._restore: InstanceRestore | None = None
        if config.restore_id is not None:
            self._restore = InstanceRestore(
                config=config,
                state=state,
                server=server,
                clock=clock,
                traffic=traffic,
                journal=journal,
                enter=self._enter,
                activate=self._activate,
            )

    async def run(self, told: asyncio.Event) -> None:
        """Go on to the next phase as far as that is up to this machine."""
        if self._state.now.phase is Phase.INSTALLING:
            # An instance that was never seen installing would have been running out of nothing.
            await told.wait()
        if self._restore is not None:
            await self._restore.run()
            return
        if self._state.now.phase is Phase.INSTALLING:
            self._enter(Phase.PENDING_ACTIVATION)
        if self._state.now.phase is Phase.PENDING_ACTIVATION:
            await self._activate()
            self._enter(Phase.RUNNING)

    async def _activate(self) -> None:
        command = self._config.activation
        if command is None:
            return
        pause_seconds = FIRST_PAUSE_SECONDS
        while not await activate(command, self._journal):
            self._journal.say(f"The activation step is run again in {pause_seconds:.0f} seconds.")
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)

    def _enter(self, phase: Phase) -> None:
        self._state.change(phase=phase)
        self._journal.say(f"{IN_WORDS[phase]}.")
        self._changed()
