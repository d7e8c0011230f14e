"""The services as one process: ``python -m space_local.services migrate | run``, told by their environment."""

import asyncio
import importlib
import signal
import sys

import uvloop
from alembic.util import CommandError

from shared.broker import declare_topology
from shared.service import ROLES, Service
from shared.settings import ServiceSettings
from shared.telemetry import configure_logging
from space_local.members import MEMBERS


def load() -> list[tuple[Service, ServiceSettings]]:
    found: list[Service] = [importlib.import_module(f"{member.name}.app").service for member in MEMBERS]
    return [(service, service.settings()) for service in found]


def prepare(services: list[tuple[Service, ServiceSettings]]) -> None:
    """Databases brought up to date and every queue declared, before anything is sent."""
    for service, settings in services:
        try:
            service.migrate(settings)
        except CommandError as error:
            sys.exit(
                f"{service.name}'s database was not made by this version ({error}). "
                "Go on with the version that made it, or begin anew with `make destroy`, which deletes it."
            )
    queues = [queue for service, _ in services for queue in service.queues]
    asyncio.run(declare_topology(str(services[0][1].broker_url), queues))


async def run(services: list[tuple[Service, ServiceSettings]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        for service, settings in services:
            group.create_task(service.run(settings, ROLES, stop))


def main() -> None:
    services = load()
    configure_logging(services[0][1].log_level)
    prepare(services)
    if sys.argv[1:] == ["run"]:
        uvloop.run(run(services))


if __name__ == "__main__":
    main()
