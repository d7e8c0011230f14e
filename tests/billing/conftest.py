"""Billing in the test's process, over a fresh database with the packaged price book and the real sandbox."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from billing import jobs
from billing.app import service
from billing.settings import Settings
from tests.billing.support.world import World
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.running import OPERATOR, Running, running
from tests.support.tokens import ORIGIN, TokenIssuer

REQUIRED: dict[str, Any] = {
    "quote_key": "7a" * 32,
    "webhook_secret": "whsec_c2FuZGJveCB3ZWJob29rIHNlY3JldCBmb3IgdGVzdHM=",
}
CREDENTIALS = {"catalog": "catalog-secret", "restore": "restore-secret", "operator": OPERATOR}


@pytest.fixture
async def billing(databases: Databases, issuer: TokenIssuer) -> AsyncIterator[Running]:
    url = await databases.clone(service, **REQUIRED)
    settings = Settings(
        database_url=url,
        broker_url=PLACEHOLDER,
        origin=ORIGIN,
        jwks_url=issuer.jwks_url,
        internal_credentials=CREDENTIALS,
        **REQUIRED,
    )
    async with running(service, settings) as billing:
        await jobs.load_price_book(billing.runtime, datetime.now(UTC))
        yield billing
    await databases.drop(url)


@pytest.fixture
def world(billing: Running) -> World:
    return World(billing)
