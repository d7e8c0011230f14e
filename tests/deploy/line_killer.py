"""Runs a program and kills it as it comes to a line of its functions that is new to it, once it is set up.

``python line_killer.py LINES EVERY PROGRAM``: LINES is the file that remembers where it has been; of the lines that are
new to it, it is killed before every so many.
"""

import os
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

LINES, EVERY, PROGRAM = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
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
        SEEN.add(line)
        if len(SEEN) % EVERY == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace


sys.path.insert(0, str(PROGRAM.parent))
sys.settrace(trace)
runpy.run_path(str(PROGRAM), run_name="__main__")
