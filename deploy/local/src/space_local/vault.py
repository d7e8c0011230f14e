"""The vault: `rclone serve s3` on loopback, over a local folder or any rclone remote."""

import json
import os
import shlex
import sys
from pathlib import Path

from space_local import ports
from space_local.process import Child, Server


class Vault(Server):
    """rclone with one root per access key; the catalog says which, through the small program `auth_proxy`."""

    def __init__(
        self, home: Path, auth_proxy: Path, catalog_url: str, credential: str, port: int | None = None
    ) -> None:
        self.home = home
        self.port = port or ports.pick()
        self.auth_proxy = auth_proxy
        self.catalog_url = catalog_url
        self.credential = credential

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        folder = self.home / "vault"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        told = folder / "auth-proxy.json"
        told.unlink(missing_ok=True)
        with os.fdopen(os.open(told, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"url": self.catalog_url, "credential": self.credential}, file)
        # rclone splits its option at blanks and knows no quotes, but paths may have blanks.
        program = folder / "auth-proxy"
        program.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S {shlex.quote(str(self.auth_proxy))}\n")
        program.chmod(0o700)
        command = [
            str(Path(sys.executable).parent / "rclone"),
            "serve",
            "s3",
            f"--addr=127.0.0.1:{self.port}",
            "--auth-proxy=./auth-proxy",
            # Each key has a directory cache of its own: with the default time one key does not see what another
            # wrote for minutes, and with 0 rclone spins a core.
            "--dir-cache-time=1ms",
            "--vfs-cache-mode=off",
            # Else every LIST reads and hashes every object.
            "--etag-hash=",
            # Else a name in another spelling of the same letters, which the gate does not know, is the same object.
            "--no-unicode-normalization",
            # Removing folders that look empty would race with a device that writes into one.
            "--no-cleanup",
            f"--config={folder / 'rclone.conf'}",
            f"--cache-dir={folder / 'cache'}",
            "--log-level=NOTICE",
        ]
        environment = {"SPACE_AUTH_PROXY_CONFIG": str(told), "HOME": str(folder)}
        self.child = Child("vault", command, self.home, environment, stop_seconds=10, folder=folder)
        self.child.spawn()
        await self.child.until_ready(self._answers, 30)

    async def _answers(self) -> bool:
        return ports.accepts(self.port)
