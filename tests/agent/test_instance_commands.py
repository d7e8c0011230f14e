"""What an owner sees of offers and instances, and what asking something of an instance does."""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.shell import called, error_of, space
from tests.support.instances_double import InstancesDouble, problem
from tests.support.terminal import Terminal

ALICE, BOB = "aaaaaa11-0000-4000-8000-000000000001", "bbbbbb22-0000-4000-8000-000000000002"
OLD, OLDER = "cccccc33-0000-4000-8000-000000000003", "cccccc44-0000-4000-8000-000000000004"
NAME = "alice@olares.com"


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[InstancesDouble]:
    """An owner with one instance that runs."""
    double = InstancesDouble()
    double.add(ALICE, NAME)
    monkeypatch.setenv("SPACE_ORIGIN", double.origin)
    monkeypatch.setenv("SPACE_API_TOKEN", "t")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    for setting in ("instance_waiting.POLL", "following.FIRST_WAIT", "api.FIRST_WAIT"):
        monkeypatch.setattr(f"agent.{setting}_SECONDS", 0.01)
    yield double
    double.close()
    monkeypatch.undo()
    time.tzset()


def seen(*arguments: str) -> str:
    done = called(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def document(*arguments: str) -> Any:
    done = called(*arguments, "--json")
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


def failure(code: int, *arguments: str) -> dict[str, Any]:
    """The error, which a person reads in the same words."""
    done = called(*arguments, "--json")
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    return error_of(done)


def queries(double: InstancesDouble, path: str) -> list[dict[str, str]]:
    return [asked.query for asked in double.asked if asked.path == path]


def terminal(double: InstancesDouble, tmp_path: Path, *arguments: str) -> Terminal:
    return Terminal([sys.executable, "-m", "agent", *arguments], os.environ, tmp_path)


# Offers.


def test_offers_are_shown_place_by_place_to_everybody(double: InstancesDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_API_TOKEN")
    told = seen("offers")
    here, _, there = told.partition("Amazon Web Services, US East (N. Virginia) (--provider aws --region us-east-1)")

    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in here.splitlines()]
    lines = {row[0]: row for row in rows if row}
    assert lines["small"] == [
        "small", "2", "4.00 GB", "40.00 GB", "29.00 USD", "100.00 GB", "200.00 GB", "yes",
    ]  # fmt: skip
    assert here.startswith("This machine, Here (--provider local --region local)")
    assert lines["medium"][-1] == "sold out"
    assert lines["large"][4:] == ["-", "-", "-", "no price"]
    assert "yes, as of 2026-11-01 18:30" in there
    assert "not just now" in there
    assert document("offers") == double.offers


def test_offers_of_one_place_only(double: InstancesDouble) -> None:
    told = seen("offers", "--provider", "local", "--region", "local")

    assert "This machine" in told
    assert "Amazon" not in told
    assert queries(double, "/offers") == [{"provider": "local", "region": "local"}]


def test_a_place_that_does_not_exist_is_refused_with_where_to_look(double: InstancesDouble) -> None:
    error = failure(6, "offers", "--provider", "nowhere")

    assert (error["code"], error["hint"]) == ("offer_unknown", "`space offers` lists what there is.")


def test_where_nothing_is_sold_it_is_said(double: InstancesDouble) -> None:
    double.offers = {"providers": []}
    double.refusals["GET", "/offers"] = (200, double.offers)

    assert "No instances are sold here." in called("offers").stderr
    assert "`space offers` lists all" in called("offers", "--region", "local").stderr


# Lists.


def test_instances_are_listed_in_words(double: InstancesDouble) -> None:
    double.add(BOB, "bob@olares.com", "pending_activation", started_at=None, runtime_seconds=None, address=None)
    double.add(OLD, "old@olares.com", "destroyed")
    told = seen("instances")

    for words in (NAME, "Running", "This machine, Here", "small", "3 days 4 hours", "3.00 GB of 100.00 GB included"):
        assert words in told
    assert "Pending Activation" in told
    assert "old@olares.com" not in told
    assert [item["instance_id"] for item in document("instances")] == [BOB, ALICE]
    assert queries(double, "/instances")[0]["live"] == "true"


def test_all_instances_are_those_that_are_over_as_well(double: InstancesDouble) -> None:
    double.page_size = 1
    double.add(OLD, "old@olares.com", "canceled")

    assert "Canceled" in seen("instances", "--all")
    assert [item["instance_id"] for item in document("instances", "--all")] == [OLD, ALICE]


def test_an_instance_that_waits_for_an_operator_says_so(double: InstancesDouble) -> None:
    double.instances[0] |= {"needs_operator": True}

    assert "Running (needs an operator)" in seen("instances")
    assert "An operator has to look at it" in seen("instance", "show", NAME)


def test_an_empty_list_teaches(double: InstancesDouble) -> None:
    double.instances = []
    done = called("instances")

    assert (done.returncode, done.stdout) == (0, "")
    assert "`space offers`" in done.stderr
    assert "`space instances --all`" in done.stderr
    assert "--all" not in called("instances", "--all").stderr
    assert document("instances") == []


# One instance.


def test_an_instance_is_shown_with_everything_and_what_can_be_done(double: InstancesDouble) -> None:
    double.instances[0] |= {"restore_id": BOB}
    told = seen("instance", "show", NAME)
    fields = dict(line.split("  ", 1) for line in told.split("\n\n")[0].splitlines())

    assert {label: value.strip() for label, value in fields.items()} == {
        "Name": NAME,
        "Id": ALICE,
        "Status": "Running",
        "Place": "This machine, Here (local local)",
        "Plan": "small: 2 vCPU, 4.00 GB memory, 40.00 GB disk",
        "Address": "127.0.0.1:18123",
        "Restore": BOB,
        "Olares": "1.12.0",
        "Agent": "0.1.0",
        "Made": "2026-11-01 18:30",
        "Status since": "2026-11-01 18:40",
        "Started": "2026-11-01 18:31",
        "Runtime": "3 days 4 hours",
        "Last heard": "2026-11-04 22:35",
        "Traffic": "3.00 GB of 100.00 GB included",
        "Storage": "20.00 GB of 200.00 GB included",
        "Measured": "2026-11-04 22:30",
    }
    for action in ("restart", "stop", "return"):
        assert f"`space instance {action} {NAME}`" in told
    assert f"`space instance start {NAME}`" not in told
    assert document("instance", "show", NAME) == double.find(ALICE)


def test_an_instance_of_which_little_is_known_is_shown(double: InstancesDouble) -> None:
    usage = dict.fromkeys(["measured_at", "included_traffic_bytes", "included_storage_bytes"])
    nothing = ["vcpu", "memory_bytes", "plan_disk_bytes", "address", "started_at", "runtime_seconds", "heard_at"]
    double.add(
        BOB, "bob@olares.com", "unpaid",
        versions={"agent": None, "olares": None}, usage={"traffic_bytes": 0, "disk_bytes": 0} | usage,
        **dict.fromkeys(nothing),
    )  # fmt: skip
    told = seen("instance", "show", "bob@olares.com")

    assert "None" not in told
    assert "Plan          small\n" in told
    assert "Traffic       0 B\n" in told


def test_what_went_wrong_is_shown_with_its_reason(double: InstancesDouble) -> None:
    double.add(BOB, "bob@olares.com", "restore_error", code="disk_full", reason="The disk is full.")
    told = seen("instance", "show", "bob@olares.com")

    assert "Restore error" in told
    assert "The disk is full." in told
    assert "`space instance log bob@olares.com` shows what happened." in told


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("destroyed", f"What it wrote is kept: `space instance log {BOB}`"),
        ("destroying", "`space instance return bob@olares.com` waits until that is done"),
        ("stopped", "`space instance start bob@olares.com`"),
        ("fetching", "`space instance return bob@olares.com`: give it back"),
    ],
)
def test_what_can_be_done_next_depends_on_the_status(double: InstancesDouble, status: str, words: str) -> None:
    double.add(BOB, "bob@olares.com", status)

    assert words in seen("instance", "show", BOB)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"), (59, "less than a minute"), (60, "1 minute"), (3599, "59 minutes"),
        (3600, "1 hour"), (7320, "2 hours 2 minutes"), (86400, "1 day"), (86400 + 60, "1 day"),
        (2 * 86400 + 3600, "2 days 1 hour"), (400 * 86400, "400 days"),
    ],
)  # fmt: skip
def test_a_runtime_is_told_in_its_two_largest_units(double: InstancesDouble, seconds: int, words: str) -> None:
    double.instances[0] |= {"runtime_seconds": seconds}

    assert f"Runtime       {words}\n" in seen("instance", "show", NAME)


