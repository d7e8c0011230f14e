"""An agent at work: heartbeats, phases, the clock and orders, over restarts, kills and outages."""

import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

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


def numbers(double: ProvisioningDouble) -> list[int]:
    return [beat["number"] for beat in double.heartbeats]


def phases(double: ProvisioningDouble) -> list[str]:
    """Each phase once, in the order they were told."""
    return list(dict.fromkeys(beat["phase"] for beat in double.heartbeats))


async def test_heartbeats_are_numbered_from_one_and_say_what_an_instance_is(
    double: ProvisioningDouble, tmp_path: Path
) -> None:
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: len(double.heartbeats) >= 4)

    assert numbers(double) == list(range(1, len(double.heartbeats) + 1))
    first = double.heartbeats[0]
    assert first["phase"] == "installing"
    assert first["agent_version"]
    assert first["olares_version"] is None
    assert abs(datetime.fromisoformat(first["sent_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert double.heartbeats[-1]["phase"] == "running"


async def test_the_server_says_how_often(double: ProvisioningDouble, tmp_path: Path) -> None:
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)
        began, before = time.monotonic(), len(double.heartbeats)
        await until(lambda: len(double.heartbeats) >= before + 10)

    assert time.monotonic() - began >= 0.8


def test_numbers_never_come_twice_however_often_the_agent_is_killed(
    double: ProvisioningDouble, agent: AgentProcess
) -> None:
    seen: list[int] = []

    def note(request: Request) -> None:
        if request.what == "heartbeats":
            seen.append(request.body["number"])
            if len(seen) % 4 == 0:
                os.kill(agent.pid, signal.SIGKILL)

    double.before_answer = note
    for _ in range(3):
        agent.start()
        agent.wait()

    assert len(seen) >= 12
    assert seen == sorted(set(seen))


def test_an_agent_killed_at_any_moment_goes_on(double: ProvisioningDouble, agent: AgentProcess) -> None:
    moments = random.Random(7)
    for _ in range(3):
        agent.start()
        time.sleep(moments.uniform(0.3, 1.2))
        agent.kill()
    agent.start()
    before = len(double.heartbeats)
    wait_until(lambda: len(double.heartbeats) > before + 2)

    assert numbers(double) == sorted(set(numbers(double)))
    assert double.heartbeats[-1]["phase"] == "running"
    assert len({request.body["public_key"] for request in double.requests if request.what == "enrolment"}) == 1


async def test_a_running_instance_says_so_at_once_after_a_restart(double: ProvisioningDouble, tmp_path: Path) -> None:
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: phases(double)[-1:] == ["running"])
    double.heartbeats.clear()
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)

    assert phases(double) == ["running"]
    assert numbers(double)[0] > 1


async def test_with_a_restore_an_instance_stays_installing_until_there_is_somewhere_to_restore_to(
    double: ProvisioningDouble, tmp_path: Path
) -> None:
    target = {"path": str(tmp_path / "pvc-*" / "Home"), "uid": 1000, "gid": 1000}
    told = settings(double, tmp_path / "folder", restore_id=str(uuid4()), restore_target=target, activation=["false"])

    async with living(told):
        await until(lambda: len(double.heartbeats) >= 5 and double.log)

    assert phases(double) == ["installing"]
    assert f"Waiting for the folder {tmp_path}/pvc-*/Home." in double.lines()


