"""A restore to the cloud through the whole system, against restic alone over the same gate."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.bench.figures import Figure, Scale, alternate, duration
from tests.bench.servers import Servers
from tests.support.devices import Device
from tests.support.store import PASSWORD, PROJECT, sum_of_files, tree_hash
from tests.support.whole_system import WholeSystem
from tests.system.cloud.customer import OVER, Customer, restored_in

BARE = "`restic restore --verify` of the same snapshot over the same gate with a read key"
MEGABYTE = 10**6
BLOCK = ((48 * MEGABYTE, 1), (8 * MEGABYTE, 4), (MEGABYTE, 16), (64_000, 40), (4_000, 300))
"""Sizes of files, and how many of each there are in every hundred megabytes."""
COMPRESSIBLE = bytes(range(16)) * 16
"""What bytes are exchanged for so that half of each is saved by compressing."""
LOOK_SECONDS = 0.05
LATE_SECONDS = 1800.0


@dataclass(frozen=True)
class Took:
    """Seconds of a restore: until it began, and from there; ``parts`` says more where there is more to say."""

    start: float
    restoring: float
    parts: str = ""

    @property
    def whole(self) -> float:
        return self.start + self.restoring


@dataclass(frozen=True)
class Snapshot:
    """What is brought back, and an owner with a card who brings it back; ``backup_id`` and ``restic_id`` name it."""

    customer: Customer
    source: Path
    backup_id: str
    restic_id: str


async def measure(servers: Servers, scale: Scale) -> list[Figure]:
    async with snapshot_at_work(servers.home / "whole", scale.restore_bytes) as snapshot:
        rounds = await alternate(
            scale.restore_rounds,
            lambda: asyncio.to_thread(to_cloud, snapshot),
            lambda: asyncio.to_thread(through_gate, snapshot),
            lambda: asyncio.to_thread(from_folder, snapshot),
        )
    for ours, bare, folder in rounds:
        print(
            f"restore: {ours.parts}; restic: {bare.restoring:.1f}, from the folder {folder.restoring:.1f}",
            file=sys.stderr,
        )
    second = "a second, to have something to compare with"
    own_folder = "the same restic on the store's own folder"
    return [
        duration("restore_start", "s", second, [(ours.start, 1) for ours, _, _ in rounds]),
        duration("restore_restoring", "s", BARE, [(ours.restoring, bare.restoring) for ours, bare, _ in rounds]),
        duration("restore_whole", "s", BARE, [(ours.whole, bare.whole) for ours, bare, _ in rounds]),
        duration("restore_bare", "s", own_folder, [(bare.whole, folder.whole) for _, bare, folder in rounds]),
    ]


@asynccontextmanager
async def snapshot_at_work(home: Path, size_bytes: int) -> AsyncIterator[Snapshot]:
    """The whole system with one owner's backup of so many bytes in it."""
    assert shutil.which("restic"), "machines look for restic on PATH; `make bench` puts it there"
    source = await asyncio.to_thread(fill, home / "source", size_bytes)
    whole = WholeSystem(home / "system")
    try:
        # Of a thread that lasts: the servers end with it.
        await asyncio.to_thread(whole.start)
        yield await asyncio.to_thread(back_up, whole, home / "machine", source)
    finally:
        await asyncio.to_thread(whole.stop)
        shutil.rmtree(home)


def fill(folder: Path, size_bytes: int) -> Path:
    """Files of mixed sizes, every other one compressible, until there are so many bytes."""
    dice = random.Random(1)
    left, number = size_bytes, 0
    while left > 0:
        for size, count in BLOCK:
            for _ in range(count):
                length = min(size, left)
                if length <= 0:
                    break
                content = dice.randbytes(length)
                place = folder / f"folder {number % 97}" / f"file-{number}"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content.translate(COMPRESSIBLE) if number % 2 else content)
                left, number = left - length, number + 1
    return folder


def back_up(whole: WholeSystem, machine: Path, source: Path) -> Snapshot:
    device = Device(whole.origin, machine, restic())
    device.space("login", "--name", "bench@olares.com")
    command = ("backup", source, "--name", "photos", "--password-file", device.password_file(PASSWORD), "--json")
    made = device.finish(device.begin(*command), LATE_SECONDS).json
    customer = Customer(whole, device)
    customer.add_card()
    return Snapshot(customer, source, made["backup_id"], made["restic_id"])


