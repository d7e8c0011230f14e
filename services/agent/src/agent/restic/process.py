"""One run of restic: started in a session of its own, read line by line, stopped cleanly."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from agent.restic import bound, messages, texts
from agent.restic.messages import ExitError, ItemError, Message, Progress, Summary, Text
from agent.restic.texts import Trouble

# How long restic gets to take back its lock after SIGINT, then after SIGTERM.
INTERRUPT_SECONDS = 10.0
TERMINATE_SECONDS = 5.0
KEPT_ITEM_ERRORS = 1000
KEPT_LINES = 50
TICK_SECONDS = 0.5

# A run that meets one of these cannot succeed: restic would retry for minutes before it says so.
_STOPS_AT_ONCE = frozenset(
    {Trouble.KEYS_EXPIRED, Trouble.ARREARS, Trouble.OVER_LIMIT, Trouble.STORE_FULL, Trouble.CERTIFICATE}
)


class Stopped(Exception):
    """The run was ended because its caller was told to stop."""


@dataclass
class Outcome:
    """What a run printed and how it ended; `trouble` is why we stopped it, or what its last words mean."""

    exit_code: int = 0
    summary: Summary | None = None
    item_errors: list[ItemError] = field(default_factory=list)
    item_error_count: int = 0
    last_words: str = ""
    trouble: Trouble | None = None
    stopped: bool = False
    output: bytes = b""


@dataclass(frozen=True)
class Watch:
    """What is done while restic runs.

    `patience_seconds` is how long the store may fail (refuse, time out, answer with errors) without any progress
    between; restic itself would go on for a quarter of an hour.
    """

    patience_seconds: float
    on_progress: Callable[[Progress], None] | None = None
    on_item_error: Callable[[ItemError], None] | None = None
    stop: threading.Event | None = None
    """Set by another thread to kill restic, which with this also never outlives us, however we end."""


def run(command: Sequence[str | bytes], env: Mapping[bytes, bytes], watch: Watch) -> Outcome:
    """Run restic to its end.

    Its standard output is kept whole when it is not messages (`cat`, `snapshots`). A KeyboardInterrupt (or whatever
    else ends the caller) stops restic first, with time to take back its lock, and is raised again.

    Raises:
        Stopped: The watch's `stop` was set.
    """
    process = subprocess.Popen(  # noqa: S603
        command if watch.stop is None else _bound(command),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Ctrl-C in the terminal reaches us alone; we pass it on once.
        start_new_session=True,
    )
    try:
        return _Follower(process, watch).follow()
    except BaseException:
        stop(process)
        raise


def _bound(command: Sequence[str | bytes]) -> list[str | bytes]:
    return [sys.executable, "-I", "-S", str(Path(bound.__file__)), str(os.getpid()), *command]


def stop(process: subprocess.Popen[bytes]) -> None:
    """End restic: SIGINT lets it remove its lock, the rest is for one that does not listen."""
    for signal_number, seconds in ((signal.SIGINT, INTERRUPT_SECONDS), (signal.SIGTERM, TERMINATE_SECONDS)):
        if process.poll() is not None:
            return
        process.send_signal(signal_number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        except BaseException:
            # A second Ctrl-C: no more patience.
            process.kill()
            process.wait()
            raise
    process.kill()
    process.wait()


class _Follower:
    def __init__(self, process: subprocess.Popen[bytes], watch: Watch) -> None:
        self._process = process
        self._watch = watch
        self._outcome = Outcome()
        self._lines: queue.SimpleQueue[tuple[bytes, bool] | None] = queue.SimpleQueue()
        self._output: list[bytes] = []
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._bytes_done = -1
        self._trouble_since: float | None = None

    def follow(self) -> Outcome:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, True), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, False), daemon=True),
        ]
        for reader in readers:
            reader.start()
        self._drain(open_streams=len(readers))
        self._outcome.exit_code = self._process.wait()
        self._outcome.output = b"".join(self._output)
        if not self._outcome.last_words:
            self._outcome.last_words = "\n".join(self._last_lines)
        if self._outcome.exit_code and self._outcome.trouble is None:
            self._outcome.trouble = texts.of_text(self._outcome.last_words)
        return self._outcome

    def _read(self, stream: IO[bytes], is_output: bool) -> None:
        with stream:
            for line in stream:
                self._lines.put((line, is_output))
        self._lines.put(None)

    def _drain(self, open_streams: int) -> None:
        while open_streams:
            self._end_when_told()
            self._give_up_when_stalled()
            try:
                read = self._lines.get(timeout=TICK_SECONDS)
            except queue.Empty:
                continue
            if read is None:
                open_streams -= 1
            else:
                self._take(*read)

    def _end_when_told(self) -> None:
        if self._watch.stop is not None and self._watch.stop.is_set():
            self._process.kill()
            raise Stopped

    def _take(self, line: bytes, is_output: bool) -> None:
        message = messages.parse(line)
        if is_output and not isinstance(message, Progress | ItemError | ExitError):
            self._output.append(line)
        self._note(message)

    def _note(self, message: Message) -> None:
        match message:
            case Progress():
                self._note_progress(message)
            case Summary():
                self._outcome.summary = message
            case ItemError():
                self._note_item_error(message)
            case ExitError() if not self._outcome.stopped:
                self._outcome.last_words = message.message
            case Text() if message.line:
                self._last_lines.append(message.line)
                self._note_trouble(texts.of_text(message.line))

    def _note_progress(self, progress: Progress) -> None:
        if progress.bytes_done > self._bytes_done:
            self._bytes_done = progress.bytes_done
            self._trouble_since = None
        if self._watch.on_progress is not None:
            self._watch.on_progress(progress)

    def _note_item_error(self, error: ItemError) -> None:
        self._outcome.item_error_count += 1
        if len(self._outcome.item_errors) < KEPT_ITEM_ERRORS:
            self._outcome.item_errors.append(error)
        if self._watch.on_item_error is not None:
            self._watch.on_item_error(error)
        trouble = texts.of_item(error.message, error.during)
        if trouble is not None:
            self._stop(trouble, error.message)

    def _note_trouble(self, trouble: Trouble | None) -> None:
        if trouble in _STOPS_AT_ONCE:
            self._stop(trouble, self._last_lines[-1])
        elif (trouble is Trouble.STORE or texts.RETRYING in self._last_lines[-1]) and self._trouble_since is None:
            self._trouble_since = time.monotonic()

    def _give_up_when_stalled(self) -> None:
        since = self._trouble_since
        if since is not None and time.monotonic() - since > self._watch.patience_seconds:
            self._stop(Trouble.STORE, self._last_lines[-1])

    def _stop(self, trouble: Trouble | None, words: str) -> None:
        if self._outcome.stopped:
            return
        self._outcome.stopped = True
        self._outcome.trouble = trouble
        stop(self._process)
        self._outcome.last_words = words


def child_environment(extra: Mapping[str, str | bytes]) -> dict[bytes, bytes]:
    """What restic may see of our environment, and what we add.

    Only what a program needs to run and to reach the network is passed on, so that the user's own RESTIC_* and AWS_*
    variables cannot redirect a run.
    """
    env = {name.encode(): os.fsencode(os.environ[name]) for name in _PASSED_ON if name in os.environ}
    env.update({name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in extra.items()})
    return env


_PASSED_ON = (
    "HOME", "PATH", "TMPDIR", "LANG", "LC_ALL", "TZ", "USER",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "GOMAXPROCS",
)  # fmt: skip
