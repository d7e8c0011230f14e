"""Named reads and guarded writes of catalog, by resource."""

from catalog.queries import (
    backup_list,
    backups,
    measurements,
    pins,
    repositories,
    reservations,
    sessions,
    snapshots,
    spaces,
    storage_keys,
    terminus,
)
from catalog.queries.rows import AnyRow

__all__ = [
    "AnyRow",
    "backup_list",
    "backups",
    "measurements",
    "pins",
    "repositories",
    "reservations",
    "sessions",
    "snapshots",
    "spaces",
    "storage_keys",
    "terminus",
]
