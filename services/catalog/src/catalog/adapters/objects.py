"""Catalog's own look into the object store: listing, hashing, reading small objects, removing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from catalog.errors import StoreUnavailable
from catalog.ports import Location

CONFIG = AioConfig(
    connect_timeout=5,
    read_timeout=60,
    retries={"total_max_attempts": 3, "mode": "standard"},
    s3={"addressing_style": "path"},
    signature_version="s3v4",
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
REMOVALS_AT_ONCE = 16
PRESENT = frozenset({"BucketAlreadyExists", "BucketAlreadyOwnedByYou"})
ABSENT = frozenset({"NoSuchBucket", "NoSuchKey", "404"})


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it; ``name`` is its path below what was listed."""

    name: str
    size_bytes: int
    modified_at: datetime


class ObjectStore:
    """An S3 client per question: each owner's objects are reached with credentials of their own."""

    def __init__(self, session: aioboto3.Session) -> None:
        self._session = session

    async def make_bucket(self, location: Location) -> None:
        """Make the owner's bucket; one that is there already is fine."""
        async with self._client(location) as client:
            try:
                await client.create_bucket(Bucket=location.bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] not in PRESENT:
                    raise

    async def list_objects(
        self, location: Location, folder: str, *, may_be_new: bool = False
    ) -> AsyncIterator[list[StoredObject]]:
        """All objects below a folder of the owner's root, a page at a time, in the store's order.

        Args:
            may_be_new: The owner may have no bucket yet, which is then no object. A bucket that was there and is not
                (a disk that is not mounted) is a store that does not answer, never an empty one.

        Raises:
            StoreUnavailable: If a page cannot be had; a part of a listing is never taken for the whole.
        """
        start = location.root + folder
        async with self._client(location) as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=location.bucket, Prefix=start)
            async for page in _pages(pages, may_be_new=may_be_new):
                yield [
                    StoredObject(item["Key"][len(start) :], item["Size"], item["LastModified"])
                    for item in page.get("Contents", [])
                ]

    async def list_folders(self, location: Location, folder: str, *, may_be_new: bool) -> list[str]:
        """Names of the folders directly below a folder of the owner's root; ``may_be_new`` as in ``list_objects``.

        Args:
            folder: Ends with a slash; empty for the root itself.
        """
        start = location.root + folder
        async with self._client(location) as client:
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=location.bucket, Prefix=start, Delimiter="/"
            )
            return [
                item["Prefix"][len(start) : -1]
                async for page in _pages(pages, may_be_new=may_be_new)
                for item in page.get("CommonPrefixes", [])
            ]

    async def find(self, location: Location, name: str) -> StoredObject | None:
        """One object by its path below the owner's root, or None."""
        async with self._client(location) as client:
            try:
                head = await client.head_object(Bucket=location.bucket, Key=location.root + name)
            except ClientError as error:
                if error.response["Error"]["Code"] in ABSENT:
                    return None
                raise
            return StoredObject(name, head["ContentLength"], head["LastModified"])

    async def sha256(self, location: Location, name: str) -> str | None:
        """Hexadecimal SHA-256 of an object's content, read in pieces; None when it is gone."""
        digest = hashlib.sha256()
        async with self._client(location) as client:
            try:
                answer = await client.get_object(Bucket=location.bucket, Key=location.root + name)
            except ClientError as error:
                if error.response["Error"]["Code"] in ABSENT:
                    return None
                raise
            async for piece in answer["Body"].iter_chunks(1 << 18):
                digest.update(piece)
        return digest.hexdigest()

    async def read_small(self, location: Location, name: str, limit_bytes: int) -> bytes:
        """At most ``limit_bytes`` of an object."""
        async with self._client(location) as client:
            answer = await client.get_object(Bucket=location.bucket, Key=location.root + name)
            content: bytes = await answer["Body"].read(limit_bytes)
            return content

    async def remove(self, location: Location, names: list[str]) -> None:
        """Remove objects by their paths below the owner's root; one that is gone already is fine."""
        gate = asyncio.Semaphore(REMOVALS_AT_ONCE)
        async with self._client(location) as client:

            async def remove_one(name: str) -> None:
                async with gate:
                    await client.delete_object(Bucket=location.bucket, Key=location.root + name)

            async with asyncio.TaskGroup() as group:
                for name in names:
                    group.create_task(remove_one(name))

    @asynccontextmanager
    async def _client(self, location: Location) -> AsyncIterator[Any]:
        try:
            async with self._session.client(
                "s3",
                region_name=location.region,
                endpoint_url=location.endpoint_url,
                aws_access_key_id=location.access_key_id,
                aws_secret_access_key=location.secret_access_key,
                config=CONFIG,
            ) as client:
                yield client
        except* (BotoCoreError, ClientError, OSError, TimeoutError) as group:
            raise StoreUnavailable(
                "The object store does not answer as it should. Try again in a moment.", retry_after_seconds=10
            ) from group.exceptions[0]


async def _pages(pages: Any, *, may_be_new: bool) -> AsyncIterator[dict[str, Any]]:
    try:
        async for page in pages:
            yield page
    except ClientError as error:
        if not may_be_new or error.response["Error"]["Code"] not in ABSENT:
            raise
