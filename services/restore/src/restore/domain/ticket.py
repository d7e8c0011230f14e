"""A one-time ticket: who may redeem it, and until when."""

import hashlib
import hmac
from datetime import datetime, timedelta
from enum import StrEnum

RESUME = timedelta(hours=24)
"""How long after its last word the same client may redeem again. Counted from the last word, because keys live for
12 hours and restoring terabytes over a home line takes longer than that."""


class Redemption(StrEnum):
    FIRST = "first"
    AGAIN = "again"
    SPENT = "spent"
    TOO_LATE = "too_late"


def digest(secret: str) -> bytes:
    """What is kept of a ticket or a redeemer's secret. Both are random and long, so one SHA-256 hides them well."""
    # JSON can hold half a surrogate pair, which plain UTF-8 cannot, and pydantic lets it pass in a SecretStr.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def is_bound_to(bound_to: bytes | None, redeemer: bytes) -> bool:
    """Whether this secret's digest is that of the one that redeemed first."""
    return bound_to is not None and hmac.compare_digest(bound_to, redeemer)


def judge(
    *, bound_to: bytes | None, redeemer: bytes, expires_at: datetime, heard_at: datetime | None, now: datetime
) -> Redemption:
    """What an attempt to redeem a ticket amounts to.

    Args:
        bound_to: Digest of the secret that redeemed first; None while nobody has.
        redeemer: Digest of the secret that comes now.
        expires_at: The end of the time for a first redemption.
        heard_at: The last word of the client that redeemed first.
    """
    if bound_to is None:
        return Redemption.FIRST if now < expires_at else Redemption.TOO_LATE
    if not is_bound_to(bound_to, redeemer):
        return Redemption.SPENT
    return Redemption.AGAIN if heard_at is not None and now < heard_at + RESUME else Redemption.TOO_LATE