async def test_the_activation_step_is_run_again_until_it_ends_well(
    double: ProvisioningDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.instance.phases.FIRST_PAUSE_SECONDS", 0.3)
    script = f"echo trying; cd {tmp_path}; if test -e tried; then echo done >&2; else touch tried; exit 3; fi"

    async with living(settings(double, tmp_path / "folder", activation=["sh", "-c", script])):
        await until(lambda: phases(double)[-1:] == ["running"] and "Running." in double.lines())

    assert phases(double) == ["installing", "pending_activation", "running"]
    said = double.lines()
    assert said[said.index("Pending activation.") :] == [
        "Pending activation.",
        "trying",
        "The activation step failed with status 3.",
        "The activation step is run again in 0 seconds.",
        "trying",
        "done",
        "Running.",
    ]


async def test_an_activation_step_that_is_not_there_is_said(double: ProvisioningDouble, tmp_path: Path) -> None:
    async with living(settings(double, tmp_path / "folder", activation=["/no/such/command"])):
        await until(lambda: any("cannot be run" in line for line in double.lines()))

    assert phases(double)[-1] == "pending_activation"


def test_an_agent_killed_while_it_activates_activates_after_the_restart(
    double: ProvisioningDouble, agent: AgentProcess, tmp_path: Path
) -> None:
    agent.told["activation"] = ["sh", "-c", f"echo x >> {tmp_path}/runs; test -e {tmp_path}/go || sleep 60"]
    agent.start()
    wait_until(lambda: phases(double)[-1:] == ["pending_activation"] and (tmp_path / "runs").exists())
    agent.kill()
    (tmp_path / "go").touch()
    double.heartbeats.clear()
    agent.start()
    wait_until(lambda: phases(double)[-1:] == ["running"])

    assert "installing" not in phases(double)
    assert (tmp_path / "runs").read_text() == "x\nx\n"


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_off_by_an_hour_is_corrected(
    hours: int, double: ProvisioningDouble, tmp_path: Path
) -> None:
    """It goes wrong while the agent runs, and is wrong when it starts again."""
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)
        double.go_wrong(timedelta(hours=hours))
        before = len(double.heartbeats)
        await until(lambda: len(double.heartbeats) > before + 2)
    refused = [request for request in double.requests if request.status != 200]
    assert {request.status for request in refused} <= {401, 422}
    assert 1 <= len(refused) <= 2
    again = len(double.requests)
    async with living(settings(double, tmp_path / "folder")):
        before = len(double.heartbeats)
        await until(lambda: len(double.heartbeats) > before + 2)

    assert 1 <= sum(request.status == 401 for request in double.requests[again:]) <= 2
    assert double.lines().count("This machine's clock is wrong: the server's time is used.") in {1, 2}
    sent_at = datetime.fromisoformat(double.heartbeats[-1]["sent_at"])
    assert abs(sent_at - double.now()) < timedelta(seconds=30)


