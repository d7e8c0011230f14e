"""The address by which an Olares device finds a snapshot to restore: what its owner pastes as Backup Url."""

import base64
import re
from datetime import datetime
from urllib.parse import quote

from catalog.domain.layout import REPOSITORIES

_OF_A_BACKUP = re.compile(r"[^/]+-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_AS_GO_ESCAPES = "$&+=:@"
"""What Go's ``url.PathEscape`` leaves as it is besides letters, digits and ``-_.~``; the clients build paths by it."""


class NotOfABackup(Exception):
    """The repository's name does not end in a backup's id, without which the clients take no address."""


def backup_url(*, region_id: str, bucket: str, prefix: str, repository: str, restic_id: str, taken_at: datetime) -> str:
    """The address in standard base64, always in Amazon's form: a client takes from it what it asks for keys with.

    Where the store really is it is told with those keys.

    Raises:
        NotOfABackup: If the repository was made by ``olares-cli``, or lies where older clients wrote theirs.
    """
    if not _OF_A_BACKUP.fullmatch(repository):
        raise NotOfABackup(repository)
    path = f"{bucket}/{prefix}/{REPOSITORIES}/{quote(repository, safe=_AS_GO_ESCAPES)}"
    query = f"snapshotId={restic_id}&snapshotTime={int(taken_at.timestamp())}"
    return base64.b64encode(f"https://s3.{region_id}.amazonaws.com/{path}?{query}".encode()).decode()
