"""The console's own checks, with the Node that builds it: types, style, and the tests beside its modules."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parents[2] / "services" / "console"
TOOLS = Path(sys.executable).parent
SECONDS = 900
"""Far more than it takes where the processors are free."""


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_console_passes_its_own(script: str) -> None:
    done = subprocess.run(
        [TOOLS / "npm", "run", script],
        cwd=CONSOLE,
        env=os.environ | {"PATH": f"{TOOLS}:{os.environ['PATH']}", "NO_COLOR": "1", "CI": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"`npm run {script}` in {CONSOLE}:\n{done.stdout}"
