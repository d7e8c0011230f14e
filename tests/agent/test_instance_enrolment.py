"""An agent's beginning: one key pair, enrolled once, whatever gets lost or killed on the way."""

import os
import signal
import ssl
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.errors import ExitCode
from agent.instance.enrolment import EnrolmentRefused
from tests.agent.running_agents import AgentProcess, living, settings, until, wait_until
from tests.agent.test_certificates import certificate as certificate
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


async def test_an_agent_enrols_and_its_heartbeats_are_signed_with_the_key_it_showed(
    double: ProvisioningDouble, tmp_path: Path
) -> None:
    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)

    assert [request.what for request in double.requests][:2] == ["enrolment", "heartbeats"]
    assert all(request.status == 200 for request in double.requests)
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "folder").iterdir()} == {0o600}


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(double: ProvisioningDouble, tmp_path: Path) -> None:
    double.lost_answers = 2

    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)

    keys = [request.body["public_key"] for request in double.requests if request.what == "enrolment"]
    assert len(keys) == 3
    assert len(set(keys)) == 1


async def test_a_restart_does_not_enrol_again(double: ProvisioningDouble, tmp_path: Path) -> None:
    for _ in range(3):
        double.heartbeats.clear()
        async with living(settings(double, tmp_path / "folder")):
            await until(lambda: double.heartbeats)

    assert double.count("enrolment") == 1


@pytest.mark.parametrize("done", [False, True], ids=["before it is asked", "before it is answered"])
def test_an_agent_killed_while_it_enrols_goes_on_with_the_same_key(
    done: bool, double: ProvisioningDouble, agent: AgentProcess
) -> None:
    keys = []

    def kill(request: Request) -> None:
        if request.what == "enrolment":
            keys.append(request.body["public_key"])
            if len(keys) == 1:
                os.kill(agent.pid, signal.SIGKILL)

    if not done:
        double.refusals["enrolment"] = [double.problem(503, "service_unavailable")]
    double.before_answer = kill
    agent.start()
    agent.wait()
    agent.start()
    wait_until(lambda: double.heartbeats)

    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "enrolment_refused"),
        (410, "enrolment_spent"),
        (410, "enrolment_expired"),
        (410, "instance_over"),
    ],
)
async def test_a_final_refusal_ends_the_agent(
    status: int, code: str, double: ProvisioningDouble, tmp_path: Path
) -> None:
    double.refusals["enrolment"] = [double.problem(status, code)]

    async with living(settings(double, tmp_path / "folder")) as task:
        with pytest.raises(EnrolmentRefused) as refused:
            await task

    assert refused.value.code == code
    assert refused.value.exit_code == ExitCode.REFUSED
    assert double.count("enrolment") == 1


def test_the_process_says_plainly_that_it_is_not_let_in(double: ProvisioningDouble, agent: AgentProcess) -> None:
    agent.told["enrolment_secret"] = planted = "another-instances-secret"

    agent.start()

    assert agent.wait() == 6
    assert "Error: This machine cannot enrol as instance" in agent.output
    assert "The enrolment secret is not this instance's." in agent.output
    assert "Return the instance" in agent.output
    assert "Traceback" not in agent.output
    assert planted not in agent.output


async def test_a_secret_that_another_key_has_used_lets_nobody_in(double: ProvisioningDouble, tmp_path: Path) -> None:
    async with living(settings(double, tmp_path / "first")):
        await until(lambda: double.heartbeats)

    async with living(settings(double, tmp_path / "second")) as task:
        with pytest.raises(EnrolmentRefused, match="used before"):
            await task


async def test_anything_else_is_tried_again_until_it_works(double: ProvisioningDouble, tmp_path: Path) -> None:
    double.refusals["enrolment"] = [
        double.problem(404, "instance_not_found"),
        double.problem(500, "enrolment_refused"),
        (200, {"nothing": "of use"}),
    ]

    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)

    assert double.count("enrolment") == 4
    said = (tmp_path / "folder" / "log.jsonl").read_text()
    assert "Provisioning says instance_not_found." in said
    assert "does not answer like Space" in said
    assert "The enrolment works again." in said


def test_a_server_that_is_away_is_waited_for(double: ProvisioningDouble, agent: AgentProcess) -> None:
    double.close()
    agent.start()
    wait_until(lambda: "cannot be reached" in agent.output)
    double.open()
    wait_until(lambda: double.heartbeats)

    assert agent.output.count("cannot be reached") == 1


async def test_a_clock_that_is_wrong_does_not_keep_an_agent_out(double: ProvisioningDouble, tmp_path: Path) -> None:
    double.clock_ahead = timedelta(hours=-1)

    async with living(settings(double, tmp_path / "folder")):
        await until(lambda: double.heartbeats)

    assert [request.status for request in double.requests][:2] == [200, 200]


@pytest.fixture
def authority(certificate: Path) -> str:
    return certificate.read_text()


async def test_the_installations_own_authority_is_trusted_where_it_is_named(
    double: ProvisioningDouble, certificate: Path, authority: str, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    double.secure(context)

    async with living(settings(double, tmp_path / "stranger")):
        await until(lambda: "certificate" in (tmp_path / "stranger" / "log.jsonl").read_text())
    assert double.requests == []
    async with living(settings(double, tmp_path / "folder", ca_certificate=authority)):
        await until(lambda: double.heartbeats)
