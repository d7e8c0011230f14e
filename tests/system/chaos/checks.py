"""What must hold when a story is over: table, folders, processes and events agree, and nobody had two machines."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from provisioning.domain.lifecycle import HAS_MACHINE, TERMINAL, Status
from shared.events.provisioning import (
    InstanceEnrolled,
    InstanceFailed,
    InstanceRequested,
    InstanceReturned,
    InstanceRunning,
    InstanceUsageMeasured,
)
from tests.support.events import Tap
from tests.support.whole_system import WholeSystem
from tests.system.chaos.story import Story
from tests.system.chaos.watcher import Watcher

AT_REST = TERMINAL | {Status.RUNNING, Status.STOPPED}
ONCE = (InstanceRequested, InstanceRunning, InstanceEnrolled, InstanceFailed, InstanceReturned)
PREFIX = "provisioning.instance."


@dataclass
class Evidence:
    """Everything that is known of a story's instances at one time."""

    story: Story
    watcher: Watcher
    said: list[str]
    rows: dict[UUID, Any]
    history: dict[UUID, list[str]]
    events: dict[UUID, list[dict[str, Any]]]
    orphans: list[UUID]
    billed: Counter[UUID]
    terminus: set[tuple[UUID, str]]

    @classmethod
    def gather(cls, whole: WholeSystem, story: Story, watcher: Watcher, tap: Tap, said: list[str]) -> "Evidence":
        history: dict[UUID, list[str]] = defaultdict(list)
        events: dict[UUID, dict[str, Any]] = defaultdict(dict)
        for row in whole.sql("provisioning", "SELECT * FROM history ORDER BY recorded_at, number"):
            history[row["instance_id"]].append(
                f"{row['recorded_at'].timestamp():.3f} {row['source']} -{row['trigger']}-> {row['status']}"
            )
        for envelope in tap.read():
            if envelope["type"].startswith(PREFIX):
                events[UUID(envelope["data"]["instance_id"])][envelope["id"]] = envelope
        return cls(
            story=story,
            watcher=watcher,
            said=said,
            rows={row["id"]: row for row in whole.sql("provisioning", "SELECT * FROM instances")},
            history=history,
            events={instance_id: list(told.values()) for instance_id, told in events.items()},
            orphans=[row["instance_id"] for row in whole.sql("provisioning", "SELECT instance_id FROM orphans")],
            billed=Counter(
                row["instance_id"] for row in whole.sql("billing", "SELECT instance_id FROM returned_instances")
            ),
            terminus={(row["owner_id"], row["name"]) for row in whole.sql("catalog", "SELECT * FROM terminus")},
        )

    def told(self, instance_id: UUID, kind: type) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events.get(instance_id, []) if event["type"] == kind.name]  # type: ignore[attr-defined]

    def orphans_found(self) -> list[tuple[UUID, str]]:
        return [(instance_id, "its machine was an orphan") for instance_id in self.orphans]

    def is_over(self, instance_id: UUID) -> bool:
        """One without a row was called off before it was heard of."""
        return instance_id not in self.rows or self.rows[instance_id]["status"] in TERMINAL

    def of(self, instance_id: UUID) -> str:
        """What there is to know of one instance, for a failure's text."""
        lines = [f"\ninstance {instance_id}", f"row: {dict(self.rows.get(instance_id) or {})}"]
        lines += ["history:", *self.history.get(instance_id, [])]
        lines += ["events:", *(f"{event['time']} {event['type']}" for event in self.events.get(instance_id, []))]
        lines += ["folder:", *map(str, self.watcher.folders[instance_id])]
        lines += ["processes:", *(f"{one} {when}" for one, when in self.watcher.processes[instance_id].items())]
        return "\n".join([*lines, "what was done:", *self.said])


