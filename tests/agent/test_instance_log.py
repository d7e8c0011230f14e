"""An agent's log: every line once and in order at the server, whatever is away, and never a secret in it."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.instance import journal as journals
from agent.instance.journal import Journal
from agent.instance.kept import Folder
from tests.agent.running_agents import AgentProcess, living, settings, until, wait_until
from tests.support.provisioning_double import ProvisioningDouble, Request


@pytest.fixture
def double() -> Iterator[ProvisioningDouble]:
    double = ProvisioningDouble()
    yield double
    double.close()


@pytest.fixture
def agent(double: ProvisioningDouble, tmp_path: Path) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path, settings(double, tmp_path / "folder"))
    yield agent
    agent.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "folder")
    yield folder
    folder.close()


def open_journal(folder: Folder) -> Journal:
    return Journal(folder, lambda: datetime.now(UTC))


def count_to(most: int) -> list[str]:
    return ["sh", "-c", f"i=0; while test $i -lt {most}; do echo line $i; i=$((i+1)); done"]


def counted(double: ProvisioningDouble) -> list[str]:
    return [line for line in double.lines() if line.startswith("line ")]


async def test_each_line_arrives_once_and_in_order(double: ProvisioningDouble, tmp_path: Path) -> None:
    async with living(settings(double, tmp_path / "folder", activation=count_to(1200))):
        await until(lambda: "Running." in double.lines())

    assert counted(double) == [f"line {number}" for number in range(1200)]
    assert sorted(double.log) == list(range(1, len(double.log) + 1))
    assert max(len(request.body["lines"]) for request in double.requests if request.what == "log") == 500


async def test_lines_wait_for_a_server_that_is_away(double: ProvisioningDouble, tmp_path: Path) -> None:
    script = f"echo line 0; until test -e {tmp_path}/go; do sleep 0.05; done; echo line 1"
    async with living(settings(double, tmp_path / "folder", activation=["sh", "-c", script])):
        await until(lambda: counted(double) == ["line 0"])
        double.close()
        (tmp_path / "go").touch()
        await until(lambda: "line 1" in (tmp_path / "folder" / "log.jsonl").read_text())
    async with living(settings(double, tmp_path / "folder")):
        double.open()
        await until(lambda: "line 1" in counted(double))

    assert counted(double) == ["line 0", "line 1"]


async def test_a_batch_whose_answer_is_lost_is_sent_again_and_kept_once(
    double: ProvisioningDouble, tmp_path: Path
) -> None:
    losses = iter([True, True, True])

    def lose(request: Request) -> None:
        if request.what == "log" and next(losses, False):
            double.lost_answers = 1

    double.before_answer = lose
    async with living(settings(double, tmp_path / "folder", activation=count_to(300))):
        await until(lambda: "Running." in double.lines())

    assert counted(double) == [f"line {number}" for number in range(300)]


def test_over_kills_and_outages_each_line_arrives_once(double: ProvisioningDouble, agent: AgentProcess) -> None:
    enough = random.Random(11)
    agent.told["activation"] = ["sh", "-c", "for i in $(seq 200); do echo said $i; sleep 0.005; done; sleep 60"]
    for start in range(4):
        if start % 2:
            double.close()
        agent.start()
        wanted = (agent.output.count("said") if start else 0) + enough.randint(20, 150)
        wait_until(lambda wanted=wanted: agent.output.count("said") >= wanted)  # type: ignore[misc]
        agent.kill()
        if start % 2:
            double.open()
    agent.told["activation"] = None
    agent.start()
    wait_until(lambda: "Running." in double.lines())

    assert sorted(double.log) == list(range(1, len(double.log) + 1))
    # Standard output is written first, so a kill may take at most the one line in between.
    written = [line.partition(" ")[2] for line in agent.output.splitlines()]
    arrived = double.lines()
    assert len([line for line in arrived if line.startswith("said ")]) > 50
    rest = iter(written)
    assert all(line in rest for line in arrived)
    assert len(written) - len(arrived) <= 4 + 1


@pytest.mark.parametrize("done", [False, True], ids=["before it is kept", "before it is answered"])
def test_an_agent_killed_while_it_delivers_delivers_after_the_restart(
    done: bool, double: ProvisioningDouble, agent: AgentProcess
) -> None:
    killed: list[bool] = []

    def kill(request: Request) -> None:
        if request.what == "log" and not killed:
            killed.append(True)
            if not done:
                double.log.clear()
            os.kill(agent.pid, signal.SIGKILL)

    double.before_answer = kill
    agent.start()
    agent.wait()
    agent.start()
    wait_until(lambda: len(double.log) >= 5 and len([line for line in double.lines() if "starts" in line]) == 2)

    assert sorted(double.log) == list(range(1, len(double.log) + 1))


async def test_a_server_that_says_it_has_nothing_is_not_asked_without_pause(
    double: ProvisioningDouble, tmp_path: Path
) -> None:
    double.keeps_log = False
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: len(double.heartbeats) >= 10)

    assert 1 <= double.count("log") <= 3


async def test_a_line_that_the_server_does_not_take_holds_up_no_other(
    double: ProvisioningDouble, tmp_path: Path
) -> None:
    double.refused_lines = {"line 7", "line 31"}

    async with living(settings(double, tmp_path / "folder", activation=count_to(64))):
        await until(lambda: "Running." in double.lines())

    assert counted(double) == [f"line {number}" for number in range(64) if number not in {7, 31}]


async def test_what_a_command_writes_is_made_readable_and_cut_into_lines(
    double: ProvisioningDouble, tmp_path: Path
) -> None:
    script = r"printf '\033[31mred\000\377\n\n  \n'; head -c 9000 /dev/zero | tr '\0' x; printf '\nunfinished'"
    async with living(settings(double, tmp_path / "folder", activation=["sh", "-c", script])):
        await until(lambda: "Running." in double.lines())

    said = double.lines()[double.lines().index("Pending activation.") + 1 : -1]
    assert said[0] == r"\x1b[31mred\x00\xff"
    assert "".join(said[1:-1]) == "x" * 9000
    assert said[-1] == "unfinished"


async def test_a_step_that_leaves_something_in_the_background_is_done_all_the_same(
    double: ProvisioningDouble, tmp_path: Path
) -> None:
    async with living(settings(double, tmp_path / "folder", activation=["sh", "-c", "sleep 20 & echo ready"])):
        began = time.monotonic()
        await until(lambda: "Running." in double.lines())

    assert time.monotonic() - began < 15
    assert "ready" in double.lines()


def test_no_secret_is_ever_written(double: ProvisioningDouble, agent: AgentProcess, tmp_path: Path) -> None:
    """The activation step prints all that there is to see; the server sends back what it was sent."""
    agent.told["activation"] = ["sh", "-c", f"cat {tmp_path}/agent.json {tmp_path}/folder/key.json; env"]
    echoed: list[str] = []

    def echo(request: Request) -> None:
        if request.token is not None and not echoed:
            echoed.append(request.token)
            detail = f"{request.token} is no token, nor is {double.secret}"
            double.refusals["heartbeats"] = [(400, {"code": "bad", "detail": detail})] * 2

    double.before_answer = echo
    agent.start()
    wait_until(lambda: "Running." in double.lines() and "is no token" in agent.output)
    agent.end(signal.SIGTERM)

    private = json.loads((tmp_path / "folder" / "key.json").read_text())["d"]
    seen = agent.output + "".join(double.lines()) + (tmp_path / "folder" / "log.jsonl").read_text()
    tokens = {request.token for request in double.requests if request.token}
    assert "[hidden] is no token, nor is [hidden]" in seen
    for secret in (double.secret, private, *tokens):
        assert secret not in seen
    others = [file for file in (tmp_path / "folder").iterdir() if file.name != "key.json"]
    assert double.secret.encode() not in b"".join(file.read_bytes() for file in others)


async def test_the_oldest_lines_are_given_up_with_a_line_that_says_how_many(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "MOST_LINES", 100)
    journal = open_journal(folder)
    for number in range(1, 251):
        journal.say(f"line {number}")
    journal.close()
    again = open_journal(folder)

    lines = await again.batch()

    assert len(lines) <= 100
    first = lines[0].number
    assert lines[0].wire()["line"] == f"Here {first} lines of the log are missing: they could not be sent in time."
    assert [line.line for line in lines[1:]] == [f"line {number}" for number in range(first + 1, 251)]
    assert [line.number for line in lines[1:]] == list(range(first + 1, 251))
    again.close()


async def test_lines_given_up_are_counted_anew_when_some_had_arrived(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "MOST_LINES", 100)
    journal = open_journal(folder)
    for number in range(1, 102):
        journal.say(f"line {number}")
    journal.acknowledge(5)

    lines = await journal.batch()

    assert lines[0].number == 10
    assert str(lines[0].wire()["line"]).startswith("Here 6 lines")
    journal.close()


async def test_few_large_lines_are_bounded_too(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "MOST_CHARACTERS", 50_000)
    journal = open_journal(folder)
    for _ in range(40):
        journal.say("ß" * 4000)

    assert len(journal.waiting) <= 13
    assert (folder.path / "log.jsonl").stat().st_size < 1_000_000
    assert len(await journal.batch()) > 1
    journal.close()


async def test_a_batch_is_not_larger_than_a_request_may_be(folder: Folder) -> None:
    journal = open_journal(folder)
    for _ in range(300):
        journal.say("語" * 4000)

    lines = await journal.batch()

    assert 1 < len(lines) < 300
    assert len(json.dumps([line.wire() for line in lines], ensure_ascii=False).encode()) < 600_000
    journal.close()


async def test_the_file_does_not_grow_with_what_was_delivered(folder: Folder) -> None:
    journal = open_journal(folder)
    for number in range(1, 3001):
        journal.say(f"line {number}")
        if number % 50 == 0:
            journal.acknowledge(number + 1)

    assert (folder.path / "log.jsonl").stat().st_size < 100_000
    journal.close()
    again = open_journal(folder)
    again.say("next")
    assert [line.number for line in await again.batch()] == [3001]
    again.close()


async def test_a_line_that_was_cut_off_spoils_no_other(folder: Folder) -> None:
    journal = open_journal(folder)
    journal.say("first")
    journal.close()
    with (folder.path / "log.jsonl").open("ab") as file:
        file.write(b'\n{"number": 2, "logged_at": "2026')
    again = open_journal(folder)
    again.say("second")
    again.close()
    last = open_journal(folder)

    assert [line.line for line in await last.batch()] == ["first", "second"]
    last.close()


async def test_a_log_that_was_lost_goes_on_after_what_the_server_has(folder: Folder) -> None:
    journal = open_journal(folder)
    journal.say("said again as number 1")
    journal.acknowledge(41)
    journal.say("new")

    assert [line.number for line in await journal.batch()] == [41]
    journal.close()


async def test_a_full_disk_costs_no_line_that_can_be_sent(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = open_journal(folder)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("agent.instance.log_file.os.write", full)
        journal.say("first")
        journal.say("second")
        assert [line.line for line in await journal.batch()] == ["first", "second"]
    journal.close()
