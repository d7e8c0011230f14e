"""An instance's restore: from the owner's password to a usable machine, whatever happens on the way.

The password is in memory only. After a restart in the middle it is asked for once more and the restore goes on from
what is there; once everything is there it is never asked for again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path

from agent.errors import ResticMissing
from agent.instance import destination
from agent.instance.clock import Clock
from agent.instance.config import InstanceConfig, RestoreTarget
from agent.instance.copying import Copying
from agent.instance.destination import TargetUnusable
from agent.instance.journal import Journal
from agent.instance.kept import Failure, Phase, Restored, State
from agent.instance.password_rounds import PasswordRounds
from agent.instance.restore_calls import RestoreCalls, RestoreEnded, RestoreImpossible, RestoreKeys
from agent.instance.restore_reports import RestoreReports
from agent.instance.server import Server
from agent.instance.traffic import Traffic
from agent.output import path_text, readable, size_text
from agent.restic import binary
from agent.restic.messages import Progress
from agent.retrieval import difference, fault_lines
from agent.sealing import Sealing

READY_SECONDS = 2.0
WARNINGS = "warnings.txt"


class InstanceRestore:
    def __init__(
        self,
        *,
        config: InstanceConfig,
        state: State,
        server: Server,
        clock: Clock,
        traffic: Traffic,
        journal: Journal,
        enter: Callable[[Phase], None],
        activate: Callable[[], Awaitable[None]],
    ) -> None:
        assert config.restore_id is not None
        self._config = config
        self._restore_id = config.restore_id
        self._state = state
        self._clock = clock
        self._traffic = traffic
        self._journal = journal
        self._enter = enter
        self._activate = activate
        self._calls = RestoreCalls(server, self._restore_id)
        self._rounds = PasswordRounds(self._calls, journal, restore_id=self._restore_id, instance_id=config.instance_id)
        self._target = config.restore_target

    async def run(self) -> None:
        """Go on from where it was until the service has taken what came of it, or does not want it any more."""
        try:
            if not self._state.now.outcome_told:
                await self._run()
        except RestoreEnded:
            self._journal.say("The restore is over: nothing more is brought here.")

    async def _run(self) -> None:
        """Raises RestoreEnded."""
        if self._state.now.failure is None and self._state.now.restored is None:
            await self._bring()
        elif self._state.now.failure is not None:
            await self._tell_failure(self._state.now.failure)
        elif self._state.now.restored is not None:
            reports = self._reports(self._state.now.restored.round)
            await self._beside(reports, self._make_usable(reports, self._state.now.restored))

    async def _bring(self) -> None:
        try:
            target, home = await self._ready()
        except RestoreImpossible as error:
            # A report is about a round, and none was begun.
            await self._fail(await self._rounds.open(Sealing()), error)
            return
        self._journal.say(
            f"Waiting for the backup password of the restore {self._restore_id}, which goes into {path_text(home)}."
        )
        copying = Copying(
            calls=self._calls,
            journal=self._journal,
            clock=self._clock,
            traffic=self._traffic,
            folder=self._config.folder,
            place=partial(self._place, home),
        )
        try:
            number = await self._rounds.settle(copying.is_right)
            reports = self._reports(number)
            await self._beside(reports, self._copy_and_use(reports, number, copying, target))
        except RestoreImpossible as error:
            await self._fail(self._rounds.number, error)
        finally:
            copying.forget()

    def _place(self, home: Path, keys: RestoreKeys) -> Path:
        """The restore's own folder, also after a restart the same one."""
        name = self._state.now.target_name
        if name is None:
            name = destination.new_name(home, keys.backup_name, keys.snapshot.taken_at)
            self._state.change(target_name=name)
        return home / name

    async def _copy_and_use(
        self, reports: RestoreReports, number: int, copying: Copying, target: RestoreTarget
    ) -> None:
        try:
            restored = await self._copy(reports, number, copying, target)
        except RestoreImpossible as error:
            copying.forget()
            self._keep_failure(number, error)
            reports.note("failed", code=error.code, reason=error.reason)
            return
        copying.forget()
        await self._make_usable(reports, restored)

    async def _copy(self, reports: RestoreReports, number: int, copying: Copying, target: RestoreTarget) -> Restored:
        """Everything here, verified, counted and given to its owner."""
        folder = copying.target
        if self._state.now.phase is not Phase.RESTORING:
            self._enter(Phase.RESTORING)
        reports.note("restoring")
        await self._prepare(folder, target)

        def note(progress: Progress) -> None:
            reports.note(
                "restoring",
                bytes_restored=progress.bytes_done,
                files_restored=progress.files_done,
                total_bytes=progress.bytes_total,
            )

        copied = await copying.copy(note)
        reports.note("validating")
        files, size_bytes = await copying.count()
        warnings = fault_lines(copied.outcome) + difference(copied.record, files, size_bytes)
        warnings += await asyncio.to_thread(destination.give, folder, target)
        return self._keep_restored(number, folder, files, size_bytes, warnings)

    async def _prepare(self, folder: Path, target: RestoreTarget) -> None:
        try:
            await asyncio.to_thread(destination.prepare, folder, target)
        except TargetUnusable as error:
            raise RestoreImpossible(error.code, error.message) from error

    def _keep_restored(self, number: int, folder: Path, files: int, size_bytes: int, warnings: list[str]) -> Restored:
        self._keep_warnings(warnings)
        restored = Restored(
            round=number, folder=path_text(folder), files=files, size_bytes=size_bytes, warnings=len(warnings)
        )
        self._state.change(restored=restored)
        self._journal.say(f"Restored and verified: {files} files, {size_text(size_bytes)}, in {path_text(folder)}.")
        return restored

    def _keep_warnings(self, warnings: list[str]) -> None:
        """In the agent's folder and not in its log: they name the owner's files, which the service need not know."""
        if not warnings:
            return
        file = self._config.folder / WARNINGS
        self._journal.say(f"Restored with {len(warnings)} warnings; they are in {path_text(file)}.")
        with suppress(OSError):
            file.write_text("".join(f"{readable(warning)}\n" for warning in warnings), errors="backslashreplace")
            file.chmod(0o600)

    async def _make_usable(self, reports: RestoreReports, restored: Restored) -> None:
        """Activate, then say that the owner can use it."""
        figures = {
            "bytes_restored": restored.size_bytes,
            "files_restored": restored.files,
            "total_bytes": restored.size_bytes,
            "warnings": restored.warnings,
        }
        reports.note("validating", **figures)
        if self._state.now.phase not in (Phase.PENDING_ACTIVATION, Phase.RUNNING):
            self._enter(Phase.PENDING_ACTIVATION)
        if self._state.now.phase is not Phase.RUNNING:
            await self._activate()
            self._enter(Phase.RUNNING)
        reports.note("usable", **figures)

    async def _ready(self) -> tuple[RestoreTarget, Path]:
        """The home it goes into, once that is there and there is a restic to bring it.

        Raises:
            RestoreImpossible: There is no telling where, or whoever sets the machine up has brought no restic.
        """
        if self._target is None:
            raise RestoreImpossible("target_unusable", "Nobody has said where a restore goes on this machine.")
        said: set[str] = set()
        given_up_at = time.monotonic() + self._config.restic_seconds
        while True:
            try:
                home = await asyncio.to_thread(destination.find, self._target)
                await asyncio.to_thread(binary.find)
            except TargetUnusable as error:
                raise RestoreImpossible(error.code, error.message) from error
            except ResticMissing as error:
                if time.monotonic() >= given_up_at:
                    reason = f"There is nothing to restore with on the instance: {error.message}"
                    raise RestoreImpossible("restore_failed", reason) from error
                waits_for = error.message
            else:
                if home is not None:
                    return self._target, home
                waits_for = f"Waiting for the folder {path_text(self._target.path)}."
            if waits_for not in said:
                said.add(waits_for)
                self._journal.say(waits_for)
            await asyncio.sleep(READY_SECONDS)

    async def _fail(self, number: int, error: RestoreImpossible) -> None:
        await self._tell_failure(self._keep_failure(number, error))

    def _keep_failure(self, number: int, error: RestoreImpossible) -> Failure:
        failure = Failure(round=number, code=error.code, reason=error.reason)
        self._state.change(failure=failure)
        self._journal.say(f"The restore has failed for good: {error.reason}")
        self._enter(Phase.RESTORE_ERROR)
        return failure

    async def _tell_failure(self, failure: Failure) -> None:
        reports = self._reports(failure.round)
        reports.note("failed", code=failure.code, reason=failure.reason)
        await reports.run()
        self._state.change(outcome_told=True)

    def _reports(self, number: int) -> RestoreReports:
        return RestoreReports(self._calls, self._journal, number)

    async def _beside(self, reports: RestoreReports, work: Coroutine[None, None, None]) -> None:
        """Work, and report, until the last report is taken; no more of either when nobody wants it.

        Raises:
            RestoreEnded: Nobody wants it.
        """
        working, telling = asyncio.create_task(work), asyncio.create_task(reports.run())
        try:
            await asyncio.wait({working, telling}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
            await working
            await telling
        finally:
            for task in (working, telling):
                task.cancel()
            await asyncio.wait({working, telling})
        self._state.change(outcome_told=True)
