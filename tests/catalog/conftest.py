"""Catalog in the test's process, over a fresh database; the store is for tests that need one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.app import service
from catalog.settings import Settings
from tests.support import billing_double
from tests.support.billing_double import BillingDouble
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.running import OPERATOR, Running, running
from tests.support.tokens import ORIGIN, TokenIssuer

MASTER_KEY = "5e" * 32


@pytest.fixture
def billing() -> Iterator[BillingDouble]:
    billing = BillingDouble()
    yield billing
    billing.close()


@pytest.fixture
def deadline_seconds() -> float:
    """How long billing is waited for; a test of that names its own."""
    return 20.0


@pytest.fixture
async def catalog(
    databases: Databases, issuer: TokenIssuer, tmp_path: Path, billing: BillingDouble, deadline_seconds: float
) -> AsyncIterator[Running]:
    required: dict[str, Any] = {
        "vault_master_key": MASTER_KEY,
        "vault_root": str(tmp_path / "store"),
        "billing_url": billing.url,
        "billing_credential": billing_double.CREDENTIAL,
        "billing_deadline_seconds": deadline_seconds,
    }
    url = await databases.clone(service, **required)
    settings = Settings(
        database_url=url,
        broker_url=PLACEHOLDER,
        origin=ORIGIN,
        jwks_url=issuer.jwks_url,
        internal_credentials={"gate": "gate-secret", "vault": "vault-secret", "restore": "restore-secret",
                              "operator": OPERATOR},
        **required,
    )  # fmt: skip
    async with running(service, settings) as catalog:
        yield catalog
    await databases.drop(url)
