"""Real agents, brokers and databases, and kill -9 at any moment: one intent never has two machines.

`make chaos KILLS=100` tells a long story; a failure names its seed, and `CHAOS_SEED=<seed>` tells that one again.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import UUID

import httpx
import pytest

from provisioning.domain.lifecycle import Status
from space_local.system import System
from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.local_machines import kill_all, processes_of
from tests.support.whole_system import WholeSystem
from tests.system.chaos.checks import Evidence, unsettled, violations
from tests.system.chaos.story import Story, Writer
from tests.system.chaos.trouble import Trouble, add_second_worker
from tests.system.chaos.watcher import Watcher

KILLS = os.environ.get("CHAOS_KILLS")
SEED = os.environ.get("CHAOS_SEED")
SHORT_KILLS = 6
SETTINGS = {
    "PROVISIONING_DRIVER_DEADLINE_SECONDS": "3",
    "PROVISIONING_HEARTBEAT_SECONDS": "1",
    "PROVISIONING_USAGE_EVERY": "PT1S",
    "PROVISIONING_LOCAL_CAPACITY": "100",
}
SETTLE_SECONDS = 180.0


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[WholeSystem]:
    """The system with one process per service and role; a long story's keeps what it has said that it keeps."""
    whole = WholeSystem(tmp_path / "system", SETTINGS, processes=True)
    if KILLS:
        whole.system = System(replace(whole.system.options, fast=False))
    whole.start()
    try:
        add_second_worker(whole)
        yield whole
    finally:
        root = whole.system.instances_folder
        try:
            whole.stop()
        finally:
            kill_all(root)


def owners(whole: WholeSystem, folder: Path) -> list[Device]:
    """Two who have signed in."""
    devices = [Device(whole.origin, folder / name, "restic") for name in ("alice", "bob")]
    for device in devices:
        device.space("login", "--name", f"{device.folder.name}@olares.com")
    return devices


def come_to_rest(whole: WholeSystem, story: Story, watcher: Watcher, tap: Tap, said: list[str]) -> Evidence:
    deadline = time.monotonic() + SETTLE_SECONDS
    while waiting := unsettled(evidence := Evidence.gather(whole, story, watcher, tap, said)):
        late = time.monotonic() >= deadline
        wrong = [f"{instance_id}: {reason}" for instance_id, reason in [*watcher.faults, *evidence.orphans_found()]]
        assert not late, "\n".join([f"not at rest after {SETTLE_SECONDS} s:", *waiting, *wrong, *said])
        time.sleep(0.5)
    return evidence


def hold(evidence: Evidence) -> None:
    for instance_id, reason in violations(evidence):
        raise AssertionError(f"{instance_id}: {reason}\n{evidence.of(instance_id)}")


def return_some(whole: WholeSystem, evidence: Evidence, tokens: dict[str, str], random: Random) -> list[UUID]:
    """Owners return half of what lives, and one of them twice."""
    live = sorted(instance_id for instance_id in evidence.rows if not evidence.is_over(instance_id))
    returned = random.sample(live, (len(live) + 1) // 2)
    for instance_id in [*returned, *returned[:1]]:
        answer = httpx.post(
            f"{whole.origin}/api/v1/instances/{instance_id}/return",
            headers={"Authorization": f"Bearer {tokens[str(evidence.rows[instance_id]['owner_id'])]}"},
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code in (202, 410), answer.text
    return returned


def test_whatever_is_killed_nobody_has_two_machines(whole: WholeSystem, tmp_path: Path) -> None:
    seed = int(SEED) if SEED else random.randrange(2**32) if KILLS else 1
    print(f"CHAOS_SEED={seed}")
    kills = int(KILLS or SHORT_KILLS)
    devices = owners(whole, tmp_path)
    ids = {device.owner_id: device for device in devices}
    luck = Random(seed)
    writer = Writer(luck, [UUID(owner_id) for owner_id in ids], kills, with_servers=bool(KILLS))
    story = writer.write(instances=8 + (kills - SHORT_KILLS) // 4)
    tap, root = Tap(whole.system.rabbitmq.url), whole.system.instances_folder / "local"
    watcher = Watcher(root, story.wishes)
    tokens = {owner_id: device.token() for owner_id, device in ids.items()}
    trouble = Trouble(whole, story, luck, watcher, tokens)
    with watcher.watching():
        trouble.carry_out()
        trouble.end()
        evidence = come_to_rest(whole, story, watcher, tap, trouble.said)
        hold(evidence)
        tokens |= {owner_id: device.token() for owner_id, device in ids.items()}
        returned = return_some(whole, evidence, tokens, luck)
        evidence = come_to_rest(whole, story, watcher, tap, trouble.said)
        hold(evidence)
    assert all(evidence.rows[instance_id]["status"] == Status.DESTROYED for instance_id in returned)
    print(
        f"{dict(trouble.killed)}, {dict(Counter(row['status'] for row in evidence.rows.values()))}, "
        f"{len([one for one in watcher.folders.values() if one])} machines, "
        f"{sum(len(told) for told in evidence.events.values())} events, {watcher.samples} samples"
    )

    # A story in which nothing dies or is made would prove nothing.
    assert trouble.killed.total() >= kills / 2
    assert sum(bool(sights) for sights in watcher.folders.values()) >= len(story.wishes) / 4
    asyncio.run(whole.system.stop())
    assert processes_of(whole.system.state) == {}
