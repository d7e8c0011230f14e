"""Layout, life cycle, statuses and habits, without a server."""

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.habit import SLACK, overdue_at
from catalog.domain.layout import Folder, classify, display_name, owner_prefix, repository_name, url_path
from catalog.domain.lifecycle import TERMINAL, TRANSITIONS, IllegalTransition, State, Trigger, next_state
from catalog.domain.quota import in_words
from catalog.domain.snapshots import UPLOAD_TIME, SeenSnapshot, Status, added_bytes, status_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize(("state", "trigger"), list(product(State, Trigger)))
def test_a_pair_is_in_the_table_or_is_refused(state: State, trigger: Trigger) -> None:
    if (state, trigger) in TRANSITIONS:
        assert next_state(state, trigger) is TRANSITIONS[state, trigger]
    else:
        with pytest.raises(IllegalTransition):
            next_state(state, trigger)


def test_only_a_deleted_backup_is_at_its_end() -> None:
    assert {State.DELETED} == TERMINAL
    assert next_state(next_state(State.ACTIVE, Trigger.DELETE), Trigger.UNDELETE) is State.ACTIVE


def test_an_owner_has_one_prefix_for_ever() -> None:
    """The clients split it at its only dash, so a change here would lose every backup."""
    did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    assert owner_prefix(did) == f"{did}-8551f404ecfe"


@pytest.mark.parametrize("did", ["did:key:z6-Mk", "did:key:a/b", "key", ""])
def test_what_cannot_name_a_folder_is_refused(did: str) -> None:
    with pytest.raises(ValueError, match="DID"):
        owner_prefix(did)


@given(st.text(max_size=300), st.uuids())
def test_a_repository_name_is_safe_in_any_url_and_ends_with_its_id(name: str, backup_id: UUID) -> None:
    repository = repository_name(name, backup_id)
    assert repository == url_path(repository)
    assert repository.endswith(f"-{backup_id}")
    assert len(repository) <= 77
    assert display_name(repository) + f"-{backup_id}" == repository


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("demo", "demo"),
        (f"my photos-{UUID(int=5)}", "my photos"),
        (f"-{UUID(int=5)}", f"-{UUID(int=5)}"),
        (f"/restic/plan_{UUID(int=5)}", "plan"),
        ("/restic/docs", "docs"),
        ("/olares-backups-music", "music"),
        ("/olares-backups", "olares-backups"),
    ],
)
def test_a_found_repository_is_called_by_its_name(repository: str, name: str) -> None:
    assert display_name(repository) == name


@pytest.mark.parametrize(
    ("path", "folder", "name"),
    [
        ("config", Folder.CONFIG, ""),
        (f"keys/{HASH}", Folder.KEYS, HASH),
        (f"snapshots/{HASH}", Folder.SNAPSHOTS, HASH),
        (f"index/{HASH}", Folder.INDEX, HASH),
        (f"locks/{HASH}", Folder.LOCKS, HASH),
        (f"data/01/{HASH}", Folder.DATA, HASH),
    ],
)
def test_restic_objects_are_known_by_their_path(path: str, folder: Folder, name: str) -> None:
    found = classify(path)
    assert found is not None
    assert (found.folder, found.name) == (folder, name)


@pytest.mark.parametrize(
    "path", ["", "config/", "keys", f"data/{HASH}", f"data/02/{HASH}", f"keys/{HASH}\n", "keys/AB"]
)
def test_anything_else_is_not_restics(path: str) -> None:
    assert classify(path) is None


def seen(*, intact: bool) -> SeenSnapshot:
    return SeenSnapshot(HASH, 400, NOW, intact=intact)


@pytest.mark.parametrize("before", [None, *Status])
def test_an_intact_object_makes_a_snapshot_successful_and_another_makes_it_damaged(before: Status | None) -> None:
    assert status_of(seen(intact=True), before, NOW, NOW) is Status.SUCCESSFUL
    assert status_of(seen(intact=False), before, NOW, NOW) is Status.DAMAGED


def test_a_report_without_its_object_waits_and_then_is_missing() -> None:
    assert status_of(None, Status.PENDING, NOW - UPLOAD_TIME + timedelta(seconds=1), NOW) is Status.PENDING
    assert status_of(None, Status.PENDING, NOW - UPLOAD_TIME, NOW) is Status.MISSING


@pytest.mark.parametrize("before", [Status.SUCCESSFUL, Status.DAMAGED, Status.MISSING])
def test_an_object_that_is_gone_makes_its_snapshot_missing_at_once(before: Status) -> None:
    assert status_of(None, before, NOW, NOW) is Status.MISSING


def test_what_a_found_snapshot_added_is_said_only_when_it_can_be_told() -> None:
    assert added_bytes(150, 100, 1) == 50
    assert added_bytes(150, 100, 2) is None
    assert added_bytes(90, 100, 1) is None


def test_a_daily_backup_is_overdue_after_two_days() -> None:
    days = [NOW - timedelta(days=number) for number in range(6)]
    assert overdue_at(days) == NOW + timedelta(days=2) + SLACK


def test_two_snapshots_are_no_habit() -> None:
    assert overdue_at([NOW, NOW - timedelta(days=1)]) is None


def test_one_long_pause_does_not_change_a_habit() -> None:
    days = [NOW - timedelta(days=number) for number in range(6)]
    assert overdue_at([*days, NOW - timedelta(days=90)]) == NOW + timedelta(days=2) + SLACK


moments = st.integers(0, 10**10).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(st.lists(moments, min_size=3))
def test_nothing_is_overdue_before_its_latest_snapshot(taken: list[datetime]) -> None:
    due = overdue_at(taken)
    assert due is not None
    assert due > max(taken)


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 MB"),
        (2**20 - 1, "0 MB"),
        (2**30 // 10, "102 MB"),
        (2**30 // 10 + 1, "0.1 GB"),
        (2**30, "1.0 GB"),
        (10 * 2**30 - 1, "9.9 GB"),
        (10 * 2**30, "10.0 GB"),
        (2**62, "4294967296.0 GB"),
    ],
)
def test_a_size_is_said_in_whole_tenths_and_never_as_more_than_it_is(size_bytes: int, words: str) -> None:
    assert in_words(size_bytes) == words


def test_a_repository_id_is_not_taken_for_another() -> None:
    first, second = uuid4(), uuid4()
    assert repository_name("same", first) != repository_name("same", second)
