"""What people see: tables at any width, ids that can be copied, real line breaks."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from agent.output import Output

ID = "da5f0f55-391a-4d09-b75e-814b5abb364b"
PRINT = f"""
from agent.output import Output
row = ("2026-11-23 08:53", "1.49 KB (full)", "successful", "{ID}")
Output(as_json=False).table([], ("Time", "Size", "Status", "Id"), [row, row], empty="", optional=("Status", "Size"))
"""


def seen_at(columns: int) -> list[str]:
    """The lines of a terminal so wide."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-c", PRINT]
    with subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=env | {"NO_COLOR": "1"}):
        os.close(follower)
        seen = b""
        try:
            while chunk := os.read(leader, 1000):
                seen += chunk
        except OSError:
            pass
    os.close(leader)
    return seen.decode().splitlines()


@pytest.mark.parametrize(
    ("columns", "shown", "left_out"), [(120, "Size", None), (75, "Size", "Status"), (60, "Time", "Size")]
)
def test_a_table_leaves_columns_out_before_it_breaks_an_id(columns: int, shown: str, left_out: str | None) -> None:
    lines = seen_at(columns)

    assert sum(ID in line for line in lines) == 2
    assert any(shown in line and "Id" in line for line in lines)
    assert left_out is None or not any(left_out in line for line in lines)


def test_where_no_table_fits_each_item_is_a_block() -> None:
    lines = seen_at(50)

    assert lines.count(f"Id      {ID}") == 2
    assert lines.count("Status  successful") == 2


def test_a_pipe_gets_every_column_whatever_the_width(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table([], ("Id", "Key"), [(ID, "k" * 100)], empty="", optional=("Key",))

    assert f"{ID}   {'k' * 100}" in capsys.readouterr().out
