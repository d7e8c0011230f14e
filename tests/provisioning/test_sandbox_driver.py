"""The driver that fails on demand: each size fails in its way, and only then."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from provisioning.adapters import sandbox
from provisioning.adapters.sandbox import SandboxDriver
from provisioning.ports import CredentialsRefused, OrderRefused, OutOfCapacity, Unanswered
from tests.support.local_machines import local_driver, machines_root, wanted


@pytest_asyncio.fixture
async def driver() -> AsyncIterator[SandboxDriver]:
    with machines_root() as root:
        yield SandboxDriver(local_driver(root), slow_seconds=0.3)


@pytest.mark.parametrize(
    ("size", "failure"),
    [
        ("out-of-capacity", OutOfCapacity),
        ("wrong-credentials", CredentialsRefused),
        ("refused", OrderRefused),
    ],
)
async def test_a_size_that_is_refused_makes_nothing(driver: SandboxDriver, size: str, failure: type[Exception]) -> None:
    for _ in range(2):
        with pytest.raises(failure, match=size):
            await driver.create(wanted(size=size))
    assert list(await driver.list_machines("local")) == []


async def test_a_size_that_times_out_has_made_its_machine_which_is_found(driver: SandboxDriver) -> None:
    asked = wanted(size=sandbox.TIMES_OUT_AFTER_CREATING)
    for _ in range(2):
        with pytest.raises(Unanswered):
            await driver.create(asked)
    assert [machine.instance_id for machine in await driver.find("local", asked.instance_id)] == [asked.instance_id]
    assert len(await driver.list_machines("local")) == 1


async def test_a_slow_size_takes_its_time_and_is_made(driver: SandboxDriver) -> None:
    begun = time.monotonic()
    asked = wanted(size=sandbox.SLOW)
    assert (await driver.create(asked)).instance_id == asked.instance_id
    assert time.monotonic() - begun >= 0.3


async def test_sizes_that_fail_look_available(driver: SandboxDriver) -> None:
    """Otherwise nobody could choose them, and nothing would fail."""
    sizes = ["out-of-capacity", "times-out-after-creating", "slow", "wrong-credentials", "refused", "small"]
    assert await driver.sold_out("local", sizes) == frozenset()


async def test_it_answers_for_the_provider_that_it_wraps(driver: SandboxDriver) -> None:
    with machines_root() as root:
        assert SandboxDriver(local_driver(root, provider="demo")).provider == "demo"