# Naming one.


@pytest.mark.parametrize("wanted", [NAME, NAME.upper(), ALICE, ALICE.upper(), "aaaaaa", "AAAAAA11-0000"])
def test_an_instance_is_named_by_its_name_its_id_or_the_beginning_of_its_id(
    double: InstancesDouble, wanted: str
) -> None:
    double.add(BOB, "bob@olares.com")

    assert document("instance", "show", wanted)["instance_id"] == ALICE


def test_a_name_is_the_live_instances(double: InstancesDouble) -> None:
    double.add(OLD, NAME, "destroyed")

    assert document("instance", "show", NAME)["instance_id"] == ALICE


def test_the_only_instance_that_had_a_name_is_still_found_by_it(double: InstancesDouble) -> None:
    double.add(OLD, "old@olares.com", "destroyed")

    assert document("instance", "show", "old@olares.com")["instance_id"] == OLD


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("cccccc", "2 ids begin with cccccc."),
        ("old@olares.com", "No live instance is called old@olares.com; 2 that are over were."),
    ],
)
def test_where_several_are_meant_they_are_listed(double: InstancesDouble, wanted: str, said: str) -> None:
    double.add(OLDER, "old@olares.com", "destroyed")
    double.add(OLD, "old@olares.com", "canceled")
    error = failure(1, "instance", "return", wanted, "--yes")

    assert (error["code"], error["detail"]) == ("instance_ambiguous", said)
    assert f"{OLD}  old@olares.com, Canceled, since 2026-11-01 18:40" in error["hint"]
    assert OLDER in error["hint"]
    assert all(asked.method == "GET" or asked.path == "/auth/exchange" for asked in double.asked)


