"""Links to an instance's own page: how they look, and which instances have such a page."""

import hashlib
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from provisioning.domain.lifecycle import Status

LASTS = timedelta(seconds=60)
LINK_BYTES = 32
"""Of randomness; 43 characters in base64url."""
MOST_OPEN = 5
"""Links of one instance that stand at once; a newer one takes the place of the oldest."""

SHOWN_IN = frozenset({Status.PENDING_ACTIVATION, Status.RUNNING})
"""In these the agent is there to show the page, and what it shows is whole."""


def digest(link: str) -> bytes:
    """What is kept of a link."""
    return hashlib.sha256(link.encode("utf-8", "surrogatepass")).digest()


def page_url(address: str | None, link: str) -> str | None:
    """Where a link leads to; None for an instance that has no page of its own.

    Args:
        address: Of the instance: host and port. Without a port it is the home cloud's own, which does its own sign-in.
    """
    try:
        parts = urlsplit(f"//{address or ''}")
        host, port = parts.hostname, parts.port
    # A bare address of IPv6 has no port, whatever its last group is.
    except ValueError:
        return None
    if not host or port is None:
        return None
    # Whatever leaves this machine could be read on its way.
    scheme = "http" if _is_loopback(host) else "https"
    return f"{scheme}://{address}/open?{urlencode({'link': link})}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
