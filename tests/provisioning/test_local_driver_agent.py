"""The real agent on a local machine: what the driver tells it is enough, and it is one agent over all its starts."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from provisioning.ports import Machine, MachineState
from tests.support.local_machines import (
    REGION,
    local_driver,
    machines_root,
    processes_of,
    until,
    until_state,
    wanted,
)
from tests.support.provisioning_double import ProvisioningDouble

COMMAND = (sys.executable, "-m", "agent", "agent", "run")
PATIENCE_SECONDS = 30.0
"""For an agent to come up beside everything else that runs in tests."""


@pytest.fixture
def root() -> Iterator[Path]:
    with machines_root() as folder:
        yield folder


@pytest.fixture
def double() -> Iterator[ProvisioningDouble]:
    double = ProvisioningDouble()
    yield double
    double.close()


async def until_heard(double: ProvisioningDouble, after: int) -> None:
    async def heard() -> int:
        return len(double.heartbeats)

    await until(heard, lambda count: count > after, PATIENCE_SECONDS)


async def status(machine: Machine) -> int:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"http://{machine.address}/healthz")).status_code
        except httpx.TransportError:
            return 0


async def test_the_agent_enrols_once_and_is_heard_over_a_crash_and_a_restart_until_it_finishes(
    root: Path, double: ProvisioningDouble
) -> None:
    driver = local_driver(root, command=COMMAND)
    instance_id = UUID(double.instance_id)
    told = {"origin": double.origin, "enrolment_secret": double.secret, "instance_name": double.name}
    made = await driver.create(wanted(instance_id, agent=told))
    await until_heard(double, after=0)
    await until(lambda: status(made), lambda code: code == 200, PATIENCE_SECONDS)
    enrolled = double.public_key

    (leader,) = processes_of(root)
    os.kill(leader, signal.SIGKILL)
    await until_state(driver, instance_id, MachineState.STOPPED)
    heard = len(double.heartbeats)
    await driver.start(REGION, made.reference)
    await until_heard(double, after=heard)
    await driver.restart(REGION, made.reference)
    heard = len(double.heartbeats)
    await until_heard(double, after=heard)
    assert double.public_key == enrolled
    numbers = [beat["number"] for beat in double.heartbeats]
    assert numbers == sorted(set(numbers))

    double.order("finish")
    await until_state(driver, instance_id, MachineState.STOPPED)
    assert double.done
    await driver.destroy(REGION, made.reference)
    await until_state(driver, instance_id, None)
    assert not await asyncio.to_thread(processes_of, root)
