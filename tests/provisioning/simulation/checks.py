"""What must hold at the end of every life: cloud, table and events agree, and no intent had two machines."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from provisioning.domain.lifecycle import HAS_MACHINE, TERMINAL, TRANSITIONS, Status, Trigger
from provisioning.models import HistoryEntry, Instance, Orphan
from shared.events.base import REGISTRY, Event
from shared.events.provisioning import (
    InstanceEnrolled,
    InstanceFailed,
    InstanceRequested,
    InstanceReturned,
    InstanceRunning,
    InstanceUsageMeasured,
)
from shared.messaging import OutboxMessage
from tests.provisioning.simulation.world import World


async def check(world: World, *, all_unwanted: bool) -> None:
    """Raises AssertionError, which names the seed."""
    async with world.database.reading() as session:
        instances = {row.id: row for row in await session.scalars(select(Instance))}
        history = (await session.scalars(select(HistoryEntry).order_by(HistoryEntry.number))).all()
        orphans = (await session.scalars(select(Orphan))).all()
        rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
        told = [REGISTRY[row.event_name].model_validate(json.loads(row.envelope)["data"]) for row in rows]
    seed = f"seed {world.seed}, {'honest' if world.honest else 'dishonest'}"
    _cloud_and_table_agree(world, instances, seed)
    _nothing_is_made_twice(world, seed)
    _names_are_leased_once(instances, seed)
    _moves_are_in_the_table(history, seed)
    _what_was_told_agrees(world, instances, told, seed)
    _counters_agree(world, instances, seed)
    assert all(orphan.state == "returned" for orphan in orphans), f"{seed}: an orphan is left"
    if all_unwanted:
        left = {row.status for row in instances.values()} - TERMINAL
        assert not left, f"{seed}: {left} though nobody wants anything"


def _cloud_and_table_agree(world: World, instances: dict[UUID, Instance], seed: str) -> None:
    for instance in instances.values():
        alive = [truth.reference for truth in world.cloud.alive(instance.id)]
        status = Status(instance.status)
        if status in HAS_MACHINE:
            assert alive == [instance.machine], f"{seed}: {instance.id} is {status} with {alive}"
        else:
            assert status in TERMINAL, f"{seed}: {instance.id} is still {status}"
            assert alive == [], f"{seed}: {instance.id} is {status} with {alive}"
    known = {truth.instance_id for truth in world.cloud.machines.values()}
    assert known <= set(instances), f"{seed}: a machine of nobody is left"


def _nothing_is_made_twice(world: World, seed: str) -> None:
    # One that its provider ended before anybody knew of it is gone for certain, and may be made again.
    twice = [each for each, count in world.cloud.made.items() if count - world.cloud.vanished[each] > 1]
    assert not twice, f"{seed}: two machines were made for {twice}"
    at_once = [each for each, count in world.cloud.most_at_once.items() if count > 1]
    assert not at_once, f"{seed}: two machines were there at once for {at_once}"


def _names_are_leased_once(instances: dict[UUID, Instance], seed: str) -> None:
    live = Counter((row.owner_id, row.name) for row in instances.values() if row.status not in TERMINAL)
    assert all(count == 1 for count in live.values()), f"{seed}: {live}"


def _moves_are_in_the_table(history: Sequence[HistoryEntry], seed: str) -> None:
    last: dict[UUID, str] = {}
    for entry in history:
        if entry.number > 1:
            assert entry.source == last[entry.instance_id], f"{seed}: a move is missing"
            move = (Status(str(entry.source)), Trigger(str(entry.trigger)))
            assert TRANSITIONS[move] == entry.status, f"{seed}: {move}"
        last[entry.instance_id] = entry.status


def _what_was_told_agrees(world: World, instances: dict[UUID, Instance], told: list[Event], seed: str) -> None:
    kinds: dict[UUID, Counter[type[Event]]] = defaultdict(Counter)
    usage: dict[UUID, list[tuple[datetime, int]]] = defaultdict(list)
    for event in told:
        instance_id = getattr(event, "instance_id")  # noqa: B009  (every event told here has one)
        kinds[instance_id][type(event)] += 1
        if isinstance(event, InstanceUsageMeasured):
            usage[instance_id].append((event.measured_at, event.traffic_bytes))
    for instance_id in world.wanted:
        counts, instance = kinds[instance_id], instances.get(instance_id)
        for kind in (InstanceRequested, InstanceRunning, InstanceEnrolled, InstanceFailed, InstanceReturned):
            assert counts[kind] <= 1, f"{seed}: {kind.__name__} of {instance_id} was told {counts[kind]} times"
        is_over = instance is None or instance.status in TERMINAL
        ends = counts[InstanceFailed] + counts[InstanceReturned]
        assert ends == is_over, f"{seed}: {instance_id} has {ends} ends"
        if instance is not None and instance.started_at is not None:
            assert counts[InstanceRunning] == 1, f"{seed}: {instance_id} runs and that was not told"
        assert usage[instance_id] == sorted(usage[instance_id]), f"{seed}: counters of {instance_id} fall"


def _counters_agree(world: World, instances: dict[UUID, Instance], seed: str) -> None:
    for instance_id, agent in world.agents.known.items():
        counted = instances[instance_id].traffic_bytes
        assert counted == agent.heard_total, f"{seed}: {instance_id} counts {counted}, not {agent.heard_total}"
