"""Named reads and guarded writes of catalog, by resource."""

from catalog.queries import (
    backups,
    measurements,
    pins,
    repositories,
    reservations,
    snapshots,
    spaces,
    storage_keys,
    terminus,
)
from catalog.queries.rows import AnyRow

__all__ = [
    "AnyRow",
    "backups",
    "measurements",
    "pins",
    "repositories",
    "reservations",
    "snapshots",
    "spaces",
    "storage_keys",
    "terminus",
]
