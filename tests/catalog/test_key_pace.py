"""How many storage keys an owner is given within an hour."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from httpx import Response
from sqlalchemy import func, select, update

from catalog.domain.gate import Access
from catalog.models import OwnerSpace, StorageKey
from catalog.operations.storage_keys import Wanted, issue_key
from tests.support import olares_requests as requests
from tests.support.catalog_device import Device
from tests.support.olares_requests import Envelope
from tests.support.running import Running
from tests.support.tokens import TokenIssuer

MOST = 240


@pytest.fixture
def device(catalog: Running, issuer: TokenIssuer) -> Device:
    assert catalog.runtime.settings.keys_an_hour == MOST
    return Device(catalog, issuer)


async def put_keys(
    device: Device, number: int, ago: timedelta, *, of_devices: bool, restore_id: UUID | None = None
) -> None:
    issued_at = datetime.now(UTC) - ago
    async with device.catalog.runtime.database.transaction() as session:
        session.add_all(
            StorageKey(
                access_key_id=uuid4().hex, owner_id=device.owner.owner_id, access="read", issuer="vault",
                issued_at=issued_at, expires_at=issued_at + timedelta(hours=12), restore_id=restore_id,
                session_id=device.session_id if of_devices else None,
            )
            for _ in range(number)
        )  # fmt: skip


async def count_keys(device: Device) -> int:
    async with device.catalog.runtime.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(StorageKey)) or 0


async def native_key(device: Device, backup_id: str) -> Response:
    body = {"backup_id": backup_id, "scope": "read"}
    return await device.catalog.api.post("/api/v1/storage-keys", json=body, headers=device.headers)


async def make_backup(device: Device) -> str:
    """A backup in a bucket that is taken to be there."""
    body = {"name": "photos", "source": {"kind": "path", "path": "/x"}}
    made = await device.catalog.api.post("/api/v1/backups", json=body, headers=device.headers)
    async with device.catalog.runtime.database.transaction() as session:
        await session.execute(update(OwnerSpace).values(prepared=True))
    backup_id: str = made.json()["backup_id"]
    return backup_id


def is_too_many(answer: Envelope) -> bool:
    words = f"{MOST} storage keys were issued within an hour, which is the most. Try again in 1"
    return (answer.status, answer.code, answer.data) == (200, 429, None) and answer.message.startswith(words)


async def test_devices_are_given_so_many_keys_an_hour_and_no_more(device: Device) -> None:
    backup_id = await make_backup(device)
    await put_keys(device, MOST - 1, timedelta(minutes=30), of_devices=True)
    await put_keys(device, MOST, timedelta(minutes=61), of_devices=True)
    given = await device.keys()
    assert given.code == 200, given
    held = requests.refreshed_keys(given.data["ak"], given.data["sk"], given.data["st"])
    before = await count_keys(device)
    for refused in (await device.keys(), await device.keys("another cluster"), await device.send(held)):
        assert is_too_many(refused), refused
    assert await count_keys(device) == before
    assert (await native_key(device, backup_id)).status_code == 201, "devices take none from their owner"
    other = Device(device.catalog, device.issuer)
    await other.known()
    assert (await other.keys()).code == 200, "nor from others"
    async with device.catalog.runtime.database.transaction() as session:
        await session.execute(update(StorageKey).values(issued_at=StorageKey.issued_at - timedelta(minutes=31)))
    assert (await device.send(held)).code == 200


async def test_an_owner_is_given_so_many_keys_an_hour_and_restores_are_not_counted(device: Device) -> None:
    backup_id = await make_backup(device)
    await put_keys(device, MOST, timedelta(minutes=30), of_devices=True)
    await put_keys(device, MOST, timedelta(minutes=20), of_devices=False, restore_id=uuid4())
    await put_keys(device, MOST - 1, timedelta(minutes=45), of_devices=False)
    assert (await native_key(device, backup_id)).status_code == 201
    refused = await native_key(device, backup_id)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert timedelta(minutes=14) < timedelta(seconds=int(refused.headers["Retry-After"])) <= timedelta(minutes=15)
    runtime = device.catalog.runtime
    wanted = Wanted(device.owner.owner_id, UUID(backup_id), Access.READ, timedelta(hours=1), restore_id=uuid4())
    assert await issue_key(runtime.database, runtime.adapters, wanted, timedelta(0), datetime.now(UTC))