@pytest.mark.parametrize("wanted", ["bob@olares.com", "dddddd", BOB, "..", "a", "é@olares.com"])
@pytest.mark.parametrize("command", ["show", "log", "restart", "stop", "start", "return"])
def test_a_name_that_is_not_known_is_said(double: InstancesDouble, command: str, wanted: str) -> None:
    options = ["--yes"] if command == "return" else []
    error = failure(8, "instance", command, wanted, *options)

    assert error["code"] == "instance_not_found"
    assert "`space instances --all`" in error["hint"]


# Its log.


def test_a_log_is_shown_with_when_and_from_whom_and_without_what_a_terminal_would_obey(double: InstancesDouble) -> None:
    double.write(ALICE, "The machine is made and starts.", "space")
    double.write(ALICE, "half\x1b[31m done\u2028next")
    told = seen("instance", "log", NAME)

    assert told.splitlines() == [
        "2026-11-01 18:30:01  space  The machine is made and starts.",
        "2026-11-01 18:30:02  agent  half\\x1b[31m done\\u2028next",
    ]
    assert document("instance", "log", NAME) == double.lines[ALICE]


def test_a_log_of_many_pages_is_whole_and_its_tail_is_the_last_lines(double: InstancesDouble) -> None:
    double.page_size = 3
    for number in range(1, 11):
        double.write(ALICE, f"line {number}")

    assert [item["number"] for item in document("instance", "log", NAME)] == list(range(1, 11))
    double.page_size = 1000
    assert [item["number"] for item in document("instance", "log", NAME, "--tail", "2")] == [9, 10]
    assert len(document("instance", "log", NAME, "--tail", "2000")) == 10
    assert document("instance", "log", NAME, "--tail", "0") == []


def test_a_log_with_nothing_in_it_says_so(double: InstancesDouble) -> None:
    done = called("instance", "log", NAME)

    assert (done.returncode, done.stdout) == (0, "")
    assert "Nothing is in its log yet" in done.stderr


def test_a_log_is_followed_over_breaks_each_line_once_until_the_instance_is_over(double: InstancesDouble) -> None:
    for number in range(1, 6):
        double.write(ALICE, f"line {number} \u2028 é")
    double.move(ALICE, "destroyed")
    double.breaks = deque([2, 0, 1])
    done = called("instance", "log", NAME, "--follow")

    assert done.returncode == 0
    assert [line.split()[4] for line in done.stdout.splitlines()] == ["1", "2", "3", "4", "5"]
    assert "The instance is over" in done.stderr
    assert done.stderr.count("Trying again") == 3
    asked = [asked.headers["last-event-id"] for asked in double.asked if asked.path.endswith("/log")]
    assert asked == ["0", "2", "2", "3"]


