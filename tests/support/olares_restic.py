"""restic as the Olares clients call it: their arguments, tags and environment, and what they make of its words."""

import base64
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

RENEWED_BY_KEYS = (
    "The provided token has expired",
    "The Access Key Id you provided does not exist in our records",
)
LOCKED = "repository is already locked by"
INITIALISED = ("config file already exists", "already initialized")
SHOWN = (
    "Due to your account is arrears, it is unavailable until you recharge.",
    "Access Denied",
    "no space left on device",
    "wrong password or no key found",
    "repository does not exist: unable to open config file",
    "Stat: 400 Bad Request",
)
UNLOCK_TRIES = 10
SECONDS = 180


class ResticFailed(Exception):
    """It ended badly or was killed; the text is what it said."""


class KeysExpired(ResticFailed):
    """It was refused for its keys' age."""


@dataclass(frozen=True)
class StorageKeys:
    """What the answer with keys says, all of it text."""

    cloud: str
    region: str
    bucket: str
    prefix: str
    access_key_id: str
    secret: str
    session_token: str

    @property
    def suffix(self) -> str:
        return self.prefix.partition("-")[2]

    def repository_url(self, name: str, repo_id: str = "", cloud: str = "aws", region_id: str = "") -> str:
        """Where restic is sent: the region is put into the host's name as it came."""
        host = f"s3.{self.region}.amazonaws.com"
        if cloud == "tencentcloud":
            host = f"cos.{region_id.lower()}.myqcloud.com"
        folder = quote(name, safe="$&+:=@-_.~") + (f"-{repo_id}" if repo_id else "")
        return f"s3:https://{host}/{self.bucket}/{self.prefix}/olares-backups/{folder}"


@dataclass(frozen=True)
class Restic:
    """One repository, as one client opens it."""

    program: str
    home: Path
    url: str
    password: str
    keys: StorageKeys

    def init(self) -> bool:
        """Make the repository; False when there was one."""
        ended = subprocess.run(
            [self.program, "init", "-v=3", "--json", "--insecure-tls"],
            env=self._five, capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
        said = ended.stdout + ended.stderr
        if ended.returncode == 0:
            return True
        if any(text in said for text in INITIALISED):
            return False
        # No keys are renewed here: the client fails at once.
        raise ResticFailed(said)

    def repair(self) -> None:
        """As before each backup but the first; a lock is removed, whoever's it is."""
        for _ in range(UNLOCK_TRIES):
            try:
                self._collect("repair", "index", "--insecure-tls")
            except KeysExpired:
                raise
            except ResticFailed as failed:
                if LOCKED not in str(failed):
                    raise
                self.unlock()
            else:
                return
        raise ResticFailed("the repository stays locked")

    def unlock(self) -> None:
        self._collect("unlock", "--remove-all", "--insecure-tls")

    def back_up(self, path: Path, tags: Sequence[str], limit_kib: int = 0) -> dict[str, Any]:
        """The summary."""
        (summary,) = [
            line
            for line in self._watch(
                "backup", str(path), f"--limit-upload={limit_kib}", "--json", "--insecure-tls",
                "--stuck-request-timeout", "60s", *(part for tag in tags for part in ("--tag", tag)),
            )
            if line.get("message_type") == "summary"
        ]  # fmt: skip
        return summary

    def stats(self, mode: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._collect("stats", "--json", "--mode", mode, "--insecure-tls"))
        return found

    def snapshots(self, snapshot_id: str = "") -> list[dict[str, Any]]:
        named = [snapshot_id] if snapshot_id else []
        found: list[dict[str, Any]] = json.loads(self._collect("snapshots", "--json", "--insecure-tls", *named))
        # The client falls over one without.
        assert all("summary" in each for each in found), found
        return found

    def restore(self, snapshot_id: str, path: str, target: Path) -> dict[str, Any]:
        lines = self._watch(
            "restore", "--limit-download=0", "-t", str(target), "-v=3", "--json", "--insecure-tls",
            f"{snapshot_id}:{path}", "--stuck-request-timeout", "60s",
        )  # fmt: skip
        return next(line for line in reversed(lines) if line.get("message_type") == "summary")

    def prune(self) -> None:
        """What follows a run that failed."""
        self._collect("prune", "--insecure-tls", environment=self._five)

    @property
    def _five(self) -> dict[str, str]:
        """No HOME, PATH or proxy."""
        return {
            "AWS_ACCESS_KEY_ID": self.keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.keys.secret,
            "AWS_SESSION_TOKEN": self.keys.session_token,
            "RESTIC_REPOSITORY": self.url,
            "RESTIC_PASSWORD": self.password,
        }

    @property
    def _inherited(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.home), **self._five}

    def _collect(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        said = []
        with subprocess.Popen(
            [self.program, *arguments],
            env=environment or self._inherited, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as running:  # fmt: skip
            assert running.stdout is not None
            for line in running.stdout:
                said.append(line)
                if "retrying after" in line:
                    running.kill()
                    raise _failure(line)
        if running.returncode:
            raise _failure("".join(said))
        return "".join(said)

    def _watch(self, *arguments: str) -> list[dict[str, Any]]:
        """What it says, a document a line; anything else is the end of it."""
        said = []
        with subprocess.Popen(
            [self.program, *arguments],
            env=self._inherited, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as running:  # fmt: skip
            assert running.stdout is not None
            for line in running.stdout:
                try:
                    said.append(json.loads(line))
                except ValueError:
                    if "file not found" in line or "skipping" in line or not line.strip():
                        continue
                    running.kill()
                    raise _failure(line) from None
                if said[-1].get("message_type") in ("error", "exit_error"):
                    running.kill()
                    raise _failure(line)
        if running.returncode:
            raise _failure(json.dumps(said[-3:]))
        return said


def tags(path: Path, *, repo_name: str, repo_id: str = "", suffix: str, by_hand: bool) -> list[str]:
    """What the client notes on a snapshot."""
    return [
        f"repo-name={_base64(repo_name)}",
        f"backup-type={'' if by_hand else 'file'}",
        f"backup-path={_base64(str(path))}",
        f"operator={'cli' if by_hand else 'app'}",
        f"repo-id={repo_id}",
        f"files-prefix-path={_base64(json.dumps([str(path)]))}",
        f"repo-suffix={suffix}",
    ]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _failure(said: str) -> ResticFailed:
    return (KeysExpired if any(text in said for text in RENEWED_BY_KEYS) else ResticFailed)(said)
