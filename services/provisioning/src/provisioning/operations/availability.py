"""Whether plans can be had: what their drivers say when they are asked, and what a refused call for a machine tells."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.offers import SOLD_OUT_FOR, Key, Offers, Plan, Provider, Region, State
from provisioning.metrics import machine_call
from provisioning.ports import CredentialsRefused, InstanceDriver, OrderRefused, Unanswered
from provisioning.queries import offers as queries
from shared.db import Database

log = structlog.get_logger(__name__)

Said = tuple[Key, State, str | None]
"""A plan, whether it can be had, and why not, for an operator."""


async def survey(database: Database, drivers: Mapping[str, InstanceDriver], offers: Offers, now: datetime) -> None:
    """Ask each driver about each of its places, and keep what it says.

    A driver that does not answer has its last word, which is shown as old after a while.
    """
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_ask(drivers[name], provider)) for name, provider in offers.providers.items()]
    # Each of these locks rows in one order, and so never waits for another worker that waits for it.
    async with database.transaction() as session:
        await queries.keep_words(session, [each for task in asked for each in task.result()], now)
    async with database.transaction() as session:
        await queries.forget_words(session, [_key(*place) for place in offers.plans()])


async def mark_sold_out(session: AsyncSession, provider: str, region: str, plan: str, until: datetime) -> None:
    """A machine of the plan was refused for capacity: it counts as sold out until then, whatever its driver says."""
    await queries.keep_sold_out(session, (provider, region, plan), until, until - SOLD_OUT_FOR)


async def _ask(driver: InstanceDriver, provider: Provider) -> Sequence[Said]:
    """What a driver says of all its plans; of those it does not answer about, nothing."""
    said: list[Said] = []
    for region in provider.regions.values():
        try:
            said += await _ask_about(driver, provider, region, list(region.plans.values()))
        except CredentialsRefused as error:
            log.warning("a provider of machines does not let us in", provider=provider.provider, reason=str(error))
            return list(_unusable(provider, str(error)))
        except Unanswered as error:
            log.warning(
                "a provider of machines does not say what it has",
                provider=provider.provider,
                region=region.region,
                reason=str(error),
            )
    return said


async def _ask_about(driver: InstanceDriver, provider: Provider, region: Region, plans: Sequence[Plan]) -> list[Said]:
    """What a driver says of some plans at one place. Raises CredentialsRefused, Unanswered."""
    try:
        with machine_call(provider.provider, "sold_out"):
            sold_out = await driver.sold_out(region.at, sorted({plan.size for plan in plans}))
    except OrderRefused as error:
        if len(plans) == 1:
            return [(_key(provider, region, plans[0]), State.UNUSABLE, str(error))]
        # One of them it does not have at all, and does not say which.
        return [each for plan in plans for each in await _ask_about(driver, provider, region, [plan])]
    return [
        (_key(provider, region, plan), State.SOLD_OUT if plan.size in sold_out else State.AVAILABLE, None)
        for plan in plans
    ]


def _unusable(provider: Provider, reason: str) -> Iterator[Said]:
    for region in provider.regions.values():
        for plan in region.plans.values():
            yield _key(provider, region, plan), State.UNUSABLE, reason


def _key(provider: Provider, region: Region, plan: Plan) -> Key:
    return provider.provider, region.region, plan.plan