def test_following_begins_at_the_tail_and_prints_a_document_for_each_line(double: InstancesDouble) -> None:
    for number in range(1, 6):
        double.write(ALICE, f"line {number}")
    double.move(ALICE, "destroyed")
    double.breaks = deque([0])

    for tail, shown in (("2", [4, 5]), ("0", [])):
        done = called("instance", "log", NAME, "-f", "--tail", tail, "--json")
        assert done.returncode == 0
        assert [json.loads(line)["number"] for line in done.stdout.splitlines()] == shown


def test_following_waits_while_the_service_is_away_and_renews_its_token(double: InstancesDouble) -> None:
    double.write(ALICE, "one")
    double.move(ALICE, "destroyed")
    path = f"/instances/{ALICE}/log"
    answered = double.answer
    told: list[str] = []

    def stumble(asked: Any) -> tuple[int, dict[str, Any]]:
        if asked.path != path:
            return answered(asked)
        told.append(asked.headers["authorization"])
        match len(told):
            case 1:
                double.token = "u"
                return answered(asked)
            case 2:
                double.away = 2
                return problem(503, "service_unavailable", "Not just now.")
        return answered(asked)

    double.answer = stumble  # type: ignore[method-assign]
    done = called("instance", "log", NAME, "--follow")

    assert done.returncode == 0, done.stderr
    assert told == ["Bearer t", "Bearer u", "Bearer u"]
    assert done.stdout.endswith("agent  one\n")
    assert done.stderr.count("Trying again") == 1
    assert "Not just now. Trying again" in done.stderr


