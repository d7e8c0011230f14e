"""HTTP comes in here, by resource."""

from catalog.api import backups, internal, snapshots, storage_keys, store_gate, terminus

ROUTERS = (terminus.router, backups.router, snapshots.router, storage_keys.router)
INTERNAL_ROUTERS = (internal.router, store_gate.router)
