"""What people really back up, and what they get wrong."""

import os
import shutil
import stat
import time
from pathlib import Path

import pytest

from tests.support.devices import Device
from tests.support.folders import contents, fill
from tests.support.whole_system import WholeSystem
from tests.system.conftest import PASSWORD, Kept

TINY_FILES = 50_000
TINY_FILES_SECONDS = 120


def test_what_cannot_be_backed_up_is_said_before_anything_is_registered(alice: Device, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o000)
    for path in (tmp_path / "missing", pipe, loop, secret):
        refused = alice.without_privileges.back_up(path, "photos", PASSWORD, expect=2)
        assert refused["error"]["code"] == "path_unusable", path
        assert str(path) in refused["error"]["detail"]
    assert alice.space("backups", "--json").json == []


@pytest.mark.parametrize(
    ("content", "code"), [("", "password_empty"), ("\n", "password_empty"), (None, "password_file_unreadable")]
)
def test_an_empty_or_lost_password_is_refused_before_anything_is_registered(
    alice: Device, tmp_path: Path, content: str | None, code: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
    source = fill(tmp_path / "photos", files=1)
    done = alice.space("backup", source, "--name", "photos", "--password-file", file, "--json", expect=2)
    assert done.error["code"] == code
    unasked = alice.space("backup", source, "--name", "photos", "--json", expect=2)
    assert unasked.error["code"] == "password_needed"
    assert alice.space("backups", "--json").json == []


def test_a_restore_does_not_touch_a_folder_that_holds_something(kept: Kept, tmp_path: Path) -> None:
    target = tmp_path / "full"
    target.mkdir()
    (target / "mine").write_text("mine")
    refused = kept.device.restore("photos", target, PASSWORD, expect=2)
    assert refused["error"]["code"] == "target_not_empty"
    assert contents(target).keys() == {"mine"}
    missing = kept.device.restore("no such backup", tmp_path / "other", PASSWORD, expect=8)
    assert missing["error"]["code"] == "backup_not_found"
    unknown = kept.device.restore("photos", tmp_path / "other", PASSWORD, "--snapshot", "ffffffff", expect=8)
    assert unknown["error"]["code"] == "snapshot_not_found"
    assert not (tmp_path / "other").exists()


def test_names_that_only_a_file_system_can_love_come_back_as_they_were(
    whole: WholeSystem, alice: Device, tmp_path: Path
) -> None:
    source = tmp_path / "-- odd \n folder 🎉 [a-z]*"
    source.mkdir()
    names = [
        "with blanks ",
        " leading",
        "new\nline",
        "tab\tand\rreturn",
        "emoji 🙂 and ünï",
        "e\u0301 decomposed",
        "-rf",
        "--help",
        "*?[x]",
        "back\\slash",
        "quote'\"`$HOME`",
        "a" * 255,
        "é" * 127,
        os.fsdecode(b"not utf-8 \xff\xfe"),
        "..hidden",
        "%41%2f",
        ".space-restore.json.not",
    ]
    for number, name in enumerate(names):
        (source / name).write_text(f"content {number}")
    (source / "deep\nfolder 🎉").mkdir()
    (source / "deep\nfolder 🎉" / "empty file").touch()
    (source / "dangling").symlink_to("nowhere\n🙂")
    with (source / "sparse").open("wb") as sparse:
        sparse.truncate(64 * 2**20)
        sparse.seek(32 * 2**20)
        sparse.write(b"in the middle")
    for mode in (0o000, 0o400, 0o755, 0o4755):
        (source / f"mode {mode:o}").touch()
        (source / f"mode {mode:o}").chmod(mode)
    os.mkfifo(source / "pipe")
    before = contents_without(source, "pipe")

    assert alice.back_up(source, "odd \t name", PASSWORD, expect=6)["error"]["code"] == "request_invalid"
    made = alice.back_up(source, "odd 🎉 name", PASSWORD)

    assert made["skipped"] == []
    backup = alice.backup("odd 🎉 name")
    assert backup["path"] == str(source)
    assert backup["storage_bytes"] == whole.stored_bytes(backup["repository"]) < 10 * 2**20
    alice.restore("odd 🎉 name", tmp_path / "back", PASSWORD)
    assert contents_without(tmp_path / "back", "pipe") == before
    assert stat.S_ISFIFO((tmp_path / "back" / "pipe").lstat().st_mode)


def contents_without(folder: Path, pipe: str) -> dict[str, object]:
    """The folder's contents; a pipe would be read for ever, so it is looked at apart."""
    aside = folder.parent / f"aside {time.monotonic_ns()}"
    stamp = folder.stat()
    (folder / pipe).rename(aside)
    try:
        return {**contents(folder)}
    finally:
        aside.rename(folder / pipe)
        os.utime(folder, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def test_an_empty_folder_and_a_single_file_can_be_backed_up(alice: Device, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.txt").write_text("one")
    assert alice.back_up(tmp_path / "empty", "empty", PASSWORD)["files"] == 0
    alice.restore("empty", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == {}
    alice.back_up(tmp_path / "one.txt", "one", PASSWORD)
    alice.restore("one", tmp_path / "single", PASSWORD)
    assert contents(tmp_path / "single") == {"one.txt": contents(tmp_path)["one.txt"]}


def test_a_file_that_may_not_be_read_is_named_and_the_rest_is_kept(alice: Device, tmp_path: Path) -> None:
    source = fill(tmp_path / "photos", files=3)
    locked = source / "folder 1" / "file-1.bin"
    locked.chmod(0o000)
    readable = {name: entry for name, entry in contents(source).items() if name != "folder 1/file-1.bin"}

    made = alice.without_privileges.back_up(source, "photos", PASSWORD, expect=3)

    assert made["status"] == "successful"
    assert [item["path"] for item in made["skipped"]] == [str(locked)]
    assert made["skipped_count"] == 1
    alice.restore("photos", tmp_path / "back", PASSWORD)
    assert contents(tmp_path / "back") == readable


def test_files_that_change_and_vanish_while_they_are_read_do_not_spoil_the_others(
    whole: WholeSystem, alice: Device, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos", files=6)
    for number in range(40):
        (source / f"large-{number:02}").write_bytes(os.urandom(2**21))
    calm = {name: entry for name, entry in contents(source).items() if not name.startswith("large")}
    alice.back_up(fill(tmp_path / "first", files=1), "photos", PASSWORD)
    with whole.frozen("vault"):
        running = alice.begin(
            "backup", source, "--name", "photos", "--moved", "--password-file", alice.password_file(PASSWORD), "--json"
        )
        # restic has listed the folder and waits for the store; what it has not read yet goes or grows.
        time.sleep(4)
        for number in range(20, 40):
            (source / f"large-{number:02}").unlink()
        for number in range(10):
            with (source / f"large-{number:02}").open("ab") as file:
                file.write(b"grown" * 1000)
    done = alice.finish(running)

    assert done.exit_code in (0, 3), str(done)
    assert done.json["status"] == "successful"
    alice.restore("photos", tmp_path / "back", PASSWORD)
    back = contents(tmp_path / "back")
    assert calm.items() <= back.items()
    for number in range(10, 20):
        assert back[f"large-{number:02}"].size_bytes == 2**21
    again = alice.back_up(source, "photos", PASSWORD, "--moved")
    assert (again["skipped_count"], again["status"]) == (0, "successful")
    alice.restore("photos", tmp_path / "after", PASSWORD)
    assert contents(tmp_path / "after") == contents(source)


def test_fifty_thousand_tiny_files_come_back_in_bounded_time(alice: Device, tmp_path: Path) -> None:
    source = tmp_path / "tiny"
    for folder in range(100):
        (source / f"{folder:02}").mkdir(parents=True)
        for number in range(TINY_FILES // 100):
            (source / f"{folder:02}" / f"{number:03}").write_text(f"{folder} {number}")
    began = time.monotonic()

    made = alice.back_up(source, "tiny", PASSWORD)
    backed_up = time.monotonic()
    alice.restore("tiny", tmp_path / "back", PASSWORD)
    restored = time.monotonic()

    print(f"{TINY_FILES} files: backed up in {backed_up - began:.1f} s, restored in {restored - backed_up:.1f} s")
    assert made["files"] == TINY_FILES
    assert contents(tmp_path / "back") == contents(source)
    assert restored - began < TINY_FILES_SECONDS
    shutil.rmtree(source)
    shutil.rmtree(tmp_path / "back")
