"""Local machines when calls last too long, several act at once or one is killed: still one for each intent."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from provisioning.adapters import local
from provisioning.adapters.local_calls import Turn, hold
from provisioning.ports import MachineState, Unanswered
from tests.support.local_machines import (
    PROJECT,
    REGION,
    local_driver,
    machines_root,
    processes_of,
    script,
    until_answering,
    until_state,
    wanted,
)


@pytest.fixture
def root() -> Iterator[Path]:
    with machines_root() as folder:
        yield folder


async def test_a_call_that_waits_too_long_for_another_is_unanswered_and_does_nothing_later(root: Path) -> None:
    hasty = local_driver(root, deadline_seconds=0.2)
    asked = wanted()
    with hold(root, Turn(5)), pytest.raises(Unanswered):
        await hasty.create(asked)
    await asyncio.sleep(0.3)
    assert list(await hasty.find(REGION, asked.instance_id)) == []


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_create_whose_thread_outlives_its_deadline_makes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, is_cancelled: bool
) -> None:
    """Its caller was told `Unanswered`, looked, found nothing, and may count on that."""
    reached, go_on, finished = threading.Event(), threading.Event(), threading.Event()

    def stall(path: Path) -> None:
        reached.set()
        go_on.wait(10)
        threading.Timer(0.2, finished.set).start()

    monkeypatch.setattr(local, "remove", stall)
    hasty = local_driver(root, deadline_seconds=60 if is_cancelled else 0.2)
    asked = wanted()
    call = asyncio.create_task(hasty.create(asked))
    await asyncio.to_thread(reached.wait, 10)
    if is_cancelled:
        call.cancel()
    with pytest.raises(asyncio.CancelledError if is_cancelled else Unanswered):
        await call
    go_on.set()
    await asyncio.to_thread(finished.wait, 10)
    assert list(await hasty.find(REGION, asked.instance_id)) == []
    assert not processes_of(root)


async def test_a_create_that_is_given_up_in_its_step_is_answered_after_the_step(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine is there when the call ends, or never."""
    made_it = threading.Event()

    def dawdle(folder: Path) -> None:
        threading.Event().wait(0.6)
        made_it.set()

    monkeypatch.setattr(local, "sync", dawdle)
    asked = wanted()
    with pytest.raises(Unanswered):
        await local_driver(root, deadline_seconds=0.3).create(asked)
    assert made_it.is_set()
    await until_state(local_driver(root), asked.instance_id, MachineState.RUNNING)


async def test_of_several_that_destroy_it_at_once_none_is_told_a_failure(root: Path) -> None:
    """Those that wait for the first find its folder gone, which is what they wanted."""
    driver = local_driver(root)
    made = await driver.create(wanted())
    await asyncio.gather(*(local_driver(root).destroy(REGION, made.reference) for _ in range(4)))
    assert not processes_of(root)


@pytest.mark.parametrize("seed", range(2))
async def test_several_processes_at_once_never_run_a_machine_twice(root: Path, seed: int) -> None:
    """Each machine's program holds a lock as long as it lives, and writes down when another holds it."""
    ids = [uuid4() for _ in range(3)]
    lines = (
        "import random, sys; from provisioning.ports import OrderRefused",
        f"chance = random.Random(WORKER + {seed})",
        f"ids = [UUID(text) for text in {[str(instance_id) for instance_id in ids]!r}]",
        "for _ in range(12):",
        "    instance_id = chance.choice(ids)",
        "    call = chance.choice(['create', 'create', 'start', 'restart', 'stop'])",
        "    if call == 'create': await driver.create(wanted(instance_id))",
        "    else: await getattr(driver, call)('local', str(instance_id))",
    )
    workers = [await script(root, *(line.replace("WORKER", str(number)) for line in lines)) for number in range(3)]
    try:
        async with asyncio.timeout(60):
            assert [await worker.wait() for worker in workers] == [0, 0, 0]
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.kill()
    driver = local_driver(root)
    for instance_id in ids:
        await driver.create(wanted(instance_id))
        await driver.start(REGION, str(instance_id))
        await until_answering(driver, instance_id)
        assert not (root / str(instance_id) / "agent" / "doubles").exists()
    assert len(processes_of(root)) == len(ids)


STEPS = {"create": 20, "stop": 5, "restart": 15, "destroy": 8}
"""By change: how many there are at least, so that none of them goes by unseen."""


@pytest.mark.parametrize("change", STEPS)
def test_killed_at_any_step_of_a_change_it_is_mended_by_the_next_call(root: Path, change: str) -> None:
    program = [sys.executable, "-m", "tests.support.machine_deaths", str(root), change]
    done = subprocess.run(program, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) >= STEPS[change]
