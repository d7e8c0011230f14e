"""How many bytes an instance holds on its disk."""

import asyncio
import os
import shutil
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

from agent.instance.config import InstanceConfig

PATIENCE_SECONDS = 2.0
# A large tree takes long to walk: a tenth of the time at most is spent on it.
REST = 10.0


class Disk:
    """Measured beside the heartbeats, which take the newest figure rather than wait for long."""

    def __init__(self, config: InstanceConfig) -> None:
        self._path = config.disk
        self._by = config.disk_by
        self._latest = 0
        self._measuring: asyncio.Future[int] | None = None
        self._rests_until = 0.0
        self._stopped = threading.Event()

    async def used(self, *, patience_seconds: float = PATIENCE_SECONDS) -> int:
        if self._path is None:
            return 0
        if self._measuring is None and time.monotonic() >= self._rests_until:
            self._measuring = asyncio.ensure_future(asyncio.to_thread(self._measure, self._path))
        if self._measuring is not None:
            done, _ = await asyncio.wait({self._measuring}, timeout=patience_seconds)
            if done:
                self._latest, self._measuring = self._measuring.result(), None
        return self._latest

    def rested(self) -> None:
        """The next figure is a new one."""
        self._rests_until = 0.0

    def stop(self) -> None:
        """Give up a measurement that is going on, so that the process can end."""
        self._stopped.set()

    def _measure(self, path: Path) -> int:
        began = time.monotonic()
        try:
            return shutil.disk_usage(path).used if self._by == "filesystem" else self._walk(path)
        except OSError:
            return self._latest
        finally:
            self._rests_until = time.monotonic() + REST * (time.monotonic() - began)

    def _walk(self, path: Path) -> int:
        """The sizes of the regular files below, one with several names once; what cannot be read counts as nothing."""
        total = 0
        seen: set[tuple[int, int]] = set()
        for folder, _, names in os.walk(path):
            if self._stopped.is_set():
                break
            for name in names:
                with suppress(OSError):
                    found = os.lstat(os.path.join(folder, name))  # noqa: PTH118  (a Path for each file takes twice as long)
                    file = (found.st_dev, found.st_ino)
                    if stat.S_ISREG(found.st_mode) and file not in seen:
                        total += found.st_size
                        if found.st_nlink > 1:
                            seen.add(file)
        return total
