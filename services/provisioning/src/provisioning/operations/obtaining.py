"""Getting the one machine of an instance: the call, and the search when it is not known what came of the call."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.enrolment import enrolment_secret
from provisioning.domain.lifecycle import BOOT, QUEUED, Status, Trigger
from provisioning.domain.offers import SOLD_OUT_FOR, Plan
from provisioning.models import Instance
from provisioning.operations import availability, calls, moves, running
from provisioning.operations.turns import (
    Turn,
    Workshop,
    answered,
    claim,
    find,
    is_settled,
    readable,
    resume,
    settles_at,
    wait,
)
from provisioning.ports import CredentialsRefused, Machine, MachineWanted, OrderRefused, OutOfCapacity, Unanswered
from provisioning.queries import instances as queries

ENROL_WITHIN = QUEUED + BOOT
"""How long an agent may take to enrol, from the call that makes its machine."""
NO_MACHINE = "out_of_capacity"
REFUSED = "provider_refused"
SILENT = "provider_silent"

log = structlog.get_logger(__name__)


async def begin(
    session: AsyncSession, shop: Workshop, instance: Instance, now: datetime, until: datetime
) -> tuple[Turn, MachineWanted] | None:
    """Write down that the machine of a locked instance in the queue is asked for; None when it never will be.

    Args:
        until: The end of the turn's lease.
    """
    assert instance.requested_at is not None
    found = shop.offers.find(instance.provider, instance.region, instance.plan)
    if found is None:
        reason = f"There is no plan {instance.plan} at {instance.provider} {instance.region}. Choose another offer."
        await moves.fail(session, instance, "offer_unknown", reason, now)
        return None
    if now - instance.requested_at > QUEUED:
        reason = instance.reason or "The provider did not say what became of the call. Try again, or elsewhere."
        await moves.fail(session, instance, instance.code or SILENT, reason, now)
        return None
    _, region, plan = found
    await moves.move(session, instance, Trigger.CALL, now)
    instance.calls += 1
    instance.place = region.at
    instance.call_until = now + timedelta(seconds=shop.settings.driver_deadline_seconds)
    instance.enrolment_expires_at = now + ENROL_WITHIN
    turn = claim(instance, shop.drivers[instance.provider], until)
    return turn, _wanted(shop, instance, region.at, plan)


async def call(shop: Workshop, turn: Turn, wanted: MachineWanted) -> None:
    """Ask the driver for the machine, under the instance's id, and write down what it said."""
    assert turn.call_until is not None
    seconds = (turn.call_until - shop.clock()).total_seconds()
    if seconds <= 0:
        # This process slept through its own deadline: whoever comes next looks before anything is asked for.
        return
    try:
        machine = await calls.ask(turn.driver, "create", turn.driver.create(wanted), seconds)
    except OutOfCapacity as full:
        reason = "The provider has no such machine just now. Take another plan or place."
        await _refused(shop, turn, NO_MACHINE, reason, trouble=str(full))
    except CredentialsRefused as refusal:
        reason = "The provider does not let this service in; its operator has to mend that. Take another provider."
        await _refused(shop, turn, REFUSED, reason, trouble=str(refusal))
    except OrderRefused as refusal:
        reason = (
            "The provider will not make this machine. Take another plan or place; whoever runs this Space knows why."
        )
        await _refused(shop, turn, REFUSED, reason, trouble=str(refusal), final=True)
    except Unanswered:
        await _look_soon(shop, turn)
    else:
        await _obtained(shop, turn, machine)


async def look(shop: Workshop, turn: Turn) -> None:
    """It is not known what came of a call: search until that is certain, and ask again only then.

    Raises:
        Unanswered, CredentialsRefused: Nothing is certain yet.
    """
    machines = await find(shop, turn)
    if machines:
        await _obtained(shop, turn, machines[0])
        return
    now = shop.clock()
    async with shop.database.transaction() as session:
        instance = await answered(session, turn)
        if instance is None:
            return
        if is_settled(turn, now):
            await moves.move(session, instance, Trigger.WAIT, now, due_at=now, code=SILENT)
        else:
            instance.due_at = settles_at(turn, now)


async def _obtained(shop: Workshop, turn: Turn, machine: Machine) -> None:
    """There is a machine: certain knowledge, whoever has gone on with the instance meanwhile."""
    now = shop.clock()
    async with shop.database.transaction() as session:
        instance = await queries.lock(session, turn.instance_id)
        assert instance is not None
        if instance.status == Status.FETCHING:
            await moves.move(session, instance, Trigger.OBTAIN, now, due_at=now)
            instance.address = machine.address
            _keep(instance, machine, now)
            await running.note(session, instance, machine, now)
        elif instance.status == Status.DESTROYING and instance.call_until == turn.call_until:
            instance.due_at = now
            _keep(instance, machine, now)


def _keep(instance: Instance, machine: Machine, now: datetime) -> None:
    """The call has come to its end: no second machine can come of it, though this one may not be listed for a while."""
    instance.machine, instance.call_until = machine.reference, now


async def _refused(shop: Workshop, turn: Turn, code: str, reason: str, *, trouble: str, final: bool = False) -> None:
    """Nothing was made: wait in the queue for another try, or give up.

    Args:
        reason: For its owner, who has no use for what is ours: images, subnets, folders.
        trouble: The provider's own words, for an operator.
    """
    log.warning("a provider made no machine", instance_id=str(turn.instance_id), code=code, reason=trouble)
    now = shop.clock()
    async with shop.database.transaction() as session:
        instance = await queries.lock(session, turn.instance_id)
        assert instance is not None
        if instance.status == Status.DESTROYING and instance.call_until == turn.call_until:
            # Returned meanwhile, and this call has made nothing: there is nothing to wait for.
            instance.call_until, instance.due_at = None, now
            return
        if await resume(session, turn) is None:
            return
        if code == NO_MACHINE:
            until = now + SOLD_OUT_FOR
            await availability.mark_sold_out(session, instance.provider, instance.region, instance.plan, until)
        if final:
            await moves.fail(session, instance, code, reason, now)
        else:
            due_at = now + wait(instance.calls)
            await moves.move(session, instance, Trigger.WAIT, now, due_at=due_at, code=code, reason=reason)
        instance.trouble = readable(trouble)


async def _look_soon(shop: Workshop, turn: Turn) -> None:
    async with shop.database.transaction() as session:
        instance = await resume(session, turn)
        if instance is not None:
            instance.due_at = shop.clock() + wait(1)


def _wanted(shop: Workshop, instance: Instance, place: str, plan: Plan) -> MachineWanted:
    """The same at every call: a provider that knows the id refuses other terms."""
    settings = shop.settings
    ca_certificate = settings.ca_file.read_text() if settings.ca_file is not None else None
    return MachineWanted(
        instance_id=instance.id,
        name=instance.name,
        region=place,
        size=plan.size,
        disk_bytes=plan.disk_bytes,
        agent={
            "origin": settings.issuer,
            "instance_id": str(instance.id),
            "enrolment_secret": enrolment_secret(settings.enrolment_key.get_secret_value(), instance.id),
            "instance_name": instance.name,
            "restore_id": None if instance.restore_id is None else str(instance.restore_id),
            "ca_certificate": ca_certificate,
        },
    )
