"""Provisioning in the test's process, over a fresh database, with a cloud that does what a test tells it to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from provisioning import offers_file
from provisioning.adapters import DRIVERS, Adapters
from provisioning.app import service
from provisioning.settings import PACKAGED_OFFERS, Settings
from provisioning.streams import Streams
from tests.provisioning.support import World
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.fake_cloud import FakeCloud
from tests.support.running import OPERATOR, Running, running
from tests.support.tokens import ORIGIN, Owner, TokenIssuer

REQUIRED: dict[str, Any] = {"installation": "7b1cf0f4-6a3c-4ce0-9d39-3f0f6ac41d11", "enrolment_key": "5e" * 32}
CREDENTIALS = {"restore": "restore-secret", "operator": OPERATOR}


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


@pytest.fixture
async def provisioning(databases: Databases, issuer: TokenIssuer, cloud: FakeCloud) -> AsyncIterator[Running]:
    url = await databases.clone(service, **REQUIRED)
    settings = Settings(
        database_url=url,
        broker_url=PLACEHOLDER,
        origin=ORIGIN,
        jwks_url=issuer.jwks_url,
        internal_credentials=CREDENTIALS,
        **REQUIRED,
    )

    @asynccontextmanager
    async def adapters(_: Settings) -> AsyncIterator[Adapters]:
        offers = offers_file.load(PACKAGED_OFFERS, DRIVERS)
        yield Adapters({"local": cloud}, offers, Streams(settings.streams_per_process, settings.streams_per_owner))

    async with running(replace(service, adapters=adapters), settings) as provisioning:
        yield provisioning
    await databases.drop(url)


@pytest.fixture
def world(provisioning: Running, cloud: FakeCloud) -> World:
    return World(provisioning, cloud, datetime.now(UTC))


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def headers(issuer: TokenIssuer, owner: Owner) -> dict[str, str]:
    return issuer.headers(owner)
