"""An instance restores with the real restic: the password that comes sealed, what is brought, what is told of it."""

import base64
import shutil
import time
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest

from tests.agent.conftest import PASSWORD, Sealed
from tests.agent.instance_restores import FILE_BYTES, FILES, RESTORED, World, none_of, restics_of, tree
from tests.agent.read_store import EXPIRED
from tests.agent.running_agents import living, until, wait_until
from tests.support.provisioning_double import Request


def test_with_the_right_password_everything_is_brought_and_told(world: World) -> None:
    world.told["activation"] = ["sh", "-c", f"test -e '{world.restored}/file 1' && sleep 0.5"]
    world.agent.start()
    world.restores()

    assert world.is_whole()
    assert world.double.states() == ["restoring", "validating", "usable"]
    assert world.phases() == ["installing", "restoring", "pending_activation", "running"]
    last = world.double.reports[-1]
    size_bytes = FILES * FILE_BYTES + len("content")
    assert last == {
        "round": 1,
        "state": "usable",
        "bytes_restored": size_bytes,
        "files_restored": FILES + 1,
        "total_bytes": size_bytes,
        "warnings": 0,
    }
    assert none_of(world.folder)


def test_what_was_fetched_is_among_the_traffic_and_told_while_it_goes_on(world: World) -> None:
    world.store.data_seconds = 0.4
    world.agent.start()
    world.restores()

    told = [beat["traffic_bytes"] for beat in world.double.heartbeats if beat["phase"] == "restoring"]
    assert any(FILE_BYTES < size < (FILES - 1) * FILE_BYTES for size in told)
    assert world.double.heartbeats[-1]["traffic_bytes"] > FILES * FILE_BYTES
    assert any(0 < report.get("bytes_restored", 0) < FILES * FILE_BYTES for report in world.double.reports)


def test_a_wrong_password_is_told_and_another_one_asked_for_with_another_key(world: World) -> None:
    world.double.typed = [b"wrong", b"", b"correct horse ", b"with\0zero", PASSWORD]
    world.agent.start()
    wait_until(lambda: world.double.states() == ["password_wrong"])
    assert world.phases() == ["installing"]
    world.restores()

    assert [report["round"] for report in world.double.reports if report["state"] == "password_wrong"] == [1, 2, 3, 4]
    assert len(set(world.double.public_keys)) == 5
    assert world.double.reports[-1]["round"] == 5
    assert world.is_whole()


def test_what_was_not_sealed_for_the_round_counts_as_wrong(world: World) -> None:
    world.double.typed = []
    world.agent.start()
    wait_until(lambda: world.double.round == 1)
    world.double.sealed[1] = base64.urlsafe_b64encode(b"x" * 71).rstrip(b"=").decode()
    wait_until(lambda: world.double.round == 2)
    world.double.type(PASSWORD)
    world.restores()

    assert world.double.reports[0] == {"round": 1, "state": "password_wrong"}


def test_a_round_that_is_over_is_followed_by_a_new_key(world: World) -> None:
    world.double.typed = []
    world.agent.start()
    wait_until(lambda: world.double.round == 1)
    # As when the service took the agent for silent.
    world.double.public_keys.append("of another agent")
    wait_until(lambda: world.double.round == 3)
    world.double.type(PASSWORD)
    world.restores()

    assert "password_wrong" not in world.double.states()


def test_where_no_key_file_is_usable_restic_checks_the_password(world: World) -> None:
    world.double.key_files = [("ab" * 32, b'{"kdf":"scrypt","N":1073741824,"r":8,"p":1}')]
    world.double.typed = [b"wrong", PASSWORD]
    world.agent.start()
    world.restores()

    assert world.double.states() == ["password_wrong", "restoring", "validating", "usable"]
    assert world.is_whole()


def test_a_key_of_another_repository_that_opens_with_the_password_is_passed_over(
    world: World, sealed: Sealed, tmp_path: Path
) -> None:
    shutil.copytree(world.backed_up.store, tmp_path / "with stray key")
    keys = tmp_path / "with stray key" / "repository" / "keys"
    for name, content in sealed.files:
        (keys / name).write_bytes(content)
    world.double.repository, world.store.folder = keys.parent, tmp_path / "with stray key"
    world.agent.start()
    world.restores()

    assert world.is_whole()


def test_what_is_in_the_home_already_is_left_alone_and_is_no_difference(world: World) -> None:
    (world.home / "Documents").mkdir(parents=True)
    # Of the same name as what is restored.
    (world.home / "file 1").write_text("there before")
    before = tree(world.home)
    world.agent.start()
    world.restores()

    assert world.is_whole()
    assert {path: what for path, what in tree(world.home).items() if not path.startswith(RESTORED)} == before
    assert world.double.reports[-1]["warnings"] == 0


