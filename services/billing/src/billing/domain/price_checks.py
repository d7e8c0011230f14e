"""What makes a price book unusable; every problem is found, not only the first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from billing.domain.prices import CURRENCIES, GB, Plan, PriceBook, Region, Tier, Version


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: names of fields and positions in lists, as in the file."""

    path: tuple[str | int, ...]
    message: str


def check_prices(book: PriceBook) -> list[Problem]:
    """What is wrong with what the book says; empty when nothing is."""
    return list(_check_book(book))


def check_whole(book: PriceBook) -> list[Problem]:
    """What the book does not say; to be asked only when all of it could be read."""
    if not book.versions:
        return [Problem(("versions",), "a price book has at least one version")]
    message = f"backup storage is at {'/'.join(book.place)}, for which there are no prices here"
    return [
        Problem(("versions", number, "regions"), message)
        for number, version in enumerate(book.versions)
        if book.place not in version.regions
    ]


def _check_book(book: PriceBook) -> Iterator[Problem]:
    if book.default_spend_limit_minor < 0:
        yield Problem(("default_spend_limit",), "the spend limit is negative")
    for country, rate in book.tax_rates.items():
        if not 0 <= rate < 1:
            yield Problem(("tax_rates", country), f'{rate} is not a tax rate: write 19 % as "0.19"')
    for number, version in enumerate(book.versions):
        yield from _within(("versions", number), _check_version(version))
    yield from _check_names(book.versions)
    yield from _check_dates(book.versions)


def _check_names(versions: tuple[Version, ...]) -> Iterator[Problem]:
    names: set[str] = set()
    currency = next((version.currency for version in versions if version.currency in CURRENCIES), None)
    for number, version in enumerate(versions):
        if version.name in names:
            yield Problem(("versions", number, "name"), f"there are two versions of the name {version.name}")
        names.add(version.name)
        if version.currency not in CURRENCIES:
            message = f"{version.currency} is not a currency known here: {', '.join(sorted(CURRENCIES))}"
            yield Problem(("versions", number, "currency"), message)
        elif version.currency != currency:
            yield Problem(("versions", number, "currency"), f"the currency changes: this book began in {currency}")


def _check_dates(versions: tuple[Version, ...]) -> Iterator[Problem]:
    for number, version in enumerate(versions):
        at = ("versions", number)
        if version.effective_from.microsecond:
            yield Problem((*at, "effective_from"), "prices change at a whole second")
        if version.effective_until and version.effective_until <= version.effective_from:
            yield Problem((*at, "effective_until"), f"{version.name} ends before it begins")
    for number, (before, version) in enumerate(pairwise(versions), start=1):
        message = _meeting(before, version)
        if message:
            yield Problem(("versions", number, "effective_from"), message)
    if versions and versions[-1].effective_until:
        message = f"there are no prices from {_instant(versions[-1].effective_until)} on: the last version has no end"
        yield Problem(("versions", len(versions) - 1, "effective_until"), message)


def _meeting(before: Version, version: Version) -> str | None:
    """What is wrong with how two versions meet."""
    since, until = version.effective_from, before.effective_until
    if since <= before.effective_from:
        return f"{version.name} overlaps {before.name}: it begins at {_instant(since)}, which is not after it"
    if until and until > since:
        return f"{version.name} overlaps {before.name}, which ends at {_instant(until)}"
    if until and until < since:
        return f"there are no prices between {_instant(until)}, when {before.name} ends, and {_instant(since)}"
    return None


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_version(version: Version) -> Iterator[Problem]:
    if version.free_bytes_per_terminus < 0:
        yield Problem(("free_backup_storage", "gb_per_terminus"), "what is free is negative")
    if version.max_free_terminus < 1:
        yield Problem(("free_backup_storage", "max_terminus"), "one Terminus at least has what is free")
    for number, region in enumerate(version.regions.values()):
        yield from _within(("regions", number), _check_region(region))


def _check_region(region: Region) -> Iterator[Problem]:
    yield from _within(("backup_storage",), _check_tiers(region.backup_storage))
    yield from _within(("cloud_storage",), _check_tiers(region.cloud_storage))
    yield from _within(("traffic",), _check_tiers(region.traffic))
    for number, plan in enumerate(region.plans.values()):
        yield from _within(("plans", number), _check_plan(plan))


def _check_tiers(tiers: tuple[Tier, ...]) -> Iterator[Problem]:
    if not tiers:
        yield Problem((), "there is no price at all; what is free has the price 0")
        return
    if tiers[0].from_bytes != 0:
        yield Problem((0, "from_gb"), f"what is below {_gb(tiers[0].from_bytes)} has no price")
    for number, tier in enumerate(tiers):
        if tier.per_gb_month < 0:
            yield Problem((number, "price"), f"the price {tier.per_gb_month} is negative")
        if tier.to_bytes is not None and tier.to_bytes <= tier.from_bytes:
            yield Problem(
                (number, "to_gb"), f"the tier ends at {_gb(tier.to_bytes)} and begins at {_gb(tier.from_bytes)}"
            )
    for number, (lower, upper) in enumerate(pairwise(tiers), start=1):
        if lower.to_bytes is None or lower.to_bytes > upper.from_bytes:
            end = "has no end" if lower.to_bytes is None else f"ends at {_gb(lower.to_bytes)}"
            message = f"the tier begins at {_gb(upper.from_bytes)} and overlaps the one before, which {end}"
            yield Problem((number, "from_gb"), message)
        elif lower.to_bytes < upper.from_bytes:
            yield Problem((number, "from_gb"), f"{_gb(lower.to_bytes)} to {_gb(upper.from_bytes)} have no price")
    if tiers[-1].to_bytes is not None:
        message = f"what is above {_gb(tiers[-1].to_bytes)} has no price: the last tier has no to_gb"
        yield Problem((len(tiers) - 1, "to_gb"), message)


def _check_plan(plan: Plan) -> Iterator[Problem]:
    if plan.monthly_minor < 0:
        yield Problem(("monthly_price",), f"the price of {plan.name} is negative")
    if plan.included_traffic_bytes < 0:
        yield Problem(("included_traffic_gb",), "what is included is negative")
    if plan.included_storage_bytes < 0:
        yield Problem(("included_storage_gb",), "what is included is negative")


def _gb(size_bytes: int) -> str:
    whole, rest = divmod(size_bytes, GB)
    return f"{size_bytes} bytes" if rest else f"{whole} GB"


def _within(path: tuple[str | int, ...], problems: Iterator[Problem]) -> Iterator[Problem]:
    for problem in problems:
        yield Problem((*path, *problem.path), problem.message)