def to_cloud(snapshot: Snapshot) -> Took:
    """A restore from its owner's word to where it is usable; its instance is given back."""
    customer, name = snapshot.customer, f"bench-{uuid4().hex[:8]}@olares.com"
    settle()
    restore_id = customer.ordered(snapshot.backup_id, name)
    customer.send(look_until(customer, restore_id, "awaiting_password"), PASSWORD).raise_for_status()
    found = look_until(customer, restore_id, "completed")
    check(restored_in(customer.home(found)), snapshot)
    order = read(customer.timeline(restore_id))
    customer.device.space("instance", "return", name, "--yes")
    return order


def look_until(customer: Customer, restore_id: str, state: str) -> dict[str, Any]:
    """The restore in this state, and with the agent's key if that is asked for."""
    deadline = time.monotonic() + LATE_SECONDS
    while True:
        found = customer.look(restore_id)
        if found["state"] == state and (state in OVER or found["cloud"]["password"]["public_key"]):
            return found
        assert found["state"] not in OVER, found
        assert time.monotonic() < deadline, found
        time.sleep(LOOK_SECONDS)


def read(timeline: Sequence[dict[str, Any]]) -> Took:
    """Where the time went: to begin is from the confirmation to the first file, to restore until all can be used."""
    at = {
        entry["state"]: datetime.fromisoformat(entry["recorded_at"]) for entry in timeline if entry["kind"] == "moved"
    }
    states = list(at)[list(at).index("authorising") :]
    parts = [f"{state} {(at[following] - at[state]).total_seconds():.2f}" for state, following in pairwise(states)]
    return Took(
        start=(at["restoring"] - at["authorising"]).total_seconds(),
        restoring=(at["capturing"] - at["restoring"]).total_seconds(),
        parts=", ".join(parts),
    )


def through_gate(snapshot: Snapshot) -> Took:
    customer = snapshot.customer
    body = {"backup_id": snapshot.backup_id, "scope": "read"}
    key = customer.call("POST", "/storage-keys", **body).raise_for_status().json()
    access = {
        "AWS_ACCESS_KEY_ID": key["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
        "AWS_SESSION_TOKEN": key["session_token"],
    }
    trust = ("--cacert", str(customer.whole.system.ca_file))
    return restic_alone(snapshot, key["repository_url"], access, trust)


def from_folder(snapshot: Snapshot) -> Took:
    backup = snapshot.customer.device.backup("photos")
    return restic_alone(snapshot, str(snapshot.customer.whole.repository_folder(backup["repository"])), {}, ())


def restic_alone(snapshot: Snapshot, repository: str, access: dict[str, str], trust: Sequence[str]) -> Took:
    """One restic with a cache of its own, as a new machine has it."""
    home = snapshot.customer.device.folder
    target, cache = home / "restored", home / "cache"
    environment = {
        "PATH": os.environ["PATH"],
        "RESTIC_REPOSITORY": repository,
        "RESTIC_PASSWORD": PASSWORD,
        "RESTIC_CACHE_DIR": str(cache),
        **access,
    }
    restored = f"{snapshot.restic_id}:{snapshot.source}"
    command = [restic(), "restore", restored, "--target", str(target), "--no-lock", "--verify", *trust]
    settle()
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=LATE_SECONDS)
    seconds = time.perf_counter() - started
    check(target, snapshot)
    shutil.rmtree(target)
    shutil.rmtree(cache)
    return Took(0, seconds)


def settle() -> None:
    """What one run has left for the disk to write is not for the next to wait for."""
    os.sync()


def check(restored: Path, snapshot: Snapshot) -> None:
    """Every file is there; of a small snapshot also to the byte."""
    found = sum_of_files(snapshot.source)
    assert sum_of_files(restored) == found
    if found[0] < 10 * MEGABYTE:
        assert tree_hash(restored) == tree_hash(snapshot.source)


def restic() -> str:
    return os.environ.get("RESTIC") or str(PROJECT / ".space" / "tools" / "restic")
