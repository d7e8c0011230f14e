"""The price book: what things cost, from when on, and where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

GB = 2**30
HOURS_PER_MONTH = 730
GB_MONTH = GB * HOURS_PER_MONTH * 3600
"""In byte-seconds."""
MINOR_PER_UNIT = 100
# Those with a hundredth as their minor unit; every amount here counts on that.
CURRENCIES = frozenset({"AUD", "CAD", "CHF", "CNY", "DKK", "EUR", "GBP", "HKD", "NOK", "NZD", "SEK", "SGD", "USD"})

Place = tuple[str, str]
"""Provider and region."""


class NoPrice(Exception):
    """The book does not say what this costs: before its first version, or in a place it does not know."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A price for what lies between two amounts, counted from 0.

    Args:
        to_bytes: Where it ends; None when it does not.
        per_gb_month: In units of the currency (0.08), for a GB held 730 hours; for traffic, for a GB.
    """

    from_bytes: int
    to_bytes: int | None
    per_gb_month: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    monthly_minor: int
    included_traffic_bytes: int
    included_storage_bytes: int


@dataclass(frozen=True, slots=True)
class Region:
    provider: str
    name: str
    backup_storage: tuple[Tier, ...]
    cloud_storage: tuple[Tier, ...]
    traffic: tuple[Tier, ...]
    plans: Mapping[str, Plan]


@dataclass(frozen=True, slots=True)
class Version:
    """Prices in force from an instant until the next version's; ``effective_until`` repeats that, to be checked."""

    name: str
    effective_from: datetime
    currency: str
    free_bytes_per_terminus: int
    max_free_terminus: int
    regions: Mapping[Place, Region]
    effective_until: datetime | None = None

    def region(self, place: Place) -> Region:
        """The prices of a place. Raises NoPrice."""
        try:
            return self.regions[place]
        except KeyError:
            raise NoPrice(f"price version {self.name} has no prices for {'/'.join(place)}") from None


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Versions in the order they come into force; `check` has found nothing wrong with them.

    Args:
        place: Where backup storage is, and so which prices it has; a store does not move.
        default_spend_limit_minor: For a month's backup storage, until an owner with a payment method sets their own.
        tax_rates: Decimal fractions by country (ISO 3166-1 alpha-2); none means that no tax is charged.
    """

    versions: tuple[Version, ...]
    place: Place = ("local", "local")
    default_spend_limit_minor: int = 1000
    tax_rates: Mapping[str, Decimal] = field(default_factory=dict)

    def in_force(self, at: datetime) -> Version:
        """Raises NoPrice before the first version."""
        for version in reversed(self.versions):
            if version.effective_from <= at:
                return version
        raise NoPrice(f"no prices are known for {at.isoformat()}")

    def next_change(self, at: datetime) -> datetime | None:
        """When the version in force gives way to the next; None when none is planned."""
        return next((version.effective_from for version in self.versions if version.effective_from > at), None)

    def named(self, name: str) -> Version:
        """Raises NoPrice."""
        for version in self.versions:
            if version.name == name:
                return version
        raise NoPrice(f"there is no price version {name}")

    def segments(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime, Version]]:
        """The stretch cut where prices change, in order; empty when it is. Raises NoPrice before the first version."""
        segments = []
        while start < end:
            until = min(end, self.next_change(start) or end)
            segments.append((start, until, self.in_force(start)))
            start = until
        return segments


def slices(tiers: Iterable[Tier], low: int, high: int) -> list[tuple[int, int]]:
    """How many of the bytes from ``low`` to ``high`` lie in which tier, by its index; tiers with none are left out."""
    parts = []
    for index, tier in enumerate(tiers):
        top = high if tier.to_bytes is None or tier.to_bytes > high else tier.to_bytes
        size = top - (low if low > tier.from_bytes else tier.from_bytes)
        if size > 0:
            parts.append((index, size))
    return parts


def storage_minor(byte_seconds: int, per_gb_month: Decimal) -> Fraction:
    """What holding so much costs, exactly, in minor units."""
    return Fraction(per_gb_month) * Fraction(byte_seconds * MINOR_PER_UNIT, GB * HOURS_PER_MONTH * 3600)


def traffic_minor(size_bytes: int, per_gb: Decimal) -> Fraction:
    """What sending so much costs, exactly, in minor units."""
    return Fraction(per_gb) * Fraction(size_bytes * MINOR_PER_UNIT, GB)


def per_gb_hour(tier: Tier) -> Decimal:
    """The storage price for an hour, to be shown: a month's over 730, to eight places. Never calculate with it."""
    return (tier.per_gb_month / HOURS_PER_MONTH).quantize(Decimal("1e-8"), ROUND_HALF_EVEN)