async def test_a_heartbeat_from_the_future_is_sent_again_with_the_servers_time(
    double: ProvisioningDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: any other failure would be waited out for a minute here."""
    monkeypatch.setattr("agent.instance.patience.Patience._pause", lambda _: 60.0)
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)
        # Otherwise the token would be refused for its time first.
        monkeypatch.setattr(double, "_is_signed", lambda _: True)
        double.go_wrong(timedelta(hours=-1))
        before = len(double.heartbeats)
        await until(lambda: len(double.heartbeats) > before)


@pytest.mark.parametrize("server_time", ["soon", None, 12])
async def test_a_refusal_that_names_no_time_is_waited_out(
    server_time: object, double: ProvisioningDouble, tmp_path: Path
) -> None:
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)
        double.refusals["heartbeats"] = [double.problem(401, "agent_unknown", server_time=server_time)]
        before = len(double.heartbeats)
        await until(lambda: len(double.heartbeats) > before)


async def test_an_outage_is_said_once_and_gone_through(double: ProvisioningDouble, tmp_path: Path) -> None:
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)
        double.close()
        await until(lambda: "cannot be reached" in (tmp_path / "folder" / "log.jsonl").read_text())
        double.open()
        await until(lambda: "The heartbeat works again." in double.lines())

    assert sum("cannot be reached" in line for line in double.lines()) == 1
    assert numbers(double) == sorted(set(numbers(double)))


async def test_a_server_that_asks_for_time_gets_it(double: ProvisioningDouble, tmp_path: Path) -> None:
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)
        double.retry_after = "2"
        double.refusals["heartbeats"] = [double.problem(429, "too_many_requests")]
        await until(lambda: not double.refusals["heartbeats"])
        asked, before = time.monotonic(), len(double.heartbeats)
        await until(lambda: len(double.heartbeats) > before)

    assert time.monotonic() - asked >= 1.5


def test_the_order_to_finish_is_the_last_thing_for_good(double: ProvisioningDouble, agent: AgentProcess) -> None:
    agent.start()
    wait_until(lambda: phases(double)[-1:] == ["running"])
    order_id = double.order("finish")

    assert agent.wait() == 0
    assert double.done == [order_id]
    last, before = double.heartbeats[-1], double.heartbeats[-2]
    assert last["done_orders"] == [order_id]
    assert last["traffic_bytes"] > before["traffic_bytes"]
    assert "Told to finish: the last figures are sent." in double.lines()
    asked = len(double.requests)
    agent.start()
    assert agent.wait() == 0
    assert len(double.requests) == asked


def test_an_order_to_finish_whose_report_is_lost_is_reported_again(
    double: ProvisioningDouble, agent: AgentProcess
) -> None:
    agent.start()
    wait_until(lambda: double.heartbeats)
    order_id = double.order("finish")
    reports: list[int] = []

    def lose(request: Request) -> None:
        if request.body.get("done_orders"):
            reports.append(request.body["number"])
            double.lost_answers = 1 if len(reports) == 1 else 0

    double.before_answer = lose

    assert agent.wait() == 0
    assert double.done == [order_id, order_id]


def test_an_agent_killed_while_it_finishes_finishes_after_the_restart(
    double: ProvisioningDouble, agent: AgentProcess
) -> None:
    agent.start()
    wait_until(lambda: double.heartbeats)
    order_id = double.order("finish")

    def kill(request: Request) -> None:
        if request.body.get("done_orders"):
            os.kill(agent.pid, signal.SIGKILL)

    double.before_answer = kill
    assert agent.wait() == -signal.SIGKILL
    double.before_answer = lambda request: None
    beats = len(double.heartbeats)
    agent.start()

    assert agent.wait() == 0
    assert double.done == [order_id, order_id]
    assert len(double.heartbeats) == beats + 1


async def test_an_order_that_is_not_known_is_said_once_and_left(double: ProvisioningDouble, tmp_path: Path) -> None:
    async with living(settings(double, tmp_path / "folder")):
        double.order("dance")
        await until(lambda: any("dance" in line for line in double.lines()))
        before = len(double.heartbeats)
        await until(lambda: len(double.heartbeats) > before + 3)

    assert double.done == []
    assert sum("dance" in line for line in double.lines()) == 1


def test_an_instance_that_is_over_ends_its_agent_for_good(double: ProvisioningDouble, agent: AgentProcess) -> None:
    agent.start()
    wait_until(lambda: double.heartbeats)
    double.over = True

    assert agent.wait() == 0
    assert "The instance is over" in agent.output
    asked = len(double.requests)
    agent.start()
    assert agent.wait() == 0
    assert len(double.requests) == asked


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)], ids=str
)
def test_a_signal_ends_the_agent_soon_and_it_goes_on_where_it_was(
    number: signal.Signals, code: int, double: ProvisioningDouble, agent: AgentProcess, tmp_path: Path
) -> None:
    agent.told["activation"] = ["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 60"]
    agent.start()
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
    began = time.monotonic()

    assert agent.end(number) == code
    assert time.monotonic() - began < 20
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert "Traceback" not in agent.output
    agent.told["activation"] = None
    double.heartbeats.clear()
    agent.start()
    wait_until(lambda: phases(double)[-1:] == ["running"])


def test_a_signal_is_heard_while_the_server_hangs(double: ProvisioningDouble, agent: AgentProcess) -> None:
    hangs: list[bool] = []

    def hang(_: Request) -> None:
        hangs.append(True)
        time.sleep(20)

    double.before_answer = hang
    agent.start()
    wait_until(lambda: hangs)
    began = time.monotonic()

    assert agent.end(signal.SIGTERM) == 143
    assert time.monotonic() - began < 12
