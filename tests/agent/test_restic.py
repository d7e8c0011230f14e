"""The adapter against the real restic: what succeeds, what is left out, how it fails and how it is stopped."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.errors import (
    KeyMismatch,
    KeysExpired,
    PathNotInSnapshot,
    RepositoryExists,
    RepositoryMissing,
    ResticError,
    ResticMissing,
    StoreRefused,
    StoreUnreachable,
    WrongPassword,
)
from agent.restic import binary
from agent.restic.messages import Progress
from agent.restic.repository import Keys, Repository

NOBODY = 65534


@pytest.fixture
def ready(repository: Repository) -> Repository:
    repository.init()
    return repository


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "empty folder").mkdir(parents=True)
    (folder / "a").write_bytes(os.urandom(3_000_000))
    (folder / "empty").touch()
    (folder / "new\nline").write_text("1")
    (folder / "emoji 😀 [*]?\\").write_text("2")
    (folder / ("n" * 255)).write_text("3")
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff")).write_text("4")
    with (folder / "sparse").open("wb") as file:
        file.truncate(5_000_000)
    (folder / "link").symlink_to("a")
    os.link(folder / "a", folder / "hard link")
    return folder


def tree(folder: Path) -> dict[str, object]:
    """Every path in a folder with what it holds."""
    return {str(path.relative_to(folder)): held(path) for path in sorted(folder.rglob("*"))}


def held(path: Path) -> object:
    if path.is_symlink():
        return path.readlink()
    return path.read_bytes() if path.is_file() else "folder"


def test_what_is_backed_up_comes_back_the_same(ready: Repository, source: Path, tmp_path: Path) -> None:
    made = ready.backup(source)

    outcome = ready.restore(made.restic_id, tmp_path / "target", subfolder=str(source))

    assert made.skipped == []
    assert outcome.faults == []
    assert tree(tmp_path / "target") == tree(source)


def test_a_snapshot_tells_its_path_and_size(ready: Repository, source: Path) -> None:
    record = ready.snapshot(ready.backup(source).restic_id)

    files = [path for path in source.rglob("*") if path.is_file() and not path.is_symlink()]
    assert record.paths == [str(source)]
    assert record.files == len(files)
    assert record.size_bytes == sum(path.stat().st_size for path in files)


def test_an_empty_folder_and_a_single_file_are_backups_too(ready: Repository, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    file = tmp_path / "a file"
    file.write_text("content")

    assert ready.backup(empty).skipped == []
    made = ready.backup(file)
    with pytest.raises(PathNotInSnapshot):
        ready.restore(made.restic_id, tmp_path / "target", subfolder=str(file))
    ready.restore(made.restic_id, tmp_path / "target", subfolder=str(file.parent), include="/a file")
    assert tree(tmp_path / "target") == {"a file": b"content"}


def test_excluded_files_are_left_out_and_tags_may_look_like_options(ready: Repository, source: Path) -> None:
    made = ready.backup(source, excludes=["sparse", "-x"], tags=["--tag", "b"])

    assert made.skipped == []
    assert made.summary.count("total_bytes_processed") < 5_000_000 + 3_000_000


def test_there_is_no_repository_before_init_and_one_after(repository: Repository) -> None:
    assert not repository.exists()
    with pytest.raises(RepositoryMissing):
        repository.snapshot("0" * 64)

    repository.init()

    assert repository.exists()
    with pytest.raises(RepositoryExists):
        repository.init()


def test_a_wrong_password_is_told_from_other_failures(ready: Repository, source: Path) -> None:
    wrong = replace(ready, password=b"wrong")

    with pytest.raises(WrongPassword):
        wrong.exists()
    with pytest.raises(WrongPassword):
        wrong.backup(source)


def test_a_password_with_blanks_reaches_restic_untrimmed(repository: Repository) -> None:
    odd = replace(repository, password=b" \xff blanks ")
    odd.init()

    assert odd.exists()
    with pytest.raises(WrongPassword):
        replace(odd, password=b"\xff blanks").exists()


def test_the_users_own_variables_do_not_redirect_a_run(
    ready: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RESTIC_REPOSITORY_FILE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("RESTIC_PASSWORD_COMMAND", "echo other")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")

    assert ready.exists()


def test_an_unknown_snapshot_is_said(ready: Repository, tmp_path: Path) -> None:
    with pytest.raises(ResticError) as failure:
        ready.snapshot("ab" * 32)
    assert failure.value.code == "snapshot_missing"
    with pytest.raises(ResticError) as failure:
        ready.restore("ab" * 32, tmp_path / "target")
    assert failure.value.code == "snapshot_missing"


def test_a_restore_run_again_repairs_by_content_and_not_by_date(
    ready: Repository, source: Path, tmp_path: Path
) -> None:
    made = ready.backup(source)
    target = tmp_path / "target"
    ready.restore(made.restic_id, target, subfolder=str(source))
    times = (target / "a").stat()
    with (target / "a").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"damaged")
    os.utime(target / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    (target / "empty").unlink()

    ready.restore(made.restic_id, target, subfolder=str(source))

    assert tree(target) == tree(source)


def test_a_damaged_pack_is_a_failed_restore_that_names_the_file(
    ready: Repository, source: Path, tmp_path: Path
) -> None:
    made = ready.backup(source)
    for pack in Path(ready.url, "data").glob("*/*"):
        if pack.stat().st_size > 100_000:
            pack.chmod(0o600)
            with pack.open("r+b") as file:
                file.seek(5000)
                file.write(b"damaged")

    with pytest.raises(ResticError) as failure:
        replace(ready, cache=tmp_path / "other cache").restore(
            made.restic_id, tmp_path / "target", subfolder=str(source)
        )

    assert failure.value.code == "restore_incomplete"
    assert "/a" in failure.value.message


@pytest.fixture
def unprivileged(ready: Repository, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """restic as a user who may not read everything, whoever runs the tests."""
    if os.geteuid() != 0:
        return ready
    folder = Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip())
    folder.chmod(0o755)
    shutil.copy(ready.binary.path, folder / "restic")
    wrapper = folder / "restic-as-nobody"
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --reuid={NOBODY} --clear-groups {folder}/restic "$@"\n')
    wrapper.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    os.chown(home, NOBODY, -1)
    lesser = replace(
        ready,
        binary=replace(ready.binary, path=str(wrapper)),
        url=str(home / "repository"),
        cache=home / "cache",
    )
    lesser.init()
    return lesser


def test_files_that_cannot_be_read_are_left_out_and_listed(unprivileged: Repository) -> None:
    folder = Path(unprivileged.cache).parent / "source"
    (folder / "closed").mkdir(parents=True)
    (folder / "good").write_text("good")
    (folder / "secret").write_text("secret")
    (folder / "secret").chmod(0)
    (folder / "closed").chmod(0)

    made = unprivileged.backup(folder)

    assert sorted(error.item for error in made.skipped) == [str(folder / "closed"), str(folder / "secret")]
    assert made.skipped_count == 2
    assert "permission denied" in made.skipped[0].message
    assert unprivileged.snapshot(made.restic_id).files == 1


def test_a_file_that_vanishes_while_restic_runs_is_left_out(ready: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number:03}").write_bytes(os.urandom(1_000_000))
    gone = folder / "zzz"
    gone.mkdir()
    (gone / "file").write_text("soon gone")

    made = ready.backup(folder, on_progress=lambda _: shutil.rmtree(gone, ignore_errors=True))

    # restic before 0.18 lists it as skipped; later ones take it for a file that was never there.
    assert {error.item for error in made.skipped} <= {str(gone)}
    assert ready.snapshot(made.restic_id).files == 200


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


def test_of_two_key_files_the_one_that_fits_is_found_by_its_name(
    ready: Repository, program: binary.Binary, tmp_path: Path
) -> None:
    other = replace(ready, url=str(tmp_path / "other"), binary=program)
    other.init()
    keys = Path(ready.url, "keys")
    (own,) = keys.iterdir()
    (stray,) = Path(other.url, "keys").iterdir()
    shutil.copy(stray, keys / stray.name)

    with pytest.raises(KeyMismatch):
        replace(ready, key_hint=stray.name).exists()
    assert replace(ready, key_hint=own.name).exists()


RUN = """
import sys
from pathlib import Path
from agent.restic import binary
from agent.restic.repository import Keys, Repository
repository = Repository(binary.find(), sys.argv[1], Keys(), b"correct horse", Path(sys.argv[2]))
print("ready", flush=True)
repository.backup(Path(sys.argv[3]), on_progress=lambda progress: print(progress.bytes_done, flush=True))
"""


@pytest.mark.parametrize("signal_number", [signal.SIGINT])
def test_an_interrupted_backup_takes_its_lock_back_and_can_go_on(
    ready: Repository, tmp_path: Path, signal_number: int
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(12):
        (source / str(number)).write_bytes(os.urandom(40_000_000))
    command = [sys.executable, "-c", RUN, ready.url, str(ready.cache), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
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


class Refusing:
    """An address that answers every S3 request with one error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"s3:http://127.0.0.1:{self._server.server_port}/bucket/repository"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def refusing() -> Iterator[Callable[[int, str, str], str]]:
    started: list[Refusing] = []

    def start(status: int, code: str, message: str) -> str:
        started.append(Refusing(status, code, message))
        return started[-1].url

    yield start
    for server in started:
        server.close()


