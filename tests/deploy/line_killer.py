"""Runs a program and kills it as it comes to a line of its functions where it was not killed yet, once it is set up.

``python line_killer.py LINES PROGRAM``: LINES is the file that remembers where it was killed.
"""

import os
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

LINES, PROGRAM = Path(sys.argv[1]), Path(sys.argv[2])
SEEN = set(LINES.read_text().splitlines()) if LINES.exists() else set()


def trace(frame: FrameType, event: str, _: Any) -> Any:
    file = Path(frame.f_code.co_filename)
    if file.parent != PROGRAM.parent or frame.f_code.co_name == "<module>":
        return None
    if frame.f_code.co_name == "main" and "message" not in frame.f_locals:
        return trace
    line = f"{file.name}:{frame.f_lineno}"
    if event == "line" and line not in SEEN:
        with LINES.open("a") as lines:
            lines.write(f"{line}\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return trace


sys.path.insert(0, str(PROGRAM.parent))
sys.settrace(trace)
runpy.run_path(str(PROGRAM), run_name="__main__")
