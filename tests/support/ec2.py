"""moto as EC2, a process of its own behind a proxy, and the driver that speaks with it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from provisioning.adapters.ec2 import Ec2Driver, Ec2Settings
from provisioning.ports import MachineWanted
from space_local import ports
from space_local.process import Child, Server
from tests.support.ec2_proxy import Ec2Proxy, ec2_proxy

REGION = "us-east-1"
SIZE = "t3.medium"
IMAGE = "ami-1e749f67"
"""A Linux that moto knows, with its root disk at /dev/sda1."""
RESTIC = {"address": "https://space.test/restic_linux_amd64.bz2", "sha256": "ab" * 32}
SETTINGS: dict[str, Any] = {
    "images": {REGION: IMAGE, "eu-west-1": IMAGE},
    "agent_package": "space-agent==0.1.0",
    "restic": RESTIC,
}


class Moto(Server):
    """It lets in whoever asks, forgets idempotency tokens and knows no state between on and off: see `ec2_proxy`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = ""

    async def start(self) -> None:
        port = ports.pick()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        checks = {"MOTO_ENABLE_AMI_VALIDATION": "true", "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true"}
        self.child = Child("moto", command, self.home, checks)
        self.child.spawn()

        async def accepts() -> bool:
            return ports.accepts(port)

        await self.child.until_ready(accepts, 60)
        self.url = f"http://127.0.0.1:{port}"


@asynccontextmanager
async def ec2(home: Path) -> AsyncIterator[Ec2Proxy]:
    """moto behind its proxy; start it once for a module, as it takes seconds."""
    async with Moto(home) as moto, ec2_proxy(moto.url) as proxy:
        # moto fills a region when it is first asked, which takes seconds: longer than some tests let a call last.
        await proxy.send(REGION, "DescribeInstances")
        yield proxy


def driver(
    proxy: Ec2Proxy, installation: UUID | None = None, deadline_seconds: float = 20, **settings: Any
) -> Ec2Driver:
    """A driver of an installation of its own, so that tests over one moto do not see each other's machines."""
    return Ec2Driver(
        "aws",
        installation or uuid4(),
        Ec2Settings.model_validate({**SETTINGS, **settings}),
        "AKIATESTS",
        "secret-of-the-tests",
        proxy.url,
        deadline_seconds,
    )


def wanted(instance_id: UUID | None = None, **changes: Any) -> MachineWanted:
    instance_id = instance_id or uuid4()
    agent = {
        "origin": "https://space.test",
        "instance_id": str(instance_id),
        "enrolment_secret": "an-enrolment-secret",
        "instance_name": "alice@olares.com",
        "restore_id": None,
        "ca_certificate": None,
    }
    fields: dict[str, Any] = {
        "name": "alice@olares.com",
        "region": REGION,
        "size": SIZE,
        "disk_bytes": 40 * 2**30,
        "agent": agent,
    }
    return MachineWanted(instance_id=instance_id, **(fields | changes))