def test_following_ends_when_the_service_stays_away(double: InstancesDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.following.PATIENCE_SECONDS", 0.05)
    double.refusals["GET", f"/instances/{ALICE}/log"] = problem(503, "service_unavailable", "Not just now.")

    assert failure(7, "instance", "log", NAME, "--follow")["code"] == "service_unavailable"


def test_too_many_followers_are_told_at_once(double: InstancesDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.following.PATIENCE_SECONDS", 0.05)
    path = f"/instances/{ALICE}/log"
    double.refusals["GET", path] = problem(429, "too_many_streams", "Too many logs are being followed at once.")
    error = failure(6, "instance", "log", NAME, "--follow")

    assert (error["code"], double.count("GET", path)) == ("too_many_streams", 1)
    assert "leave out --follow" in error["hint"]


def test_what_is_no_stream_is_not_followed(double: InstancesDouble) -> None:
    double.refusals["GET", f"/instances/{ALICE}/log"] = (206, {"items": []})

    assert failure(1, "instance", "log", NAME, "--follow")["code"] == "answer_invalid"


def test_ctrl_c_ends_following_with_130(double: InstancesDouble, tmp_path: Path) -> None:
    double.write(ALICE, "first")
    with terminal(double, tmp_path, "instance", "log", NAME, "--follow") as shown:
        shown.expect("agent  first")
        double.write(ALICE, "second")
        shown.expect("agent  second")
        shown.interrupt()
        assert shown.finish() == 130
    assert "Not following any more; the instance goes on." in shown.shown
    assert "Traceback" not in shown.shown


# Asking something of it.


@pytest.mark.parametrize(
    ("command", "before", "path", "words"),
    [
        ("restart", "running", ["restarting", "running"], f"{NAME} was restarted: Running."),
        ("restart", "errored", ["restarting", "installing"], f"{NAME} was restarted: Installing."),
        ("restart", "restarting", ["restarting", "restore_error"], f"{NAME} was restarted: Restore error."),
        ("stop", "running", ["stopping", "stopping", "stopped"], f"{NAME} is stopped: Stopped."),
        ("start", "stopped", ["starting", "pending_activation"], f"{NAME} was started: Pending Activation."),
        ("return", "running", ["destroying", "destroyed"], f"{NAME} was returned: Destroyed."),
        ("return", "destroying", ["destroying", "destroyed"], f"{NAME} was returned: Destroyed."),
        ("return", "queuing", [], f"{NAME} was returned: Canceled."),
    ],
)
def test_what_is_asked_for_is_waited_for(
    double: InstancesDouble, command: str, before: str, path: list[str], words: str
) -> None:
    double.move(ALICE, before)
    double.coming[ALICE].extend(path)
    done = called("instance", command, NAME, *(["--yes"] if command == "return" else []))

    assert (done.returncode, done.stdout) == (0, words + "\n"), done.stderr
    assert double.count("POST", f"/instances/{ALICE}/{command}") == 1
    assert not double.coming[ALICE]
    for passed in path[:1]:
        assert done.stderr.count(f"{NAME}: {passed.capitalize()}\n") == 1


def test_programs_get_the_instance_as_it_is_in_the_end_and_progress_apart(double: InstancesDouble) -> None:
    double.coming[ALICE].extend(["destroying", "destroyed"])
    done = called("instance", "return", NAME, "--yes", "--json")

    assert json.loads(done.stdout) == double.find(ALICE)
    progress = [json.loads(line) for line in done.stderr.splitlines()]
    assert progress == [{"progress": NAME, "state": state} for state in ("Destroying", "Destroyed")]


@pytest.mark.parametrize(
    ("command", "status"), [("stop", "Stopping"), ("restart", "Restarting"), ("return", "Destroying")]
)
def test_nothing_is_waited_for_where_that_is_not_wanted(double: InstancesDouble, command: str, status: str) -> None:
    options = ["--yes"] if command == "return" else []

    assert seen("instance", command, NAME, "--no-wait", *options).startswith(f"{NAME}: {status}. `space instance show")
    assert double.count("GET", f"/instances/{ALICE}") == 0


def test_what_the_status_does_not_allow_is_refused(double: InstancesDouble) -> None:
    error = failure(6, "instance", "start", NAME)

    assert (error["code"], error["status"]) == ("instance_busy", 409)
    assert "`space instance show NAME`" in error["hint"]


@pytest.mark.parametrize("command", ["restart", "stop", "start", "return"])
def test_an_instance_that_is_over_is_left_in_peace(double: InstancesDouble, command: str) -> None:
    double.move(ALICE, "destroyed")
    error = failure(6, "instance", command, ALICE, *(["--yes"] if command == "return" else []))

    assert (error["code"], error["status"]) == ("instance_over", 410)
    assert "`space instances` lists those that live" in error["hint"]


def test_what_comes_to_another_end_is_said_with_its_reason(double: InstancesDouble) -> None:
    reason = "It did not come up again in time."
    double.instances[0] |= {"code": "agent_not_heard", "reason": reason}
    double.coming[ALICE].extend(["restarting", "errored"])
    error = failure(1, "instance", "restart", NAME)

    assert error["code"] == "agent_not_heard"
    assert error["detail"] == f"The restart of {NAME} did not go as asked: it is Errored now: {reason}"
    assert f"`space instance log {ALICE}`" in error["hint"]


def test_what_takes_too_long_is_said_with_where_to_look(
    double: InstancesDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.instance_waiting.LIMIT_SECONDS", 0.05)
    error = failure(1, "instance", "return", NAME, "--yes")

    assert error["code"] == "not_done_yet"
    assert error["detail"].startswith(f"{NAME} is still Destroying after")
    assert error["hint"] == f"The return of {NAME} goes on by itself; look with `space instance show {ALICE}`."


def test_a_service_that_is_away_for_a_while_is_waited_for(double: InstancesDouble) -> None:
    unavailable = problem(503, "service_unavailable", "Not just now.")
    too_often = problem(429, "rate_limited", "Slower.")
    double.coming[ALICE].extend(["stopping", unavailable, too_often, unavailable, "stopping", "stopped"])
    done = called("instance", "stop", NAME)

    assert (done.returncode, done.stdout) == (0, f"{NAME} is stopped: Stopped.\n")
    states = ["Stopping", "the service does not answer", "Stopping", "Stopped"]
    assert done.stderr.splitlines() == [f"{NAME}: {state}" for state in states]


def test_a_service_that_stays_away_ends_the_waiting_and_the_return_goes_on(
    double: InstancesDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.instance_waiting.PATIENCE_SECONDS", 0.05)
    answered = double.answer

    def leave_afterwards(asked: Any) -> tuple[int, dict[str, Any]]:
        if asked.path.endswith("/return"):
            double.away = 10_000
        return answered(asked)

    double.answer = leave_afterwards  # type: ignore[method-assign]
    error = failure(7, "instance", "return", NAME, "--yes")

    assert error["code"] == "service_unreachable"
    assert error["hint"] == f"The return of {NAME} goes on by itself; look with `space instance show {ALICE}`."


@pytest.mark.parametrize("is_lost", [True, False])
def test_where_it_is_not_known_whether_it_was_heard_it_is_said_so(double: InstancesDouble, is_lost: bool) -> None:
    path = f"/instances/{ALICE}/stop"
    if is_lost:
        double.lost.add(("POST", path))
    else:
        double.refusals["POST", path] = problem(502, "bad_gateway", "Nobody is there.")
    error = failure(7, "instance", "stop", NAME)

    assert "It is not known whether the service heard this" in error["hint"]
    assert f"`space instance show {NAME}`" in error["hint"]
    assert len({asked.headers["idempotency-key"] for asked in double.asked if asked.path == path}) == 1


# Returning it.


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_nothing_is_returned_unasked(double: InstancesDouble, options: list[str]) -> None:
    done = space("instance", "return", NAME, *options)

    assert done.returncode == 2
    assert "--yes" in done.stdout + done.stderr
    assert double.count("POST", f"/instances/{ALICE}/return") == 0


def test_returning_says_what_happens_and_takes_the_name_for_a_yes(double: InstancesDouble, tmp_path: Path) -> None:
    with terminal(double, tmp_path, "instance", "return", ALICE) as shown:
        told = shown.expect("Type its name to return it:")
        assert double.count("POST", f"/instances/{ALICE}/return") == 0
        shown.type(f" {NAME.upper()} ")
        shown.expect(f"{NAME}: Destroying")
        double.coming[ALICE].append("destroyed")
        assert shown.finish() == 0
    for words in (
        f"{NAME} (This machine, Here, small) will be returned:",
        "Everything on the instance is deleted for good. Your backups stay.",
        "What is paid ahead and not used is given back.",
        "The invoice for what was used follows",
    ):
        assert words in told
    assert f"{NAME} was returned: Destroyed." in shown.shown


@pytest.mark.parametrize("typed", ["yes", "bob@olares.com", "\x04"])
def test_anything_but_its_name_returns_nothing(double: InstancesDouble, tmp_path: Path, typed: str) -> None:
    with terminal(double, tmp_path, "instance", "return", NAME) as shown:
        shown.expect("Type its name to return it:")
        shown.type(typed)
        assert shown.finish() == 2
    assert "Nothing was returned" in shown.shown
    assert double.count("POST", f"/instances/{ALICE}/return") == 0


def test_what_is_being_returned_already_is_not_asked_about(double: InstancesDouble) -> None:
    double.move(ALICE, "destroying")
    double.coming[ALICE].append("destroyed")

    assert "was returned" in seen("instance", "return", NAME)


def test_ctrl_c_while_waiting_says_that_the_return_goes_on(double: InstancesDouble, tmp_path: Path) -> None:
    with terminal(double, tmp_path, "instance", "return", NAME, "--yes") as shown:
        shown.expect(f"{NAME}: Destroying")
        shown.interrupt()
        assert shown.finish() == 130
    assert f"The return of {NAME} goes on by itself; look with `space instance show {ALICE}`." in shown.shown
    assert "Run the same command again" not in shown.shown
    assert "Traceback" not in shown.shown


# All of them.


@pytest.mark.parametrize(
    "arguments",
    [
        ["instances"],
        *(["instance", command, NAME] for command in ("show", "log", "open", "restart", "stop", "start", "return")),
    ],
    ids=" ".join,
)
def test_without_a_session_every_command_says_so(arguments: list[str]) -> None:
    done = called(*arguments, "--json")

    assert (done.returncode, error_of(done)["code"]) == (5, "not_signed_in")


@pytest.mark.parametrize("status", ["hibernating", None, 7])
def test_a_status_that_is_not_known_is_shown_as_it_is_and_nonsense_is_refused(
    double: InstancesDouble, status: object
) -> None:
    double.instances[0] |= {"status": status}
    double.refusals["GET", f"/instances/{ALICE}"] = (200, double.instances[0])
    done = called("instance", "show", ALICE)

    assert done.returncode == (0 if isinstance(status, str) else 1)
    assert ("Hibernating" if isinstance(status, str) else "does not answer like Space") in done.stdout + done.stderr
