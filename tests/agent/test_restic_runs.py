"""The adapter against the real restic: following a run, stopping it, and what a dead one leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.restic.messages import Progress
from agent.restic.repository import Repository
from tests.agent.trees import tree


def test_progress_is_told_while_restic_runs(ready: Repository, source: Path) -> None:
    seen: list[Progress] = []
    (source / "large").write_bytes(os.urandom(80_000_000))

    ready.backup(source, on_progress=seen.append)

    assert seen
    assert all(progress.bytes_done <= max(progress.bytes_total, progress.bytes_done) for progress in seen)
    assert seen[-1].bytes_total > 80_000_000


def test_an_exclusive_lock_of_a_dead_process_is_removed_by_unlock(
    ready: Repository, source: Path, restic_path: str
) -> None:
    lock = leave_an_exclusive_lock(ready, source)
    assert lock.exists()

    ready.unlock()

    assert not lock.exists()
    assert ready.backup(source).skipped == []


def leave_an_exclusive_lock(repository: Repository, source: Path) -> Path:
    """Kill a prune as soon as it holds its lock."""
    repository.backup(source)
    env = {
        "RESTIC_REPOSITORY": repository.url,
        "RESTIC_PASSWORD": os.fsdecode(repository.password),
        "RESTIC_CACHE_DIR": str(repository.cache),
    }
    locks = Path(repository.url, "locks")
    pruning = subprocess.Popen(
        [repository.binary.path, "prune"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while not list(locks.glob("[0-9a-f]" * 64)) and time.monotonic() < deadline and pruning.poll() is None:
        time.sleep(0.001)
    pruning.kill()
    pruning.wait()
    return next(locks.glob("[0-9a-f]" * 64))


RUN = """
import sys
from pathlib import Path
from agent.restic import binary
from agent.restic.repository import Keys, Repository
repository = Repository(binary.find(), sys.argv[1], Keys(), b"correct horse", Path(sys.argv[2]))
print("ready", flush=True)
repository.backup(Path(sys.argv[3]), on_progress=lambda progress: print(progress.bytes_done, flush=True))
"""


def as_in_the_foreground() -> None:
    """A shell that runs something in the background lets it, and all it starts, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("signal_number", [signal.SIGINT])
def test_an_interrupted_backup_takes_its_lock_back_and_can_go_on(
    ready: Repository, tmp_path: Path, signal_number: int
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(12):
        (source / str(number)).write_bytes(os.urandom(40_000_000))
    command = [sys.executable, "-c", RUN, ready.url, str(ready.cache), str(source)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=as_in_the_foreground
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip().isdigit() and int(line) > 60_000_000:
                break
        process.send_signal(signal_number)
        _, said = process.communicate(timeout=30)

    assert "KeyboardInterrupt" in said
    assert list(Path(ready.url, "locks").iterdir()) == []
    assert list(Path(ready.url, "snapshots").iterdir()) == []
    uploaded = sum(pack.stat().st_size for pack in Path(ready.url, "data").glob("*/*"))
    made = ready.backup(source)
    assert uploaded > 0
    assert made.summary.count("total_bytes_processed") == 480_000_000
    ready.restore(made.restic_id, tmp_path / "target", subfolder=str(source))
    assert tree(tmp_path / "target") == tree(source)


def test_restic_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.restic import process

    monkeypatch.setattr(process, "INTERRUPT_SECONDS", 0.3)
    monkeypatch.setattr(process, "TERMINATE_SECONDS", 0.3)
    deaf = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal,time\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\nprint(flush=True)\ntime.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert deaf.stdout is not None
    deaf.stdout.readline()

    process.stop(deaf)
    deaf.stdout.close()

    assert deaf.returncode == -signal.SIGKILL
