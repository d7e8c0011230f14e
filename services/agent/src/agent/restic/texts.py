"""Recognising what restic and the store say in words only."""

import re
from enum import StrEnum


class Trouble(StrEnum):
    """What a line of restic's output means for the run."""

    KEYS_EXPIRED = "keys_expired"
    ARREARS = "arrears"
    OVER_LIMIT = "over_limit"
    DENIED = "denied"
    STORE_FULL = "store_full"
    DISK_FULL = "disk_full"
    STORE = "store"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    NO_REPOSITORY = "no_repository"
    REPOSITORY_EXISTS = "repository_exists"
    REPOSITORY_HALF_MADE = "repository_half_made"
    LOCKED = "locked"
    KEY_MISMATCH = "key_mismatch"
    CERTIFICATE = "certificate"
    NOT_IN_SNAPSHOT = "not_in_snapshot"
    NO_SNAPSHOT = "no_snapshot"


# Searched in order in lower-case text: the first that occurs wins. The S3 texts are what AWS, Tencent COS and the
# store gate send; restic shows the message of the S3 error, and the code only where there is no message.
_TEXTS = (
    ("the provided token has expired", Trouble.KEYS_EXPIRED),
    ("expiredtoken", Trouble.KEYS_EXPIRED),
    ("access key id you provided does not exist", Trouble.KEYS_EXPIRED),
    ("invalidaccesskeyid", Trouble.KEYS_EXPIRED),
    ("invalid access key", Trouble.KEYS_EXPIRED),
    # The answer to a HEAD has no words; this status the store gate gives to keys that are over, and to nothing else
    # that restic asks. It would try for a quarter of an hour.
    ("stat: 400 bad request", Trouble.KEYS_EXPIRED),
    ("account is arrears", Trouble.ARREARS),
    # The store gate's words for an owner who holds as much as they may.
    ("your backup storage is full", Trouble.OVER_LIMIT),
    ("quotaexceeded", Trouble.STORE_FULL),
    ("storage quota", Trouble.STORE_FULL),
    # The store gate refuses a second init in restic's words: "Access Denied: config file already exists."
    ("config file already exists", Trouble.REPOSITORY_EXISTS),
    ("already initialized", Trouble.REPOSITORY_EXISTS),
    ("repository already contains keys", Trouble.REPOSITORY_HALF_MADE),
    ("access denied", Trouble.DENIED),
    ("accessdenied", Trouble.DENIED),
    ("x509:", Trouble.CERTIFICATE),
    ("tls: failed to verify", Trouble.CERTIFICATE),
    ("wrong password or no key found", Trouble.WRONG_PASSWORD),
    ("config or key", Trouble.KEY_MISMATCH),
    ("repository is already locked", Trouble.LOCKED),
    ("unable to create lock in backend: repository is already locked", Trouble.LOCKED),
)
_REPOSITORY_MISSING = "repository does not exist: unable to open config file"
_SNAPSHOT_MISSING = ("no matching id found", "failed to find snapshot", "failed to load snapshot")
_PATH_MISSING = (": not found", ": not a directory")
_DISK_FULL = ("no space left on device", "disk quota exceeded", "file too large")
RETRYING = "returned error, retrying after"
_STORE_FAILS = (
    "connection refused",
    "connection reset",
    "no such host",
    "i/o timeout",
    "network is unreachable",
    "no route to host",
    "circuit breaker open",
)


def of_text(text: str) -> Trouble | None:
    """The meaning of a plain line or of restic's closing message."""
    lowered = text.lower()
    found = next((trouble for words, trouble in _TEXTS if words in lowered), None)
    if found is not None:
        return found
    if RETRYING in lowered:
        # Retried requests are the store's, so the disk that is full is not ours.
        return Trouble.STORE_FULL if _DISK_FULL[0] in lowered else Trouble.STORE
    if _REPOSITORY_MISSING in lowered:
        return Trouble.NO_REPOSITORY
    if lowered.startswith("path ") and lowered.endswith(_PATH_MISSING):
        return Trouble.NOT_IN_SNAPSHOT
    if any(words in lowered for words in _DISK_FULL):
        return Trouble.DISK_FULL
    if any(words in lowered for words in _STORE_FAILS):
        return Trouble.STORE
    return Trouble.NO_SNAPSHOT if any(words in lowered for words in _SNAPSHOT_MISSING) else None


def of_item(message: str, during: str) -> Trouble | None:
    """The meaning of one item's error; a source file's error never speaks of the store, whatever its name contains."""
    if during in ("scan", "archival"):
        return None
    lowered = message.lower()
    if any(words in lowered for words in _DISK_FULL):
        return Trouble.DISK_FULL
    if "the provided token has expired" in lowered or "access key id you provided does not exist" in lowered:
        return Trouble.KEYS_EXPIRED
    return None


# Operations of restic's restore that change a file's properties and never its content.
_METADATA_ONLY = (
    "chmod ", "lchown ", "chown ", "utimes", "xattr", "mknod", "mkfifo", "lutimes", "chflags", "fcntl",
)  # fmt: skip


def is_about_content(message: str) -> bool:
    """Whether --verify found another content than the snapshot's in a restored file."""
    return message.startswith("Unexpected content in ")


def is_about_properties(message: str) -> bool:
    """Whether a restore error left the content right and only an owner, mode, time or attribute wrong."""
    lowered = message.lower()
    return any(words in lowered for words in _METADATA_ONLY) and "no such file" not in lowered


_PREAMBLE = re.compile(r"^\w+\(<[^>]*>\) (failed|returned error, retrying after [^:]+): (client\.)?(\w+: )?")


def for_people(text: str) -> str:
    """A failure in the store's own words, without what restic says around them."""
    words = text.removeprefix("Fatal: ").split("\nIs there a repository")[0].strip()
    return _PREAMBLE.sub("", words)