def test_a_folder_of_the_same_name_that_is_not_of_this_restore_is_left_alone(world: World) -> None:
    world.restored.mkdir(parents=True)
    (world.restored / "file 1").write_text("of a restore before")
    world.agent.start()
    world.restores()

    assert tree(world.restored) == {"file 1": tree(world.restored)["file 1"]}
    assert (world.restored / "file 1").read_text() == "of a restore before"
    assert tree(world.home / f"{RESTORED} (2)") == tree(world.backed_up.source)
    assert world.double.reports[-1]["warnings"] == 0


def test_a_folder_that_holds_more_than_the_snapshot_is_a_warning_and_named_on_the_machine_only(world: World) -> None:
    world.store.data_seconds = 0.3
    world.agent.start()
    wait_until(world.is_in_the_middle)
    (world.restored / "stray").write_text("from elsewhere")
    world.restores()

    assert world.double.reports[-1]["warnings"] == 1
    assert "the folder has" in (world.folder / "warnings.txt").read_text()
    assert not any("the folder has" in line for line in world.double.lines())


# Keys, the store and the services


def test_keys_that_end_in_the_middle_are_replaced_and_it_goes_on(world: World) -> None:
    world.store.data_seconds = 0.3
    world.store.refuse = lambda key, path: EXPIRED if key == "KEY1" and world.store.data_requests >= 3 else None
    world.agent.start()
    world.restores()

    assert world.is_whole()
    assert world.store.keys_seen == {"KEY1", "KEY2"}
    assert world.seen("The store's keys have ended: it goes on with new ones.")
    assert world.double.round == 1


def test_keys_that_are_about_to_end_are_not_begun_with(world: World) -> None:
    world.double.keys_seconds = 30
    world.agent.start()
    world.restores()

    assert "KEY1" not in world.store.keys_seen
    assert world.is_whole()


def test_a_store_that_is_away_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_STORE_TIMEOUT", "2")
    world.store.data_seconds = 0.3
    world.agent.start()
    wait_until(world.is_in_the_middle)
    world.store.close()
    wait_until(lambda: world.seen("Reading the backup failed"), 30)
    beats = len(world.double.heartbeats)
    wait_until(lambda: len(world.double.heartbeats) > beats + 5)
    world.store.open()
    world.restores()

    assert world.seen("Reading the backup works again.")
    assert world.is_whole()
    assert world.double.round == 1


