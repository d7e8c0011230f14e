"""Who has come in by a link: browsers that hold a cookie of this page."""

import hashlib
import secrets
import time
from uuid import UUID

LASTS_SECONDS = 12 * 3600
MOST_VISITS = 8
COOKIE_BYTES = 32


class Visits:
    """Kept in memory alone and as digests: a restart of the agent ends them all, and half a day each of them.

    Cookies do not know of ports. So the name tells an instance's own from those of its neighbours on one machine.
    """

    def __init__(self, instance_id: UUID) -> None:
        self._name = f"space_{instance_id.hex}"
        self._ends: dict[bytes, float] = {}

    def begin(self) -> str:
        """A new visit's header `Set-Cookie`; when there are many, the oldest visit ends."""
        self._tidy()
        while len(self._ends) >= MOST_VISITS:
            del self._ends[next(iter(self._ends))]
        cookie = secrets.token_urlsafe(COOKIE_BYTES)
        self._ends[_digest(cookie.encode())] = time.monotonic() + LASTS_SECONDS
        return f"{self._name}={cookie}; Path=/; Max-Age={LASTS_SECONDS}; HttpOnly; SameSite=Strict"

    def is_known(self, cookies: bytes) -> bool:
        """Whether the header `Cookie` has one of ours that is not over."""
        self._tidy()
        for pair in cookies.split(b";"):
            name, _, cookie = pair.strip().partition(b"=")
            if name == self._name.encode() and _digest(cookie) in self._ends:
                return True
        return False

    def _tidy(self) -> None:
        now = time.monotonic()
        self._ends = {digest: end for digest, end in self._ends.items() if end > now}


def _digest(cookie: bytes) -> bytes:
    return hashlib.sha256(cookie).digest()
