"""What owners ask of catalog over HTTP."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import delete, update

from catalog.domain.habit import overdue_at
from catalog.models import Backup, Snapshot, StorageMeasurement
from catalog.schemas import BackupRead, TerminusRead
from shared.auth import Scope
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer


async def register(catalog: Running, headers: dict[str, str], name: str = "photos") -> httpx.Response:
    body = {"name": name, "source": {"kind": "path", "path": "/home/alice/Photos"}}
    return await catalog.api.post("/api/v1/backups", json=body, headers=headers)


async def test_a_new_backup_is_listed_with_its_creation_time_and_no_usage(
    catalog: Running, issuer: TokenIssuer
) -> None:
    headers = issuer.headers(Owner())
    created = await register(catalog, headers)
    assert created.status_code == 201, created.text
    listed = (await catalog.api.get("/api/v1/backups", headers=headers)).json()
    assert [item["name"] for item in listed["items"]] == ["photos"]
    item = listed["items"][0]
    assert item == created.json()
    assert item["storage_bytes"] == 0
    assert item["latest_snapshot_at"] is None
    assert listed["next_cursor"] is None


async def test_a_name_is_taken_once(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    first = (await register(catalog, headers)).json()
    second = await register(catalog, headers)
    assert second.status_code == 409
    assert second.json()["code"] == "backup_name_taken"
    assert second.json()["backup_id"] == first["backup_id"]


async def test_another_owner_has_the_same_name_and_sees_nothing(catalog: Running, issuer: TokenIssuer) -> None:
    mine, theirs = issuer.headers(Owner()), issuer.headers(Owner())
    backup_id = (await register(catalog, mine)).json()["backup_id"]
    assert (await register(catalog, theirs)).status_code == 201
    assert (await catalog.api.get(f"/api/v1/backups/{backup_id}", headers=theirs)).status_code == 404


async def test_a_list_is_paged_in_a_stable_order(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    for number in range(5):
        await register(catalog, headers, f"backup {number}")
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await catalog.api.get("/api/v1/backups", headers=headers, params=params)).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"backup {number}" for number in range(4, -1, -1)]


async def test_a_list_that_did_not_change_is_not_sent_again(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    await register(catalog, headers)
    first = await catalog.api.get("/api/v1/backups", headers=headers)
    again = await catalog.api.get("/api/v1/backups", headers={**headers, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_repeated_request_with_its_key_makes_one_backup(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner()) | {"Idempotency-Key": str(uuid4())}
    first, second = await register(catalog, headers), await register(catalog, headers)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    other = await register(catalog, headers, "music")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(("ahead", "status"), [(timedelta(minutes=10), 202), (timedelta(days=3), 422)])
async def test_a_device_whose_clock_is_ahead_is_told_when_it_is_too_far(
    catalog: Running, issuer: TokenIssuer, ahead: timedelta, status: int
) -> None:
    headers = issuer.headers(Owner())
    backup_id = (await register(catalog, headers)).json()["backup_id"]
    report = {"restic_id": "ab" * 32, "taken_at": (datetime.now(UTC) + ahead).isoformat()}
    answer = await catalog.api.post(f"/api/v1/backups/{backup_id}/snapshots", json=report, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["code"] == "snapshot_time_invalid"
        assert "server_time" in answer.json()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "photos"},
        {"name": "", "source": {"kind": "path", "path": "/x"}},
        {"name": "a" * 256, "source": {"kind": "path", "path": "/x"}},
        {"name": "tab\tinside", "source": {"kind": "path", "path": "/x"}},
        {"name": "photos", "source": {"kind": "path", "path": "nul\u0000inside"}},
        {"name": "photos", "source": {"kind": "path", "path": "/x"}, "owner_id": str(uuid4())},
        {"name": "photos", "source": {"kind": "disk", "path": "/x"}},
        {"name": "photos", "source": {"kind": "path", "path": "/x"}, "terminus_id": "home"},
        [],
        "text",
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_and_makes_nothing(
    catalog: Running, issuer: TokenIssuer, body: object
) -> None:
    headers = issuer.headers(Owner())
    answer = await catalog.api.post("/api/v1/backups", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid"), answer.text
    assert (await catalog.api.get("/api/v1/backups", headers=headers)).json()["items"] == []


async def test_a_backup_belongs_to_a_terminus_of_its_owner_or_to_none(catalog: Running, issuer: TokenIssuer) -> None:
    mine, theirs = issuer.headers(Owner()), issuer.headers(Owner())
    home = await catalog.api.post("/api/v1/terminus", json={"name": "home"}, headers=theirs)
    body = {
        "name": "photos",
        "terminus_id": home.json()["terminus_id"],
        "source": {"kind": "app", "app": "wise"},
    }
    refused = await catalog.api.post("/api/v1/backups", json=body, headers=mine)
    assert (refused.status_code, refused.json()["code"]) == (404, "terminus_not_found")
    made = await catalog.api.post("/api/v1/backups", json=body, headers=theirs)
    assert (made.json()["terminus_name"], made.json()["app"], made.json()["path"]) == ("home", "wise", None)
    again = await catalog.api.post("/api/v1/terminus", json={"name": "home", "version": "1.12"}, headers=theirs)
    assert (again.status_code, again.json()["version"]) == (200, "1.12")
    assert again.json()["terminus_id"] == home.json()["terminus_id"]


async def test_a_backup_that_names_no_terminus_is_of_the_only_one(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    before = (await register(catalog, headers, "before")).json()
    home = (await catalog.api.post("/api/v1/terminus", json={"name": "home"}, headers=headers)).json()["terminus_id"]
    one = (await register(catalog, headers, "one")).json()
    again = await register(catalog, headers, "one")
    await catalog.api.post("/api/v1/terminus", json={"name": "cabin"}, headers=headers)
    several = (await register(catalog, headers, "several")).json()
    assert [item["terminus_id"] for item in (before, one, several)] == [None, home, None]
    assert (again.status_code, again.json()["backup_id"]) == (409, one["backup_id"])
    others = issuer.headers(Owner())
    assert (await register(catalog, others)).json()["terminus_id"] is None, "another owner's is not theirs"


async def test_a_name_from_before_the_terminus_still_means_that_backup(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    before = (await register(catalog, headers)).json()
    await catalog.api.post("/api/v1/terminus", json={"name": "home"}, headers=headers)
    again = await register(catalog, headers)
    assert (again.status_code, again.json()["backup_id"]) == (409, before["backup_id"])


async def test_a_list_is_filtered(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    photos = (await register(catalog, headers, "photos")).json()["backup_id"]
    home = (await catalog.api.post("/api/v1/terminus", json={"name": "home"}, headers=headers)).json()["terminus_id"]
    body = {"name": "music", "terminus_id": home, "source": {"kind": "path", "path": "/m"}}
    await catalog.api.post("/api/v1/backups", json=body, headers=headers)
    await catalog.api.delete(f"/api/v1/backups/{photos}", headers=headers)
    async with catalog.runtime.database.transaction() as session:
        late = update(Backup).where(Backup.name == "music").values(overdue_at=datetime.now(UTC) - timedelta(hours=1))
        await session.execute(late)

    async def names(**params: str) -> list[str]:
        answer = await catalog.api.get("/api/v1/backups", headers=headers, params=params)
        return [item["name"] for item in answer.json()["items"]]

    assert await names() == ["music", "photos"]
    assert await names(name="photos") == ["photos"]
    assert await names(terminus_id=home) == ["music"]
    assert await names(state="deleting") == ["photos"]
    assert await names(overdue="true") == ["music"]
    assert await names(overdue="false") == ["photos"]
    wrong = await catalog.api.get("/api/v1/backups", headers=headers, params={"state": "lost"})
    assert wrong.status_code == 422


async def listed(catalog: Running, headers: dict[str, str], **params: str) -> list[str]:
    """The names of all pages, of two backups each."""
    names: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await catalog.api.get("/api/v1/backups", headers=headers, params={"limit": "2"} | params | cursor)
        assert answer.status_code == 200, answer.text
        names += [item["name"] for item in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            return names
        assert len(names) < 100, "the pages do not end"
        cursor = {"cursor": answer.json()["next_cursor"]}


async def test_a_list_comes_in_the_order_asked_for_page_after_page(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    longest = "\N{SLICE OF PIZZA}" * 255
    held = {"delta": (2, 300), "alpha": (None, 0), "charlie": (1, 300), "Bravo": (3, 2**40), longest: (None, 0)}
    now = datetime.now(UTC)
    for name, (days, size) in held.items():
        assert (await register(catalog, headers, name)).status_code == 201
        taken = None if days is None else now - timedelta(days=days)
        async with catalog.runtime.database.transaction() as session:
            values = {"latest_snapshot_at": taken, "storage_bytes": size}
            await session.execute(update(Backup).where(Backup.name == name).values(**values))
    oldest = list(held)
    assert await listed(catalog, headers) == oldest[::-1]
    assert await listed(catalog, headers, sort="created_at") == oldest
    assert await listed(catalog, headers, sort="name") == ["alpha", "Bravo", "charlie", "delta", longest]
    assert await listed(catalog, headers, sort="-name") == [longest, "delta", "charlie", "Bravo", "alpha"]
    latest = await listed(catalog, headers, sort="-latest_snapshot_at")
    assert (latest[:3], set(latest[3:])) == (["charlie", "delta", "Bravo"], {"alpha", longest})
    assert (await listed(catalog, headers, sort="latest_snapshot_at")) == latest[::-1]
    largest = await listed(catalog, headers, sort="-storage_bytes")
    assert (largest[0], set(largest[1:3]), set(largest[3:])) == ("Bravo", {"delta", "charlie"}, {"alpha", longest})
    assert (await listed(catalog, headers, sort="storage_bytes")) == largest[::-1]
    assert await listed(catalog, headers, sort="-name", search="R") == ["charlie", "Bravo"]


async def test_a_cursor_of_another_order_is_refused(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    for name in ("a", "b"):
        await register(catalog, headers, name)
    first = {"sort": "-created_at", "limit": "1"}
    cursor = (await catalog.api.get("/api/v1/backups", headers=headers, params=first)).json()["next_cursor"]
    for sort in ("created_at", "-latest_snapshot_at", "name"):
        params = {"sort": sort, "cursor": cursor}
        answer = await catalog.api.get("/api/v1/backups", headers=headers, params=params)
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


async def test_a_search_looks_at_the_name_what_is_backed_up_and_the_terminus(
    catalog: Running, issuer: TokenIssuer
) -> None:
    headers, theirs = issuer.headers(Owner()), issuer.headers(Owner())
    body = {"name": "alice@olares.com"}
    home = (await catalog.api.post("/api/v1/terminus", json=body, headers=headers)).json()["terminus_id"]
    for name, source, terminus_id in (
        ("50%_off", {"kind": "path", "path": "/srv/Belege"}, home),
        ("Fotos \N{LATIN CAPITAL LETTER U WITH DIAERESIS}bersee", {"kind": "path", "path": "/home/alice/photos"}, None),
        ("wise", {"kind": "app", "app": "wise-server"}, None),
    ):
        terminus = {} if terminus_id is None else {"terminus_id": terminus_id}
        await catalog.api.post("/api/v1/backups", json={"name": name, "source": source, **terminus}, headers=headers)
    await register(catalog, theirs, "50%_off")
    assert await listed(catalog, headers, search="%_") == ["50%_off"]
    assert await listed(catalog, headers, search="BELEGE") == ["50%_off"]
    assert await listed(catalog, headers, search="Photos") == ["Fotos \N{LATIN CAPITAL LETTER U WITH DIAERESIS}bersee"]
    assert await listed(catalog, headers, search="-server") == ["wise"]
    assert "50%_off" in await listed(catalog, headers, search="olares.com")
    assert await listed(catalog, headers, search="nothing") == []
    assert len(await listed(catalog, headers, search="")) == 3
    refused = await catalog.api.get("/api/v1/backups", headers=headers, params={"search": "\x00"})
    assert refused.status_code == 422


async def test_usage_is_thinned_for_a_chart_but_keeps_its_end(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    backup_id = (await register(catalog, headers)).json()["backup_id"]
    usage = f"/api/v1/backups/{backup_id}/usage"
    none = (await catalog.api.get(usage, headers=headers, params={"points": "4"})).json()
    assert none == {"items": [], "next_cursor": None}
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    async with catalog.runtime.database.transaction() as session:
        for day in range(12):
            at = begun + timedelta(days=day)
            session.add(
                StorageMeasurement(backup_id=UUID(backup_id), measured_at=at, storage_bytes=day * 10, objects=day)
            )
    thinned = (await catalog.api.get(usage, headers=headers, params={"points": "4"})).json()
    assert [item["storage_bytes"] for item in thinned["items"]] == [20, 50, 80, 110]
    assert thinned["next_cursor"] is None
    whole = (await catalog.api.get(usage, headers=headers, params={"points": "1000"})).json()
    assert whole == (await catalog.api.get(usage, headers=headers)).json()
    one = (await catalog.api.get(usage, headers=headers, params={"points": "1"})).json()
    assert one["items"] == whole["items"][-1:]


async def test_snapshots_of_several_statuses_are_one_list(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    path = f"/api/v1/backups/{(await register(catalog, headers)).json()['backup_id']}/snapshots"
    for digit, status in enumerate(("pending", "damaged", "missing", "successful")):
        report = {"restic_id": str(digit) * 64, "taken_at": datetime.now(UTC).isoformat()}
        assert (await catalog.api.post(path, json=report, headers=headers)).status_code == 202
        async with catalog.runtime.database.transaction() as session:
            row = update(Snapshot).where(Snapshot.restic_id == report["restic_id"]).values(status=status)
            await session.execute(row)

    async def statuses(*wanted: str) -> list[str]:
        answer = await catalog.api.get(path, headers=headers, params={"status": list(wanted)})
        return [item["status"] for item in answer.json()["items"]]

    assert await statuses() == ["successful"]
    assert await statuses("missing") == ["missing"]
    assert await statuses("pending", "damaged") == ["damaged", "pending"]


async def test_a_backup_says_whether_its_newest_snapshot_is_damaged(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    backup_id = (await register(catalog, headers)).json()["backup_id"]
    await register(catalog, headers, "another")
    now = datetime.now(UTC)

    async def says(damaged_at: datetime, latest_at: datetime | None) -> dict[str, bool]:
        report = {"restic_id": uuid4().hex * 2, "taken_at": damaged_at.isoformat()}
        await catalog.api.post(f"/api/v1/backups/{backup_id}/snapshots", json=report, headers=headers)
        async with catalog.runtime.database.transaction() as session:
            await session.execute(delete(Snapshot).where(Snapshot.restic_id != report["restic_id"]))
            await session.execute(update(Snapshot).values(status="damaged"))
            await session.execute(update(Backup).where(Backup.name == "photos").values(latest_snapshot_at=latest_at))
        items = (await catalog.api.get("/api/v1/backups", headers=headers)).json()["items"]
        return {item["name"]: item["newest_is_damaged"] for item in items}

    assert await says(now, None) == {"photos": True, "another": False}
    assert await says(now, now - timedelta(days=1)) == {"photos": True, "another": False}
    assert await says(now - timedelta(days=2), now - timedelta(days=1)) == {"photos": False, "another": False}


async def test_a_backup_says_how_often_it_is_usually_made(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    backup_id = (await register(catalog, headers)).json()["backup_id"]
    path = f"/api/v1/backups/{backup_id}"
    assert (await catalog.api.get(path, headers=headers)).json()["usual_interval_seconds"] is None
    taken = [datetime.now(UTC) - timedelta(hours=6 * number) for number in range(4)]
    async with catalog.runtime.database.transaction() as session:
        row = update(Backup).values(latest_snapshot_at=taken[0], overdue_at=overdue_at(taken))
        await session.execute(row.where(Backup.id == UUID(backup_id)))
    assert (await catalog.api.get(path, headers=headers)).json()["usual_interval_seconds"] == 6 * 3600


async def test_the_list_answers_what_its_document_says(catalog: Running, issuer: TokenIssuer) -> None:
    """The list is encoded without its model, so the model is held against it here."""
    headers = issuer.headers(Owner())
    await register(catalog, headers)
    for path, model in (("/api/v1/backups", BackupRead), ("/api/v1/terminus", TerminusRead)):
        page = (await catalog.api.get(path, headers=headers)).json()
        for item in page["items"]:
            assert set(item) == set(model.model_fields)
            model.model_validate(item)


async def test_reading_key_files_needs_its_own_scope(catalog: Running, issuer: TokenIssuer) -> None:
    owner = Owner()
    backup_id = (await register(catalog, issuer.headers(owner))).json()["backup_id"]
    without = issuer.headers(owner, Scope.BACKUPS_READ, Scope.BACKUPS_WRITE)
    answer = await catalog.api.get(f"/api/v1/backups/{backup_id}/key-files", headers=without)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_a_token_that_only_reads_gets_no_key_that_writes(catalog: Running, issuer: TokenIssuer) -> None:
    owner = Owner()
    backup_id = (await register(catalog, issuer.headers(owner))).json()["backup_id"]
    reading = issuer.headers(owner, Scope.BACKUPS_READ)
    body = {"backup_id": backup_id, "scope": "write"}
    answer = await catalog.api.post("/api/v1/storage-keys", json=body, headers=reading)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
