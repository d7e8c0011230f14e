"""Ports: free ones are picked once and kept, fixed ones that are taken are explained."""

import atexit
import contextlib
import json
import random
import socket
from collections import OrderedDict
from pathlib import Path

from space_local.errors import PortTaken

# Below the kernel's range for outgoing connections, which would take a picked port while we are stopped.
CANDIDATES = range(20000, 32000)


# A port is picked seconds before its server listens. Meanwhile we stay bound to it without listening, which keeps
# others from picking it and, as both sides set SO_REUSEADDR, lets the server listen. The newest are kept.
HELD_AT_MOST = 64
_held: OrderedDict[int, socket.socket] = OrderedDict()


class Ports:
    """Private loopback ports by name, kept in `ports.json` and picked again when somebody else took one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._ports: dict[str, int] = json.loads(file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            self._ports = {}

    def get(self, name: str) -> int:
        port = self._ports.get(name)
        if port is None or not is_free(port):
            port = pick()
            self._ports[name] = port
            self._file.write_text(json.dumps(self._ports, indent=2) + "\n")
        else:
            _hold(port)
        return port


def pick() -> int:
    """A free loopback port, kept for us."""
    for port in random.sample(CANDIDATES, 2000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _hold(port)
        return port
    raise RuntimeError("no free port between 20000 and 32000")


def _hold(port: int) -> None:
    if port in _held:
        return
    _held[port] = socket.socket()
    _held[port].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _held[port].bind(("127.0.0.1", port))
    if len(_held) > HELD_AT_MOST:
        _held.popitem(last=False)[1].close()


@atexit.register
def _let_go() -> None:
    for held in _held.values():
        held.close()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def require_free(port: int, host: str, remedy: str) -> None:
    if not is_free(port, host):
        raise PortTaken(port, describe_holder(port), remedy)


def describe_holder(port: int) -> str:
    """The process that listens on a port, in words; /proc shows other people's processes only to root."""
    inodes = _listening_inodes(port)
    for proc in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (proc / "fd").iterdir():
                if str(descriptor.readlink()) in inodes:
                    command = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                    return f"process {proc.name} ({command[:120]})"
    return "a process of another user"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    return inodes
