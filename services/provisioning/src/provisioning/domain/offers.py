"""What can be had: providers, their regions and plans, and whether a plan is to be had just now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

SOLD_OUT_FOR = timedelta(minutes=15)
"""How long a plan counts as sold out after its provider had no machine of it."""
OLD = timedelta(minutes=15)
"""A provider's word about a plan that is older is shown as such."""

Key = tuple[str, str, str]
"""Provider, region and plan."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Hardware that can be had.

    Args:
        size: The provider's own name of it.
        sold_out: As the operator has set it, whatever the provider says.
    """

    plan: str
    name: str
    vcpu: int
    memory_bytes: int
    disk_bytes: int
    size: str
    sold_out: bool = False


@dataclass(frozen=True, slots=True)
class Region:
    """A data centre; ``at`` is its driver's own name of it."""

    region: str
    name: str
    at: str
    plans: Mapping[str, Plan]


@dataclass(frozen=True, slots=True)
class Provider:
    """Who has machines; ``provider`` is its name in the price book, ``settings`` what its driver is told."""

    provider: str
    name: str
    driver: str
    regions: Mapping[str, Region]
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offers:
    providers: Mapping[str, Provider]

    def plans(self) -> Iterator[tuple[Provider, Region, Plan]]:
        """Every plan with its place, in the order of the file."""
        for provider in self.providers.values():
            for region in provider.regions.values():
                for plan in region.plans.values():
                    yield provider, region, plan

    def find(self, provider: str, region: str, plan: str) -> tuple[Provider, Region, Plan] | None:
        """None when there is no such plan."""
        at = self.providers.get(provider)
        place = at.regions.get(region) if at else None
        found = place.plans.get(plan) if place else None
        return (at, place, found) if at and place and found else None


class State(StrEnum):
    """What a driver says of a plan."""

    AVAILABLE = "available"
    SOLD_OUT = "sold_out"
    UNUSABLE = "unusable"
    """The provider does not let us in, or will never make such a machine: an operator has to mend that."""


@dataclass(frozen=True, slots=True)
class Word:
    """A driver's last word about a plan."""

    state: State
    checked_at: datetime
    sold_out_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Price:
    monthly_minor: int
    currency: str
    version: str
    included_traffic_bytes: int
    included_storage_bytes: int


class Because(StrEnum):
    """Why a plan cannot be had."""

    SOLD_OUT = "sold_out"
    NO_PRICE = "no_price"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Offered:
    """A plan in its place as it can be had now.

    Args:
        because: Why it cannot be had; None when it can.
        unconfirmed_since: When its provider was last heard about it, if that is long ago.
    """

    provider: Provider
    region: Region
    plan: Plan
    price: Price | None
    because: Because | None
    unconfirmed_since: datetime | None

    @property
    def key(self) -> Key:
        return self.provider.provider, self.region.region, self.plan.plan


def offered(offers: Offers, prices: Mapping[Key, Price], words: Mapping[Key, Word], now: datetime) -> Sequence[Offered]:
    """Every plan as it can be had now, in the order of the file."""
    return [
        _offered(provider, region, plan, prices.get(key), words.get(key), now)
        for provider, region, plan in offers.plans()
        for key in [(provider.provider, region.region, plan.plan)]
    ]


def unavailable_because(plan: Plan, price: Price | None, word: Word | None, now: datetime) -> Because | None:
    """Why a plan cannot be had, the longest lasting reason first; None when it can.

    A plan that no driver has been asked about counts as available: asking for a machine tells.
    """
    if price is None:
        return Because.NO_PRICE
    if word is not None and word.state is State.UNUSABLE:
        return Because.UNUSABLE
    if plan.sold_out or (word is not None and _sold_out(word, now)):
        return Because.SOLD_OUT
    return None


def _sold_out(word: Word, now: datetime) -> bool:
    refused = word.sold_out_until is not None and now < word.sold_out_until
    return refused or word.state is State.SOLD_OUT


def _offered(
    provider: Provider, region: Region, plan: Plan, price: Price | None, word: Word | None, now: datetime
) -> Offered:
    old = word is not None and now - word.checked_at > OLD
    return Offered(
        provider=provider,
        region=region,
        plan=plan,
        price=price,
        because=unavailable_because(plan, price, word, now),
        unconfirmed_since=word.checked_at if word is not None and old else None,
    )
