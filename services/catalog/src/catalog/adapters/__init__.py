"""The outside world of catalog: key issuers and the object store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aioboto3

from catalog.adapters.aws import AwsIssuer
from catalog.adapters.objects import ObjectStore
from catalog.adapters.vault import VaultIssuer
from catalog.ports import StorageKeyIssuer
from catalog.settings import Settings


@dataclass(frozen=True)
class Adapters:
    issuer: StorageKeyIssuer
    store: ObjectStore
    vault: VaultIssuer | None
    """The issuer again when it is the vault, which has a gate and a store of ours to answer."""

    async def prepare(self, prefix: str) -> None:
        """Make what an owner's keys will need: the vault keeps a bucket per owner, other stores have theirs."""
        if self.vault is not None:
            await self.store.make_bucket(self.vault.location(prefix))


@asynccontextmanager
async def open_adapters(settings: Settings) -> AsyncIterator[Adapters]:
    session = aioboto3.Session()
    vault = VaultIssuer(settings) if settings.storage_issuer == "vault" else None
    yield Adapters(issuer=vault or AwsIssuer(settings, session), store=ObjectStore(session), vault=vault)
