"""The outside world of catalog: key issuers, the object store, and billing's word on what an owner may store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aioboto3

from catalog.adapters.aws import AwsIssuer
from catalog.adapters.billing import open_quota
from catalog.adapters.objects import ObjectStore
from catalog.adapters.vault import VaultIssuer
from catalog.ports import Quota, StorageKeyIssuer
from catalog.settings import Settings


@dataclass(frozen=True)
class Adapters:
    issuer: StorageKeyIssuer
    store: ObjectStore
    quota: Quota
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
    async with open_quota(settings) as quota:
        yield Adapters(
            issuer=vault or AwsIssuer(settings, session), store=ObjectStore(session), quota=quota, vault=vault
        )
