"""What ends a restore on an instance for good: said, kept and told until it is taken."""

import json
import resource
import shutil
from pathlib import Path

import pytest

from tests.agent.instance_restores import FILE_BYTES, RESTORED, World, none_of
from tests.agent.running_agents import living, until, wait_until


@pytest.fixture
def own_store(world: World, tmp_path: Path) -> Path:
    """The repository, to be damaged."""
    shutil.copytree(world.backed_up.store, tmp_path / "own store")
    world.store.folder = tmp_path / "own store"
    return tmp_path / "own store" / "repository"


def packs(repository: Path) -> list[Path]:
    """Those with content, the largest first."""
    return sorted(
        (file for file in (repository / "data").rglob("*") if file.is_file()), key=lambda f: -f.stat().st_size
    )


def test_a_damaged_pack_is_told_without_the_names_of_the_files_it_spoils(world: World, own_store: Path) -> None:
    pack = packs(own_store)[0]
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.seek(pack.stat().st_size // 2)
        file.write(b"damaged")
    world.agent.start()
    failure = world.fails()

    assert (failure["code"], failure["round"]) == ("snapshot_damaged", 1)
    assert "damaged" in failure["reason"]
    told = [failure["reason"], *world.double.lines()]
    assert [line for line in told if "/file " in line] == []
    assert world.double.states() == ["restoring", "failed"]
    assert none_of(world.folder)
    assert world.store.data_requests > 0


def test_a_pack_that_is_not_there_is_damage_too(world: World, own_store: Path) -> None:
    packs(own_store)[0].unlink()
    world.agent.start()

    assert world.fails()["code"] == "snapshot_damaged"


def test_a_snapshot_that_is_not_there_is_damage_too(world: World) -> None:
    world.double.restic_id = "ab" * 32
    world.agent.start()

    assert world.fails()["code"] == "snapshot_damaged"


def test_a_full_disk_is_told_at_once(world: World) -> None:
    """The limit of a file's size takes the place of the disk's end, which needs no mount."""
    world.double.typed = []
    world.agent.start()
    wait_until(lambda: world.double.round == 1)
    resource.prlimit(world.agent.pid, resource.RLIMIT_FSIZE, (FILE_BYTES // 2, FILE_BYTES // 2))
    world.double.type(b"correct horse")

    assert world.fails()["code"] == "disk_full"


@pytest.mark.parametrize("code", ["snapshot_not_restorable", "repository_missing"])
def test_what_the_service_has_nothing_to_restore_from_is_final(code: str, world: World) -> None:
    world.double.restore_refusals["keys"] = [world.double.problem(409, code)]
    world.agent.start()
    failure = world.fails()

    assert failure["code"] == "restore_failed"
    assert failure["reason"].startswith(f"{code}: ")


def test_a_target_that_is_a_file_is_told(world: World) -> None:
    world.home.write_text("not a folder")
    world.agent.start()

    assert world.fails()["code"] == "target_unusable"
    assert world.home.read_text() == "not a folder"


@pytest.mark.parametrize("what", ["home", "folder"])
def test_a_link_in_its_way_is_told_and_nothing_goes_where_it_leads(what: str, world: World, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    if what == "home":
        world.home.symlink_to(tmp_path / "elsewhere")
    else:
        # The agent has chosen it, and not made it yet.
        world.folder.mkdir(mode=0o700)
        kept = {"instance_id": world.double.instance_id, "target_name": RESTORED}
        (world.folder / "state.json").write_text(json.dumps(kept))
        world.home.mkdir()
        world.restored.symlink_to(tmp_path / "elsewhere")
    world.agent.start()

    assert world.fails()["code"] == "target_unusable"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_target_that_may_be_several_folders_is_told(world: World) -> None:
    for name in ("pvc-userspace-a", "pvc-userspace-b"):
        (world.home / name).mkdir(parents=True)
    world.told["restore_target"]["path"] = str(world.home / "pvc-userspace-*" / "Home")
    world.agent.start()

    assert world.fails()["code"] == "target_unusable"
    assert world.double.keys_given == 0


def test_a_target_that_is_not_there_yet_is_waited_for_before_a_password_is_asked_for(world: World) -> None:
    world.told["restore_target"]["path"] = str(world.home / "pvc-userspace-*" / "Home")
    world.agent.start()
    wait_until(lambda: any("Waiting for the folder" in line for line in world.double.lines()))
    assert world.double.round == 0
    (world.home / "pvc-userspace-x1y2").mkdir(parents=True)
    wait_until(lambda: world.double.states()[-1:] == ["usable"], 60)

    world.home = world.home / "pvc-userspace-x1y2" / "Home"
    assert world.is_whole()
    assert sum("Waiting for the folder" in line for line in world.double.lines()) == 1


def test_a_failure_is_told_until_it_is_taken_also_after_a_restart_and_then_no_more(
    world: World, own_store: Path
) -> None:
    packs(own_store)[0].unlink()
    world.kill_when(lambda request: request.body.get("state") == "failed")
    world.agent.start()
    world.agent.wait(60)
    failed = [report for report in world.double.reports if report["state"] == "failed"]
    world.double.restore_refusals["reports"] = [world.double.problem(503, "unavailable")]
    world.agent.start()
    wait_until(lambda: len([r for r in world.double.reports if r["state"] == "failed"]) == len(failed) + 1)
    assert world.double.reports[-1] == failed[-1]
    assert world.phases()[-1] == "restore_error"

    wait_until(world.knows_that_its_outcome_is_told)
    world.agent.kill()
    asked = world.double.count("reports") + world.double.count("rounds")
    world.agent.start()
    beats = len(world.double.heartbeats)
    wait_until(lambda: len(world.double.heartbeats) > beats + 5)
    assert world.double.count("reports") + world.double.count("rounds") == asked


async def test_what_nobody_can_explain_is_tried_again_and_then_told(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restic_path: str
) -> None:
    wrapper = tmp_path / "strange-restic"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *" restore "*) echo x >> {tmp_path}/tried; echo "Fatal: odd" >&2; exit 1 ;; esac\n'
        f'exec "{restic_path}" "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("RESTIC", str(wrapper))
    monkeypatch.setattr("agent.instance.restic_troubles.UNEXPLAINED_TRIES", 3)
    monkeypatch.setattr("agent.instance.patience.Patience._pause", lambda _: 0.05)
    async with living(world.told):
        await until(lambda: world.double.states()[-1:] == ["failed"], 60)

    assert world.double.reports[-1]["code"] == "restore_failed"
    assert (tmp_path / "tried").read_text() == "x\n" * 3
