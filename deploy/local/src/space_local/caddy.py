"""Caddy: the public origin and the store gate."""

import sys
from collections.abc import Mapping
from pathlib import Path

from space_local import ports
from space_local.process import Child, Server


class Caddy(Server):
    """Runs one Caddyfile with the values of its placeholders."""

    def __init__(self, home: Path, caddyfile: Path, values: Mapping[str, str], listens: tuple[int, ...]) -> None:
        self.home = home
        self.caddyfile = caddyfile
        self.values = values
        self.listens = listens

    async def start(self) -> None:
        folder = self.home / "caddy"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        own = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        program = str(Path(sys.executable).parent / "caddy")
        command = [program, "run", "--config", str(self.caddyfile), "--adapter", "caddyfile"]
        self.child = Child("caddy", command, self.home, {**own, **self.values}, stop_seconds=15)
        self.child.spawn()
        await self.child.until_ready(self._answers, 30)

    async def _answers(self) -> bool:
        return all(ports.accepts(port) for port in self.listens)
