"""Finding restic and refusing one that is too old."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from agent.errors import ResticMissing

# 0.17 brought exit codes 10 to 12, JSON errors and a restore that goes on from what is there.
MINIMUM = (0, 17, 0)
PROBE_SECONDS = 20

_HINT = "Install restic 0.17 or newer, or name it in RESTIC=/path/to/restic."


@dataclass(frozen=True)
class Binary:
    path: str
    version: tuple[int, int, int]


def find() -> Binary:
    """restic from the RESTIC variable, else from PATH.

    Raises:
        ResticMissing: There is none, it does not run, or it is older than 0.17.
    """
    wanted = os.environ.get("RESTIC") or "restic"
    path = shutil.which(wanted)
    if path is None:
        raise ResticMissing("restic_missing", f"restic was not found ({wanted}).", hint=_HINT)
    version = _version(path)
    if version < MINIMUM:
        found = ".".join(map(str, version))
        raise ResticMissing("restic_too_old", f"{path} is restic {found}; 0.17 or newer is needed.", hint=_HINT)
    return Binary(path=path, version=version)


def _version(path: str) -> tuple[int, int, int]:
    try:
        answer = subprocess.run([path, "version"], capture_output=True, timeout=PROBE_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise ResticMissing("restic_unusable", f"{path} does not run.", hint=_HINT) from error
    found = re.match(rb"restic (\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    if found is None:
        raise ResticMissing("restic_unusable", f"{path} does not say that it is restic.", hint=_HINT)
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch
