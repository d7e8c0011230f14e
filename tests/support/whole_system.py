"""The whole system on private ports, with what tests do to it from outside and from behind."""

import asyncio
import contextlib
import hmac
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import httpx

from shared.events.restore import InstanceWanted
from space_local import ports
from space_local.options import Options
from space_local.process import Server
from space_local.system import ServiceProcess, System
from tests.support.events import publish
from tests.support.folders import sum_of_files
from tests.support.waiting import wait_for

ResultT = TypeVar("ResultT")


def eventually(ask: Callable[[], ResultT], seconds: float = 90, every: float = 0.2) -> ResultT:
    """The first answer that is true, asked again and again."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds} s; the last answer was {answer!r}"
        time.sleep(every)
    return answer


def is_restoring(target: Path) -> bool:
    """Whether a restic has begun to restore to somewhere below this folder; it opens the repository first."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            program, *arguments = (entry / "cmdline").read_bytes().split(b"\0")
            below = any(os.fsencode(target) in argument for argument in arguments)
            if program.rpartition(b"/")[2] == b"restic" and b"restore" in arguments and below:
                return True
    return False


class WholeSystem:
    """Everything that `make run` starts, in a folder of its own."""

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None, *, processes: bool = False) -> None:
        origin, store = ports.pick(), ports.pick()
        self.system = System(
            Options(
                home=home, origin_port=origin, store_port=store, fast=True, processes=processes, settings=settings or {}
            )
        )
        self._environments: dict[str, Any] = {}

    @property
    def origin(self) -> str:
        return self.system.origin

    @property
    def service_names(self) -> list[str]:
        return [name for name, server in self.system.servers.items() if isinstance(server, ServiceProcess)]

    def start(self) -> None:
        wait_for(self.system.start())
        self._environments = {name: self._service(name).child.environment for name in self.service_names}

    def stop(self) -> None:
        wait_for(self.system.stop())
        self.system.destroy()

    def heal(self) -> None:
        """Whatever a failed test left broken works again."""
        for name, server in self.system.servers.items():
            if server.running:
                self.signal(name, signal.SIGCONT)
        for name in self.service_names:
            if self._service(name).child.environment != self._environments[name]:
                self._service(name).child.environment = self._environments[name]
                wait_for(self._service(name).stop())
        self.start_again(*(name for name, server in self.system.servers.items() if not server.running))

    def kill(self, *names: str) -> None:
        """What a power cut does to these servers."""
        for name in names:
            self.system.servers[name].kill()

    def start_again(self, *names: str) -> None:
        """Start servers that are down, and wait until the origin is ready."""
        if not names:
            return

        async def start() -> None:
            for name in names:
                await self.system.servers[name].start()
            await self.system.until_ready()

        wait_for(start())

    @contextlib.contextmanager
    def down(self, *names: str) -> Iterator[None]:
        """Without these servers for a while."""
        self.kill(*names)
        yield
        self.start_again(*names)

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """This server answers nobody for a while, and keeps its connections."""
        self.freeze(name)
        try:
            yield
        finally:
            self.thaw(name)

    def freeze(self, name: str) -> None:
        self.signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.signal(name, signal.SIGCONT)

    def signal(self, name: str, number: signal.Signals) -> None:
        os.killpg(self.system.servers[name].child.pid, number)

    @contextlib.contextmanager
    def told(self, **settings: str) -> Iterator[None]:
        """The services started again with other settings, for a while."""
        names = self.service_names
        for name in names:
            self._service(name).child.environment = {**self._environments[name], **settings}
        self._restart(names)
        try:
            yield
        finally:
            for name in names:
                self._service(name).child.environment = self._environments[name]
            self._restart(names)

    def sql(self, service: str, query: str, *arguments: Any) -> list[Any]:
        """Look into a service's database, or arrange what only time could bring."""

        async def run() -> list[Any]:
            connection = await asyncpg.connect(self.system.database_url(service))
            try:
                return list(await connection.fetch(query, *arguments))
            finally:
                await connection.close()

        return wait_for(run())

    def unsent_messages(self, service: str) -> int:
        """How many events wait in a service's outbox."""
        (row,) = self.sql(service, "SELECT count(*) AS waiting FROM outbox")
        return int(row["waiting"])

    def measure_now(self, backup_id: str) -> None:
        """Let the time of a backup's next measurement come, and wait until it is over."""
        (before,) = self.sql(
            "catalog",
            "UPDATE backups SET measure_due_at = now() WHERE id = $1 RETURNING measure_due_at AS at",
            backup_id,
        )
        eventually(
            lambda: self.sql(
                "catalog", "SELECT 1 FROM backups WHERE id = $1 AND measured_at >= $2", backup_id, before["at"]
            ),
            60,
        )

    def repository_folder(self, repository: str) -> Path:
        """Where the store keeps a repository."""
        store = self.system.store_folder
        found = store.rglob(f"olares-backups/{repository}")
        (folder,) = (path for path in found if path.relative_to(store).parts[0] == path.parent.parent.name)
        return folder

    def stored_bytes(self, repository: str) -> int:
        """The sum of a repository's objects, counted in the store itself."""
        return sum_of_files(self.repository_folder(repository))

    def key_secrets(self, access_key_id: str) -> tuple[str, str]:
        """Secret and session token of a storage key, derived as the vault's issuer derives them."""
        master = bytes.fromhex(self.system.secret("vault_master_key"))
        secret, token = (
            hmac.digest(master, f"{purpose}\0{access_key_id}".encode(), "sha256").hex()
            for purpose in ("secret", "session")
        )
        return secret[:40], token

    def owner_wide_key(self, owner_id: str) -> tuple[str, str]:
        """The id of a write key for all of an owner's repositories, such as Olares clients get, and its address."""
        key_id = "SPK" + "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=17))
        (space,) = self.sql("catalog", "SELECT prefix FROM owner_spaces WHERE owner_id = $1", owner_id)
        self.sql(
            "catalog",
            "INSERT INTO storage_keys (access_key_id, owner_id, access, issuer, issued_at, expires_at)"
            " VALUES ($1, $2, 'write', 'vault', now(), now() + interval '1 hour')",
            key_id,
            owner_id,
        )
        address = f"{self.system.store_endpoint}/vault/p1.amazonaws.com/backups/{space['prefix']}/olares-backups"
        return key_id, address

    def want_instance(self, owner_id: UUID, name: str, plan: str = "small") -> UUID:
        """Ask for a local instance, as restore will; its id."""
        instance_id = uuid4()
        event = InstanceWanted(
            owner_id=owner_id, instance_id=instance_id, instance_name=name, provider="local", region="local", plan=plan
        )
        wait_for(publish(self.system.rabbitmq.url, event))
        return instance_id

    def machine_folder(self, instance_id: UUID) -> Path:
        """Where the driver of local machines keeps a machine."""
        return self.system.instances_folder / "local" / str(instance_id)

    def internal(self, service: str, caller: str) -> httpx.Client:
        """A service's internal listener, as one of its callers."""
        return httpx.Client(
            base_url=self.system.internal_url(service),
            headers={"Authorization": f"Bearer {self.system.credential(service, caller)}"},
            timeout=30,
            trust_env=False,
        )

    def restrict(self, owner_id: str, restriction: str | None) -> None:
        with self.internal("catalog", "operator") as operator:
            operator.put(
                f"/internal/owners/{owner_id}/restriction", json={"restriction": restriction}
            ).raise_for_status()

    def _service(self, name: str) -> Server:
        return self.system.servers[name]

    def _restart(self, names: list[str]) -> None:
        async def stop() -> None:
            await asyncio.gather(*(self._service(name).stop() for name in names))

        wait_for(stop())
        self.start_again(*names)
