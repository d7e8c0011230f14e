"""A machine's files in a folder that a process can take for its root: Python, the agent, restic, a shell."""

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import agent

SITE = "/opt/space-agent/lib"
SPACE = "/opt/space-agent/bin/space"
COMMANDS = ("bash", "sh", "sleep", "env")
_LEFT_OUT = frozenset({"test", "site-packages", "dist-packages", "idlelib", "tkinter", "ensurepip", "__pycache__"})
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


class Root:
    """Files are linked where the folder's disk is the same, else copied."""

    def __init__(self, folder: Path, restic: str) -> None:
        self.folder = folder
        self._known: set[str] = set()
        for name in COMMANDS:
            self._bring_program(f"/usr/bin/{name}", str(shutil.which(name)))
        self._bring_program("/usr/local/bin/restic", restic)
        self._bring_python()
        self._bring_agent()
        for place, content in (("tmp", None), ("proc/net/dev", Path("/proc/net/dev").read_text()), ("root", None)):
            self.write(place, content)
        (folder / "dev").mkdir()
        os.mknod(folder / "dev" / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))

    def write(self, place: str, content: str | None, mode: int | None = None) -> Path:
        """A file, or a folder where there is no content."""
        path = self.folder / place.lstrip("/")
        (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_text(content)
        if mode is not None:
            path.chmod(mode)
        return path

    def _bring_python(self) -> None:
        executable = Path(sys._base_executable)  # type: ignore[attr-defined]
        self._bring_program(str(executable), str(executable.resolve()))
        standard = Path(sysconfig.get_path("stdlib"))
        for file in _files(standard):
            self._bring(str(file), file)
            if file.suffix == ".so":
                self._bring_libraries(file)
        self.python = str(executable)

    def _bring_agent(self) -> None:
        """The package and what it needs, as pip would install it."""
        for distribution in _needed("space-agent"):
            for file in distribution.files or []:
                found = Path(str(distribution.locate_file(file)))
                if ".." not in file.parts and found.is_file() and file.suffix != ".pth":
                    self._bring(f"{SITE}/{file}", found)
                    if found.suffix == ".so":
                        self._bring_libraries(found)
        package = Path(agent.__file__).parent
        for module in _files(package):
            self._bring(f"{SITE}/agent/{module.relative_to(package)}", module)
        self.write(SPACE, f'#!/bin/sh\nPYTHONPATH={SITE} exec {self.python} -B -m agent "$@"\n', 0o755)
        self._bring_link("/bin", "usr/bin")

    def _bring_program(self, place: str, program: str) -> None:
        self._bring(place, Path(program).resolve())
        self._bring_libraries(Path(program).resolve())

    def _bring_libraries(self, program: Path) -> None:
        said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
        for library in _LIBRARY.findall(said):
            if library not in self._known:
                self._known.add(library)
                self._bring(library, Path(library).resolve())

    def _bring_link(self, place: str, target: str) -> None:
        (self.folder / place.lstrip("/")).symlink_to(target)

    def _bring(self, place: str, file: Path) -> None:
        path = self.folder / place.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            return
        try:
            os.link(file, path)
        except OSError:
            shutil.copy2(file, path)


def _files(folder: Path) -> Iterator[Path]:
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        yield from (Path(path) / name for name in names)


def _needed(name: str) -> list[metadata.Distribution]:
    """A distribution and all that it requires here, each once."""
    found: dict[str, metadata.Distribution] = {}
    wanted = [name]
    while wanted:
        current = re.split(r"[^\w.-]", wanted.pop())[0].lower()
        if current in found:
            continue
        try:
            found[current] = metadata.distribution(current)
        except metadata.PackageNotFoundError:
            continue
        wanted += [text for text in found[current].requires or [] if "extra ==" not in text]
    return list(found.values())
