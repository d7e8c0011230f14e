"""A machine of an owner's: the real `space` command with a configuration, a home and a clock of its own."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.terminal import Terminal

SPACE = Path(sys.executable).parent / "space"
SECONDS = 120


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    command: Sequence[str | os.PathLike[str]]
    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document that `--json` printed."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        return found

    def __str__(self) -> str:
        return f"{list(map(str, self.command))} ended with {self.exit_code}\n--- out\n{self.out}\n--- err\n{self.err}"


class Device:
    """One machine with the `space` command."""

    def __init__(self, origin: str, folder: Path, restic: str, through: Sequence[str] = ()) -> None:
        """``through`` is a command that runs the command given to it."""
        self.origin = origin
        self._through = through
        self.folder = folder
        self.restic = restic
        self.config = folder / "config"
        (folder / "home").mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(self.restic).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "RESTIC": self.restic,
            "SPACE_CONFIG_DIR": str(self.config),
            "SPACE_ORIGIN": self.origin,
        }

    @property
    def without_privileges(self) -> "Device":
        """The same machine, where also root may read only what a file's mode allows."""
        if os.geteuid() != 0:
            return self
        lost = "-dac_override,-dac_read_search"
        through = ("setpriv", f"--inh-caps={lost}", f"--bounding-set={lost}", "--")
        return Device(self.origin, self.folder, self.restic, through)

    def password_file(self, password: str) -> Path:
        """A file that holds it, whose name says nothing."""
        file = self.folder / f"password-{hashlib.sha256(password.encode()).hexdigest()[:8]}"
        file.write_text(password + "\n")
        return file

    def space(
        self, *arguments: str | os.PathLike[str], expect: int = 0, environment: Mapping[str, str] | None = None
    ) -> Done:
        """Run the command to its end; any other exit code than the expected one fails the test with what was said."""
        done = self.finish(self.begin(*arguments, environment=environment))
        assert done.exit_code == expect, str(done)
        return done

    def begin(
        self, *arguments: str | os.PathLike[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start the command and go on without it; `finish` it."""
        return subprocess.Popen(
            [*self._through, SPACE, *arguments],
            env=self.environment | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=self.folder,
        )

    def finish(self, running: subprocess.Popen[str], seconds: float = SECONDS) -> Done:
        try:
            out, err = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            running.kill()
            out, err = running.communicate()
            raise AssertionError(f"{running.args!r} did not end within {seconds} s: {out}\n{err}") from None
        assert isinstance(running.args, list)
        return Done(running.args, running.returncode, out, err)

    def at_terminal(self, *arguments: str | os.PathLike[str]) -> Terminal:
        """The command with a person before it."""
        return Terminal([SPACE, *arguments], self.environment, self.folder)

    def back_up(self, path: Path, name: str, password: str, *more: str, expect: int = 0) -> dict[str, Any]:
        done = self.space(
            "backup", path, "--name", name, "--password-file", self.password_file(password), "--json", *more,
            expect=expect,
        )  # fmt: skip
        found: dict[str, Any] = done.json
        return found

    def restore(self, backup: str, target: Path, password: str, *more: str, expect: int = 0) -> dict[str, Any]:
        done = self.space(
            "restore", "--backup", backup, "--to", target, "--password-file", self.password_file(password), "--json",
            *more, expect=expect,
        )  # fmt: skip
        found: dict[str, Any] = done.json
        return found

    def session(self) -> dict[str, Any]:
        """What the command keeps of its session: tokens and who it is for."""
        found: dict[str, Any] = json.loads((self.config / "session.json").read_text())
        return found

    def token(self) -> str:
        """An access token with some minutes left."""
        if self.session()["access_expires_at"] < time.time() + 300:
            self.space("whoami")
        return str(self.session()["access_token"])

    @property
    def owner_id(self) -> str:
        return str(self.space("whoami", "--json").json["owner_id"])

    def api(self, token: str | None = None) -> httpx.Client:
        """The HTTP API as this device's owner."""
        bearer = token or self.token()
        return httpx.Client(
            base_url=f"{self.origin}/api/v1",
            headers={"Authorization": f"Bearer {bearer}"},
            timeout=30,
            trust_env=False,
        )

    def backup(self, name: str) -> dict[str, Any]:
        """The one backup task of this name, as the list shows it."""
        (found,) = self.space("backups", "--name", name, "--json").json
        backup: dict[str, Any] = found
        return backup
