"""What the services are told, where it matters how Space was started."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from provisioning.adapters import local_processes
from space_local import members

FIND = "from agent.restic import binary; print(binary.find().path)"


def found_by_a_machine(state: Path) -> str:
    """The restic that a machine's agent finds, with the environment that provisioning gives it."""
    around: Any = SimpleNamespace(
        state=state,
        origin="http://127.0.0.1:1",
        installation=uuid4(),
        instances_folder=state / "instances",
        secret=lambda name: "",
    )
    (provisioning,) = [member for member in members.MEMBERS if member.name == "provisioning"]
    command = cast("list[str]", json.loads(provisioning.settings(around)["LOCAL_COMMAND"]))
    agent = ["-m", "agent", "agent", "run"]
    assert command[-len(agent) :] == agent
    python = [*command[: -len(agent)], "-c", FIND]
    environment = local_processes.environment(state)
    return subprocess.run(python, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def restic(tmp_path: Path) -> Path:
    """One that no PATH has."""
    program = tmp_path / "tools" / "restic"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho restic 0.18.0\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def _no_restic_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RESTIC", raising=False)
    (tmp_path / "bin").mkdir()
    for name in ("env", "sh"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_a_machine_finds_the_restic_of_the_set_up_without_the_makefiles_path(
    restic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "SET_UP_RESTIC", restic)
    assert found_by_a_machine(tmp_path) == str(restic)


def test_a_restic_that_is_named_comes_first(restic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "SET_UP_RESTIC", tmp_path / "another")
    (tmp_path / "another").symlink_to(restic)
    monkeypatch.setenv("RESTIC", str(restic))
    assert found_by_a_machine(tmp_path) == str(restic)
    # It is told by the command and not by what provisioning happens to have inherited.
    assert members._with_restic() == ["env", f"RESTIC={restic}"]


def test_where_nothing_was_set_up_the_agent_looks_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "SET_UP_RESTIC", tmp_path / "nothing")
    assert members._with_restic() == []
