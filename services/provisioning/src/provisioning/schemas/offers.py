"""What can be had, as an owner chooses it: a provider, then a location, then hardware."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from provisioning.domain.offers import Because, Offered


class Money(BaseModel):
    """An amount in minor units of its currency: 1999 of USD is $19.99."""

    amount_minor: int = Field(examples=[2900])
    currency: str = Field(examples=["USD"])


class PlanOffer(BaseModel):
    """Hardware, what its month costs and includes, and whether it can be had."""

    plan: str = Field(examples=["small"])
    name: str = Field(examples=["Small"])
    vcpu: int = Field(examples=[2])
    memory_bytes: int = Field(examples=[4294967296])
    disk_bytes: int = Field(examples=[42949672960])
    monthly_price: Money | None = Field(description="In advance, without tax; null for a plan that is not sold.")
    price_version: str | None = Field(examples=["2020-01"], description="Of the price book.")
    included_traffic_bytes: int | None = Field(description="In a month; above that traffic costs.")
    included_storage_bytes: int | None = Field(description="Above that cloud storage costs.")
    available: bool
    unavailable_because: Because | None = Field(
        description="`sold_out`: try later or elsewhere. `no_price`: it is not sold. `unusable`: its operator has to "
        "mend something first."
    )
    unconfirmed_since: datetime | None = Field(
        description="When the provider was last heard about it, if that is long ago; else null."
    )

    @classmethod
    def of(cls, offered: Offered) -> "PlanOffer":
        plan, price = offered.plan, offered.price
        return cls(
            plan=plan.plan,
            name=plan.name,
            vcpu=plan.vcpu,
            memory_bytes=plan.memory_bytes,
            disk_bytes=plan.disk_bytes,
            monthly_price=Money(amount_minor=price.monthly_minor, currency=price.currency) if price else None,
            price_version=price.version if price else None,
            included_traffic_bytes=price.included_traffic_bytes if price else None,
            included_storage_bytes=price.included_storage_bytes if price else None,
            available=offered.because is None,
            unavailable_because=offered.because,
            unconfirmed_since=offered.unconfirmed_since,
        )


class RegionOffers(BaseModel):
    region: str = Field(examples=["us-east-1"])
    name: str = Field(examples=["US East (N. Virginia)"])
    plans: list[PlanOffer]


class ProviderOffers(BaseModel):
    provider: str = Field(examples=["aws"])
    name: str = Field(examples=["Amazon Web Services"])
    regions: list[RegionOffers]


class OffersRead(BaseModel):
    """What can be had: of each provider its locations, and of each location the hardware there."""

    providers: list[ProviderOffers]

    @classmethod
    def of(cls, offered: Iterable[Offered]) -> "OffersRead":
        """Of plans in the order of the file, where those of one place are together."""
        providers: dict[str, ProviderOffers] = {}
        regions: dict[tuple[str, str], RegionOffers] = {}
        for each in offered:
            at, place, _ = each.key
            provider = providers.setdefault(at, ProviderOffers(provider=at, name=each.provider.name, regions=[]))
            if (at, place) not in regions:
                regions[at, place] = RegionOffers(region=place, name=each.region.name, plans=[])
                provider.regions.append(regions[at, place])
            regions[at, place].plans.append(PlanOffer.of(each))
        return cls(providers=list(providers.values()))
