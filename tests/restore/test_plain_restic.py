"""The plain way, done by a shell as the guide says; restic itself is a stand-in that says what it was given."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from restore.app import service
from restore.settings import Settings
from space_local import ports
from tests.restore.conftest import Client
from tests.support.catalog_double import CA, REPOSITORY_URL
from tests.support.running import Running
from tests.support.tokens import ORIGIN

RESTIC = """#!/bin/sh
{
  echo "$@"
  env | grep -E '^(AWS|RESTIC)_' | sort
} > said
cat "$RESTIC_CACERT" > ca
exit ${RESTIC_EXIT:-0}
"""


@pytest.fixture
async def address(settings: Settings, restore: Running) -> AsyncIterator[str]:
    """A listener that a shell can reach."""
    api, internal = f"127.0.0.1:{ports.pick()}", f"127.0.0.1:{ports.pick()}"
    stop = asyncio.Event()
    told = settings.model_copy(update={"api_listen": api, "internal_listen": internal})
    task = asyncio.create_task(service.run(told, frozenset({"api"}), stop))
    while not ports.accepts(int(api.rpartition(":")[2])):
        await asyncio.sleep(0.05)
    yield f"http://{api}"
    stop.set()
    await asyncio.wait_for(task, 30)


async def follow_the_guide(issued: dict[str, Any], address: str, folder: Path, exit_code: int = 0) -> int:
    restic = folder / "bin" / "restic"
    restic.parent.mkdir()
    restic.write_text(RESTIC)
    restic.chmod(0o755)
    work = folder / "work"
    work.mkdir()
    environment = {
        "PATH": f"{restic.parent}:{os.environ['PATH']}",
        "SPACE_TICKET": issued["ticket"],
        "RESTIC_EXIT": str(exit_code),
        "no_proxy": "*",
    }
    commands = "\n".join(issued["plain_restic"]["commands"])
    assert ORIGIN in commands
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", commands.replace(ORIGIN, address), cwd=work, env=environment
    )
    return await asyncio.wait_for(shell.wait(), 30)


async def test_the_plain_commands_restore_and_report(client: Client, address: str, tmp_path: Path) -> None:
    issued = await client.issue()
    assert await follow_the_guide(issued, address, tmp_path) == 0
    said = (tmp_path / "work" / "said").read_text()
    assert said.splitlines()[0] == f"restore --no-lock --verify --target restored {client.snapshot.restic_id}"
    assert f"RESTIC_REPOSITORY={REPOSITORY_URL}" in said
    assert "AWS_ACCESS_KEY_ID=KEY1" in said
    assert "AWS_SECRET_ACCESS_KEY=secret-access-key-1" in said
    assert "AWS_SESSION_TOKEN=session-token-1" in said
    assert (tmp_path / "work" / "ca").read_text().strip() == CA.strip()
    assert (tmp_path / "work" / "keys.json").stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / "work" / "keys.json").read_text())["restore_id"] == issued["restore_id"]
    assert (await client.read(issued["restore_id"]))["state"] == "completed"


async def test_a_restic_that_fails_is_not_reported_as_a_success(client: Client, address: str, tmp_path: Path) -> None:
    issued = await client.issue()
    assert await follow_the_guide(issued, address, tmp_path, exit_code=1) == 1
    assert (await client.read(issued["restore_id"]))["state"] == "redeemed"
