"""restic's part of a restore on an instance: keys as long as they are needed, and patience with the store."""

import asyncio
import errno
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from agent import keyfile, store
from agent.errors import DiskFull, KeysExpired, SpaceError, StoreUnreachable
from agent.instance import restic_troubles
from agent.instance.clock import Clock
from agent.instance.journal import Journal
from agent.instance.patience import Patience
from agent.instance.restore_calls import RestoreCalls, RestoreKeys, until_answered
from agent.instance.server import CallFailed
from agent.instance.traffic import Traffic
from agent.keyfile import BadKeyFile, KeyFile
from agent.passwords import MAX_PASSWORD_BYTES
from agent.restic import binary, process
from agent.restic.messages import Progress, Summary
from agent.restic.repository import Repository, RestoreOutcome, SnapshotRecord
from agent.restore_target import count
from agent.retrieval import Retrieval

# Keys that end within this time are not begun with.
KEYS_LEFT = timedelta(seconds=60)

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Copied:
    """A snapshot that is wholly in the folder, as restic has verified."""

    record: SnapshotRecord
    outcome: RestoreOutcome


class Copying:
    """One restore's way from the store into a folder; the password is in here and in restic, and nowhere else.

    Args:
        folder: The agent's own.
        place: Into which folder, once it is known what is restored.
    """

    def __init__(
        self,
        *,
        calls: RestoreCalls,
        journal: Journal,
        clock: Clock,
        traffic: Traffic,
        folder: Path,
        place: Callable[[RestoreKeys], Path],
    ) -> None:
        self._calls = calls
        self._journal = journal
        self._clock = clock
        self._traffic = traffic
        self._folder = folder
        self._place = place
        self._target: Path | None = None
        self._stop = threading.Event()
        self._asking = Patience(journal.say, "Asking for the store's keys")
        self._reading = Patience(journal.say, "Reading the backup")
        self._keys: RestoreKeys | None = None
        self._retrieval: Retrieval | None = None
        self._fetched = 0

    @property
    def target(self) -> Path:
        """Where it goes; known as soon as a password is right."""
        assert self._target is not None
        return self._target

    async def is_right(self, password: bytes) -> bool:
        """Whether this is the password; it is used from then on.

        Raises:
            RestoreEnded: Nobody waits for it.
            RestoreImpossible: There is nothing that it could open.
        """
        if not password or b"\0" in password or len(password) > MAX_PASSWORD_BYTES:
            # restic takes no such password, so none was ever made with it.
            return False
        if not await self._persist(partial(self._opens, password)):
            return False
        _, retrieval = await self._opened()
        retrieval.use_password(password)
        return True

    async def copy(self, on_progress: Callable[[Progress], None]) -> Copied:
        """Bring everything here; what is there already is kept. `on_progress` is called in this thread.

        Raises:
            RestoreEnded: It is not wanted any more.
            RestoreImpossible: It will never be whole.
        """
        keys, _ = await self._opened()
        restic_id = keys.snapshot.restic_id
        record = await self._persist(partial(self._look_up, restic_id))
        loop = asyncio.get_running_loop()
        outcome = await self._persist(partial(self._restore, record, on_progress, loop))
        return Copied(record, outcome)

    async def count(self) -> tuple[int, int]:
        """Files and bytes that are in the folder."""
        return await asyncio.to_thread(count, self.target)

    def forget(self) -> None:
        """Drop the password, the keys and what restic kept to be faster."""
        self._keys = self._retrieval = None
        shutil.rmtree(self._folder / "cache", ignore_errors=True)
        self._certificate.unlink(missing_ok=True)

    @property
    def _certificate(self) -> Path:
        return self._folder / "store.pem"

    async def _opened(self) -> tuple[RestoreKeys, Retrieval]:
        if self._keys is None or self._retrieval is None:
            self._keys = keys = await self._fetch_keys()
            self._target = self._place(keys)
            self._retrieval = Retrieval(self._repository(keys), _usable(keys), self._target)
        elif self._keys.expires_at - self._clock.now() < KEYS_LEFT:
            await self._renew()
        return self._keys, self._retrieval

    async def _renew(self) -> None:
        keys = await self._fetch_keys()
        self._keys = keys
        if self._retrieval is not None:
            self._retrieval.use_keys(store.keys_of(keys))

    async def _fetch_keys(self) -> RestoreKeys:
        keys = await until_answered(self._calls.keys, self._asking)
        hidden = (keys.secret_access_key.get_secret_value(), keys.session_token.get_secret_value())
        self._journal.hide(*filter(None, hidden))
        return keys

    def _repository(self, keys: RestoreKeys) -> Repository:
        ca_file = None
        if keys.ca_certificate is not None:
            ca_file = self._certificate
            ca_file.write_text(keys.ca_certificate)
        return Repository(
            binary=binary.find(),
            url=keys.repository_url,
            keys=store.keys_of(keys),
            password=b"",
            cache=self._folder / "cache",
            ca_file=ca_file,
            patience_seconds=store.patience_seconds(),
            stop=self._stop,
        )

    async def _persist(self, run: Callable[[Retrieval], ResultT]) -> ResultT:
        """Run in a thread until it succeeds, or there is no use in another try."""
        tries = 0
        while True:
            fetched_before = self._fetched
            try:
                _, retrieval = await self._opened()
                result = await self._in_thread(partial(run, retrieval))
            except (SpaceError, OSError, MemoryError) as caught:
                error = _as_space_error(caught)
            else:
                self._reading.over()
                return result
            has_moved = self._fetched > fetched_before
            # Bytes that were written say nothing here: those of a damaged file are written again and again.
            tries += not restic_troubles.passes(error)
            if (final := restic_troubles.impossible(error, tries)) is not None:
                raise final from error
            await self._after(error, has_moved=has_moved)

    async def _after(self, error: SpaceError, *, has_moved: bool) -> None:
        if has_moved:
            self._reading.over()
        if has_moved and isinstance(error, KeysExpired):
            self._journal.say("The store's keys have ended: it goes on with new ones.")
        else:
            await self._reading.after(CallFailed(restic_troubles.in_words(error)))
        if not isinstance(error, StoreUnreachable):
            await self._renew()

    async def _in_thread(self, run: Callable[[], ResultT]) -> ResultT:
        """Whatever ends the wait ends restic too, and is passed on when that is gone."""
        running = asyncio.ensure_future(asyncio.to_thread(run))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._stop.set()
            await asyncio.wait({running})
            with suppress(SpaceError, OSError, process.Stopped):
                running.result()
            raise

    def _check_store(self) -> None:
        """Before restic is started, which would try for long before it says that there is nobody."""
        assert self._keys is not None
        store.check_reachable(self._keys.repository_url, self._keys.ca_certificate)

    def _opens(self, password: bytes, retrieval: Retrieval) -> bool:
        if not retrieval.has_key_files:
            self._check_store()
        return retrieval.is_right(password)

    def _look_up(self, restic_id: str, retrieval: Retrieval) -> SnapshotRecord:
        self._check_store()
        return retrieval.snapshot(restic_id)

    def _restore(
        self,
        record: SnapshotRecord,
        on_progress: Callable[[Progress], None],
        loop: asyncio.AbstractEventLoop,
        retrieval: Retrieval,
    ) -> RestoreOutcome:
        """In a thread; each run of restic counts what it writes from 0."""
        counted = 0

        def count_up(bytes_written: int) -> None:
            nonlocal counted
            self._fetched += bytes_written - counted
            loop.call_soon_threadsafe(self._traffic.add, bytes_written - counted)
            counted = bytes_written

        def note(progress: Progress) -> None:
            if progress.bytes_written > counted:
                count_up(progress.bytes_written)
            loop.call_soon_threadsafe(on_progress, progress)

        self._check_store()
        _, outcome = retrieval.restore(record, note)
        summary = outcome.summary or Summary({})
        count_up(max(counted, summary.count("bytes_restored")))
        return outcome


def _usable(keys: RestoreKeys) -> list[KeyFile]:
    """The key files that a password can be checked with here; where there are none, restic checks it."""
    try:
        return keyfile.parse_all((key_file.name, key_file.content) for key_file in keys.key_files)
    except BadKeyFile:
        return []


def _as_space_error(error: SpaceError | OSError | MemoryError) -> SpaceError:
    if isinstance(error, SpaceError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("disk_full", "There is no space left on the disk.")
    return SpaceError("restore_failed", str(error) or "There is too little memory.")
