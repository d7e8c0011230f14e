"""Fixed windows in which attempts are counted, and who is counted as one client."""

import ipaddress
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Limit:
    """At most so many attempts per subject and window; windows are aligned to the epoch, alike on every replica."""

    name: str
    attempts: int
    window: timedelta

    def started_at(self, now: datetime) -> datetime:
        """The beginning of the window that ``now`` lies in."""
        return EPOCH + (now - EPOCH) // self.window * self.window

    def retry_after_seconds(self, now: datetime) -> int:
        """Whole seconds until the next window begins; at least 1."""
        return math.ceil((self.started_at(now) + self.window - now) / timedelta(seconds=1))


def client_network(host: str | None) -> str:
    """Whom an address is counted as: itself, or for IPv6 its /64, which is what one customer gets.

    Args:
        host: The client's address; None when the listener is not a network one.
    """
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))
