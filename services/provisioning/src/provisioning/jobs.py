"""Time comes in here."""

from datetime import UTC, datetime, timedelta

from provisioning.adapters import ProvisioningRuntime
from provisioning.operations import availability, gauges, links, logs, sweep, work
from provisioning.operations.turns import Workshop
from shared.service import Job


def workshop(runtime: ProvisioningRuntime) -> Workshop:
    return Workshop(
        database=runtime.database,
        drivers=runtime.adapters.drivers,
        offers=runtime.adapters.offers,
        settings=runtime.settings,
        clock=_now,
    )


async def work_instances(runtime: ProvisioningRuntime, _: datetime) -> int:
    """Do what is due about instances: ask for machines, look for them, end them."""
    return await work.work_all(workshop(runtime))


async def find_silent(runtime: ProvisioningRuntime, _: datetime) -> int:
    return await work.find_silent(workshop(runtime))


async def sweep_machines(runtime: ProvisioningRuntime, _: datetime) -> int:
    """Compare what exists with what should."""
    await sweep.sweep(workshop(runtime))
    return 0


async def survey_offers(runtime: ProvisioningRuntime, now: datetime) -> int:
    """Ask the drivers what is sold out."""
    await availability.survey(runtime.database, runtime.adapters.drivers, runtime.adapters.offers, now)
    return 0


async def forget_log_lines(runtime: ProvisioningRuntime, now: datetime) -> int:
    async with runtime.database.transaction() as session:
        return await logs.forget(session, now)


async def forget_links(runtime: ProvisioningRuntime, now: datetime) -> int:
    async with runtime.database.transaction() as session:
        return await links.forget(session, now)


async def measure_instances(runtime: ProvisioningRuntime, now: datetime) -> int:
    """What an operator is alerted by."""
    await gauges.measure(runtime.database, runtime.adapters.drivers, now)
    return 0


def _now() -> datetime:
    return datetime.now(UTC)


JOBS = (
    Job("work_instances", work_instances, timedelta(seconds=1)),
    Job("find_silent", find_silent, timedelta(seconds=10)),
    Job("sweep_machines", sweep_machines, timedelta(seconds=15)),
    Job("survey_offers", survey_offers, timedelta(minutes=1)),
    Job("forget_log_lines", forget_log_lines, timedelta(hours=1)),
    Job("forget_links", forget_links, timedelta(minutes=1)),
    Job("measure_instances", measure_instances, timedelta(seconds=10)),
)
