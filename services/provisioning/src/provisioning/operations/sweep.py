"""The sweep: every machine that exists is compared with the instances that are known, both ways."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import RowMapping

from provisioning.domain.inventory import LOST_AFTER, Findings, Known, Seen, compare
from provisioning.domain.lifecycle import HAS_MACHINE, Status
from provisioning.models import Orphan
from provisioning.operations import calls, moves, returning
from provisioning.operations.turns import Workshop
from provisioning.ports import (
    CredentialsRefused,
    InstanceDriver,
    Machine,
    MachineState,
    OrderRefused,
    OutOfCapacity,
    Unanswered,
)
from provisioning.queries import instances as queries
from provisioning.queries import orphans
from shared.db import Database

log = structlog.get_logger(__name__)

UNCERTAIN = (Unanswered, CredentialsRefused, OutOfCapacity, OrderRefused)


async def sweep(shop: Workshop) -> int:
    """Compare each provider's machines with what is known; how many orphans were found.

    What does not answer, be it a provider, a place or about a single machine, keeps nothing else from being swept.
    """
    sweeps = (_sweep_provider(shop, provider, driver) for provider, driver in shop.drivers.items())
    found = 0
    for outcome in await asyncio.gather(*sweeps, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        found += outcome
    return found


async def _sweep_provider(shop: Workshop, provider: str, driver: InstanceDriver) -> int:
    found = await _compare(shop, provider, driver)
    await _end_orphans(shop, provider, driver)
    return found


async def _compare(shop: Workshop, provider: str, driver: InstanceDriver) -> int:
    async with shop.database.reading() as session:
        before = await queries.live_of_provider(session, provider)
    listed_at = shop.clock()
    places = {region.at for region in shop.offers.providers[provider].regions.values()}
    places |= {row["place"] for row in before.values() if row["place"] is not None}
    machines, silent_places = await _list_machines(shop, driver, sorted(places))
    async with shop.database.reading() as session:
        rows = await queries.swept(session, {*before, *(machine.instance_id for machine in machines)})
    known = {
        instance_id: _known(row, None if row["place"] in silent_places else before.get(instance_id))
        for instance_id, row in rows.items()
    }
    findings = compare([_seen(machine) for machine in machines], known, listed_at, shop.clock(), driver.settle)
    by_reference = {machine.reference: machine for machine in machines}
    await _note_missing(shop.database, findings, shop.clock())
    for instance_id in sorted(findings.down | findings.up):
        with _unanswered(provider, instance_id=str(instance_id)):
            await _set_power(shop, driver, instance_id, known[instance_id], by_reference)
    return await _record_orphans(shop, provider, findings, by_reference)


async def _list_machines(
    shop: Workshop, driver: InstanceDriver, places: Iterable[str]
) -> tuple[list[Machine], set[str]]:
    """The machines that are not on their way out, and the places that did not say which they have."""
    machines: list[Machine] = []
    silent_places = set(places)
    for place in places:
        with _unanswered(driver.provider, place=place):
            listed = driver.list_machines(place)
            machines += await calls.ask(driver, "list_machines", listed, shop.settings.driver_deadline_seconds)
            silent_places.remove(place)
    return [machine for machine in machines if machine.state is not MachineState.ENDING], silent_places


@contextmanager
def _unanswered(provider: str, **about: str) -> Iterator[None]:
    """Around what is tried again at the next sweep where its provider did not do it."""
    try:
        yield
    except UNCERTAIN as error:
        log.warning("a provider could not be swept", provider=provider, reason=str(error), **about)


async def _note_missing(database: Database, findings: Findings, now: datetime) -> None:
    for instance_id in sorted(findings.missing | findings.lost | findings.back):
        async with database.transaction() as session:
            instance = await queries.lock(session, instance_id)
            if instance is None or instance.status not in HAS_MACHINE:
                continue
            # Another replica's sweep may have seen it meanwhile.
            since = instance.missing_since
            if instance_id in findings.lost and since is not None and now - since >= LOST_AFTER:
                log.error("a machine is gone that nobody here ended", instance_id=str(instance_id))
                await returning.lose(session, instance, now)
            elif instance_id in findings.back:
                instance.missing_since = None
            else:
                instance.missing_since = instance.missing_since or now


async def _set_power(
    shop: Workshop, driver: InstanceDriver, instance_id: UUID, known: Known, machines: dict[str, Machine]
) -> None:
    """Start what is down and should be up, or stop what is up and should be down, unless that has changed meanwhile."""
    assert known.machine is not None
    machine, seconds = machines[known.machine], shop.settings.driver_deadline_seconds
    async with shop.database.transaction() as session:
        instance = await queries.lock(session, instance_id)
        if instance is None or instance.status != known.status:
            return
        found, done = ("running", "stopped") if known.status is Status.STOPPED else ("stopped", "started")
        moves.add_line(session, instance, f"The machine was found {found}; it is {done} again.", shop.clock())
    if known.status is Status.STOPPED:
        await calls.ask(driver, "stop", driver.stop(machine.region, machine.reference), seconds)
    else:
        await calls.ask(driver, "start", driver.start(machine.region, machine.reference), seconds)


def _seen(machine: Machine) -> Seen:
    return Seen(
        instance_id=machine.instance_id,
        reference=machine.reference,
        is_up=machine.state in (MachineState.RUNNING, MachineState.PENDING),
        is_down=machine.state is MachineState.STOPPED,
    )


def _known(row: RowMapping, before: RowMapping | None) -> Known:
    return Known(
        instance_id=row["id"],
        status=Status(row["status"]),
        machine=row["machine"],
        machine_before=None if before is None else before["machine"],
        missing_since=row["missing_since"],
        ended_at=row["ended_at"],
        was_lost=row["code"] == "machine_lost",
    )


async def _record_orphans(shop: Workshop, provider: str, findings: Findings, machines: dict[str, Machine]) -> int:
    now, count = shop.clock(), 0
    for seen, is_certain in findings.orphans:
        due_at = now if is_certain else now + shop.settings.orphan_grace
        async with shop.database.transaction() as session:
            if await orphans.record(session, provider, machines[seen.reference], due_at, now):
                count += 1
                log.error("an orphan machine was found", provider=provider, reference=seen.reference)
    return count


async def _end_orphans(shop: Workshop, provider: str, driver: InstanceDriver) -> None:
    """Return the orphans whose grace is over; one is recorded as returned once the provider does not list it."""
    async with shop.database.reading() as session:
        due = await orphans.due(session, provider, shop.clock())
    for orphan in due:
        with _unanswered(provider, reference=orphan.reference):
            await _end_orphan(shop, driver, orphan)


async def _end_orphan(shop: Workshop, driver: InstanceDriver, orphan: Orphan) -> None:
    seconds = shop.settings.driver_deadline_seconds
    async with shop.database.transaction() as session:
        locked = await orphans.lock(session, orphan.provider, orphan.reference)
        if locked is None:
            return
        if await orphans.in_use(session, orphan):
            await session.delete(locked)
            log.warning("an orphan's instance is known again", provider=orphan.provider, reference=orphan.reference)
            return
    await calls.ask(driver, "destroy", driver.destroy(orphan.region, orphan.reference), seconds)
    left = await calls.ask(driver, "find", driver.find(orphan.region, orphan.instance_id), seconds)
    if orphan.reference not in {machine.reference for machine in left}:
        await _record_end(shop.database, orphan, shop.clock())


async def _record_end(database: Database, orphan: Orphan, now: datetime) -> None:
    async with database.transaction() as session:
        locked = await orphans.lock(session, orphan.provider, orphan.reference)
        if locked is not None and locked.state == "found":
            locked.state, locked.ended_at, locked.due_at = "returned", now, None
            log.warning("an orphan machine was returned", provider=orphan.provider, reference=orphan.reference)
