"""Catalog over a store that speaks S3 and STS (moto, over HTTP): no vault, and no gate that sees what keys do."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aioboto3

from space_local import ports
from space_local.process import Child
from tests.support.databases import Databases
from tests.support.store import Store, store_at_work
from tests.support.tokens import TokenIssuer

BUCKET = "space-backups"
ROLE = "arn:aws:iam::123456789012:role/space-owner"


@asynccontextmanager
async def sts_store_at_work(
    databases: Databases, issuer: TokenIssuer, broker_url: str, home: Path
) -> AsyncIterator[Store]:
    port = ports.pick()
    moto = Child("moto", [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], home)
    moto.spawn()
    try:
        await moto.until_ready(lambda: _answers(port), 60)
        endpoint = f"http://127.0.0.1:{port}"
        await _make_bucket(endpoint)
        aws = {
            "storage_issuer": "aws",
            "aws_bucket": BUCKET,
            "aws_role_arn": ROLE,
            "aws_endpoint_url": endpoint,
            "aws_access_key_id": "catalog",
            "aws_secret_access_key": "catalog-secret",
        }
        async with store_at_work(databases, issuer, broker_url, home, **aws) as store:
            yield store
    finally:
        await moto.stop()


async def _answers(port: int) -> bool:
    return ports.accepts(port)


async def _make_bucket(endpoint: str) -> None:
    async with aioboto3.Session().client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    ) as client:
        await client.create_bucket(Bucket=BUCKET)
