"""The Backup Url: read as clients read it, and given only for what a device can restore."""

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID, uuid4

import aioboto3
import pytest

from catalog.adapters.aws import AwsIssuer
from catalog.domain.backup_url import NotOfABackup, backup_url
from catalog.models import Snapshot
from tests.support import olares_requests as requests
from tests.support.catalog_device import Device
from tests.support.running import Running
from tests.support.tokens import TokenIssuer

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def device(catalog: Running, issuer: TokenIssuer) -> Device:
    return Device(catalog, issuer)


_SPACE_PATH = re.compile(r"(?P<name>.+)-(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def as_the_client_reads_it(pasted: str) -> dict[str, str]:
    """What an instance takes from a Backup Url; everything it refuses is an assertion here."""
    url = urlsplit(base64.b64decode(pasted, validate=True).decode().replace("\n", "").removeprefix("s3:"))
    labels = url.netloc.split(".")
    assert len(labels) == 4
    assert labels[0] in ("s3", "cos")
    cloud = {"amazonaws.com": "aws", "myqcloud.com": "tencentcloud"}[".".join(labels[2:])]
    path = unquote(url.path)
    assert "did:key:" in path
    assert "olares-backups/" in path
    bucket, prefix, folder, last = path.removeprefix("/").split("/")
    assert folder == "olares-backups"
    assert prefix.count("-") == 1
    match = _SPACE_PATH.fullmatch(last)
    assert match is not None
    query = parse_qs(url.query, strict_parsing=True)
    return {
        "cloud": cloud, "region": labels[1], "bucket": bucket, "prefix": prefix, "suffix": prefix.partition("-")[2],
        "name": match["name"], "id": match["id"], "snapshot": query["snapshotId"][0], "at": query["snapshotTime"][0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("photos", "photos"),
        ("my photos", "my%20photos"),
        ("50% a?b#c;d,e", "50%25%20a%3Fb%23c%3Bd%2Ce"),
        ("a+b=c&d$e:f@g~h", "a+b=c&d$e:f@g~h"),
        ("照片-2026", "%E7%85%A7%E7%89%87-2026"),
    ],
)
def test_a_backup_url_is_read_by_clients_as_it_was_meant(name: str, escaped: str) -> None:
    backup_id = "0c0a5d1e-9b1f-4f6b-8a53-6a1f0c9f7d11"
    made = backup_url(
        region_id="us-east-1", bucket="bucket", prefix="did:key:z6MkA-a1b2c3", repository=f"{name}-{backup_id}",
        restic_id="ab" * 32, taken_at=datetime(2026, 11, 23, 12, 0, 0, 900_000, tzinfo=UTC),
    )  # fmt: skip
    assert base64.b64decode(made).decode() == (
        f"https://s3.us-east-1.amazonaws.com/bucket/did:key:z6MkA-a1b2c3/olares-backups/{escaped}-{backup_id}"
        f"?snapshotId={'ab' * 32}&snapshotTime=1795435200"
    )
    assert as_the_client_reads_it(made) == {
        "cloud": "aws", "region": "us-east-1", "bucket": "bucket", "prefix": "did:key:z6MkA-a1b2c3",
        "suffix": "a1b2c3", "name": name, "id": backup_id, "snapshot": "ab" * 32, "at": "1795435200",
    }  # fmt: skip


@pytest.mark.parametrize(
    "repository",
    ["demo", "-0c0a5d1e-9b1f-4f6b-8a53-6a1f0c9f7d11", "0c0a5d1e-9b1f-4f6b-8a53-6a1f0c9f7d11",
     "/restic/demo-0c0a5d1e-9b1f-4f6b-8a53-6a1f0c9f7d11", "demo-0C0A5D1E-9B1F-4F6B-8A53-6A1F0C9F7D11", ""],
)  # fmt: skip
def test_a_repository_that_is_not_of_a_devices_backup_has_no_backup_url(repository: str) -> None:
    with pytest.raises(NotOfABackup):
        backup_url(
            region_id="space", bucket="b", prefix="did:key:z-a", repository=repository, restic_id="ab", taken_at=NOW
        )


async def with_snapshot(device: Device) -> UUID:
    snapshot_id = uuid4()
    async with device.catalog.runtime.database.transaction() as session:
        session.add(
            Snapshot(
                id=snapshot_id, backup_id=(await device.rows())[0].id, owner_id=device.owner.owner_id,
                restic_id="cd" * 32, status="successful", kind="full", taken_at=NOW, reported=False,
                discovered=True, created_at=NOW,
            )
        )  # fmt: skip
    return snapshot_id


async def ask_for_url(device: Device, snapshot_id: UUID) -> tuple[int, dict[str, Any]]:
    answer = await device.catalog.api.get(f"/api/v1/snapshots/{snapshot_id}/backup-url", headers=device.headers)
    return answer.status_code, answer.json()


async def test_an_owner_gets_the_backup_url_of_a_snapshot(device: Device) -> None:
    backup_id = uuid4()
    await device.save(backup_id, "my photos")
    snapshot_id = await with_snapshot(device)
    status, found = await ask_for_url(device, snapshot_id)
    assert status == 200
    read = as_the_client_reads_it(found["backup_url"])
    keys = (await device.keys(suffix=read["suffix"])).data
    assert (read["prefix"], read["bucket"], read["region"]) == (keys["prefix"], keys["bucket"], "space")
    assert (read["name"], read["id"], read["snapshot"]) == ("my photos", str(backup_id), "cd" * 32)
    assert read["at"] == str(int(NOW.timestamp()))
    stranger = Device(device.catalog, device.issuer)
    assert (await ask_for_url(stranger, snapshot_id))[0] == 404
    assert (await ask_for_url(device, uuid4()))[0] == 404


@pytest.mark.parametrize(
    ("backup", "snapshot"),
    [
        ({"repository": "demo"}, {}),
        ({"repository": "/restic/demo"}, {}),
        ({"state": "removing"}, {}),
        ({"state": "deleted"}, {}),
        ({}, {"status": "pending"}),
        ({}, {"status": "damaged"}),
        ({}, {"status": "missing"}),
    ],
)
async def test_a_snapshot_that_no_device_could_restore_has_no_backup_url(
    device: Device, backup: dict[str, str], snapshot: dict[str, str]
) -> None:
    await device.save(uuid4())
    snapshot_id = await with_snapshot(device)
    if backup:
        await device.alter(**backup)
    if snapshot:
        await device.alter_snapshots(**snapshot)
    status, found = await ask_for_url(device, snapshot_id)
    assert (status, found["code"]) == (409, "backup_url_impossible")
    assert len(found["detail"]) > 40


async def test_a_restores_guide_is_told_the_backup_url_where_there_is_one(device: Device) -> None:
    await device.save(uuid4())
    snapshot_id = await with_snapshot(device)

    async def told() -> str | None:
        answer = await device.catalog.internal.post(
            "/internal/restores/snapshots",
            json={"owner_id": str(device.owner.owner_id), "snapshot_id": str(snapshot_id)},
            headers={"Authorization": "Bearer restore-secret"},
        )
        assert answer.status_code == 200, answer.text
        found: str | None = answer.json()["backup_url"]
        return found

    assert await told() == (await ask_for_url(device, snapshot_id))[1]["backup_url"]
    await device.alter(repository="demo")
    assert await told() is None


@pytest.mark.parametrize("elsewhere", [False, True], ids=["Amazon", "another store"])
async def test_devices_are_sent_to_amazon_and_to_no_other_store_that_speaks_its_language(
    device: Device, elsewhere: bool
) -> None:
    runtime = device.catalog.runtime
    aws = {
        "aws_region": "ap-east-1",
        "aws_bucket": "things",
        "aws_endpoint_url": "https://minio.test" if elsewhere else None,
    }
    issuer = AwsIssuer(runtime.settings.model_copy(update=aws), aioboto3.Session())
    runtime.adapters = replace(runtime.adapters, issuer=issuer, vault=None)
    await device.save(uuid4())
    regions = await device.send(requests.regions(device.did, device.token))
    status, found = await ask_for_url(device, await with_snapshot(device))
    if elsewhere:
        assert (regions.status, regions.code, regions.data) == (200, 409, None)
        assert (status, found["code"]) == (409, "backup_url_impossible")
    else:
        assert regions.data == [{"regionId": "ap-east-1", "regionName": "Space", "cloudName": "aws"}]
        read = as_the_client_reads_it(found["backup_url"])
        assert (read["region"], read["bucket"]) == ("ap-east-1", "things")
