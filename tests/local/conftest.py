"""A whole system of its own, on ports of its own, for the tests that need one."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from space_local import ports
from space_local.options import Options
from space_local.process import end_leftovers
from space_local.system import System


@pytest.fixture
def home() -> Iterator[Path]:
    """A private state folder; what still runs in it at the end is ended."""
    folder = Path(tempfile.mkdtemp(prefix="space-local-"))
    yield folder
    end_leftovers(folder)
    System(Options(home=folder)).destroy()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def options(home: Path) -> Options:
    origin = ports.pick()
    return Options(home=home, origin_port=origin, store_port=ports.pick({origin}), fast=True)


@pytest.fixture
async def system(options: Options) -> AsyncIterator[System]:
    async with System(options) as running:
        yield running
