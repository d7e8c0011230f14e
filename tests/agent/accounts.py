"""One owner's backup task as the service tells of it, and a restic that is hindered on purpose."""

import base64
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agent import session
from agent.backing_up import BackupRequest, back_up
from agent.backup_report import BackupReport
from agent.output import Output
from agent.passwords import PasswordSource

BACKUP_ID = "11111111-0000-4000-8000-000000000001"
SNAPSHOT_ID = "22222222-0000-4000-8000-000000000002"


@dataclass
class Account:
    """One owner's task as the service would tell of it."""

    scripted: Any
    repository: Path
    exists: bool = False
    path: str | None = None
    issued: list[str] = field(default_factory=list)
    declared: list[int | None] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    reported: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=lambda: ["successful"])

    def install(self) -> None:
        numbers = count(1)

        def create(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            self.exists, self.path = True, body["source"]["path"]
            return 201, self.task()

        def issue(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            self.declared.append(body.pop("declared_bytes", None))
            assert body == {"backup_id": BACKUP_ID, "scope": "write"}
            self.issued.append(key := f"KEY{next(numbers)}")
            self.scripted.answers["DELETE", f"/storage-keys/{key}"] = lambda _: self.revoke(key)
            secrets = {"secret_access_key": "hidden", "session_token": "hidden"}
            return 201, {"access_key_id": key, "repository_url": str(self.repository), "ca_certificate": None} | secrets

        def report(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            self.reported.append(body)
            return 202, self.snapshot("pending")

        self.scripted.answers |= {
            ("POST", "/auth/exchange"): lambda _: (200, {"access_token": "t", "expires_in": 600}),
            ("GET", "/backups"): lambda _: (200, {"items": [self.task()] if self.exists else [], "next_cursor": None}),
            ("POST", "/backups"): create,
            ("GET", f"/backups/{BACKUP_ID}/key-files"): lambda _: self.key_files(),
            ("POST", "/storage-keys"): issue,
            ("POST", f"/backups/{BACKUP_ID}/snapshots"): report,
            ("GET", f"/backups/{BACKUP_ID}/snapshots"): lambda _: (200, {"items": [], "next_cursor": None}),
            ("GET", f"/snapshots/{SNAPSHOT_ID}"): lambda _: (200, self.snapshot(self.statuses.pop(0))),
        }

    def revoke(self, key: str) -> tuple[int, dict[str, Any]]:
        self.revoked.append(key)
        return 200, {}

    def task(self) -> dict[str, Any]:
        return {"backup_id": BACKUP_ID, "name": "docs", "terminus_id": None, "path": self.path, "state": "active"}

    def snapshot(self, status: str) -> dict[str, Any]:
        reported = self.reported[-1]
        ids = {"snapshot_id": SNAPSHOT_ID, "backup_id": BACKUP_ID, "restic_id": reported["restic_id"]}
        return {**ids, "taken_at": reported["taken_at"], "status": status}

    def key_files(self) -> tuple[int, dict[str, Any]]:
        keys = self.repository / "keys"
        if not keys.exists():
            return 409, {"status": 409, "code": "repository_missing", "detail": "Nothing yet."}
        files = [{"name": key.name, "content": base64.b64encode(key.read_bytes()).decode()} for key in keys.iterdir()]
        return 200, {"key_files": files}


def run(
    account: Account, path: Path, password: bytes = b"correct horse", *, as_json: bool = True, **request: Any
) -> BackupReport:
    file = path.parent / "password"
    file.write_bytes(password + b"\n")
    with session.open_client(account.scripted.origin) as client:
        wish = BackupRequest(path=path, name="docs", **request)
        return back_up(client, wish, PasswordSource(file=str(file)), Output(as_json=as_json))


def hinder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restic_path: str, subcommand: str, script: str) -> None:
    """Put a program in restic's place that runs a script instead at the first use of one subcommand."""
    wrapper = tmp_path / "hindered-restic"
    wrapper.write_text(
        f"""#!/bin/sh
for word in "$@"; do
    if [ "$word" = {subcommand} ] && mkdir {tmp_path}/hindered 2>/dev/null; then
        {script}
    fi
done
exec "{restic_path}" "$@"
"""
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("RESTIC", str(wrapper))
