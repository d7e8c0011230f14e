"""Ordering a restore to the cloud: what is asked, what is refused, and when money comes into it."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.cloud_restores import ORDER, document, password_file, refused, services, terminal
from tests.agent.conftest import Sealed
from tests.agent.shell import called, error_of, space
from tests.support.cloud_restore_answers import CARD, FIRST, NAME, OTHER_CARD, SECOND, backup, quote
from tests.support.cloud_restore_double import CloudRestoreDouble
from tests.support.instances_double import GB, plan, problem

CREATE, CONFIRM = ("POST", "/restores"), ("POST", "/restores/{id}/confirm")
IN_USE = problem(409, "name_in_use", f"The name {NAME} is in use.")
IN_USE[1]["instance_id"] = "99999999-0000-4000-8000-000000000009"
TOO_SMALL = problem(409, "plan_too_small", "The snapshot does not fit on this plan's disk.")
TOO_SMALL[1].update(size_bytes=50 * GB, disk_bytes=40 * GB)


@pytest.fixture
def double(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudRestoreDouble]:
    with services(sealed, monkeypatch) as double:
        yield double


def test_a_guided_order_asks_for_everything_and_charges_nothing_before_the_yes(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    older = backup("11111111-0000-4000-8000-000000000002", "photos", latest_snapshot_at="2026-10-02T09:30:00Z")
    double.backups.insert(0, older)
    with terminal(tmp_path, "restore", "--to-cloud") as shown:
        told = shown.expect("Which backup? (1-2) [1]:")
        assert told.index("docs") < told.index("photos")
        shown.type("")
        shown.expect("Which snapshot of docs? (1-2) [1]:")
        shown.type("")
        shown.expect("Which provider? (1-2):")
        shown.type("one")
        shown.expect("Type a number from 1 to 2.")
        shown.type("1")
        told = shown.expect("Which plan? (1-3):")
        assert "29.00 USD" in told
        assert "sold out" in told
        shown.type("2")
        shown.expect("This plan is sold out. Choose another.")
        shown.type("1")
        shown.expect(f"Name of the instance [{NAME}]:")
        shown.type("")
        shown.expect("Backup password:")
        shown.type("wrong horse")
        shown.expect("This password is wrong.")
        assert double.count(*CREATE) == 0
        shown.expect("Backup password:")
        shown.type("correct horse")
        told = shown.expect("[y/N]:")
        assert double.count(*CONFIRM) == 0
        shown.type("y")
        assert shown.finish() == 0
    for words in (
        f"Instance {NAME} (local local, small), first month", "29.00 USD", "12.5 GB at 0.08", "30.00 USD",
        "from your promotional balance", "10.00 USD", "from your card", "19.00 USD", "Each later month",
        "about 12 minutes", "you pay only for its time", "with visa ending in 4242",
    ):  # fmt: skip
        assert words in told
    assert f"{NAME} is ready" in shown.shown
    assert "Address: 127.0.0.1:18123" in shown.shown
    assert f"`space instance open {NAME}`" in shown.shown
    assert "horse" not in shown.shown
    ordered = next(body for verb, path, body in double.bodies if (verb, path) == CREATE)
    assert ordered == {
        "snapshot_id": SECOND, "provider": "local", "region": "local", "plan": "small", "instance_name": NAME,
    }  # fmt: skip
    assert double.opened == [b"correct horse"]


def test_with_every_option_nothing_is_asked_and_one_document_comes_at_the_end(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    done = space(*ORDER, "--snapshot", FIRST, *password_file(tmp_path), "--json")

    assert done.returncode == 0, done.stderr
    found = double.only()
    assert document(done) == {
        "restore_id": found["restore_id"], "state": "completed", "code": None, "reason": None, "backup_name": "docs",
        "snapshot_id": FIRST, "instance_id": found["cloud"]["instance_id"], "instance_name": NAME,
        "address": "127.0.0.1:18123", "payment": "captured", "total": {"amount_minor": 3000, "currency": "USD"},
        "bytes_restored": 3 * GB, "files_restored": 7, "warnings": 0,
    }  # fmt: skip


@pytest.mark.parametrize("option", ["--backup", "--provider", "--region", "--plan", "--yes", "--password-file"])
def test_where_nobody_can_be_asked_what_is_missing_is_named_and_nothing_is_ordered(
    double: CloudRestoreDouble, tmp_path: Path, option: str
) -> None:
    given = [*ORDER, *password_file(tmp_path)]
    place = given.index(option)
    done = space(*given[:place], *given[place + (1 if option == "--yes" else 2) :], "--json")

    assert done.returncode == 2, done.stdout
    assert error_of(done)["code"] == "option_missing"
    assert option in error_of(done)["detail"]
    assert double.asked == []


def test_a_backup_without_a_terminus_needs_a_name(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.backups = [backup(terminus_name=None)]
    error = refused(2, *ORDER, *password_file(tmp_path))

    assert "--name" in error["detail"]
    assert called(*ORDER, *password_file(tmp_path), "--name", "bob@olares.com").returncode == 0
    assert double.only()["cloud"]["instance_name"] == "bob@olares.com"


def test_a_password_that_is_wrong_here_orders_nothing(double: CloudRestoreDouble, tmp_path: Path) -> None:
    error = refused(4, *ORDER, *password_file(tmp_path, "wrong horse"))

    assert (error["code"], error["hint"]) == ("wrong_password", "Nothing was ordered.")
    assert double.restores == {}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (IN_USE, ["`space instance return 99999999-0000-4000-8000-000000000009`", "--name"]),
        (TOO_SMALL, ["--plan wide", "60.00 GB disk"]),
        (problem(409, "offer_unavailable", "It is sold out."), ["`space offers`"]),
        (problem(422, "instance_name_invalid", "This is not an Olares name."), ["--name alice@olares.com"]),
    ],
    ids=["name_in_use", "plan_too_small", "offer_unavailable", "instance_name_invalid"],
)
def test_a_refused_order_says_what_to_do(
    double: CloudRestoreDouble, tmp_path: Path, answer: tuple[int, dict[str, object]], words: list[str]
) -> None:
    place = double.offers["providers"][0] | {
        "regions": [{"region": "local", "name": "Here", "plans": [plan("small"), plan("wide", disk_bytes=60 * GB)]}]
    }
    double.offers = {"providers": [place]}
    double.refusals[CREATE].append(answer)
    error = refused(6, *ORDER, *password_file(tmp_path))

    assert error["code"] == answer[1]["code"]
    assert all(each in error["hint"] for each in words), error["hint"]


def test_a_person_chooses_again_where_a_name_is_in_use_or_a_plan_too_small(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    plans = [plan("small"), plan("middle", disk_bytes=45 * GB), plan("wide", disk_bytes=60 * GB)]
    double.offers = {
        "providers": [{"provider": "local", "name": "X", "regions": [{"region": "local", "name": "Y", "plans": plans}]}]
    }
    double.refusals[CREATE] = deque([IN_USE, TOO_SMALL])
    with terminal(tmp_path, *ORDER[:-1], "--name", NAME, *password_file(tmp_path)) as shown:
        told = shown.expect("Another name for the instance:")
        assert "Return it first" in told
        shown.type("bob@olares.com")
        told = shown.expect("Which plan? (1-3):")
        assert told.count("too small") == 2
        shown.type("3")
        shown.expect("[y/N]:")
        shown.type("n")
        assert shown.finish() == 2
    assert double.only()["cloud"]["plan"] == "wide"
    assert double.only()["cloud"]["instance_name"] == "bob@olares.com"
    assert f"space restore --resume {double.only()['restore_id']}" in shown.shown.replace("\r\n", " ")
    assert double.count(*CONFIRM) == 0


def test_a_lost_answer_orders_once_also_by_the_next_command(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.lost = deque([CREATE] * 4)
    error = refused(7, *ORDER, *password_file(tmp_path))

    assert "It is not known whether the order arrived" in error["hint"]
    assert called(*ORDER, *password_file(tmp_path)).returncode == 0
    assert len(double.restores) == 1
    assert called(*ORDER, *password_file(tmp_path)).returncode == 0
    assert len(double.restores) == 2


def test_an_order_that_cannot_be_priced_says_why(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.holds.add("quoting")
    double.failures["quoting"] = ("place_unknown", "there are no prices")
    with terminal(tmp_path, *ORDER, *password_file(tmp_path)) as shown:
        shown.expect("charges are being worked out")
        double.let_go("quoting")
        assert shown.finish() == 1
    assert "The restore failed. There are no prices. Nothing was charged." in shown.shown


def test_without_a_card_the_order_stays_quoted_and_goes_on_when_there_is_one(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    methods, double.methods = double.methods, []
    error = refused(6, *ORDER, *password_file(tmp_path))

    assert error["code"] == "payment_method_needed"
    assert error["restore_id"] == double.only()["restore_id"]
    for words in (
        "`space payment-method add`",
        f"`space restore --resume {error['restore_id']}`",
        "nothing is charged",
    ):
        assert words in error["hint"]
    assert double.only()["state"] == "quoted"

    double.methods = methods
    done = called("restore", "--resume", error["restore_id"][:8], "--yes", *password_file(tmp_path), "--json")
    assert (done.returncode, document(done)["state"]) == (0, "completed")
    assert len(double.restores) == 1


def test_a_balance_that_is_enough_needs_no_card(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.methods, double.quote = [], lambda: quote(0)

    assert called(*ORDER, *password_file(tmp_path)).returncode == 0


def test_a_declined_card_is_told_with_its_reason_and_another_is_chosen(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    double.declines[CARD] = ("card_declined", "The card was declined by its bank.")
    with terminal(tmp_path, *ORDER, *password_file(tmp_path)) as shown:
        told = shown.expect("Pay with which card? (1-3):")
        shown.type("2")
        assert shown.finish() == 0
    assert "The card was declined by its bank. Nothing is charged." in told
    assert "visa ending in 4242, default" in told
    confirmed = [body["payment_method_id"] for verb, path, body in double.bodies if (verb, path) == CONFIRM]
    assert confirmed == [CARD, OTHER_CARD]


def test_a_script_whose_card_is_declined_may_come_back_with_another(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.declines[CARD] = ("card_declined", "The card was declined by its bank.")
    error = refused(6, *ORDER, *password_file(tmp_path))

    assert (error["code"], double.only()["state"]) == ("card_declined", "quoted")
    assert "declined by its bank" in error["detail"]
    assert "--payment-method ID" in error["hint"]
    again = ["restore", "--resume", error["restore_id"], "--yes", "--payment-method", OTHER_CARD]
    assert called(*again, *password_file(tmp_path)).returncode == 0


EXPIRED = problem(410, "quote_expired", "The quote has expired.")


def test_an_expired_offer_is_shown_anew_and_asked_about_again(double: CloudRestoreDouble, tmp_path: Path) -> None:
    double.refusals[CONFIRM].append(EXPIRED)
    with terminal(tmp_path, *ORDER[:-1], "--name", NAME, *password_file(tmp_path)) as shown:
        shown.expect("[y/N]:")
        shown.type("y")
        shown.expect("This offer has expired")
        told = shown.expect("[y/N]:")
        shown.type("y")
        assert shown.finish() == 0
    assert "Total" in told
    assert [each["state"] for each in double.restores.values()] == ["cancelled", "completed"]


def test_a_script_does_not_pay_another_price_than_the_one_it_said_yes_to(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    double.refusals[CONFIRM].append(EXPIRED)
    error = refused(6, *ORDER, *password_file(tmp_path))

    assert error["code"] == "quote_expired"
    assert "`space restore --to-cloud`" in error["hint"]
    assert len(double.restores) == 1


def test_not_waiting_ends_once_it_is_ordered_and_another_command_gives_the_password(
    double: CloudRestoreDouble, tmp_path: Path
) -> None:
    done = space(*ORDER, "--no-wait", "--json")
    assert done.returncode == 0, done.stdout
    double.wait_for("awaiting_password")
    assert double.opened == []

    restore_id = document(done)["restore_id"]
    assert called("restore", "--resume", restore_id, "--yes", *password_file(tmp_path)).returncode == 0
    assert double.opened == [b"correct horse"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--to-cloud", "--to", "x"],
        ["--to-cloud", "--ticket", "x"],
        ["--to-cloud", "--overwrite"],
        ["--resume", "abcdef", "--plan", "small"],
        ["--resume", "abcdef", "--to-cloud"],
        ["--backup", "docs", "--plan", "small"],
        ["--backup", "docs", "--yes"],
    ],
    ids=" ".join,
)
def test_options_that_would_do_nothing_are_refused(double: CloudRestoreDouble, arguments: list[str]) -> None:
    assert refused(2, "restore", *arguments)["code"] == "option_out_of_place"
