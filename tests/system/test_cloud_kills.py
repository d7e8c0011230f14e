"""Many restores to the cloud at once, and kill -9 of anything at any moment: none is lost, doubled or overcharged.

`make chaos RESTORES=200` tells a long story; a failure names its seed, and `CHAOS_SEED=<seed>` tells that one again.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from space_local.system import System
from tests.support.devices import Device
from tests.support.folders import contents, fill
from tests.support.local_machines import kill_all
from tests.support.whole_system import WholeSystem
from tests.system.cloud import checks, orders
from tests.system.cloud.console import Console, Owner
from tests.system.cloud.customer import Customer
from tests.system.cloud.trouble import RestoreTrouble, RestoreWatcher
from tests.system.conftest import PASSWORD

RESTORES = os.environ.get("CHAOS_RESTORES")
SEED = os.environ.get("CHAOS_SEED")
SHORT_RESTORES = 6
SHORT_KILLS = 12
KILLS_PER_RESTORE = 3
SETTINGS = {
    "PROVISIONING_DRIVER_DEADLINE_SECONDS": "3",
    "PROVISIONING_HEARTBEAT_SECONDS": "1",
    "PROVISIONING_LOCAL_CAPACITY": "40",
    "RESTORE_AGENT_POLL_SECONDS": "0.5",
}
SETTLE_SECONDS = 180.0
LONG_SECONDS = float(os.environ.get("CHAOS_SECONDS") or 3600)
LEFT_SECONDS = 30.0


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[WholeSystem]:
    """The system with one process per service and role; a long story's keeps what it has said that it keeps."""
    whole = WholeSystem(tmp_path / "system", SETTINGS, processes=True)
    if RESTORES:
        whole.system = System(replace(whole.system.options, fast=False))
    whole.start()
    try:
        yield whole
    finally:
        root = whole.system.instances_folder
        try:
            whole.stop()
        finally:
            kill_all(root)


class Tokens:
    """An owner's access token, had anew in time; while nobody gives one the old one is used."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def __call__(self) -> str:
        if self._device.session()["access_expires_at"] - time.time() < LEFT_SECONDS:
            self._device.finish(self._device.begin("whoami"))
        return str(self._device.session()["access_token"])


def owners(whole: WholeSystem, folder: Path, restic: str, wanted: Sequence[orders.Order]) -> list[Owner]:
    """All who want something, signed in, each with a backup and the cards that they use."""
    found = []
    for number in range(1 + max(order.owner for order in wanted)):
        device = Device(whole.origin, folder / f"owner{number}", restic)
        device.space("login", "--name", f"owner{number}@olares.com")
        source = fill(folder / f"photos{number}", files=6, size_bytes=200_000, seed=number)
        backup_id = device.back_up(source, "photos", PASSWORD)["backup_id"]
        customer = Customer(whole, device)
        used = {orders.CARDS[0], *(order.card for order in wanted if order.owner == number)}
        cards = {card: customer.add_card(card) for card in orders.CARDS if card in used}
        found.append(Owner(UUID(device.owner_id), Tokens(device), backup_id, cards, contents(source)))
    return found


def test_whatever_is_killed_every_restore_comes_to_its_right_end(
    whole: WholeSystem, tmp_path: Path, restic_path: str
) -> None:
    seed = int(SEED) if SEED else random.randrange(2**32) if RESTORES else 1
    print(f"CHAOS_SEED={seed}")
    count = int(RESTORES or SHORT_RESTORES)
    luck = Random(seed)
    wanted = orders.write(luck, owners=4 if RESTORES else 2, count=count, kept=4 if RESTORES else 2)
    people = owners(whole, tmp_path, restic_path, wanted)
    watcher = RestoreWatcher(whole.system.instances_folder / "local")
    console = Console(whole, people, wanted, at_once=6)
    trouble = RestoreTrouble(whole, luck, watcher, pause_seconds=6.0 if RESTORES else 2.0)
    kills = count * KILLS_PER_RESTORE if RESTORES else SHORT_KILLS
    until = time.monotonic() + LONG_SECONDS
    with watcher.watching(), console.working():
        trouble.strike_until(lambda: not console.open or time.monotonic() > until, kills)
        trouble.end()
        is_over = trouble.wait_for(lambda: not console.open, SETTLE_SECONDS + count)
        quiet_by = time.monotonic() + SETTLE_SECONDS
        while (left := checks.unsettled(whole, console.cases)) and time.monotonic() < quiet_by:
            time.sleep(1)
        found = checks.violations(whole, console.cases, people, watcher)
    print(
        f"{count} restores, {trouble.killed.total()} killed: {dict(trouble.killed)}; "
        f"{dict(Counter(case.state for case in console.cases))}; answers {dict(console.answers)}; "
        f"{sum(map(len, watcher.machines.values()))} machines, {watcher.samples} samples"
    )
    report = [line for case in console.cases for line in (str(case.order), str(case.found), *case.said)]
    told = "\n".join([*console.strange, *left, *found, "", *report, "what was done:", *trouble.said])
    assert is_over, told
    assert (console.strange, left, found) == ([], [], []), told
    # A story in which nothing dies or is restored would prove nothing.
    assert trouble.killed.total() >= min(kills, SHORT_KILLS) / 2
    assert any(case.is_whole for case in console.cases)
