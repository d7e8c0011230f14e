"""A twin of the Olares clients: `olares-cli backups` and the backup server of an instance, request by request."""

import base64
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from tests.support import olares_requests, olares_restic
from tests.support.larepass import Account
from tests.support.olares_requests import Envelope, Sent, StoragePlace, post
from tests.support.olares_restic import KeysExpired, Restic, StorageKeys

UINT64 = 2**64
SIGN_IN_NEEDED = 506
SAVED = (200, 501)
_BACKUP_ID = re.compile(r"(.+)-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")


class ClientFailed(Exception):
    """The client stops here and shows this."""


class LoginNeeded(ClientFailed):
    """Its owner is sent to LarePass."""


class NoRoom(ClientFailed):
    """Insufficient storage in Olares Space."""


@dataclass(frozen=True)
class BackupUrl:
    """What the client reads out of what its user pasted."""

    region_id: str
    bucket: str
    prefix: str
    name: str
    repo_id: str
    snapshot_id: str

    @property
    def suffix(self) -> str:
        return self.prefix.partition("-")[2]


class OlaresCli:
    """`olares-cli backups … space`, with the flags it was given."""

    by_hand = True

    def __init__(self, base: str, account: Account, restic: str, home: Path, cluster_id: str = "C/.1?>~") -> None:
        self.base = base.rstrip("/")
        self.account = account
        self.cluster_id = cluster_id
        self.renewals = 0
        self._restic = restic
        self._home = home
        home.mkdir(parents=True, exist_ok=True)

    def ask(self, sent: Sent) -> Envelope:
        answer = post(self.base, sent)
        if answer.status != 200:
            raise ClientFailed(f"status {answer.status}")
        return answer

    def regions(self) -> list[dict[str, str]]:
        answer = self.ask(olares_requests.regions(self.account.did, self.account.token))
        if answer.data is None:
            raise _told(answer)
        found: list[dict[str, str]] = answer.data
        assert all(isinstance(each[name], str) for each in found for name in ("regionId", "regionName", "cloudName"))
        return found

    def keys(self, suffix: str = "") -> StorageKeys:
        """Of these the client looks at the data alone, whatever the code is."""
        region = self.regions()[0]["regionId"]
        return _keys(
            self.ask(
                olares_requests.storage_keys(self.account.did, self.account.token, region, self.cluster_id, suffix)
            )
        )

    def renew(self, keys: StorageKeys) -> StorageKeys:
        """Other keys; the address of a running job stays."""
        sent = olares_requests.refreshed_keys(keys.access_key_id, keys.secret, keys.session_token)
        found = _keys(self.ask(sent))
        self.renewals += 1
        return replace(keys, access_key_id=found.access_key_id, secret=found.secret, session_token=found.session_token)

    def repository(self, keys: StorageKeys, name: str, password: str, repo_id: str = "") -> Restic:
        return Restic(self._restic, self._home, keys.repository_url(name, repo_id), password, keys)

    def back_up(self, path: Path, name: str, password: str, repo_id: str = "", limit_kib: int = 0) -> dict[str, Any]:
        """The summary; keys that end on the way are renewed, and everything starts over."""
        keys = self.keys()
        while True:
            restic = self.repository(keys, name, password, repo_id)
            marks = olares_restic.tags(path, repo_name=name, repo_id=repo_id, suffix=keys.suffix, by_hand=self.by_hand)
            if not restic.init():
                try:
                    restic.repair()
                except KeysExpired:
                    keys = self.renew(keys)
                    continue
            try:
                summary = restic.back_up(path, marks, limit_kib)
            except KeysExpired:
                keys = self.renew(keys)
                continue
            restic.stats("restore-size")
            return summary

    def snapshots(self, name: str, password: str, repo_id: str = "") -> list[dict[str, Any]]:
        return self.repository(self.keys(), name, password, repo_id).snapshots()

    def restore(
        self, name: str, password: str, target: Path, *, snapshot_id: str = "latest", repo_id: str = "",
        suffix: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        """What was backed up, in the target itself."""
        restic = self.repository(self.keys(suffix), name, password, repo_id)
        (snapshot,) = restic.snapshots(snapshot_id)
        (path,) = snapshot["paths"]
        return restic.restore(snapshot["id"], path, target)


class Instance(OlaresCli):
    """The backup server of an Olares instance, which also tells what it does."""

    by_hand = False

    def require_room(self, size: int) -> dict[str, Any]:
        """Before every run; the difference is of numbers without a sign."""
        answer = self.ask(olares_requests.usage(self.account.did, self.account.token))
        if answer.code != 200 or answer.data is None:
            raise _told(answer)
        found: dict[str, Any] = answer.data
        if found["planLevel"] == 1:
            raise NoRoom("plan doesn't include the backup service")
        if not found["canBackup"] or size > (found["totalSize"] - found["usageSize"]) % UINT64:
            raise NoRoom("Insufficient storage in Olares Space.")
        return found

    def tell_backup(self, backup_id: str, name: str, path: str) -> None:
        at = int(time.time())
        self._accepted(olares_requests.saved_backup(self.account.did, self.account.token, backup_id, name, 1, at, path))

    def tell_snapshot(self, backup_id: str, snapshot_id: str, status: str, **more: Any) -> None:
        kind = more.pop("kind", "unknown")
        at = more.pop("at", int(time.time()))
        self._accepted(
            olares_requests.saved_snapshot(self.account.did, backup_id, snapshot_id, at, status, kind, **more)
        )

    def stop(self, backup_id: str) -> Envelope:
        return self.ask(olares_requests.stopped_backup(self.account.did, self.account.token, backup_id))

    def run(self, backup_id: str, name: str, path: Path, password: str, limit_kib: int = 0) -> dict[str, Any]:
        """One run of a plan: room, word of it, the backup, word of its end, and of the plan once more."""
        self.require_room(sum(file.stat().st_size for file in path.rglob("*") if file.is_file()))
        self.tell_backup(backup_id, name, f"/Files/Home/{name}")
        snapshot_id = str(uuid4())
        self.tell_snapshot(backup_id, snapshot_id, "Pending")
        keys = self.keys()
        try:
            summary = self.back_up(path, name, password, backup_id, limit_kib)
        except (olares_restic.ResticFailed, ClientFailed) as failed:
            self.tell_snapshot(backup_id, snapshot_id, "Failed", message=str(failed))
            raise
        restic = self.repository(self.keys(), name, password, backup_id)
        self.tell_snapshot(
            backup_id, snapshot_id, "Completed",
            kind="fully" if summary.get("files_unmodified") == 0 else "incremental",
            restic_id=summary["snapshot_id"],
            size=summary["total_bytes_processed"],
            stored=restic.stats("raw-data")["total_size"],
            place=StoragePlace(restic.url.removeprefix("s3:"), keys.cloud, keys.region, keys.bucket, keys.prefix),
            message=olares_requests.go_json(summary) + "\n",
        )  # fmt: skip
        self.tell_backup(backup_id, name, f"/Files/Home/{name}")
        return summary

    def restore_by_url(self, pasted: str, password: str, target: Path) -> dict[str, Any]:
        """The check before the job asks for keys without the suffix, the job with it."""
        found = read_backup_url(pasted)
        before = self.repository(self.keys(), found.name, password, found.repo_id)
        (snapshot,) = before.snapshots(found.snapshot_id)
        (path,) = snapshot["paths"]
        restic = self.repository(self.keys(found.suffix), found.name, password, found.repo_id)
        return restic.restore(found.snapshot_id, path, target)

    def _accepted(self, sent: Sent) -> None:
        answer = self.ask(sent)
        if answer.code not in SAVED:
            raise _told(answer)


def read_backup_url(pasted: str) -> BackupUrl:
    """By the rules of the client.

    Raises:
        ClientFailed: If it breaks one.
    """
    text = base64.b64decode(pasted, validate=True).decode().replace("\r", "").replace("\n", "").removeprefix("s3:")
    url = urlsplit(text)
    query = parse_qs(url.query)
    labels = url.netloc.split(".")
    _require(url.scheme == "https" and len(labels) == 4 and labels[0] in ("s3", "cos"), text)
    _require(".".join(labels[2:]) in ("amazonaws.com", "myqcloud.com"), text)
    path = unquote(url.path)
    _require("did:key:" in path and "olares-backups/" in path, text)
    parts = path.removeprefix("/").split("/")
    _require(len(parts) == 4 and parts[1].count("-") == 1, text)
    named = _BACKUP_ID.fullmatch(parts[3])
    _require(named is not None and bool(query.get("snapshotId")) and bool(query.get("snapshotTime")), text)
    assert named is not None
    return BackupUrl(labels[1], parts[0], parts[1], named[1], named[2], query["snapshotId"][0])


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise ClientFailed(f"not a Backup URL: {text}")


def _keys(answer: Envelope) -> StorageKeys:
    if answer.code == SIGN_IN_NEEDED or answer.data is None:
        raise _told(answer)
    fields = ("cloud", "region", "bucket", "prefix", "ak", "sk", "st", "expiration")
    values = [answer.data[name] for name in fields]
    if not all(isinstance(value, str) for value in values):
        raise ClientFailed(f"cannot unmarshal into a string: {fields}")
    keys = StorageKeys(*values[:7])
    if keys.prefix.count("-") != 1:
        raise ClientFailed("get space sts prefix invalid")
    return keys


def _told(answer: Envelope) -> ClientFailed:
    kind = LoginNeeded if answer.code == SIGN_IN_NEEDED else ClientFailed
    return kind(f"response code {answer.code}: {answer.message}")
