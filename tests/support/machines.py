"""Drivers under test, each over a provider of its own: add one here, and the contract is asked of it too."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from provisioning.adapters.sandbox import SandboxDriver
from provisioning.ports import InstanceDriver, MachineWanted
from tests.support import ec2
from tests.support.local_machines import INSTALLATION, OTHER_INSTALLATION, local_driver, machines_root, wanted


@dataclass(frozen=True)
class DriverUnderTest:
    """A driver, and what the contract needs to know of its provider.

    Args:
        other: A driver of another installation at the same provider, with the same account.
        unknown_size: A size that the provider does not know; null where a size is only a name.
        full: A driver of a provider that has no machine left; null where that cannot be had.
        region: Where machines are made.
        patience_seconds: How long the provider may take to show a change.
    """

    driver: InstanceDriver
    other: InstanceDriver
    size: str
    region: str
    unknown_region: str
    unknown_size: str | None = None
    full: InstanceDriver | None = None
    patience_seconds: float = 10.0

    def wanted(self, instance_id: UUID | None = None, **changes: object) -> MachineWanted:
        return wanted(instance_id, **{"region": self.region, "size": self.size, **changes})


@asynccontextmanager
async def local() -> AsyncIterator[DriverUnderTest]:
    with machines_root() as root, machines_root() as other_root:
        yield DriverUnderTest(
            driver=local_driver(root),
            other=local_driver(root, installation=OTHER_INSTALLATION),
            full=local_driver(other_root, capacity=0),
            region="local",
            size="small",
            unknown_region="the-moon",
        )


@asynccontextmanager
async def sandbox() -> AsyncIterator[DriverUnderTest]:
    async with local() as inner:
        assert inner.full is not None
        yield DriverUnderTest(
            driver=SandboxDriver(inner.driver),
            other=SandboxDriver(inner.other),
            full=SandboxDriver(inner.full),
            region=inner.region,
            size=inner.size,
            unknown_region=inner.unknown_region,
        )


@asynccontextmanager
async def amazon() -> AsyncIterator[DriverUnderTest]:
    """moto has no end of machines, so `full` cannot be had; the driver's own tests have EC2's words for it."""
    with tempfile.TemporaryDirectory(prefix="space-moto-") as home:
        async with ec2.ec2(Path(home)) as proxy:
            yield DriverUnderTest(
                driver=ec2.driver(proxy, INSTALLATION),
                other=ec2.driver(proxy, OTHER_INSTALLATION),
                region=ec2.REGION,
                size=ec2.SIZE,
                unknown_region="the-moon",
                unknown_size="t9.galactic",
            )


DRIVERS: dict[str, Callable[[], AbstractAsyncContextManager[DriverUnderTest]]] = {
    "local": local,
    "sandbox": sandbox,
    "ec2": amazon,
}
