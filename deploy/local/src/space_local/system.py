"""The whole system on one machine: servers, databases, services and the edge, started and ended in order."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Self
from uuid import UUID

import httpx

from space_local import certificates
from space_local.caddy import Caddy
from space_local.errors import AlreadyRunning, LocalError, ServerFailed
from space_local.machines import end_machines, ensure_installation
from space_local.members import MEMBERS, Member
from space_local.options import PROJECT, Options
from space_local.ports import Ports, require_free
from space_local.postgres import Postgres
from space_local.process import Child, Server, boot_id, end_leftovers, inherited_environment, start_ticks
from space_local.rabbitmq import RabbitMQ
from space_local.secrecy import Secrets, ensure_signing_keys
from space_local.vault import Vault

EDGE = PROJECT / "deploy" / "edge"
CONSOLE = PROJECT / "services" / "console" / "dist"
AUTH_PROXY = PROJECT / "services" / "catalog" / "src" / "catalog" / "adapters" / "rclone_auth_proxy.py"
ROLES = ("api", "worker")
FREE_BYTES = 500 * 2**20
READY_SECONDS = 60
RESTARTS_ALLOWED = 5
RESTART_WINDOW_SECONDS = 60


class ServiceProcess(Server):
    """One process of services: all of them, or one role of one."""

    def __init__(self, name: str, command: list[str], home: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.child = Child(name, command, home, environment, stop_seconds=30)

    async def start(self) -> None:
        """Start only: readiness is asked at the origin, for everything together."""
        self.child.spawn()


class System:
    """Everything of one state folder. Use it as a context manager, or `start` and `stop` it.

    `servers` holds what runs, by name (postgres, rabbitmq, vault, services or <service>-<role>, caddy), each with
    `kill`, `stop`, `start` and `restart`, for tests of crashes.
    """

    def __init__(self, options: Options, say: Callable[[str], None] = lambda _: None) -> None:
        self.options = options
        self.state = options.home
        self.origin = options.origin
        self.store_endpoint = options.store_endpoint
        self.servers: dict[str, Server] = {}
        self._say = say
        self._lock: int | None = None

    @property
    def origin_file(self) -> Path:
        return self.state / "origin"

    @property
    def ca_file(self) -> Path:
        return self.state / "tls" / "ca.pem"

    @property
    def store_folder(self) -> Path:
        return self.state / "store"

    @property
    def instances_folder(self) -> Path:
        return self.state / "instances"

    @property
    def installation(self) -> UUID:
        return ensure_installation(self.state / "installation")

    @property
    def vault_url(self) -> str:
        return f"http://127.0.0.1:{self._port('vault')}"

    def internal_url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._port(f'{service}.internal')}"

    def api_url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._port(f'{service}.api')}"

    def database_url(self, service: str) -> str:
        return self.postgres.database_url(service, service, self.secret(f"postgres.{service}"))

    def credential(self, service: str, caller: str) -> str:
        return self.secret(f"internal.{service}.{caller}")

    def secret(self, name: str) -> str:
        return self._secrets.get(name)

    async def start(self) -> None:
        """Start everything and wait until the origin says it is ready.

        Raises:
            LocalError: When something does not start; what had started is stopped again.
        """
        self._open_state()
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything, the edge first, the servers that keep data last.

        Machines of local instances end after the services, which would start them again.
        """
        self.origin_file.unlink(missing_ok=True)
        last = [self.servers[name] for name in ("postgres", "rabbitmq") if name in self.servers]
        services = [server for server in self.servers.values() if isinstance(server, ServiceProcess)]
        for name in ("caddy", "vault"):
            if name in self.servers:
                await self.servers[name].stop()
        await asyncio.gather(*(server.stop() for server in services))
        try:
            await asyncio.to_thread(end_machines, self.instances_folder)
        finally:
            await asyncio.gather(*(server.stop() for server in last))
            self._let_go()

    async def watch(self, stop: asyncio.Event) -> None:
        """Until told to stop, start again what ended by itself; give up on what keeps ending."""
        ended: dict[str, list[float]] = {}
        while not stop.is_set():
            for name, server in list(self.servers.items()):
                if server.running:
                    continue
                now = time.monotonic()
                recent = [at for at in ended.get(name, []) if now - at < RESTART_WINDOW_SECONDS]
                if len(recent) >= RESTARTS_ALLOWED:
                    raise ServerFailed(name, "keeps ending", server.child.log)
                ended[name] = [*recent, now]
                self._say(f"{name} ended by itself; starting it again. Its log: {server.child.log}")
                await server.restart()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)

    def destroy(self) -> None:
        """Delete everything this system keeps."""
        end_machines(self.instances_folder)
        Postgres(self.state).destroy()
        shutil.rmtree(self.state, ignore_errors=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def until_ready(self) -> None:
        """Wait until the origin answers that every service is ready."""
        deadline = time.monotonic() + READY_SECONDS
        # Not by the origin's name: a machine may not reach itself by the name that others know it by.
        here = f"{self.options.scheme}://127.0.0.1:{self.options.origin_port}"
        verify = ssl.create_default_context(cafile=str(self.ca_file))
        async with httpx.AsyncClient(verify=verify, timeout=5) as client:
            while time.monotonic() < deadline:
                for name, server in self.servers.items():
                    if not server.running:
                        raise ServerFailed(name, "ended while starting", server.child.log)
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"{here}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        unready = next(server for server in self.servers.values() if isinstance(server, ServiceProcess))
        raise ServerFailed(unready.name, f"was not ready within {READY_SECONDS} s", unready.child.log)

    def _port(self, name: str) -> int:
        return self._ports[name]

    def _let_go(self) -> None:
        self.servers.clear()
        if self._lock is not None:
            (self.state / "run" / "system").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _open_state(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state.chmod(0o700)
        if shutil.disk_usage(self.state).free < FREE_BYTES:
            raise LocalError(f"The disk of {self.state} has less than {FREE_BYTES >> 20} MB free. Make room first.")
        self._lock = _take_lock(self.state)
        self.origin_file.unlink(missing_ok=True)
        left = end_leftovers(self.state)
        if left:
            self._say(f"Ended what a killed run had left: {', '.join(left)}.")
        (self.state / "run").mkdir(exist_ok=True)
        record = {"pid": os.getpid(), "ticks": start_ticks(os.getpid()), "boot": boot_id()}
        # Not *.json: those are children, which the next start ends.
        (self.state / "run" / "system").write_text(json.dumps(record))

    async def _start(self) -> None:
        options = self.options
        require_free(options.origin_port, options.bind, "Choose another: SPACE_ORIGIN_PORT=8490 make run")
        require_free(options.store_port, options.bind, "Choose another: SPACE_STORE_PORT=8444 make run")
        self._secrets = Secrets(self.state / "secrets.json")
        self._ports = self._pick_ports()
        certificates.ensure(self.state / "tls", options.host)
        ensure_signing_keys(self.state / "identity-keys.json")
        for folder in (self.store_folder, self.instances_folder):
            folder.mkdir(exist_ok=True, mode=0o700)
        self.postgres = Postgres(self.state, self._port("postgres"), self.secret("postgres"), fast=options.fast)
        self.rabbitmq = RabbitMQ(self.state, self._port("rabbitmq"), self.secret("rabbitmq"))
        self.servers |= {"postgres": self.postgres, "rabbitmq": self.rabbitmq}
        async with _first_failure(), asyncio.TaskGroup() as group:
            group.create_task(self._start_databases())
            group.create_task(self.rabbitmq.start())
        if options.processes:
            await self._migrate()
        for service in self._service_processes():
            self.servers[service.name] = service
            await service.start()
        vault_credential = self.credential("catalog", "vault")
        self.servers["vault"] = Vault(
            self.state, AUTH_PROXY, self.internal_url("catalog"), vault_credential, self._port("vault")
        )
        listens = (options.origin_port, options.store_port)
        self.servers["caddy"] = Caddy(self.state, EDGE / "Caddyfile", self._edge_values(), listens)
        await self.servers["vault"].start()
        await self.servers["caddy"].start()
        await self.until_ready()
        await self._try_own_name()
        if not (CONSOLE / "index.html").exists():
            self._say("The console is not built, so there is none at the origin. `make bootstrap` builds it.")
        self.origin_file.write_text(self.origin + "\n")

    async def _try_own_name(self) -> None:
        """Agents of local instances call the origin by the name that others know this machine by."""
        if self.options.loopback and self.options.public_origin is None:
            return
        # As agents do: the private CA beside the public ones, which may have certified a proxy.
        verify = ssl.create_default_context()
        verify.load_verify_locations(str(self.ca_file))
        try:
            async with httpx.AsyncClient(verify=verify, timeout=3) as client:
                (await client.get(f"{self.origin}/healthz")).raise_for_status()
        except httpx.HTTPError as error:
            self._say(
                f"This machine does not reach itself at {self.origin} ({str(error) or type(error).__name__}), so local "
                "instances cannot report. Let the name lead here, for example by a line in /etc/hosts, or start the "
                "proxy in front."
            )

    async def _start_databases(self) -> None:
        await self.postgres.start()
        for member in MEMBERS:
            await self.postgres.ensure_database(member.name, member.name, self.secret(f"postgres.{member.name}"))

    def _pick_ports(self) -> dict[str, int]:
        ports = Ports(self.state / "ports.json")
        names = ["postgres", "rabbitmq", "vault"]
        for member in MEMBERS:
            names += [f"{member.name}.api", f"{member.name}.internal", f"{member.name}.worker"]
        return {name: ports.get(name) for name in names}

    def _service_processes(self) -> list[ServiceProcess]:
        python = sys.executable
        if not self.options.processes:
            environment = {key: value for member in MEMBERS for key, value in self._environment(member).items()}
            return [ServiceProcess("services", [python, "-m", "space_local.services", "run"], self.state, environment)]
        return [
            ServiceProcess(
                f"{member.name}-{role}", [python, "-m", member.name, role], self.state, self._environment(member, role)
            )
            for member in MEMBERS
            for role in ROLES
        ]

    async def _migrate(self) -> None:
        environment = {key: value for member in MEMBERS for key, value in self._environment(member).items()}
        log = self.state / "logs" / "migrate.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "space_local.services",
                "migrate",
                env=inherited_environment() | environment,
                stdout=output,
                stderr=output,
            )
            if await process.wait() != 0:
                raise ServerFailed("migrate", "failed", log)

    def _environment(self, member: Member, role: str = "api") -> dict[str, str]:
        prefix = f"{member.name.upper()}_"
        internal = "worker" if role == "worker" else "internal"
        callers = ("operator", *member.callers)
        told = {
            "DATABASE_URL": self.database_url(member.name),
            "BROKER_URL": self.rabbitmq.url,
            "ORIGIN": self.origin,
            "JWKS_URL": f"{self.api_url('identity')}/api/v1/auth/jwks.json",
            "API_LISTEN": f"127.0.0.1:{self._port(f'{member.name}.api')}",
            "INTERNAL_LISTEN": f"127.0.0.1:{self._port(f'{member.name}.{internal}')}",
            "INTERNAL_CREDENTIALS": json.dumps({caller: self.credential(member.name, caller) for caller in callers}),
            **member.settings(self),
        }
        chosen = {name: value for name, value in self.options.settings.items() if name.startswith(prefix)}
        return {prefix + name: value for name, value in told.items()} | chosen

    def _edge_values(self) -> dict[str, str]:
        options = self.options
        values = {
            "EDGE_ADDRESS": f"{options.scheme}://:{options.origin_port}",
            "EDGE_BIND": options.bind,
            "EDGE_TLS": "plain" if options.loopback else "files",
            "EDGE_FILES": str(EDGE),
            "EDGE_PAYMENTS": "stripe" if options.settings.get("BILLING_PROVIDER") == "stripe" else "sandbox",
            "CONSOLE_FILES": str(CONSOLE),
            "EDGE_TRUSTED_PROXIES": options.trusted_proxies,
            "STORE_ADDRESS": f"https://:{options.store_port}",
            "STORE_BIND": options.bind,
            "STORE_NAME": options.host,
            "TLS_CERTIFICATE": str(self.state / "tls" / "store.pem"),
            "TLS_KEY": str(self.state / "tls" / "store.key"),
            "VAULT_UPSTREAM": f"127.0.0.1:{self._port('vault')}",
            "GATE_CREDENTIAL": self.credential("catalog", "gate"),
        }
        for member in MEMBERS:
            values[f"{member.name.upper()}_UPSTREAM"] = f"127.0.0.1:{self._port(f'{member.name}.api')}"
            values[f"{member.name.upper()}_INTERNAL"] = f"127.0.0.1:{self._port(f'{member.name}.internal')}"
        return values


def running_pid(home: Path) -> int | None:
    """The process that runs the system of this folder, or None."""
    try:
        record = json.loads((home / "run" / "system").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    alive = record["boot"] == boot_id() and start_ticks(record["pid"]) == record["ticks"] is not None
    return int(record["pid"]) if alive else None


def _take_lock(home: Path) -> int:
    """Held by us for as long as we live; children do not inherit it."""
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunning(home, running_pid(home)) from None
    return descriptor


@contextlib.asynccontextmanager
async def _first_failure() -> AsyncIterator[None]:
    """A task group's first failure alone, which is what a person can act on."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
