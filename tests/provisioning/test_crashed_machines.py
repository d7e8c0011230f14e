"""Machines that crash when nobody is looking at them in particular: the sweep alone brings them back."""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from provisioning.domain.inventory import Known, Seen, compare
from provisioning.domain.lifecycle import Status
from provisioning.ports import Machine, MachineState
from tests.support.local_machines import REGION, leader, local_driver, machines_root, running, until

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def root() -> Iterator[Path]:
    with machines_root() as folder:
        yield folder


async def test_one_whose_launch_was_never_recorded_to_its_end_is_started_again_by_a_list(root: Path) -> None:
    driver = local_driver(root)
    made = await running(driver)
    # Who launched it was killed after it had given its word and before it wrote that down.
    file = root / made.reference / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "has_begun": False}))
    first = leader(root, made.instance_id)
    os.kill(first, signal.SIGKILL)

    def runs_again(machines: Sequence[Machine]) -> bool:
        # What was killed may be seen running for a moment.
        is_another = json.loads(file.read_text())["pid"] != first
        return is_another and [machine.state for machine in machines] == [MachineState.RUNNING]

    (listed,) = await until(lambda: driver.list_machines(REGION), runs_again)

    assert listed.reference == made.reference


@pytest.mark.parametrize(
    ("status", "is_started"),
    [
        (Status.PENDING, True),
        (Status.STARTING, True),
        (Status.RESTARTING, True),
        (Status.RUNNING, True),
        (Status.ERRORED, True),
        (Status.STOPPING, False),
        (Status.STOPPED, False),
        (Status.DESTROYING, False),
    ],
)
def test_one_that_is_down_is_started_also_before_its_agent_was_heard(status: Status, is_started: bool) -> None:
    instance_id = uuid4()
    known = Known(
        instance_id=instance_id,
        status=status,
        machine="m-1",
        machine_before="m-1",
        missing_since=None,
        ended_at=None,
        was_lost=False,
    )
    seen = Seen(instance_id=instance_id, reference="m-1", is_up=False, is_down=True)
    findings = compare([seen], {instance_id: known}, NOW, NOW, timedelta(0))
    assert findings.down == ({instance_id} if is_started else set())
