"""An owner who restores to the cloud: at a terminal, and as a script."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import Sealed
from tests.agent.shell import called
from tests.support.cloud_restore_double import CloudRestoreDouble
from tests.support.terminal import Terminal

PLACE = ["--provider", "local", "--region", "local", "--plan", "small"]
ORDER = ["restore", "--to-cloud", "--backup", "docs", *PLACE, "--yes"]


@contextmanager
def services(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudRestoreDouble]:
    """What the command talks to; in this process it waits for nothing longer than need be."""
    double = CloudRestoreDouble(sealed.files, sealed.passwords[0])
    monkeypatch.setenv("SPACE_ORIGIN", double.origin)
    monkeypatch.setenv("SPACE_API_TOKEN", "t")
    for setting in (
        "api.FIRST_WAIT", "following.FIRST_WAIT", "cloud_order.POLL", "cloud_service.WAIT", "cloud_following.AGAIN",
        "cloud_following.TOO_SOON", "timeline.PAGES",
    ):  # fmt: skip
        monkeypatch.setattr(f"agent.{setting}_SECONDS", 0.01)
    try:
        yield double
    finally:
        double.close()


def terminal(tmp_path: Path, *arguments: str) -> Terminal:
    return Terminal([sys.executable, "-m", "agent", *arguments], os.environ, tmp_path)


def password_file(tmp_path: Path, password: str = "correct horse") -> list[str]:
    file = tmp_path / f"password-{len(password)}"
    file.write_text(f"{password}\n")
    return ["--password-file", str(file)]


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert "Traceback" not in done.stdout + done.stderr
    return json.loads(done.stdout)


def refused(exit_code: int, *arguments: str) -> Any:
    """The error as a program reads it."""
    done = called(*arguments, "--json")
    assert done.returncode == exit_code, (done.stdout, done.stderr)
    error = document(done)["error"]
    assert error["exit_code"] == exit_code
    return error
