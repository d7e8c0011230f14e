"""What exists against what should: the machines that a provider lists, and the instances that are known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from provisioning.domain.lifecycle import HAS_MACHINE, HEARD, TERMINAL, Status

LOST_AFTER = timedelta(minutes=10)
"""How long a provider may fail to list a machine before it counts as gone: lists of clouds lag behind."""

TO_RUN = HEARD | {Status.PENDING, Status.STARTING, Status.RESTARTING, Status.ERRORED}
"""A machine that is down in one of these has crashed, perhaps before its agent was ever heard."""


@dataclass(frozen=True)
class Seen:
    """A machine as it is listed.

    Args:
        is_up: It runs or starts.
        is_down: It is stopped, and could be started.
    """

    instance_id: UUID
    reference: str
    is_up: bool
    is_down: bool


@dataclass(frozen=True)
class Known:
    """An instance, read after the list was asked for, so that whatever is listed has its row.

    Args:
        machine: The machine it is known to have.
        machine_before: The same before the list was asked for; a list can only miss what was there by then. None
            where its place did not answer.
    """

    instance_id: UUID
    status: Status
    machine: str | None
    machine_before: str | None
    missing_since: datetime | None
    ended_at: datetime | None
    was_lost: bool


@dataclass
class Findings:
    """What is not as it should be, by instance."""

    missing: set[UUID] = field(default_factory=set)
    lost: set[UUID] = field(default_factory=set)
    back: set[UUID] = field(default_factory=set)
    down: set[UUID] = field(default_factory=set)
    """Stopped by nobody here: to be started again."""
    up: set[UUID] = field(default_factory=set)
    """Started by nobody here: to be stopped again."""
    orphans: list[tuple[Seen, bool]] = field(default_factory=list)
    """Machines that nobody has any use for; True where that is certain, False where no instance is known at all."""


def compare(
    listed: Iterable[Seen], known: Mapping[UUID, Known], listed_at: datetime, now: datetime, settle: timedelta
) -> Findings:
    """Compare both ways.

    Args:
        listed: The machines; those on their way out are left out by the caller.
        known: Live instances of the provider, and those of any status that are named in the list.
        listed_at: When the list was asked for.
        settle: How long the provider's lists may lag behind.
    """
    findings = Findings()
    machines: dict[UUID, list[Seen]] = {}
    for seen in listed:
        machines.setdefault(seen.instance_id, []).append(seen)
    for instance_id, found in machines.items():
        _judge(findings, found, known.get(instance_id), listed_at, settle)
    references = {seen.reference for found in machines.values() for seen in found}
    for instance in known.values():
        if instance.status in HAS_MACHINE and instance.machine_before and instance.machine_before not in references:
            since = instance.missing_since
            is_lost = since is not None and now - since >= LOST_AFTER
            (findings.lost if is_lost else findings.missing).add(instance.instance_id)
    return findings


def _judge(
    findings: Findings, found: list[Seen], instance: Known | None, listed_at: datetime, settle: timedelta
) -> None:
    if instance is None:
        findings.orphans += [(seen, False) for seen in found]
        return
    if instance.status in TERMINAL:
        # A list that was begun before the end may still show it.
        if instance.ended_at is not None and listed_at > instance.ended_at + settle:
            findings.orphans += [(seen, not instance.was_lost) for seen in found]
        return
    if instance.machine is None or instance.status not in HAS_MACHINE:
        # It is being looked for, or being ended: its own turns see to that.
        return
    own = [seen for seen in found if seen.reference == instance.machine]
    # While its own is not listed, the other may be all that there is.
    findings.orphans += [(seen, True) for seen in found if seen.reference != instance.machine and own]
    if own and instance.missing_since is not None:
        findings.back.add(instance.instance_id)
    if any(seen.is_down for seen in own) and instance.status in TO_RUN:
        findings.down.add(instance.instance_id)
    if any(seen.is_up for seen in own) and instance.status is Status.STOPPED:
        findings.up.add(instance.instance_id)
