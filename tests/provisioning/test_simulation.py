"""Many generated lives of a service that dies, in a cloud that forgets to answer, with messages that come twice.

`make simulate LIVES=5000` tells as many; a failure names its seed, and `SIMULATE_SEED=<seed>` tells that one again.
"""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from provisioning import offers_file
from provisioning.adapters import DRIVERS
from provisioning.app import service
from provisioning.models import Base
from provisioning.settings import PACKAGED_OFFERS, Settings
from shared.messaging import MessagingBase
from tests.provisioning.conftest import REQUIRED
from tests.provisioning.simulation.checks import check
from tests.provisioning.simulation.world import MortalDatabase, World
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.tokens import ORIGIN

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVES = int(os.environ.get("SIMULATIONS", "80"))
SEED = os.environ.get("SIMULATE_SEED")
STEPS = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settings(databases: Databases) -> AsyncIterator[Settings]:
    url = await databases.clone(service, **REQUIRED)
    yield Settings(database_url=url, broker_url=PLACEHOLDER, origin=ORIGIN, jwks_url=f"{ORIGIN}/jwks", **REQUIRED)
    await databases.drop(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(settings: Settings) -> AsyncIterator[MortalDatabase]:
    database = MortalDatabase(settings.async_database_url, service="provisioning", pool_size=5)
    yield database
    await database.close()


async def forget(database: MortalDatabase) -> None:
    """A life begins with nothing."""
    async with database.sessions() as session, session.begin():
        for metadata in (Base.metadata, MessagingBase.metadata):
            for table in reversed(metadata.sorted_tables):
                await session.execute(table.delete())


@pytest.mark.parametrize("honest", [True, False], ids=["honest", "dishonest"])
async def test_whatever_happens_cloud_table_and_ledger_agree(
    database: MortalDatabase, settings: Settings, honest: bool
) -> None:
    offers = offers_file.load(PACKAGED_OFFERS, DRIVERS)
    seeds = [int(SEED)] if SEED else range(LIVES // 2)
    deaths = made = 0
    for seed in seeds:
        await forget(database)
        world = World(seed, database, settings, offers, honest=honest)
        await world.live(STEPS)
        all_unwanted = seed % 2 == 0
        await world.come_to_rest(all_unwanted=all_unwanted)
        await check(world, all_unwanted=all_unwanted)
        deaths, made = deaths + world.deaths, made + world.cloud.made.total()
    # A world in which nothing dies or is made would prove nothing.
    assert SEED or (deaths > LIVES / 4 and made > LIVES / 4)
