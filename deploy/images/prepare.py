"""What has to be there before any service starts: ``keys`` makes certificates and signing keys, ``topology`` queues."""

import asyncio
import importlib
import os
import shutil
import sys
from pathlib import Path

from shared.broker import declare_topology
from shared.service import Service
from space_local import certificates
from space_local.members import MEMBERS
from space_local.secrecy import ensure_signing_keys


def make_keys() -> None:
    """In a volume for each reader: the authority itself has none but this job."""
    certificates.ensure(Path("/authority"), os.environ["SPACE_HOST"])
    shutil.copyfile("/authority/ca.pem", "/ca/ca.pem")
    for name in ("store.key", "store.pem"):
        shutil.copy("/authority/" + name, "/tls/" + name)
    ensure_signing_keys(Path("/keys/identity-keys.json"))


def declare_queues() -> None:
    """Every service's queues; an event that is sent before its reader's queue exists is not kept for it."""
    services: list[Service] = [importlib.import_module(f"{member.name}.app").service for member in MEMBERS]
    queues = [queue for service in services for queue in service.queues]
    asyncio.run(declare_topology(os.environ["SPACE_BROKER_URL"], queues))


if __name__ == "__main__":
    {"keys": make_keys, "topology": declare_queues}[sys.argv[1]]()