async def test_while_the_store_does_not_answer_reports_say_that_the_agent_lives(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.instance.restore_reports.LONGEST_SECONDS", 0.3)
    monkeypatch.setattr("agent.instance.restore_reports.LEAST_SECONDS", 0.1)
    world.store.close()
    async with living(world.told):
        await until(lambda: len(world.double.reports) >= 6)

    assert world.double.states() == ["restoring"]


async def test_progress_is_not_told_more_often_than_every_two_seconds(world: World) -> None:
    world.store.data_seconds = 1.2
    times: list[float] = []

    def note(request: Request) -> None:
        if request.body.get("state") == "restoring":
            times.append(time.monotonic())

    world.double.while_asked = note
    async with living(world.told):
        await until(lambda: world.double.states()[-1:] == ["usable"], 60)

    assert len(times) >= 3
    # restic tells it four times a second; how long a report is on its way differs from one to the next.
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1.0


async def test_a_restore_service_that_is_away_or_does_not_know_the_agent_yet_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.instance.patience.Patience._pause", lambda _: 0.1)
    problem = world.double.problem
    unknown = problem(401, "agent_unknown", server_time=world.double.now().isoformat())
    for what in ("rounds", "poll", "keys", "reports"):
        world.double.restore_refusals[what] = [unknown, problem(503, "unavailable"), problem(404, "restore_not_found")]
    async with living(world.told):
        await until(lambda: world.double.states()[-1:] == ["usable"], 60)

    assert not any(world.double.restore_refusals.values())
    assert world.is_whole()


async def test_a_restore_service_that_hangs_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.instance.server.DEADLINE_SECONDS", 1.0)
    hung: set[str] = set()

    def hang(request: Request) -> None:
        if request.what not in hung:
            hung.add(request.what)
            time.sleep(1.5)

    world.double.while_asked = hang
    async with living(world.told):
        await until(lambda: world.double.states()[-1:] == ["usable"], 60)

    assert hung == {"rounds", "poll", "keys", "reports"}
    assert world.is_whole()


# Its end


def test_a_restore_that_is_over_stops_at_once_and_heartbeats_go_on(world: World) -> None:
    world.store.data_seconds = 0.8
    world.agent.start()
    wait_until(lambda: world.is_in_the_middle() and restics_of(world.folder))
    world.double.restore_ended = True
    wait_until(lambda: world.seen("The restore is over: nothing more is brought here."))

    assert none_of(world.folder)
    assert not world.is_whole()
    assert not (world.folder / "cache").exists()
    asked, beats = world.double.count("reports"), len(world.double.heartbeats)
    wait_until(lambda: len(world.double.heartbeats) > beats + 10)
    assert world.double.count("reports") == asked
    assert world.phases() == ["installing", "restoring"]


def test_an_order_to_finish_ends_a_restore_at_once(world: World) -> None:
    world.store.data_seconds = 15.0
    world.agent.start()
    wait_until(lambda: world.store.data_requests and restics_of(world.folder))
    order_id = world.double.order("finish")

    # By itself it would take four times as long as one pack does.
    assert world.agent.wait(40) == 0
    assert world.double.done == [order_id]
    assert none_of(world.folder)
    assert "Traceback" not in world.agent.output


@pytest.mark.parametrize("what", ["rounds", "poll", "keys", "reports"])
def test_whatever_says_that_the_restore_is_over_is_believed(what: str, world: World) -> None:
    world.double.restore_refusals[what] = [world.double.problem(410, "restore_ended")]
    world.agent.start()
    wait_until(lambda: world.seen("The restore is over"))

    assert none_of(world.folder)
    assert "usable" not in world.double.states()


# What nobody may find


def test_neither_the_password_nor_the_stores_keys_are_anywhere_on_the_machine(world: World) -> None:
    world.store.data_seconds = 0.5
    world.double.typed = [b"a wrong horse battery", PASSWORD]
    found: list[str] = []

    def look(_: Request) -> None:
        secrets = [PASSWORD, b"wrong horse battery", *(secret.encode() for secret in world.double.secrets())]
        found.extend(world.holders(*secrets))

    world.double.before_answer = look
    world.agent.start()
    world.restores()
    commands = [path.read_bytes() for path in Path(f"/proc/{world.agent.pid}").glob("[ce][mn][dv]*")]
    look(world.double.requests[-1])

    assert world.double.secrets()
    assert found == []
    assert not any(PASSWORD in command for command in commands)
    assert not (world.folder / "cache").exists()


def test_what_restic_says_of_its_keys_is_not_told_in_the_log(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restic_path: str
) -> None:
    wrapper = tmp_path / "talking-restic"
    wrapper.write_text(
        '#!/bin/sh\ncase "$*" in *" snapshots "*) echo "Fatal: $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN" >&2; '
        f'exit 1 ;; esac\nexec "{restic_path}" "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("RESTIC", str(wrapper))
    world.agent.start()
    wait_until(lambda: any("may name files" in line for line in world.double.lines()))

    assert world.holders(*(secret.encode() for secret in world.double.secrets())) == []


def test_an_agent_told_no_target_says_that_it_cannot(world: World) -> None:
    world.told["restore_target"] = None
    world.agent.start()

    assert world.fails()["code"] == "target_unusable"


def test_the_agents_of_before_left_states_that_are_understood(world: World) -> None:
    world.folder.mkdir(mode=0o700)
    world.folder.joinpath("state.json").write_text(
        f'{{"instance_id": "{world.double.instance_id}", "enrolled": false, "heartbeat_seconds": 0.1, '
        '"phase": "installing", "finishing": null, "ended": null, "target_began_empty": true}'
    )
    world.agent.start()
    world.restores()

    assert world.is_whole()


def test_an_instance_without_restic_says_so_before_it_asks_for_a_password(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restic_path: str
) -> None:
    program = tmp_path / f"restic-{uuid4().hex}"
    monkeypatch.setenv("RESTIC", str(program))
    world.agent.start()
    wait_until(lambda: world.seen("was not found"))
    assert world.double.count("rounds") == 0
    program.symlink_to(restic_path)
    world.restores()

    assert world.is_whole()


@pytest.mark.parametrize(
    ("found", "says"),
    [("none", "was not found"), ("old", "is restic 0.16.4; 0.17 or newer is needed"), ("broken", "does not run")],
    ids=["none", "old", "broken"],
)
def test_an_instance_that_gets_no_restic_in_time_has_failed_for_good(
    found: str, says: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "restic"
    if found != "none":
        program.write_text("#!/bin/sh\n" + ("echo restic 0.16.4 of Ubuntu" if found == "old" else "exit 1") + "\n")
        program.chmod(0o755)
    monkeypatch.setenv("RESTIC", str(program))
    world.told["restic_seconds"] = 3
    world.agent.start()
    wait_until(lambda: world.seen(says))
    assert world.double.count("rounds") == 0
    failure = world.fails(20)

    assert (failure["code"], failure["round"]) == ("restore_failed", 1)
    assert failure["reason"].startswith("There is nothing to restore with on the instance: ")
    assert says in failure["reason"]
    assert world.double.keys_given == 0
    assert not world.home.exists()
