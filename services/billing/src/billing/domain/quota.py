"""How much an owner may keep: the allowance, and above it what their money buys."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from billing.domain.prices import GB, HOURS_PER_MONTH, Place, Version, storage_minor

MAX_BYTES = 2**63 - 1
"""What fits a database's integer: the limit of one who keeps storage that costs nothing."""

UNDECLARED_BYTES = GB
"""What a write key reserves when its device does not say how much it will write."""

Reason = Literal["over_limit", "arrears"]


@dataclass(frozen=True, slots=True)
class Quota:
    """How an owner stands.

    Args:
        reserved_bytes: What running backups may still write.
        limit_bytes: Where uploads stop; never less than what is used.
        left_bytes: Up to the limit, after what is used and reserved.
        can_backup: Whether anything is left.
        reason: Why not.
    """

    used_bytes: int
    reserved_bytes: int
    allowance_bytes: int
    limit_bytes: int
    left_bytes: int
    can_backup: bool
    reason: Reason | None

    @property
    def is_exceeded(self) -> bool:
        """What is measured has reached the limit: the store takes nothing more, reserved or not."""
        return self.used_bytes >= self.limit_bytes

    def reservable_bytes(self, declared_bytes: int | None) -> int:
        """What a new write key may reserve; 0 when it must not be issued.

        All of what is declared or nothing; of what is not declared as much of 1 GB as is left.
        """
        if declared_bytes is None:
            return min(self.left_bytes, UNDECLARED_BYTES)
        return declared_bytes if declared_bytes <= self.left_bytes else 0


def bytes_for(remaining_minor: int, allowance_bytes: int, version: Version, place: Place) -> int:
    """How many bytes above the allowance the money keeps for a month of 730 hours, rounded down.

    At most so many that they and the allowance are `MAX_BYTES`: what costs nothing has no other end.
    """
    money, at = Fraction(max(0, remaining_minor)), allowance_bytes
    for tier in version.region(place).backup_storage:
        top = MAX_BYTES if tier.to_bytes is None else min(tier.to_bytes, MAX_BYTES)
        if top <= at:
            continue
        price = storage_minor(HOURS_PER_MONTH * 3600, tier.per_gb_month)
        if price * (top - at) > money:
            return at + money // price - allowance_bytes
        money -= price * (top - at)
        at = top
    return at - allowance_bytes


def assess(
    *,
    used_bytes: int,
    reserved_bytes: int,
    allowance_bytes: int,
    spendable_minor: int,
    in_arrears: bool,
    version: Version,
    place: Place,
) -> Quota:
    """How an owner stands.

    Args:
        spendable_minor: What is left of the spend limit; 0 without a payment method. Less than 0 counts as 0.
        in_arrears: Restricted or suspended: nothing above the allowance may be written, whatever the spend limit.
    """
    bought = 0 if in_arrears else bytes_for(spendable_minor, allowance_bytes, version, place)
    limit = max(allowance_bytes + bought, used_bytes)
    left = max(0, limit - used_bytes - reserved_bytes)
    return Quota(
        used_bytes=used_bytes,
        reserved_bytes=reserved_bytes,
        allowance_bytes=allowance_bytes,
        limit_bytes=limit,
        left_bytes=left,
        can_backup=left > 0,
        reason=_reason(left, in_arrears),
    )


def _reason(left_bytes: int, in_arrears: bool) -> Reason | None:
    if left_bytes:
        return None
    return "arrears" if in_arrears else "over_limit"
