"""The adapter against stores that fail: each answer is told apart, and none is waited for too long."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import (
    KeysExpired,
    StoreRefused,
    StoreUnreachable,
    UploadsStopped,
)
from agent.restic.repository import Keys, Repository
from tests.agent.stores import Full, Refusing


@pytest.fixture
def refusing() -> Iterator[Callable[[int, str, str], str]]:
    started: list[Refusing] = []

    def start(status: int, code: str, message: str) -> str:
        started.append(Refusing(status, code, message))
        return started[-1].url

    yield start
    for server in started:
        server.close()


@pytest.mark.parametrize(
    ("status", "code", "message", "error"),
    [
        (400, "ExpiredToken", "The provided token has expired.", KeysExpired),
        (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", KeysExpired),
        (403, "AccessDenied", "Due to your account is arrears, it is unavailable until you recharge.", StoreRefused),
        (500, "InternalError", "We encountered an internal error.", StoreUnreachable),
    ],
)
def test_what_the_store_answers_ends_the_run_soon_and_is_told_apart(
    repository: Repository,
    refusing: Callable[[int, str, str], str],
    status: int,
    code: str,
    message: str,
    error: type[Exception],
) -> None:
    keys = Keys("key", "secret", "token")
    remote = replace(repository, url=refusing(status, code, message), keys=keys, patience_seconds=3)
    began = time.monotonic()

    with pytest.raises(error) as failure:
        remote.exists()

    assert time.monotonic() - began < 15
    assert "secret" not in str(failure.value)


def test_a_store_that_is_down_is_given_up_after_our_patience_and_not_restics(repository: Repository) -> None:
    down = replace(repository, url="s3:http://127.0.0.1:9/bucket/x", keys=Keys("key", "secret"), patience_seconds=2)
    began = time.monotonic()

    with pytest.raises(StoreUnreachable):
        down.exists()

    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Your backup storage is full. Raise your limit or delete a backup, then try again.", "over_limit"),
        ("Due to your account is arrears, it is unavailable until you recharge.", "arrears"),
    ],
)
def test_uploads_that_the_store_stops_end_the_backup_at_once_and_it_goes_on_when_there_is_room(
    repository: Repository, tmp_path: Path, message: str, code: str
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    store = Full(tmp_path / "bucket", message)
    remote = replace(repository, url=store.url, keys=Keys("key", "secret"), patience_seconds=60)
    remote.init()
    (source / "first").write_bytes(os.urandom(1_000_000))
    before = remote.backup(source)
    for number in range(3):
        (source / str(number)).write_bytes(os.urandom(20_000_000))
    store.room_for = 30_000_000
    began = time.monotonic()

    with pytest.raises(UploadsStopped) as failure:
        remote.backup(source)

    assert failure.value.code == code
    assert message.split(",")[0] in failure.value.message
    assert time.monotonic() - began < 20
    assert store.refused
    store.settle()
    store.room_for = 2**62
    remote.repair_index()
    remote.restore(before.restic_id, tmp_path / "restored", subfolder=str(source))
    assert (tmp_path / "restored" / "first").read_bytes() == (source / "first").read_bytes()
    after = remote.backup(source).summary
    assert after.count("total_bytes_processed") == 61_000_000
    assert after.count("data_added_packed") < 50_000_000
    assert stored(tmp_path / "bucket") < 62_000_000
    store.close()


def stored(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
