"""A confirmed restore to the cloud: what is shown, when the password is sent, and how one comes back to it."""

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.cloud_words import STATES
from tests.agent.cloud_restores import ORDER, document, password_file, refused, services, terminal
from tests.agent.conftest import Sealed
from tests.agent.shell import called, space
from tests.support.cloud_restore_answers import GIVE_UP_COSTS, NAME
from tests.support.cloud_restore_double import CloudRestoreDouble
from tests.support.instances_double import EVENT_STREAM, Answer, Asked, problem

PASSWORD = ("POST", "/restores/{id}/password")
LOOK = ("GET", "/restores/{id}")
AGAIN = "Press Enter to type it again, or type `give up`:"


@pytest.fixture
def double(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudRestoreDouble]:
    with services(sealed, monkeypatch) as double:
        yield double


def sent_rounds(double: CloudRestoreDouble) -> list[int]:
    return [body["round"] for verb, path, body in double.bodies if (verb, path) == PASSWORD]


def test_every_state_is_told_in_words(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.holds = {"provisioning", "installing", "awaiting_password", "verifying_password", "restoring", "capturing"}
    with terminal(tmp_path, *ORDER, *password_file(tmp_path)) as shown:
        for state, words in (
            ("provisioning", "The instance is being made."),
            ("installing", "The instance starts and is being installed."),
            ("awaiting_password", "The instance waits for the backup password."),
            ("verifying_password", "The instance checks the backup password."),
            ("restoring", "The password is right; the backup is being restored."),
            ("capturing", "The instance is ready; the payment is being taken."),
        ):
            shown.expect(words)
            double.let_go(state)
        assert shown.finish() == 0
    assert "Restoring" in shown.shown


def test_only_moves_are_told_of_what_the_timeline_has(double: CloudRestoreDouble, tmp_path: Path) -> None:
    done = space(*ORDER, *password_file(tmp_path))

    restore_id = double.only()["restore_id"]
    assert {entry["kind"] for entry in double.timelines[restore_id]} >= {"moved", "progress", "password"}
    told = [line.partition("  ")[2] for line in done.stderr.splitlines() if line[2:3] == ":"]
    assert told == [f"{STATES[state]}." for state in STATES if f"{STATES[state]}." in told]
    assert told
    assert len(told) == len(set(told))


def test_a_restore_that_makes_no_progress_is_told_once_for_each_time(
    double: CloudRestoreDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cloud_following.QUIET_SECONDS", 0.0)
    double.holds.add("restoring")

    def looked(times: int) -> None:
        wanted = double.count(*LOOK) + times
        while double.count(*LOOK) < wanted:
            time.sleep(0.01)

    def stall() -> None:
        while not double.restores:
            time.sleep(0.01)
        double.wait_for("restoring")
        for stalled in (True, False, True):
            double.only()["cloud"]["stalled"] = stalled
            looked(5)
        double.let_go("restoring")

    stalling = threading.Thread(target=stall, daemon=True)
    stalling.start()
    done = called(*ORDER, *password_file(tmp_path))
    stalling.join(10)

    assert done.returncode == 0
    assert done.stderr.count("No progress for two minutes; it goes on by itself.") == 2


@pytest.mark.parametrize("breaks", [[], [2]], ids=["at once", "after a break"])
def test_where_too_many_streams_are_open_it_goes_on_by_pages(
    double: CloudRestoreDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: list[int]
) -> None:
    double.breaks = deque(breaks)
    refuse_streams(double, monkeypatch, after=len(breaks))
    double.verdicts = deque(["silent"])
    done = called(*ORDER, *password_file(tmp_path))

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("The payment is being held.") <= 1
    assert len(streams(double)) == len(breaks) + 1
    assert double.opened == [b"correct horse"] * 2


def test_a_log_is_followed_by_pages_too_each_entry_once(
    double: CloudRestoreDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert called(*ORDER, "--no-wait", *password_file(tmp_path)).returncode == 0
    double.wait_for("awaiting_password")
    restore_id = double.only()["restore_id"]
    refuse_streams(double, monkeypatch)
    resume = ("restore", "--resume", restore_id, "--yes", *password_file(tmp_path))
    resuming = threading.Thread(target=space, args=resume)
    resuming.start()
    done = called("restore", "log", restore_id, "--follow", "--json")
    resuming.join(20)

    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert entries == double.timelines[restore_id]
    assert entries[-1]["state"] == "completed"
    assert len(streams(double)) == 2
    assert double.count("GET", "/restores/{id}/timeline") > 6


def streams(double: CloudRestoreDouble) -> list[Asked]:
    return [asked for asked in double.asked if asked.headers.get("accept") == EVENT_STREAM]


def refuse_streams(double: CloudRestoreDouble, monkeypatch: pytest.MonkeyPatch, after: int = 0) -> None:
    answer = double.answer

    def refusing(asked: Asked, body: dict[str, Any]) -> Answer:
        if asked.headers.get("accept") == EVENT_STREAM and len(streams(double)) > after:
            return problem(429, "too_many_streams", "Too many timelines are being followed at once.")
        return answer(asked, body)

    monkeypatch.setattr(double, "answer", refusing)


def test_an_agent_that_was_restarted_gets_the_password_again_without_a_question(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    double.restarts, double.verdicts = 1, deque(["silent"])
    with terminal(tmp_path, *ORDER) as shown:
        shown.expect("Backup password:")
        shown.type("correct horse")
        assert shown.finish() == 0
    assert shown.shown.count("Backup password:") == 1
    assert double.opened == [b"correct horse"] * 3
    assert sent_rounds(double) == [1, 2, 3]
    assert "The instance was restarted, so the password is sent to it again." in shown.shown


def test_a_password_that_is_wrong_on_the_instance_is_asked_for_again(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    double.verdicts, double.delay_seconds = deque(["wrong"]), 6.0
    with terminal(tmp_path, *ORDER) as shown:
        shown.expect("Backup password:")
        shown.type("correct horse")
        told = shown.expect(AGAIN)
        shown.type("")
        shown.expect("Backup password:")
        shown.type("wrong horse")
        shown.expect("This password is wrong.")
        shown.expect("Backup password:")
        shown.type("correct horse")
        shown.expect("The next attempt is possible in")
        assert shown.finish() == 0
    assert "The password was wrong on the instance. 9 attempts are left" in told
    assert sent_rounds(double)[:2] == [1, 2]
    assert double.opened == [b"correct horse"] * 2


def test_whoever_forgot_the_password_is_told_the_cost_and_gives_up(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.verdicts = deque(["wrong"])
    double.invoice = {"total": {"amount_minor": 12, "currency": "USD"}}
    with terminal(tmp_path, *ORDER) as shown:
        shown.expect("Backup password:")
        shown.type("correct horse")
        shown.expect(AGAIN)
        shown.type("give up")
        told = shown.expect("Give the restore up? [y/N]:")
        shown.type("n")
        shown.expect(AGAIN)
        assert double.count("POST", "/restores/{id}/cancel") == 0
        shown.type("give up")
        shown.expect("[y/N]:")
        shown.type("y")
        assert shown.finish() == 1
    assert GIVE_UP_COSTS in told
    assert double.only()["state"] == "returned"
    assert "The restore was given up and its instance returned." in shown.shown
    assert "Your backup is kept." in shown.shown


def test_a_files_password_that_is_wrong_on_the_instance_ends_the_command_and_not_the_restore(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    double.verdicts = deque(["wrong"])
    error = refused(4, *ORDER, *password_file(tmp_path))

    restore_id = double.only()["restore_id"]
    assert (error["code"], error["restore_id"]) == ("wrong_password", restore_id)
    assert f"`space restore --resume {restore_id}`" in error["hint"]
    assert f"`space restore cancel {restore_id}`" in error["hint"]
    assert double.only()["state"] == "awaiting_password"
    assert called("restore", "--resume", restore_id, "--yes", *password_file(tmp_path)).returncode == 0


TOO_SOON, OVER = problem(429, "too_soon", "Wait a moment."), problem(409, "round_over", "That round is over.")
NOT_READY, AWAY = problem(409, "agent_not_ready", "Not yet."), problem(503, "unavailable", "Not just now.")


@pytest.mark.parametrize(
    "answers", [[TOO_SOON], [OVER], [NOT_READY, NOT_READY], [AWAY]], ids=["429", "409", "two", "503"]
)
def test_a_password_that_is_not_taken_at_once_is_sent_again(
    double: CloudRestoreDouble, tmp_path: Path, answers: list[Any]
) -> None:
    double.refusals[PASSWORD].extend(answers)
    done = called(*ORDER, *password_file(tmp_path))

    assert done.returncode == 0, done.stderr
    assert len(sent_rounds(double)) == len(answers) + 1
    assert double.opened == [b"correct horse"]


def test_a_password_whose_answer_is_lost_is_not_sent_twice(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.lost.append(PASSWORD)
    double.holds.add("verifying_password")
    with terminal(tmp_path, *ORDER, *password_file(tmp_path)) as shown:
        shown.expect("The instance checks the backup password.")
        double.let_go("verifying_password")
        assert shown.finish() == 0
    assert sent_rounds(double) == [1]


def test_a_stream_that_breaks_off_is_taken_up_where_it_was(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.breaks = deque([0, 1, 0])
    double.holds = {"installing", "verifying_password"}
    with terminal(tmp_path, *ORDER, *password_file(tmp_path)) as shown:
        shown.expect("The instance starts and is being installed.")
        double.away = 2
        double.let_go("installing")
        shown.expect("The instance checks the backup password.")
        double.let_go("verifying_password")
        assert shown.finish() == 0
    numbers = [int(asked.headers["last-event-id"]) for asked in double.asked if "last-event-id" in asked.headers]
    assert numbers == sorted(numbers)
    assert len(numbers) >= 3
    assert shown.shown.count("The instance checks the backup password.") == 1
    assert "The restore goes on meanwhile" in " ".join(shown.shown.split())


@pytest.mark.parametrize(
    ("state", "shows", "words"),
    [
        ("quoted", "[y/N]:", "quoted, not confirmed; nothing is charged"),
        ("provisioning", "is being made", "will ask for the backup password"),
        ("restoring", "is being restored", "The restore goes on in the cloud by itself. Come back"),
    ],
)
def test_ctrl_c_says_what_goes_on_and_how_to_come_back(
    double: CloudRestoreDouble, tmp_path: Path, state: str, shows: str, words: str
) -> None:
    double.holds.add(state)
    options = ORDER[:-1] if state == "quoted" else ORDER
    with terminal(tmp_path, *options, "--name", NAME, *password_file(tmp_path)) as shown:
        shown.expect(shows)
        shown.interrupt()
        assert shown.finish() == 130
    restore_id = double.only()["restore_id"]
    told = " ".join(shown.shown.split())
    assert words in told
    assert f"`space restore --resume {restore_id}`" in told
    assert "Traceback" not in told
    assert "Aborted" not in told
    assert "Run the same command again" not in told

    double.let_go(state)
    done = called("restore", "--resume", restore_id, "--yes", *password_file(tmp_path), "--json")
    assert (done.returncode, document(done)["state"]) == (0, "completed")
    assert len(double.restores) == 1


def test_ctrl_c_before_the_order_says_that_nothing_was_ordered(double: CloudRestoreDouble, tmp_path: Path) -> None:
    with terminal(tmp_path, *ORDER) as shown:
        shown.expect("Backup password:")
        shown.interrupt()
        assert shown.finish() == 130
    assert "Nothing was ordered." in shown.shown
    assert double.restores == {}


def test_a_restore_that_is_over_is_told_again_without_a_password(double: CloudRestoreDouble, tmp_path: Path) -> None:
    assert called(*ORDER, *password_file(tmp_path)).returncode == 0
    done = called("restore", "--resume", double.only()["restore_id"], "--yes", *password_file(tmp_path))

    assert (done.returncode, f"{NAME} is ready" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("code", "hint"), [("disk_full", "larger disk"), ("snapshot_damaged", "another snapshot"), ("x", "Try again")]
)
def test_a_restore_that_fails_says_why_and_that_nothing_was_charged(
    double: CloudRestoreDouble, tmp_path: Path, code: str, hint: str
) -> None:
    double.failures["restoring"] = (code, "the disk is full")
    error = refused(1, *ORDER, *password_file(tmp_path))

    assert error["code"] == code
    assert error["detail"] == "The restore failed. The disk is full. Nothing was charged."
    assert hint in error["hint"].replace("Try another", "another")


def test_files_that_could_not_be_restored_are_a_warning(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.warnings = 2
    done = space(*ORDER, *password_file(tmp_path))

    assert done.returncode == 3
    assert "2 files could not be restored, or not entirely." in done.stderr
    assert "is ready" in done.stdout


def test_the_password_is_nowhere_but_in_the_commands_memory(
    seal: Callable[..., Sealed], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    password = b"tell-tale 7Qx9"
    with services(seal(password), monkeypatch) as double, terminal(tmp_path, *ORDER) as shown:
        double.holds.add("restoring")
        shown.expect("Backup password:")
        shown.type(password.decode())
        shown.expect("is being restored")
        places = [*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")]
        places += [path for path in tmp_path.rglob("*") if path.is_file()]
        seen = [str(path) for path in places if password in _content(path)]
        shown.interrupt()
        shown.finish()
        assert double.opened == [password]
    assert seen == []
    assert password.decode() not in shown.shown
    assert all(password.decode() not in f"{body}" for _, _, body in double.bodies)
    assert all(password.decode() not in f"{asked}" for asked in double.asked)
    assert os.environ["SPACE_CONFIG_DIR"].startswith(str(tmp_path))


def _content(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    return b""
