"""An agent that is killed at any moment of a restore, as a process of its own with the real restic."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.agent.conftest import PASSWORD
from tests.agent.instance_restores import FILE_BYTES, FILES, RESTORED, World, none_of, restics_of
from tests.agent.running_agents import wait_until
from tests.support.provisioning_double import Request

Moment = Callable[[World, Request], object]

BEFORE_ALL_IS_THERE: dict[str, Moment] = {
    "a key is offered": lambda _, request: request.what == "rounds",
    "the password arrives": lambda world, request: request.what == "poll" and world.double.sealed,
    "keys of the store are given": lambda _, request: request.what == "keys",
    "the password was wrong": lambda _, request: request.body.get("state") == "password_wrong",
    "the password was right": lambda _, request: request.body.get("state") == "restoring",
    "some is there": lambda _, request: request.body.get("bytes_restored", 0) > 4 * FILE_BYTES,
}
AFTERWARDS: dict[str, Moment] = {
    "it activates": lambda _, request: request.body.get("phase") == "pending_activation",
    "it is usable": lambda _, request: request.body.get("state") == "usable",
}


@pytest.mark.parametrize("moment", BEFORE_ALL_IS_THERE)
def test_killed_while_something_is_missing_it_asks_once_more_and_goes_on(moment: str, world: World) -> None:
    world.store.data_seconds = 0.7
    world.double.typed = [b"wrong", PASSWORD] if "wrong" in moment else [PASSWORD]
    world.kill_when(lambda request: BEFORE_ALL_IS_THERE[moment](world, request))
    world.agent.start()
    world.agent.wait()

    assert none_of(world.folder)
    assert world.holders(PASSWORD, *(secret.encode() for secret in world.double.secrets())) == []
    served = world.store.data_bytes
    rounds = world.double.round
    begun = [path.name for path in world.home.iterdir()] if world.home.exists() else []
    world.store.data_seconds = 0.0
    world.agent.start()
    world.restores()

    assert world.is_whole()
    assert [path.name for path in world.home.iterdir()] == [RESTORED]
    assert begun in ([], [RESTORED])
    assert world.double.round == rounds + 1
    assert world.double.reports[-1]["round"] == rounds + 1
    assert world.double.reports[-1]["warnings"] == 0
    if moment == "some is there":
        assert served > 4 * FILE_BYTES


@pytest.mark.parametrize("moment", AFTERWARDS)
def test_killed_when_everything_is_there_it_never_asks_again(moment: str, world: World) -> None:
    world.told["activation"] = ["sleep", "0.5"]
    world.kill_when(lambda request: AFTERWARDS[moment](world, request))
    world.agent.start()
    world.agent.wait()
    served, usable = world.store.data_bytes, [r for r in world.double.reports if r["state"] == "usable"]
    world.agent.start()
    wait_until(lambda: len([r for r in world.double.reports if r["state"] == "usable"]) > len(usable), 60)

    assert world.is_whole()
    assert world.double.round == 1
    assert world.store.data_bytes == served
    assert world.double.reports[-1]["files_restored"] == FILES + 1
    wait_until(world.knows_that_its_outcome_is_told)
    world.agent.kill()
    reports = world.double.count("reports")
    world.agent.start()
    beats = len(world.double.heartbeats)
    wait_until(lambda: len(world.double.heartbeats) > beats + 5)
    assert world.double.count("reports") == reports


def test_killed_when_it_validates_everything_is_there_in_the_end(world: World) -> None:
    world.kill_when(lambda request: request.body.get("state") == "validating")
    world.agent.start()
    world.agent.wait()
    world.agent.start()
    world.restores()

    assert world.is_whole()
    assert world.double.round <= 2


def test_killed_again_and_again_it_comes_to_its_end(world: World) -> None:
    world.store.data_seconds = 0.5
    for number in range(3):
        wanted = world.store.data_requests + number + 1
        world.agent.start()
        wait_until(partial(has_come_to, world, wanted))
        world.agent.kill()
        assert none_of(world.folder)
    world.store.data_seconds = 0.0
    world.agent.start()
    world.restores()

    assert world.is_whole()


def has_come_to(world: World, data_requests: int) -> bool:
    return world.store.data_requests >= data_requests or world.double.states()[-1:] == ["usable"]


def test_restic_does_not_outlive_an_agent_that_is_killed_however_silent_it_is(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restic_path: str
) -> None:
    """One that writes would end by itself when nobody reads it any more."""
    wrapper = tmp_path / "silent-restic"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *" restore "*) touch {tmp_path}/silent; exec sleep 60 ;; esac\n'
        f'exec "{restic_path}" "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("RESTIC", str(wrapper))
    world.agent.start()
    wait_until((tmp_path / "silent").exists)
    assert restics_of(world.folder)
    world.agent.kill()

    assert none_of(world.folder)
