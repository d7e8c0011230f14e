"""Naming things by the beginning of their id."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from agent import lookup
from agent.api import Client
from agent.errors import NotFound, SpaceError, UsageError

FIRST = "aaaaaa11-0000-4000-8000-000000000001"
SECOND = "aaaaaa22-0000-4000-8000-000000000002"


class Token:
    def current(self) -> str:
        return "t"

    def renewed(self, refused: str) -> str:
        return refused


@pytest.fixture
def client(scripted: Any) -> Iterator[Client]:
    tasks = [
        {"backup_id": one, "name": name, "state": "active"} for one, name in ((FIRST, "docs"), (SECOND, "aaaaaa1"))
    ]
    snapshots = [
        {"snapshot_id": one, "backup_id": FIRST, "restic_id": restic_id, "status": "successful"}
        | {"taken_at": "2026-01-01T00:00:00Z"}
        for one, restic_id in ((FIRST, "bb" * 32), (SECOND, "cc" * 32))
    ]
    restores = [{"restore_id": one} for one in (FIRST, SECOND)]
    for path, items in (("/backups", tasks), ("/restores", restores), (f"/backups/{FIRST}/snapshots", snapshots)):
        scripted.answers["GET", path] = lambda _, items=items: (200, {"items": items, "next_cursor": None})
    with Client(scripted.origin, tokens=Token()) as client:
        yield client


@pytest.mark.parametrize(
    ("wanted", "backup_id"),
    [("docs", FIRST), ("aaaaaa11", FIRST), ("AAAAAA22-0000", SECOND), ("aaaaaa1", SECOND)],
)
def test_a_backup_is_named_by_its_name_or_the_beginning_of_its_id(client: Client, wanted: str, backup_id: str) -> None:
    assert lookup.backup(client, wanted)["backup_id"] == backup_id


def test_a_beginning_of_two_ids_or_of_none_is_said(client: Client) -> None:
    for find in (lookup.backup, lambda client, wanted: lookup.whole_id(client, "/restores", "restore_id", wanted)):
        with pytest.raises(SpaceError) as failure:
            find(client, "aaaaaa")
        assert failure.value.code == "id_ambiguous"
        for wanted in ("bbbbbb", "aaaaaa33"):
            with pytest.raises(NotFound):
                find(client, wanted)


def test_a_snapshot_is_named_by_the_beginning_of_either_id(client: Client) -> None:
    for wanted in (SECOND, "aaaaaa22", "cccccc"):
        assert str(lookup.snapshot(client, UUID(FIRST), wanted).snapshot_id) == SECOND
    with pytest.raises(NotFound):
        lookup.snapshot(client, UUID(FIRST), "ccccc")


def test_a_restore_is_named_by_the_beginning_of_its_id_and_nonsense_is_not_sent(client: Client, scripted: Any) -> None:
    assert lookup.whole_id(client, "/restores", "restore_id", "aaaaaa1") == FIRST
    asked = len(scripted.requests)

    for wanted in ("nope", "aaaaa", "../me"):
        with pytest.raises(UsageError):
            lookup.whole_id(client, "/restores", "restore_id", wanted)

    assert len(scripted.requests) == asked


HOME = "aaaaaaaa-0000-4000-8000-000000000001"
AWAY = "bbbbbbbb-0000-4000-8000-000000000002"


@pytest.mark.parametrize(
    ("tasks_under", "instances", "found_under"),
    [
        ([None], [], None),
        ([HOME], [HOME], HOME),
        ([None, HOME], [HOME], None),
        ([HOME], [HOME, AWAY], "nothing"),
        ([AWAY], [HOME], "nothing"),
        ([], [HOME], "nothing"),
    ],
)
def test_a_task_named_without_a_terminus_is_where_the_service_puts_it(
    client: Client, scripted: Any, tasks_under: list[str | None], instances: list[str], found_under: str | None
) -> None:
    tasks = [
        {"backup_id": FIRST, "name": "docs", "state": "active", "terminus_id": terminus_id}
        for terminus_id in tasks_under
    ]
    listed = [{"terminus_id": terminus_id, "name": "t"} for terminus_id in instances]
    for path, items in (("/backups", tasks), ("/terminus", listed)):
        scripted.answers["GET", path] = lambda _, items=items: (200, {"items": items, "next_cursor": None})

    task = lookup.backup_of(client, "docs", None)

    if found_under == "nothing":
        assert task is None
    else:
        assert task is not None
        assert (task.terminus_id and str(task.terminus_id)) == found_under


def test_a_devices_task_of_the_same_name_is_not_backed_up_into(client: Client, scripted: Any) -> None:
    task = {"backup_id": FIRST, "name": "docs", "state": "active", "terminus_id": None, "device_backup_id": HOME}
    scripted.answers["GET", "/backups"] = lambda _: (200, {"items": [task], "next_cursor": None})

    assert lookup.backup_of(client, "docs", None) is None
