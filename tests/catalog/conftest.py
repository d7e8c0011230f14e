"""Catalog in the test's process, over a fresh database; the store is for tests that need one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catalog.app import service
from catalog.settings import Settings
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.running import OPERATOR, Running, running
from tests.support.tokens import ORIGIN, TokenIssuer

MASTER_KEY = "5e" * 32


@pytest.fixture
async def catalog(databases: Databases, issuer: TokenIssuer, tmp_path: Path) -> AsyncIterator[Running]:
    vault: dict[str, Any] = {"vault_master_key": MASTER_KEY, "vault_root": str(tmp_path / "store")}
    url = await databases.clone(service, **vault)
    settings = Settings(
        database_url=url,
        broker_url=PLACEHOLDER,
        origin=ORIGIN,
        jwks_url=issuer.jwks_url,
        internal_credentials={"gate": "gate-secret", "vault": "vault-secret", "restore": "restore-secret",
                              "operator": OPERATOR},
        **vault,
    )  # fmt: skip
    async with running(service, settings) as catalog:
        yield catalog
    await databases.drop(url)
