"""How many bytes an instance has moved: a counter that only rises, until it is lost or the machine restarts."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from agent.errors import SpaceError
from agent.instance.config import InstanceConfig
from agent.instance.kept import Folder, KeptNumber

NET_DEV = Path("/proc/net/dev")
NET_CLASS = Path("/sys/class/net")


class Traffic(Protocol):
    def add(self, size_bytes: int) -> None:
        """The agent has moved these itself."""
        ...

    def read(self) -> int:
        """Bytes so far. What was once told is never taken back by a restart of the agent."""
        ...


class OwnTraffic:
    """What the agent itself moves, where several instances share a machine."""

    FILE = "traffic"

    def __init__(self, folder: Folder, say: Callable[[str], None]) -> None:
        path = folder.path / self.FILE
        try:
            self._kept = KeptNumber(path)
        except SpaceError as error:
            if error.code != "kept_file_damaged":
                raise
            # The server takes a lower figure for a restart of the counter.
            say(f"{error} Traffic is counted from 0 again.")
            path.unlink()
            self._kept = KeptNumber(path)
        self._total = self._kept.value

    def add(self, size_bytes: int) -> None:
        self._total += size_bytes

    def read(self) -> int:
        total = self._total
        self._kept.keep(total)
        return total


class InterfaceTraffic:
    """What the machine's interfaces have moved since it started.

    Where some of them are devices only those count: what passes between the containers of a machine, or through a
    tunnel, would else count at every bridge it crosses.
    """

    def __init__(self, net_dev: Path = NET_DEV, net_class: Path = NET_CLASS) -> None:
        self._net_dev = net_dev
        self._net_class = net_class

    def add(self, size_bytes: int) -> None:
        """It is among what the interfaces count."""

    def read(self) -> int:
        counted = _interfaces(self._net_dev.read_text())
        devices = {name: size for name, size in counted.items() if (self._net_class / name / "device").exists()}
        return sum((devices or counted).values())


def open_traffic(config: InstanceConfig, folder: Folder, say: Callable[[str], None]) -> Traffic:
    return InterfaceTraffic() if config.traffic == "interfaces" else OwnTraffic(folder, say)


def _interfaces(text: str) -> dict[str, int]:
    """Bytes received and sent by name: the first and the ninth figure of each line below the two of heading."""
    counted = {}
    for line in text.splitlines()[2:]:
        name, _, figures = line.partition(":")
        fields = figures.split()
        if name.strip() != "lo" and len(fields) > 8:
            counted[name.strip()] = int(fields[0]) + int(fields[8])
    return counted
