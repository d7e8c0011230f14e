"""The real restic, a private config folder, and a repository that several tests read."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.restic import binary
from agent.restic.binary import Binary
from agent.restic.repository import Keys, Repository
from tests.agent.accounts import Account
from tests.agent.instance_restores import BackedUp, World, back_up, make_source, world_of
from tests.agent.read_store import ReadStore
from tests.support.restore_double import RestoreDouble

PASSWORD = b"correct horse"
BOOTSTRAPPED = Path(__file__).parents[2] / ".space" / "tools" / "restic"


@pytest.fixture(scope="session")
def restic_path() -> str:
    """RESTIC, the one the set-up fetched, or the one on PATH; 0.17 or newer."""
    path = os.environ.get("RESTIC") or (str(BOOTSTRAPPED) if BOOTSTRAPPED.exists() else shutil.which("restic"))
    assert path, "restic is missing: `make setup` fetches it, or set RESTIC=/path/to/restic"
    return path


@pytest.fixture(autouse=True)
def _private_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restic_path: str) -> None:
    for name in [name for name in os.environ if name.startswith("SPACE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SPACE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("RESTIC", restic_path)


@pytest.fixture
def program(_private_environment: None) -> Binary:
    return binary.find()


@pytest.fixture
def repository(program: Binary, tmp_path: Path) -> Repository:
    """A repository that does not exist yet, on the local disk."""
    return Repository(
        binary=program,
        url=str(tmp_path / "repository"),
        keys=Keys(),
        password=PASSWORD,
        cache=tmp_path / "cache",
        patience_seconds=5,
    )


@pytest.fixture(scope="session")
def initialised(restic_path: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new repository, made once: restic measures the machine for half a second whenever it makes one."""
    home = tmp_path_factory.mktemp("initialised")
    env = {b"RESTIC_PASSWORD": PASSWORD, b"RESTIC_CACHE_DIR": bytes(home / "cache")}
    command = [restic_path, "-r", str(home / "repository"), "init"]
    subprocess.run(command, env=env, check=True, capture_output=True)
    return home / "repository"


@pytest.fixture
def ready(repository: Repository, initialised: Path) -> Repository:
    shutil.copytree(initialised, repository.url)
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


@dataclass(frozen=True)
class Sealed:
    """Key files of one repository, as restic wrote them, and the passwords that open them."""

    files: list[tuple[str, bytes]]
    passwords: list[bytes]


@pytest.fixture(scope="session")
def seal(restic_path: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Sealed]:
    """Make a repository with the first password, given as the command gives it, and a key for each further one."""

    def make(password: bytes, *added: bytes) -> Sealed:
        home = tmp_path_factory.mktemp("sealed")
        url = home / "repository"
        env = {b"RESTIC_PASSWORD": password, b"RESTIC_CACHE_DIR": bytes(home)}
        subprocess.run([restic_path, "-r", str(url), "init"], env=env, check=True, capture_output=True)
        for number, further in enumerate(added):
            file = home / f"password-{number}"
            file.write_bytes(further)
            command = [restic_path, "-r", str(url), "key", "add", "--new-password-file", str(file)]
            subprocess.run(command, env=env, check=True, capture_output=True)
        files = [(key.name, key.read_bytes()) for key in sorted((url / "keys").iterdir())]
        return Sealed(files=files, passwords=[password, *added])

    return make


@pytest.fixture(scope="session")
def sealed(seal: Callable[..., Sealed]) -> Sealed:
    """One key, one password."""
    return seal(PASSWORD)


class Scripted:
    """An HTTP address whose answers a test writes: (method, path under /api/v1) → a function of the body.

    An answer of bytes is a PDF.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Callable[[dict[str, Any]], tuple[int, dict[str, Any] | bytes]]] = {}
        self.requests: list[tuple[str, str, dict[str, Any], str | None]] = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
                path = self.path.removeprefix("/api/v1").split("?")[0]
                scripted.requests.append((self.command, path, sent, self.headers.get("Authorization")))
                script = scripted.answers.get((self.command, path))
                status, answer = script(sent) if script else (404, {"code": "not_scripted"})
                is_pdf = isinstance(answer, bytes)
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/pdf" if is_pdf else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        # Closing waits for the next look at whether it should end.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def count(self, method: str, path: str) -> int:
        return sum((method, path) == request[:2] for request in self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()


@pytest.fixture
def account(scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("SPACE_API_TOKEN", "t")
    monkeypatch.setattr("agent.backup_report.POLL_SECONDS", 0.01)
    monkeypatch.setattr("agent.backing_up.INIT_ELSEWHERE_SECONDS", 0.01)
    account = Account(scripted, tmp_path / "repository")
    account.install()
    return account


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "letter").write_text("Dear Bob")
    return folder


@pytest.fixture(scope="session")
def backed_up(restic_path: str, initialised: Path, tmp_path_factory: pytest.TempPathFactory) -> BackedUp:
    home = tmp_path_factory.mktemp("backed-up")
    make_source(home / "documents")
    shutil.copytree(initialised, home / "store" / "repository")
    program = Binary(restic_path, (0, 17, 0))
    repository = Repository(program, str(home / "store" / "repository"), Keys(), PASSWORD, home / "cache")
    return BackedUp(home / "documents", home / "store", back_up(repository, home / "documents"))


@pytest.fixture
def world(backed_up: BackedUp, tmp_path: Path) -> Iterator[World]:
    double, store = RestoreDouble(typed=[PASSWORD]), ReadStore(backed_up.store)
    world = world_of(double, store, backed_up, tmp_path / "machine")
    yield world
    world.agent.kill()
    store.close()
    double.close()
