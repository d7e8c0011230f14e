"""Running the command as a shell does, without a terminal and with one."""

import contextlib
import fcntl
import io
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

from agent import cli

_HANDLED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def space(*arguments: str | bytes, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        env={**os.environ, **env},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
    )


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, which takes a hundredth of the time; for what asks nobody anything."""
    out, err = io.StringIO(), io.StringIO()
    kept_arguments, kept_handlers = sys.argv, {number: signal.getsignal(number) for number in _HANDLED}
    sys.argv = ["space", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as ending:
        code = int(ending.code or 0)
    finally:
        sys.argv = kept_arguments
        for number, handler in kept_handlers.items():
            signal.signal(number, handler)
    return subprocess.CompletedProcess(["space", *arguments], code, out.getvalue(), err.getvalue())


def error_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    error = json.loads(done.stdout)["error"]
    assert isinstance(error, dict)
    assert error["exit_code"] == done.returncode
    return error


def converse(command: list[str], *lines: str, **env: str) -> str:
    """What a person sees who types these lines at the prompts, and the result."""
    leader, follower = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        command, env={**os.environ, **env},
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True, preexec_fn=take_terminal,
    ):  # fmt: skip
        os.close(follower)
        seen = ""
        for line in lines:
            while not seen.rpartition("\n")[2].rstrip().endswith(":"):
                seen += os.read(leader, 1000).decode()
            seen += "\n"
            os.write(leader, line.encode() + b"\n")
        try:
            while chunk := os.read(leader, 1000):
                seen += chunk.decode()
        except OSError:
            pass
    os.close(leader)
    return seen