def unsettled(evidence: Evidence) -> list[str]:
    """What is still on its way; nothing, when the story has come to its end."""
    agents, waiting = evidence.watcher.agents(), []
    for instance_id in evidence.story.wishes:
        row = evidence.rows.get(instance_id)
        ends = len(evidence.told(instance_id, InstanceReturned)) + len(evidence.told(instance_id, InstanceFailed))
        if row is None and not ends:
            waiting.append(f"{instance_id} is not known")
        elif row is not None and row["status"] not in AT_REST:
            waiting.append(f"{instance_id} is {row['status']}, due {row['due_at']}, needs {row['stuck_at']}")
        elif evidence.is_over(instance_id) and not ends:
            waiting.append(f"the end of {instance_id} is not told")
        elif row is not None and row["status"] == Status.RUNNING and not agents.get(instance_id):
            waiting.append(f"the agent of {instance_id} is down")
        if evidence.told(instance_id, InstanceReturned) and not evidence.billed[instance_id]:
            waiting.append(f"billing has not heard of the return of {instance_id}")
        if row is not None and row["started_at"] and not evidence.told(instance_id, InstanceRunning):
            waiting.append(f"that {instance_id} runs is not told")
        homes = {
            (UUID(data["owner_id"]), data["instance_name"]) for data in evidence.told(instance_id, InstanceRunning)
        }
        waiting += [f"the Terminus {name} of {instance_id} is not known" for _, name in homes - evidence.terminus]
    return waiting


def violations(evidence: Evidence) -> list[tuple[UUID, str]]:
    found = list(evidence.watcher.faults)
    found += evidence.orphans_found()
    for instance_id in evidence.story.wishes:
        reasons = [*_ended(evidence, instance_id), *_told(evidence, instance_id), *_machine(evidence, instance_id)]
        found += [(instance_id, reason) for reason in reasons]
    return found + _names(evidence)


def _ended(evidence: Evidence, instance_id: UUID) -> list[str]:
    """What ended has ended once, before it was said, and everybody knows."""
    found = []
    failed, returned = (len(evidence.told(instance_id, kind)) for kind in (InstanceFailed, InstanceReturned))
    if failed + returned != evidence.is_over(instance_id):
        found.append(f"it ended {failed + returned} times")
    if evidence.billed[instance_id] != returned:
        found.append("billing and provisioning do not agree on its return")
    row, last_seen = evidence.rows.get(instance_id), evidence.watcher.last_seen(instance_id)
    if last_seen is None:
        return found
    if row is None or row["status"] == Status.CANCELED:
        found.append("it had a machine, though none should ever have been")
    elif row["ended_at"] and last_seen > row["ended_at"].timestamp():
        found.append(f"its machine was seen at {last_seen:.3f}, after its end")
    if row is not None and row["code"] == "machine_lost":
        found.append("its machine was lost, though nobody took it")
    return found


def _told(evidence: Evidence, instance_id: UUID) -> list[str]:
    """Each thing was told once, and no counter falls."""
    counts = Counter({kind: len(evidence.told(instance_id, kind)) for kind in ONCE})
    found = [f"{kind.__name__} was told {count} times" for kind, count in counts.items() if count > 1]
    row = evidence.rows.get(instance_id)
    if row is not None:
        for kind, since in ((InstanceRunning, row["started_at"]), (InstanceEnrolled, row["public_key"])):
            if counts[kind] != (since is not None):
                found.append(f"{kind.__name__} was told {counts[kind]} times, and the table says {since!r}")
    readings = evidence.told(instance_id, InstanceUsageMeasured)
    read = sorted((data["measured_at"], data["traffic_bytes"]) for data in readings)
    counters = [traffic for _, traffic in read]
    if counters != sorted(counters):
        found.append(f"its traffic falls: {read}")
    if row is not None and counters and counters[-1] > row["traffic_bytes"]:
        found.append(f"{counters[-1]} bytes were told, more than the {row['traffic_bytes']} that were counted")
    return found


def _machine(evidence: Evidence, instance_id: UUID) -> list[str]:
    """The table says what is truly there."""
    row = evidence.rows.get(instance_id)
    status = Status(row["status"]) if row is not None else Status.CANCELED
    here = evidence.watcher.is_here(instance_id)
    agents = evidence.watcher.agents().get(instance_id, [])
    found = []
    if here != (status in HAS_MACHINE):
        found.append(f"it is {status} and its folder is {'' if here else 'not '}there")
    if len(agents) != (status == Status.RUNNING):
        found.append(f"it is {status} with these agents: {agents}")
    return found


def _names(evidence: Evidence) -> list[tuple[UUID, str]]:
    """Nobody holds a name while another does."""
    leases = defaultdict(list)
    for row in evidence.rows.values():
        if row["code"] != "name_in_use":
            leases[row["owner_id"], row["name"]].append(row)
    found = []
    for rows in leases.values():
        rows.sort(key=lambda row: row["requested_at"])
        for before, after in pairwise(rows):
            if before["ended_at"] is None or before["ended_at"] > after["requested_at"]:
                found.append((after["id"], f"it had the name of {before['id']}, which was not over"))
    return found
