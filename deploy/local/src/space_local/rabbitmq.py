"""RabbitMQ from the system's package, as a node of our own: private name, ports, cookie, data and epmd."""

import os
import shutil
from pathlib import Path

import aiormq

from space_local import ports
from space_local.errors import LocalError
from space_local.process import Child, Server

# The scripts in /usr/sbin refuse ordinary users; these do not.
SCRIPTS = (
    "/usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
)
USER = "space"
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
default_vhost = /
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
log.console = true
log.console.level = warning
log.file = false
disk_free_limit.absolute = 200MB
vm_memory_high_watermark.absolute = 1GB
"""


class RabbitMQ(Server):
    """One private broker with its data under `home/rabbitmq`.

    Its epmd is a child of ours on a loopback port of its own: the node would start one that outlives it, or join
    the one of a system broker.
    """

    def __init__(self, home: Path, port: int | None = None, password: str = USER, *, user: str = USER) -> None:
        self.home = home
        self.folder = home / "rabbitmq"
        self.port = port or ports.pick()
        self.user = user
        self.password = password
        self.epmd: Child | None = None
        self._has_answered = False
        self._is_new = False

    @property
    def url(self) -> str:
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.port}/"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        epmd_port = ports.pick()
        self.epmd = Child("epmd", [epmd(), "-port", str(epmd_port), "-address", "127.0.0.1"], self.home, stop_seconds=2)
        self.epmd.spawn()
        configuration = self.folder / "rabbitmq.conf"
        _write(configuration, CONFIGURATION.format(port=self.port, user=self.user, password=self.password))
        _write(self.folder / "enabled_plugins", "[].\n")
        _write(self.folder / "rabbitmq-env.conf", "")
        environment = {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # By address: not every machine knows the name localhost.
            "RABBITMQ_NODENAME": "space@127.0.0.1",
            "RABBITMQ_USE_LONGNAME": "true",
            "ERL_CRASH_DUMP": str(self.home / "logs" / "erl_crash.dump"),
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(ports.pick()),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(configuration.with_suffix("")),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self._data),
            "RABBITMQ_LOG_BASE": str(self.home / "logs"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            # Makes the script become the node instead of watching it, so that our pid and signals are the node's.
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
        }
        self._has_answered, self._is_new = False, not self._data.exists()
        self.child = Child("rabbitmq", [server_script()], self.home, environment, stop_seconds=40)
        self.child.spawn()
        await self.child.until_ready(self._answers, 90)

    async def stop(self) -> None:
        if self.running and not self._has_answered:
            # A node that is still starting does not hear signals; what it had just begun to make holds nothing yet.
            super().kill()
            if self._is_new:
                shutil.rmtree(self._data, ignore_errors=True)
        await super().stop()
        if self.epmd is not None:
            await self.epmd.stop()

    def kill(self) -> None:
        super().kill()
        if self.epmd is not None:
            self.epmd.kill()

    async def _answers(self) -> bool:
        if not ports.accepts(self.port):
            return False
        try:
            connection = await aiormq.connect(self.url)
        except (OSError, aiormq.exceptions.AMQPError):
            return False
        await connection.close()
        self._has_answered = True
        return True


def server_script() -> str:
    for pattern in SCRIPTS:
        found = sorted(Path("/").glob(pattern.lstrip("/")))
        if found:
            return str(found[-1])
    raise LocalError("RabbitMQ is not installed. `make` installs the package rabbitmq-server where it can.")


def epmd() -> str:
    """Erlang's port mapper, which is not always on PATH."""
    on_path = shutil.which("epmd")
    if on_path:
        return on_path
    for pattern in (
        "usr/lib/erlang/erts-*/bin/epmd",
        "usr/lib/erlang/bin/epmd",
        "opt/homebrew/lib/erlang/erts-*/bin/epmd",
    ):
        found = sorted(Path("/").glob(pattern))
        if found:
            return str(found[-1])
    raise LocalError("Erlang's epmd was not found, which comes with RabbitMQ.")


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
