"""What the steps of the demonstration share: where it keeps things, and the `space` command as a person runs it."""

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from space_local.errors import LocalError
from space_local.options import PROJECT, Options
from space_local.ports import Ports

BACKUP = "demo files"
PASSWORD = "correct horse battery staple"  # noqa: S105  (of a demonstration)
WRONG_PASSWORD = "correct horse battery stable"  # noqa: S105
PRICES = Path(__file__).with_name("demo_prices.yaml")


@dataclass(frozen=True)
class Demo:
    """Where the demonstration keeps everything: below the state folder, apart from what `make run` keeps."""

    folder: Path
    origin_port: int
    store_port: int

    @classmethod
    def open(cls) -> "Demo":
        folder = Options.from_environment().home / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        ports = Ports(folder / "ports.json")
        return cls(folder, ports.get("origin"), ports.get("store"))

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.origin_port}"

    @property
    def files(self) -> Path:
        return self.folder / "files"

    @property
    def restored(self) -> Path:
        return self.folder / "restored"

    @property
    def config(self) -> Path:
        """The owner's key pair and session; without it, the next sign-in makes a new owner."""
        return self.folder / "config"

    @property
    def system(self) -> Path:
        return self.folder / "system"

    @property
    def environment(self) -> dict[str, str]:
        """Of the `space` command."""
        binaries = f"{Path(sys.executable).parent}:{PROJECT / '.space' / 'tools'}"
        return {
            **os.environ,
            "COLUMNS": "120",
            "PATH": f"{binaries}:{os.environ.get('PATH', '')}",
            "RESTIC": str(PROJECT / ".space" / "tools" / "restic"),
            "SPACE_CONFIG_DIR": str(self.config),
            "SPACE_ORIGIN": self.origin,
        }


class NotAsItShouldBe(LocalError):
    """A check of the demonstration failed."""


def space(demo: Demo, *arguments: str, expect: int = 0) -> str:
    """Run the `space` command as a person would, its output indented below ours; what it printed."""
    print(f"  $ space {' '.join(quoted(argument) for argument in arguments)}", flush=True)
    started = time.monotonic()
    made = subprocess.run(  # noqa: S603  (our own program)
        [str(Path(sys.executable).parent / "space"), *arguments],
        env=demo.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    for line in made.stdout.rstrip().splitlines():
        print(f"    {line}")
    if made.returncode != expect:
        raise NotAsItShouldBe(f"`space {arguments[0]}` ended with code {made.returncode}, not with {expect}.")
    print(f"    ({time.monotonic() - started:.1f} s)", flush=True)
    return made.stdout


def read(demo: Demo, *arguments: str) -> Any:
    """What the `space` command says to a program."""
    command = [str(Path(sys.executable).parent / "space"), *arguments, "--json"]
    made = subprocess.run(command, env=demo.environment, capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode != 0:
        raise NotAsItShouldBe(f"`space {arguments[0]} --json` ended with code {made.returncode}: {made.stderr}")
    return json.loads(made.stdout)


def measure(folder: Path) -> tuple[int, int]:
    """How many files there are below a folder, and their bytes."""
    sizes = [Path(root, name).lstat().st_size for root, _, names in os.walk(folder) for name in names]
    return len(sizes), sum(sizes)


def compare(left: Path, right: Path) -> None:
    """Every file and link of the one is in the other, and nothing else.

    Raises:
        NotAsItShouldBe: They differ.
    """
    ours, theirs = _digests(left), _digests(right)
    different = sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path))
    if different:
        raise NotAsItShouldBe(f"{len(different)} files differ, the first: {', '.join(different[:5])}")
    print(f"  {len(ours)} files and links, all the same")


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            key = str(path.relative_to(folder))
            if path.is_symlink():
                found[key] = f"-> {path.readlink()}"
            elif path.is_file():
                with path.open("rb") as file:
                    found[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def step(title: str) -> None:
    print(f"\n{title}", flush=True)


def size_text(count: int) -> str:
    return f"{count / 2**20:.1f} MB"


def quoted(argument: str) -> str:
    return f"'{argument}'" if " " in argument else argument
