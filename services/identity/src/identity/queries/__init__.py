"""Named reads and guarded writes of identity, by resource."""

from identity.queries import attempts, console, devices, forgetting, grants, invites, nonces, olares, owners, sessions

__all__ = [
    "attempts",
    "console",
    "devices",
    "forgetting",
    "grants",
    "invites",
    "nonces",
    "olares",
    "owners",
    "sessions",
]
