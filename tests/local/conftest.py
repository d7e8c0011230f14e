"""Whole systems of their own, on ports of their own, for the tests that need one."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from space_local import ports
from space_local.options import Options
from space_local.process import end_leftovers
from space_local.system import System


@contextmanager
def private_home() -> Iterator[Path]:
    """A private state folder; what still runs in it at the end is ended."""
    folder = Path(tempfile.mkdtemp(prefix="space-local-"))
    yield folder
    end_leftovers(folder)
    System(Options(home=folder)).destroy()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    with private_home() as folder:
        yield folder


@pytest.fixture
def options(home: Path) -> Options:
    return Options(home=home, origin_port=ports.pick(), store_port=ports.pick(), fast=True)


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """A running system that the tests of one module share."""
    with private_home() as folder:
        running = System(Options(home=folder, origin_port=ports.pick(), store_port=ports.pick(), fast=True))
        asyncio.run(running.start())
        yield running
        asyncio.run(running.stop())
