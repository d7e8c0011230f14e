"""The way of the bytes: restic through the gate against restic on rclone itself, and through TLS alone."""

import random
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from space_local import ports
from space_local.caddy import Caddy
from tests.bench.figures import Figure, Scale, alternate, rate
from tests.bench.servers import Servers
from tests.support.store import PASSWORD, Store, run_restic, store_at_work, sum_of_files, tree_hash
from tests.support.tokens import Owner

TLS_ONLY = Path(__file__).with_name("tls_only.Caddyfile")
ALONE = "the same restic and key on rclone itself, plain HTTP"
TLS = "the same through Caddy with TLS, asking nobody"
PACK_MEGABYTES = "4"
"""restic's smallest: four times the requests of its usual 16."""
WORDS = b"the quick brown fox jumps over a lazy dog and back again while it rains in the town by the river ".split()


async def measure(servers: Servers, scale: Scale) -> list[Figure]:
    home = servers.home / "store-at-work"
    folder = make_folder(home / "source", scale.folder_bytes)
    async with (
        store_at_work(servers.databases, servers.issuer, servers.rabbitmq.url, home) as store,
        tls_only(store) as tls_port,
    ):
        backups = await alternate(
            scale.rounds, lambda: back_up(store, folder, through_gate), lambda: back_up(store, folder, on_rclone)
        )
        key = await repository(store, Owner(), folder)
        restores = await alternate(
            scale.rounds,
            lambda: restore(store, through_gate(store, key), folder),
            lambda: restore(store, on_rclone(store, key), folder),
            lambda: restore(store, through_tls(key, tls_port), folder),
        )
    return [
        rate("backup_through_gate", "MB/s", ALONE, [(ours, alone) for ours, alone in backups]),
        rate("restore_through_gate", "MB/s", ALONE, [(ours, alone) for ours, alone, _ in restores]),
        rate("restore_through_tls", "MB/s", ALONE, [(tls, alone) for _, alone, tls in restores]),
        rate("restore_gate_over_tls", "MB/s", TLS, [(ours, tls) for ours, _, tls in restores]),
    ]


def make_folder(folder: Path, size_bytes: int) -> Path:
    """Two thirds incompressible, one third text, in files of a megabyte and less."""
    dice = random.Random(1)
    folder.mkdir(parents=True)
    for number in range(max(size_bytes >> 20, 3)):
        content = dice.randbytes(2**20) if number % 3 else b" ".join(dice.choices(WORDS, k=200_000))[: 2**20]
        (folder / f"file-{number}").write_bytes(content)
    return folder


def through_gate(store: Store, key: dict[str, Any]) -> dict[str, Any]:
    return key


def on_rclone(store: Store, key: dict[str, Any]) -> dict[str, Any]:
    """The same key at rclone's own address, which no client of ours ever sees."""
    assert store.vault is not None
    return {**key, "repository_url": f"s3:{store.vault.url}/{_path(key)}"}


def through_tls(key: dict[str, Any], port: int) -> dict[str, Any]:
    return {**key, "repository_url": f"s3:https://127.0.0.1:{port}/{_path(key)}"}


async def repository(store: Store, owner: Owner, folder: Path) -> dict[str, Any]:
    """A write key to a new repository that holds the folder."""
    key = await initialised(store, owner)
    await restic(store, key, "backup", "--pack-size", PACK_MEGABYTES, str(folder))
    return key


async def initialised(store: Store, owner: Owner) -> dict[str, Any]:
    key = await store.key(owner, await store.register_backup(owner, f"bench {uuid4().hex[:8]}"))
    await restic(store, key, "init")
    return key


async def back_up(store: Store, folder: Path, way: Any) -> float:
    """MB of the folder per second of the whole command, into a repository of its own."""
    owner = Owner()
    key = way(store, await initialised(store, owner))
    started = time.perf_counter()
    await restic(store, key, "backup", "--pack-size", PACK_MEGABYTES, str(folder))
    seconds = time.perf_counter() - started
    shutil.rmtree(store.folder_of(owner))
    return _megabytes(folder) / seconds


async def restore(store: Store, key: dict[str, Any], folder: Path) -> float:
    """The same for a restore, and that every file is what it was."""
    target = store.home / "restored"
    started = time.perf_counter()
    await restic(store, key, "restore", "latest", "--target", str(target))
    seconds = time.perf_counter() - started
    restored = target / folder.relative_to("/")
    assert sum_of_files(restored) == sum_of_files(folder)
    if _megabytes(folder) < 10:
        assert tree_hash(restored) == tree_hash(folder)
    shutil.rmtree(target)
    return _megabytes(folder) / seconds


async def restic(store: Store, key: dict[str, Any], *arguments: str) -> None:
    status, said = await run_restic(store.home, key, arguments, PASSWORD)
    assert status == 0, said


@asynccontextmanager
async def tls_only(store: Store) -> AsyncIterator[int]:
    """Caddy with TLS before rclone and nothing else; its port."""
    assert store.vault is not None
    port = ports.pick()
    values = {
        "STORE_ADDRESS": f"https://:{port}",
        "TLS_CERTIFICATE": str(store.home / "tls" / "store.pem"),
        "TLS_KEY": str(store.home / "tls" / "store.key"),
        "VAULT_UPSTREAM": store.vault.url.removeprefix("http://"),
    }
    async with Caddy(store.home / "tls-only", TLS_ONLY, values, (port,)):
        yield port


def _path(key: dict[str, Any]) -> str:
    return str(key["repository_url"]).removeprefix("s3:https://").partition("/")[2]


def _megabytes(folder: Path) -> float:
    return sum_of_files(folder)[0] / 1e6
