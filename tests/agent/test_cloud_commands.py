"""Looking at restores, to the cloud and to machines of one's own, and calling them off."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import timeline_words
from restore.domain.axes import Compute, Payment
from restore.domain.passwords import Asked
from tests.agent.cloud_restores import ORDER, document, password_file, refused, services, terminal
from tests.agent.conftest import Sealed
from tests.agent.shell import called
from tests.support.cloud_restore_answers import FIRST, GIVE_UP_COSTS, NAME, detail
from tests.support.cloud_restore_double import CloudRestoreDouble

LOCAL = "0a0a0a0a-0000-4000-8000-000000000001"
CANCEL = ("POST", "/restores/{id}/cancel")


@pytest.fixture
def double(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudRestoreDouble]:
    """An owner with a restore to a machine of their own."""
    with services(sealed, monkeypatch) as double:
        body = dict.fromkeys(("provider", "region", "plan", "instance_name"), "x") | {"snapshot_id": FIRST}
        double.restores[LOCAL] = detail(LOCAL, body, {}) | {"target": "local", "cloud": None, "state": "completed"}
        yield double


@pytest.fixture
def waiting(double: CloudRestoreDouble) -> dict[str, Any]:
    """A restore whose instance waits for the password."""
    assert called(*ORDER, "--no-wait", "--password-command", "echo correct horse").returncode == 0
    double.wait_for("awaiting_password")
    return double.newest()


def test_restores_of_both_kinds_are_listed_and_chosen_from(double: CloudRestoreDouble, waiting: dict[str, Any]) -> None:
    told = called("restores").stdout

    assert NAME in told
    assert "a machine of yours" in told
    assert "awaiting_password" in told
    assert [each["restore_id"] for each in document(called("restores", "--state", "completed", "--json"))] == [LOCAL]
    called("restores", "--target", "cloud")
    assert double.asked[-1].query["target"] == "cloud"
    assert refused(2, "restores", "--target", "moon")["code"] == "usage"


def test_a_restore_to_the_cloud_is_shown_with_what_it_waits_for(waiting: dict[str, Any]) -> None:
    told = " ".join(called("restore", "show", waiting["restore_id"]).stdout.split())

    for words in (
        "The instance waits for the backup password", "docs, snapshot of", f"Instance {NAME}", "local local, small",
        f"`space restore --resume {waiting['restore_id']}`", f"`space restore cancel {waiting['restore_id']}`",
    ):  # fmt: skip
        assert words in told
    assert "None" not in told
    shown = document(called("restore", "show", waiting["restore_id"], "--json"))
    assert [entry["state"] for entry in shown["timeline"]][:2] == ["quoting", "quoted"]


def test_a_restore_to_a_machine_is_shown_as_before(double: CloudRestoreDouble) -> None:
    told = called("restore", "show", LOCAL[:8]).stdout

    assert "completed" in told
    assert "Nothing happened yet" in called("restore", "show", LOCAL).stderr
    error = refused(2, "restore", "--resume", LOCAL, "--yes", "--password-command", "echo x")
    assert error["code"] == "restore_is_local"


def test_a_log_tells_what_happened_and_is_followed_to_its_end(
    double: CloudRestoreDouble, waiting: dict[str, Any], tmp_path: Path
) -> None:
    restore_id = waiting["restore_id"]
    told = called("restore", "log", restore_id).stdout.splitlines()
    assert told[0].endswith("The charges are being worked out")
    assert called("restore", "--resume", restore_id, "--yes", *password_file(tmp_path)).returncode == 0

    done = called("restore", "log", restore_id, "--follow", "--json")
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert entries == double.timelines[restore_id]
    assert "2.00 GB of 3.00 GB" in called("restore", "log", restore_id).stdout


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (timeline_words.PAYMENT, {*map(str, Payment)} - {"none"}),
        (timeline_words.INSTANCE, {*map(str, Compute)} - {"none"}),
        (timeline_words.PASSWORD, {*map(str, Asked)}),
    ],
    ids=["payment", "instance", "password"],
)
def test_every_entry_that_the_service_writes_has_a_sentence_of_its_own(words: dict[str, str], codes: set[str]) -> None:
    assert set(words) == codes
    assert len(set(words.values())) == len(codes)


def test_a_log_has_a_plain_sentence_for_whatever_happened(double: CloudRestoreDouble, waiting: dict[str, Any]) -> None:
    restore_id = waiting["restore_id"]
    entries = double.timelines[restore_id]
    happened = [
        ("payment", "held", None), ("instance", "gone", "the machine is lost"), ("password", "wrong", None),
        ("keys_issued", None, None), ("payment", "of_a_later_service", None),
    ]  # fmt: skip
    for kind, code, reason in happened:
        entries.append(entries[-1] | {"number": 1000 + len(entries), "kind": kind, "code": code, "reason": reason})
    told = [line.split("  ", 1)[1] for line in called("restore", "log", restore_id).stdout.splitlines()]

    assert told[-5:] == [
        "The payment is held; nothing is taken yet",
        "The instance is gone: the machine is lost",
        "The backup password was wrong; the instance asks for it again",
        "The instance was given keys to read the backup",
        "Payment of a later service",
    ]
    double.timelines[LOCAL] = [entries[-2] | {"number": 1}]
    assert called("restore", "log", LOCAL).stdout.endswith("  The machine was given keys to read the backup\n")


def test_giving_up_says_what_it_costs_and_needs_a_yes(
    double: CloudRestoreDouble, waiting: dict[str, Any], tmp_path: Path
) -> None:
    restore_id = waiting["restore_id"]
    assert refused(2, "restore", "cancel", restore_id)["code"] == "confirmation_needed"
    with terminal(tmp_path, "restore", "cancel", restore_id) as shown:
        told = shown.expect("Give the restore up? [y/N]:")
        shown.type("n")
        assert shown.finish() == 2
    assert GIVE_UP_COSTS in told
    assert double.count(*CANCEL) == 0

    done = called("restore", "cancel", restore_id, "--yes")
    assert (done.returncode, "It is being called off" in done.stdout) == (0, True)
    double.wait_for("returned")


def test_an_order_that_costs_nothing_yet_is_dropped_unasked(double: CloudRestoreDouble) -> None:
    double.methods = []
    restore_id = refused(6, *ORDER, "--password-command", "echo correct horse")["restore_id"]

    assert called("restore", "cancel", restore_id).stdout == "Cancelled.\n"
    error = refused(1, "restore", "--resume", restore_id, "--yes", "--password-command", "echo correct horse")
    assert error["code"] == "cancelled"
    assert error["detail"] == "The restore was called off. Nothing was charged."


def test_what_is_copied_already_is_not_called_off(
    double: CloudRestoreDouble, waiting: dict[str, Any], tmp_path: Path
) -> None:
    double.holds.add("restoring")
    with terminal(tmp_path, "restore", "--resume", waiting["restore_id"], *password_file(tmp_path)) as shown:
        shown.expect("is being restored")
        assert refused(6, "restore", "cancel", waiting["restore_id"])["code"] == "restore_copying"
        double.let_go("restoring")
        assert shown.finish() == 0