@pytest.mark.parametrize(
    ("status", "code", "message", "error"),
    [
        (400, "ExpiredToken", "The provided token has expired.", KeysExpired),
        (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", KeysExpired),
        (403, "AccessDenied", "Due to your account is arrears, it is unavailable until you recharge.", StoreRefused),
        (500, "InternalError", "We encountered an internal error.", StoreUnreachable),
    ],
)
def test_what_the_store_answers_ends_the_run_soon_and_is_told_apart(
    repository: Repository,
    refusing: Callable[[int, str, str], str],
    status: int,
    code: str,
    message: str,
    error: type[Exception],
) -> None:
    keys = Keys("key", "secret", "token")
    remote = replace(repository, url=refusing(status, code, message), keys=keys, patience_seconds=3)
    began = time.monotonic()

    with pytest.raises(error) as failure:
        remote.exists()

    assert time.monotonic() - began < 15
    assert "secret" not in str(failure.value)


def test_a_store_that_is_down_is_given_up_after_our_patience_and_not_restics(repository: Repository) -> None:
    down = replace(repository, url="s3:http://127.0.0.1:9/bucket/x", keys=Keys("key", "secret"), patience_seconds=2)
    began = time.monotonic()

    with pytest.raises(StoreUnreachable):
        down.exists()

    assert time.monotonic() - began < 10


def test_secrets_are_neither_arguments_nor_shown(repository: Repository, tmp_path: Path) -> None:
    spy = tmp_path / "spy"
    spy.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexit 12\n')
    spy.chmod(0o755)
    keys = Keys("key", "hidden secret", "hidden token")
    spied = replace(repository, binary=replace(repository.binary, path=str(spy)), keys=keys)

    with pytest.raises(WrongPassword):
        spied.exists()

    seen = (tmp_path / "arguments").read_text() + repr(spied)
    assert "correct horse" not in seen
    assert "hidden" not in seen


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("echo restic 0.16.4 compiled with go", "restic_too_old"),
        ("echo something else 1.0", "restic_unusable"),
        ("exit 1", "restic_unusable"),
    ],
)
def test_an_old_or_strange_restic_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, code: str
) -> None:
    fake = tmp_path / "restic"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("RESTIC", str(fake))

    with pytest.raises(ResticMissing) as failure:
        binary.find()

    assert failure.value.code == code


def test_a_missing_restic_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RESTIC", str(tmp_path / "nowhere"))

    with pytest.raises(ResticMissing, match="not found"):
        binary.find()
