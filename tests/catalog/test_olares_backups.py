"""Backups as Olares devices save, stop and hint at them, and what a stranger's hints can do."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from catalog import queries
from catalog.models import Backup, OwnerSpace, Snapshot
from catalog.operations import olares_backups
from catalog.operations.measure import LEASE, _register_found
from catalog.schemas import DeviceBackup
from shared.auth import Caller, Scope
from shared.events.catalog import BackupRegistered
from shared.messaging import OutboxMessage
from tests.support import olares_requests as requests
from tests.support.catalog_device import Device, contents
from tests.support.running import Running, counted_statements
from tests.support.tokens import TokenIssuer

NOW = datetime.now(UTC).replace(microsecond=0)
SUMMARY = (
    '{"message_type":"summary","files_new":3,"data_blobs":2,"total_bytes_processed":4711,'
    '"snapshot_id":"' + "ab" * 32 + '"}\n'
)
STATUSES = ("Pending", "Completed", "Failed", "Canceled", "Rejected", "Running", "")


@pytest.fixture
def device(catalog: Running, issuer: TokenIssuer) -> Device:
    return Device(catalog, issuer)


def told(device: Device, backup_id: UUID, status: str, message: str = "") -> requests.Sent:
    return requests.saved_snapshot(
        device.did, str(backup_id), str(uuid4()), 1_763_900_123, status, "incremental", restic_id="ab" * 32,
        size=4711, stored=999_999_999_999, message=message,
    )  # fmt: skip


async def registered(device: Device) -> list[BackupRegistered]:
    async with device.catalog.runtime.database.reading() as session:
        query = select(OutboxMessage.envelope).where(OutboxMessage.event_name == BackupRegistered.name)
        return [BackupRegistered.model_validate(json.loads(found)["data"]) for found in await session.scalars(query)]


async def test_a_saved_backup_is_listed_as_the_device_calls_it(device: Device) -> None:
    backup_id = uuid4()
    answer = await device.save(backup_id, "My photos & videos", path="/Files/Home/Pictures/a+b %41/")
    assert (answer.status, answer.code, answer.message, answer.data) == (200, 200, "success", None)
    item = (await device.backups())[0]
    assert (item["name"], item["kind"], item["path"]) == (
        "My photos & videos", "path", "/Files/Home/Pictures/a+b %41/"
    )  # fmt: skip
    assert item["repository"] == f"My photos & videos-{backup_id}"
    assert item["device_backup_id"] == str(backup_id)
    assert item["backup_id"] != str(backup_id), "ids of devices are theirs alone"
    assert item["stopped_at"] is None
    assert [event.backup_name for event in await registered(device)] == ["My photos & videos"]


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("1", "/Files/Home/", ("path", "/Files/Home/", None)),
        ("2", "", ("app", None, None)),
        ("2", "wise", ("app", None, "wise")),
        ("7", "/x", (None, None, None)),
        ("", "", (None, None, None)),
    ],
)
async def test_a_save_is_taken_as_a_form_too(
    device: Device, kind: str, path: str, expected: tuple[str | None, ...]
) -> None:
    backup_id = uuid4()
    answer = await device.ask(
        "/v1/resource/backup/save", backupId=str(backup_id), name="a+b", backupType=kind, backupPath=path, more="x=y"
    )
    assert (answer.status, answer.code) == (200, 200)
    item = (await device.backups())[0]
    assert (item["kind"], item["path"], item["app"]) == expected
    assert item["name"] == "a+b"


async def test_whatever_is_said_again_in_whatever_order_is_one_backup(device: Device) -> None:
    backup_id = uuid4()
    for _ in range(20):
        assert (await device.save(backup_id)).code == 200
    assert (await device.stop(backup_id)).code == 200
    stopped_at = (await device.rows())[0].stopped_at
    assert stopped_at is not None
    assert (await device.stop(backup_id)).code == 200
    assert (await device.rows())[0].stopped_at == stopped_at
    assert (await device.save(backup_id)).code == 200
    for status in ("Completed", "Pending", "Completed", "Failed"):
        assert (await device.send(told(device, backup_id, status))).code == 200
    rows = await device.rows()
    assert [(row.device_backup_id, row.stopped_at, row.snapshot_count) for row in rows] == [(backup_id, None, 0)]
    assert len(await registered(device)) == 1
    async with device.catalog.runtime.database.reading() as session:
        assert not (await session.scalars(select(Snapshot))).all(), "what a device says is no snapshot"


async def test_two_owners_devices_may_call_their_backups_alike(device: Device) -> None:
    other = Device(device.catalog, device.issuer)
    backup_id = uuid4()
    assert (await device.save(backup_id)).code == 200
    assert (await other.save(backup_id, "theirs")).code == 200
    assert [item["name"] for item in await device.backups()] == ["photos"]
    assert [item["name"] for item in await other.backups()] == ["theirs"]
    await other.stop(backup_id)
    assert (await device.backups())[0]["stopped_at"] is None


async def test_names_of_devices_take_none_from_native_backups(device: Device) -> None:
    await device.save(uuid4(), "photos")
    body = {"name": "photos", "source": {"kind": "path", "path": "/x"}}
    made = await device.catalog.api.post("/api/v1/backups", json=body, headers=device.headers)
    assert made.status_code == 201, made.text
    await device.save(uuid4(), "photos")
    assert len(await device.backups()) == 3
    taken = await device.catalog.api.post("/api/v1/backups", json=body, headers=device.headers)
    assert (taken.status_code, taken.json()["backup_id"]) == (409, made.json()["backup_id"])


async def test_a_native_backup_does_not_become_a_devices(device: Device) -> None:
    """Its id and name are in its Backup Url, so that a device can name its repository."""
    body = {"name": "photos", "source": {"kind": "path", "path": "/x"}}
    made = await device.catalog.api.post("/api/v1/backups", json=body, headers=device.headers)
    before = await device.backups()
    assert (await device.save(UUID(made.json()["backup_id"]), "photos")).code == 200
    assert await device.backups() == before


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("with spaces  inside", "with spaces  inside"),
        ("照片 🏔️".replace("\ufe0f", ""), "照片 🏔"),
        ("no-break\u00a0space\u200b", "no-break space "),
        ("n" * 300, "n" * 255),
        ("ü" * 300, "ü" * 255),
        ("100% & more = 1+1?", "100% & more = 1+1?"),
        ("..", ".."),
    ],
)
async def test_a_name_is_kept_and_its_repository_is_where_the_device_writes(
    device: Device, name: str, shown: str
) -> None:
    backup_id = uuid4()
    assert (await device.save(backup_id, name)).code == 200
    item = (await device.backups())[0]
    assert (item["name"], item["repository"]) == (shown, f"{name}-{backup_id}")


@pytest.mark.parametrize(
    "name", ["a/b", "/restic/x", "../x", "a\\b", "line\nbreak", "\x7f", "\u201bx", "n" * 900, "ü" * 500, ""]
)
async def test_a_name_that_no_repository_can_have_is_refused(device: Device, name: str) -> None:
    answer = await device.save(uuid4(), name)
    assert (answer.status, answer.code, answer.data) == (200, 422, None)
    assert await device.rows() == []


async def test_a_backup_that_was_found_first_becomes_the_devices(device: Device) -> None:
    await device.known()
    backup_id = uuid4()
    repository = f"my photos-{backup_id}"
    async with device.catalog.runtime.database.transaction() as session:
        await _register_found(session, device.owner.owner_id, repository, NOW, NOW)
    found = (await device.rows())[0].id
    assert (await device.save(backup_id, "my photos")).code == 200
    rows = await device.rows()
    assert [(row.id, row.device_backup_id, row.kind) for row in rows] == [(found, backup_id, "path")]
    assert len(await registered(device)) == 1


async def test_a_backup_that_is_being_deleted_stays_so_and_one_after_it_is_new(device: Device) -> None:
    backup_id = uuid4()
    await device.save(backup_id)
    for state in ("deleting", "removing"):
        await device.alter(state=state, measure_due_at=None)
        before = await contents(device.catalog)
        assert (await device.save(backup_id, "other name")).code == 200
        await device.send(told(device, backup_id, "Completed"))
        assert await contents(device.catalog) == before
    await device.alter(state="deleted")
    await device.save(backup_id)
    rows = await device.rows()
    assert [row.state for row in rows] == ["deleted", "active"]
    assert len(await registered(device)) == 2


async def test_a_backup_is_of_the_home_its_device_asked_for_keys_for(device: Device) -> None:
    await device.known()
    await device.keys("first")
    second = Device(device.catalog, device.issuer, device.owner)
    backup_id = uuid4()
    await second.save(backup_id)
    await second.keys("second")
    assert (await second.save(backup_id)).code == 200
    homes = {
        item["clusterID"]: item["id"] for item in (await device.ask("/v1/bind/getTerminusNames")).data["terminusNames"]
    }
    # It was of the only home while there was one, and a backup does not move.
    assert (await device.backups())[0]["terminus_id"] == homes["first"]
    await second.save(uuid4())
    assert (await device.backups())[0]["terminus_id"] == homes["second"]


async def test_a_stopped_backup_is_never_overdue(device: Device) -> None:
    backup_id = uuid4()
    await device.save(backup_id)
    await device.alter(overdue_at=NOW - timedelta(days=1))
    assert (await device.backups())[0]["overdue"] is True
    await device.stop(backup_id)
    item = (await device.backups())[0]
    assert (item["overdue"], item["state"]) == (False, "active")
    overdue = await device.catalog.api.get("/api/v1/backups?overdue=true", headers=device.headers)
    assert overdue.json()["items"] == []
    await device.save(backup_id)
    assert (await device.backups())[0]["overdue"] is True


async def test_stopping_what_is_not_known_is_fine(device: Device) -> None:
    assert (await device.stop(uuid4())).code == 200
    await device.save(uuid4())
    before = await contents(device.catalog)
    assert (await device.stop(uuid4())).code == 200
    assert await contents(device.catalog) == before


async def due(device: Device) -> datetime | None:
    return (await device.rows())[0].measure_due_at


def near(instant: datetime | None, expected: datetime) -> bool:
    return instant is not None and abs(instant - expected) < timedelta(seconds=30)


@pytest.mark.parametrize(
    "message",
    [
        "", SUMMARY, "Fatal: 100% full & \"quotes\" + {braces} = ; é \ud83d\udca5", "a\0b", "x" * 100_000,
        "&userid=did:key:z6MkOther&backupId=nothing",
    ],
    ids=["none", "summary", "words", "NUL", "long", "other fields"],
)  # fmt: skip
@pytest.mark.parametrize("status", STATUSES)
async def test_a_hint_of_any_kind_makes_catalog_look_soon_and_keeps_nothing(
    device: Device, status: str, message: str
) -> None:
    backup_id = uuid4()
    await device.save(backup_id)
    await device.alter(measure_due_at=NOW + timedelta(hours=20), measured_at=NOW - timedelta(hours=4))
    before = await contents(device.catalog)
    sent = told(device, backup_id, status, message)
    answer = await device.send_raw(sent.path, sent.body.encode("utf-8", "surrogatepass"))
    assert (answer.status, answer.code, answer.message, answer.data) == (200, 200, "success", None)
    if "\0" in message:
        assert await contents(device.catalog) == before
        return
    assert near(await due(device), datetime.now(UTC))
    await device.alter(measure_due_at=NOW + timedelta(hours=20))
    assert await contents(device.catalog) == before


async def test_hints_are_heeded_once_a_minute_at_most_and_never_put_off_anything(device: Device) -> None:
    backup_id = uuid4()
    await device.save(backup_id)
    now = datetime.now(UTC)
    lease = now + LEASE - timedelta(seconds=10)
    cases: list[tuple[datetime | None, datetime | None, datetime | None, datetime]] = [
        # due before, measured at, being measured until, due after
        (now + timedelta(hours=20), now - timedelta(seconds=5), None, now + timedelta(seconds=55)),
        (now + timedelta(hours=20), now - timedelta(hours=1), None, now),
        (now + timedelta(hours=20), None, None, now),
        (None, None, None, now),
        (now + timedelta(seconds=40), now - timedelta(hours=1), None, now),
        (now + timedelta(seconds=40), now - timedelta(hours=1), lease, now + timedelta(seconds=40)),
        (now - timedelta(hours=1), now - timedelta(seconds=5), None, now - timedelta(hours=1)),
        (lease, now - timedelta(days=1), None, now),
        (lease, now - timedelta(days=1), lease, now + timedelta(seconds=60)),
        (lease, None, lease, now + timedelta(seconds=60)),
        (now + timedelta(hours=20), now - timedelta(days=1), now - timedelta(days=1), now),
    ]
    for before, measured_at, measuring_until, after in cases:
        await device.alter(measure_due_at=before, measured_at=measured_at, measuring_until=measuring_until)
        for _ in range(3):
            await device.send(told(device, backup_id, "Completed"))
            assert near(await due(device), after), (before, measured_at)


async def test_a_hint_that_changes_nothing_is_read_and_no_more(device: Device) -> None:
    """Whoever sends them by the thousand writes nothing, and waits for nobody."""
    backup_id = uuid4()
    await device.save(backup_id)
    now = datetime.now(UTC)
    await device.alter(measure_due_at=now, measured_at=now - timedelta(hours=1))
    of_nobody = f"userid=did:key:z6MkNobody&backupId={backup_id}"
    bodies = [told(device, backup_id, "Completed").body, told(device, uuid4(), "Completed").body, of_nobody]
    async with device.catalog.runtime.database.transaction() as session:
        # As who records a measurement holds it.
        await session.scalar(select(Backup).where(Backup.device_backup_id == backup_id).with_for_update())
        for body in bodies:
            with counted_statements(device.catalog) as statements:
                await device.send_raw("/v1/resource/snapshot/save", body.encode())
            assert len(statements) == 1, statements
            assert statements[0].startswith("SELECT"), statements
    await device.alter(measure_due_at=now + timedelta(hours=20))
    with counted_statements(device.catalog) as statements:
        for _ in range(3):
            await device.send_raw("/v1/resource/snapshot/save", bodies[0].encode())
    assert [statement.split()[0] for statement in statements] == ["SELECT", "UPDATE", "SELECT", "SELECT"]


async def test_what_a_stranger_says_changes_nothing_and_tells_nothing(device: Device) -> None:
    backup_id, other = uuid4(), Device(device.catalog, device.issuer)
    await device.save(backup_id)
    await other.save(uuid4(), "theirs")
    await device.alter(measure_due_at=NOW + timedelta(hours=20))
    await other.alter(measure_due_at=NOW + timedelta(hours=20))
    before = await contents(device.catalog)
    native_id = (await device.backups())[0]["backup_id"]
    forged = [
        told(other, backup_id, "Completed").body,
        told(device, uuid4(), "Completed").body,
        told(device, UUID(native_id), "Completed").body,
        f"userid=did:key:z6MkNobody&backupId={backup_id}",
        f"userid=&backupId={backup_id}",
        f"backupId={backup_id}",
        f"userid={device.did}",
        f"userid={device.did}&backupId=x' OR 1=1",
        f"userid={device.did}%00&backupId={backup_id}",
        "{", "[]", "", "%", "&&&==", "\x00", "a=1&" * 200, '{"userid": {"a": 1}, "backupId": [1]}',
    ]  # fmt: skip
    answers = {(await device.catalog.api.post("/v1/resource/snapshot/save", content=body.encode())).content
               for body in forged}  # fmt: skip
    assert await contents(device.catalog) == before
    known = await device.catalog.api.post(
        "/v1/resource/snapshot/save", content=told(device, backup_id, "Completed").body.encode()
    )
    assert answers == {known.content}
    assert near(await due(device), datetime.now(UTC))
    assert near((await other.rows())[0].measure_due_at, NOW + timedelta(hours=20))


def caller(device: Device) -> Caller:
    owner = device.owner
    return Caller(owner.owner_id, owner.did, owner.olares_name, frozenset(Scope), device.session_id, NOW)


async def test_two_saves_at_once_are_one_backup(device: Device) -> None:
    await device.known()
    database = device.catalog.runtime.database
    backup = DeviceBackup(uuid4(), "photos", "path", "/a")

    async def second() -> None:
        async with database.transaction() as session:
            await olares_backups.save_backup(
                session, caller(device), DeviceBackup(backup.backup_id, "photos", "path", "/b"), NOW
            )

    async with database.transaction() as session:
        await olares_backups.save_backup(session, caller(device), backup, NOW)
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.2)
        assert not contender.done()
    await contender
    assert [row.source for row in await device.rows()] == ["/b"]
    assert len(await registered(device)) == 1


async def test_a_save_while_the_same_repository_is_being_found_is_one_backup(device: Device) -> None:
    await device.known()
    database = device.catalog.runtime.database
    backup = DeviceBackup(uuid4(), "photos", "path", "/a")

    async def save() -> None:
        async with database.transaction() as session:
            await olares_backups.save_backup(session, caller(device), backup, NOW)

    async with database.transaction() as session:
        await _register_found(session, device.owner.owner_id, f"photos-{backup.backup_id}", NOW, NOW)
        contender = asyncio.create_task(save())
        await asyncio.sleep(0.2)
        assert not contender.done()
    await contender
    assert [(row.device_backup_id, row.source) for row in await device.rows()] == [(backup.backup_id, "/a")]
    assert len(await registered(device)) == 1


async def test_a_save_that_meets_a_deletion_leaves_it(device: Device) -> None:
    backup_id = uuid4()
    await device.save(backup_id)
    native_id = (await device.rows())[0].id

    async def save() -> None:
        assert (await device.save(backup_id, "other")).code == 200

    async with device.catalog.runtime.database.transaction() as session:
        found = await queries.backups.find_backup(session, device.owner.owner_id, native_id, lock=True)
        assert found is not None
        contender = asyncio.create_task(save())
        await asyncio.sleep(0.2)
        assert not contender.done()
        await session.execute(update(Backup).where(Backup.id == native_id).values(state="deleting"))
    await contender
    assert [(row.state, row.name) for row in await device.rows()] == [("deleting", "photos")]


async def test_the_folder_of_an_owner_is_made_by_their_devices_first_word(device: Device) -> None:
    assert (await device.save(uuid4())).code == 200
    async with device.catalog.runtime.database.reading() as session:
        space = await session.get_one(OwnerSpace, device.owner.owner_id)
    assert space.did == device.did
    assert quote(space.prefix, safe=":-") == space.prefix
