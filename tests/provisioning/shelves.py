"""Offers, prices and drivers of the tests' own."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select

from provisioning.domain.offers import Key, Offers, Plan, Provider, Region
from provisioning.models import Availability
from provisioning.operations import prices
from provisioning.ports import OrderRefused
from shared.db import Database
from shared.events.billing import PlanPrice, PricesChanged
from tests.support.fake_cloud import FakeCloud

GB = 2**30
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def shelf(**places: Mapping[str, Sequence[str]]) -> Offers:
    """Offers by provider and region; a plan's size is its name in capitals."""
    return Offers(
        {
            provider: Provider(
                provider, provider.title(), "local", {name: _region(name, plans) for name, plans in regions.items()}
            )
            for provider, regions in places.items()
        }
    )


def _region(name: str, plans: Sequence[str]) -> Region:
    made = {plan: Plan(plan, plan.title(), 2, 4 * GB, 40 * GB, plan.upper()) for plan in plans}
    return Region(name, f"{name.title()} City", f"{name}-1", made)


def priced(
    offers: Offers, version: str = "2026-01", since: datetime = SINCE, monthly_minor: int = 2900
) -> PricesChanged:
    """Prices of everything that is offered."""
    return PricesChanged(
        price_version=version,
        effective_from=since,
        currency="USD",
        plans=[
            PlanPrice(
                provider=provider.provider,
                region=region.region,
                plan=plan.plan,
                monthly_minor=monthly_minor,
                included_traffic_bytes=100 * GB,
                included_storage_bytes=200 * GB,
            )
            for provider, region, plan in offers.plans()
        ],
    )


async def take(database: Database, event: PricesChanged, now: datetime = SINCE) -> bool:
    async with database.transaction() as session:
        return await prices.take_prices(session, event, now)


async def rows(database: Database) -> dict[Key, Availability]:
    """What is kept of drivers' words."""
    async with database.reading() as session:
        found = await session.scalars(select(Availability))
        return {(row.provider, row.region, row.plan): row for row in found}


async def states(database: Database) -> dict[str, str]:
    return {"/".join(key): row.state for key, row in (await rows(database)).items()}


@dataclass
class Choosy(FakeCloud):
    """A cloud that refuses to speak of sizes that it has never had, takes its time, and notes what it was asked."""

    never: frozenset[str] = frozenset()
    slow_seconds: float = 0
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def sold_out(self, region: str, sizes: Sequence[str]) -> frozenset[str]:
        self.asked.append((region, tuple(sizes)))
        await asyncio.sleep(self.slow_seconds)
        strange = sorted(self.never & set(sizes))
        if strange:
            raise OrderRefused(f"there is no {', '.join(strange)} in {region}")
        return await super().sold_out(region, sizes)
