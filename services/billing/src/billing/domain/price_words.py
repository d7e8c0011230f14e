"""What the price book says, in sentences an owner understands."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from billing.domain.prices import GB, MINOR_PER_UNIT, Plan, Region, Tier, Version

_MB = 2**20


def in_words(version: Version, region: Region, next_change_at: datetime | None = None) -> list[str]:
    """The prices of a place, a sentence or two for each thing that costs something."""
    return [
        _free(version),
        f"Backup storage above that costs {_tiers(region.backup_storage, version.currency, 'GB and month')}. "
        "It is counted by the second; a GB is 2^30 bytes and a month 730 hours.",
        *(_plan(plan, version.currency) for plan in region.plans.values()),
        *(_above_plans(region, version.currency) if region.plans else ()),
        _validity(version, next_change_at),
    ]


def money(amount_minor: int, currency: str) -> str:
    """An amount as an owner reads it: ``29.00 USD``."""
    sign, (units, rest) = "-" if amount_minor < 0 else "", divmod(abs(amount_minor), MINOR_PER_UNIT)
    return f"{sign}{units:,}.{rest:02} {currency}"


def size(size_bytes: int) -> str:
    """An amount of bytes as an owner reads it, exactly: ``10 GB``, ``32 MB``."""
    for unit, name in ((GB, "GB"), (_MB, "MB")):
        if size_bytes % unit == 0 and size_bytes:
            return f"{size_bytes // unit:,} {name}"
    return f"{size_bytes:,} bytes"


def _free(version: Version) -> str:
    each = version.free_bytes_per_terminus
    if each == 0:
        return "No backup storage is free."
    if version.max_free_terminus == 1:
        return f"{size(each)} of backup storage are free, shared by all your backups."
    return (
        f"{size(each)} of backup storage are free for each Terminus that has a backup, for {version.max_free_terminus} "
        f"of them at most ({size(each * version.max_free_terminus)}), shared by all your backups."
    )


def _tiers(tiers: Sequence[Tier], currency: str, unit: str) -> str:
    first, *rest = tiers
    words = f"{_price(first.per_gb_month)} {currency} per {unit}"
    for lower, upper in zip(tiers, rest, strict=False):
        words += f" up to {size(lower.to_bytes or 0)}, then {_price(upper.per_gb_month)} {currency}"
    return words


def _plan(plan: Plan, currency: str) -> str:
    return (
        f"An instance of the plan {plan.name} costs {money(plan.monthly_minor, currency)} a month, paid in advance, "
        f"with {size(plan.included_traffic_bytes)} of traffic and {size(plan.included_storage_bytes)} of storage."
    )


def _above_plans(region: Region, currency: str) -> tuple[str, str]:
    storage, traffic = _tiers(region.cloud_storage, currency, "GB and month"), _tiers(region.traffic, currency, "GB")
    return (
        f"Storage of an instance above what is included costs {storage}.",
        f"Traffic of an instance above what is included costs {traffic}.",
    )


def _validity(version: Version, next_change_at: datetime | None) -> str:
    words = f"These prices hold since {_instant(version.effective_from)}"
    if next_change_at is None:
        return f"{words}; no change is planned."
    return f"{words} and change on {_instant(next_change_at)}; an instance keeps its price to the end of its month."


def _instant(at: datetime) -> str:
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _price(price: Decimal) -> str:
    """With two decimal places at least."""
    return f"{price:,f}" if -int(price.as_tuple().exponent) > 2 else f"{price:,.2f}"
