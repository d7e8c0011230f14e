"""Where things lie in the store: one shape for native and Olares clients.

``<prefix>/olares-backups/<repository>/<restic object>``, where ``prefix`` is ``<did>-<suffix>``. Older Olares clients
wrote to ``<prefix>/restic/<name>`` and ``<prefix>/olares-backups<name>``: the name of such a repository begins with a
slash and is its path below the prefix.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote
from uuid import UUID

REPOSITORIES = "olares-backups"
OLD_REPOSITORIES = "restic"
CATALOG_KEY = "SPC"
"""How the ids of catalog's own keys begin; those of clients begin otherwise."""
STORES_OWN = "\u201b"
"""By which rclone marks letters it had to write otherwise: a name with it is not found by the name it was given."""

# The layout that restic writes to S3 (restic's design document, "Repository Layout").
_OBJECT = re.compile(
    r"(?P<config>config)|(?P<folder>keys|snapshots|index|locks)/(?P<name>[0-9a-f]{64})"
    r"|(?P<data>data)/(?P<fan>[0-9a-f]{2})/(?P=fan)[0-9a-f]{62}"
)
_UNSAFE = re.compile(r"[^A-Za-z0-9._]+")
_BACKUP_ID = re.compile(r"[-_][0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")


class Folder(StrEnum):
    """The parts of a restic repository."""

    CONFIG = "config"
    KEYS = "keys"
    SNAPSHOTS = "snapshots"
    INDEX = "index"
    LOCKS = "locks"
    DATA = "data"


@dataclass(frozen=True)
class ResticObject:
    """An object of a repository; ``name`` is empty for ``config``."""

    folder: Folder
    name: str


def owner_prefix(did: str) -> str:
    """The owner's folder in the store: exactly one dash, the same for ever, and derived, so that it can be found again.

    The clients take what follows the dash as a suffix of its own, so a DID with a dash is refused.

    Raises:
        ValueError: If the DID holds a dash or a slash.
    """
    if "-" in did or "/" in did or not did.startswith("did:"):
        raise ValueError(f"not a DID that can name a folder: {did!r}")
    return f"{did}-{hashlib.sha256(did.encode()).hexdigest()[:12]}"


def suffix_of(prefix: str) -> str:
    """What follows the dash, by which devices know a prefix."""
    return prefix.partition("-")[2]


def object_path(repository: str | None) -> str:
    """The path of a repository, or of the folder of all of them, below the owner's prefix; no slash at either end."""
    if repository is None:
        return REPOSITORIES
    return repository.removeprefix("/") if is_old(repository) else f"{REPOSITORIES}/{repository}"


def is_old(repository: str) -> bool:
    """Whether an older client made it, in another place than all others."""
    return repository.startswith("/")


def catalog_key_id(prefix: str) -> str:
    """The access key with which catalog itself looks at an owner's objects; its secret is what matters."""
    return f"{CATALOG_KEY}{hashlib.sha256(prefix.encode()).hexdigest()[:40]}"


def repository_name(name: str, backup_id: UUID) -> str:
    """The last part of a repository's address, readable and safe in every URL."""
    readable = _UNSAFE.sub("_", name.encode("ascii", "ignore").decode()).strip("._")[:40]
    return f"{readable or 'backup'}-{backup_id}"


def display_name(repository: str) -> str:
    """What to call a repository found in the store: its name without the id that a device appended."""
    name = repository.rpartition("/")[2]
    if is_old(repository):
        name = name.removeprefix(REPOSITORIES).lstrip("-_.") or name
    return _BACKUP_ID.sub("", name) or name


def classify(path: str) -> ResticObject | None:
    """What an object is by its path below the repository; None when restic has no such object."""
    match = _OBJECT.fullmatch(path)
    if match is None:
        return None
    if match["config"]:
        return ResticObject(Folder.CONFIG, "")
    if match["data"]:
        return ResticObject(Folder.DATA, path.rpartition("/")[2])
    return ResticObject(Folder(match["folder"]), match["name"])


def url_path(*parts: str) -> str:
    """Parts of a path as they stand in a URL; a colon stays as it is, as the clients write DIDs."""
    return "/".join(quote(part, safe=":") for part in parts)
