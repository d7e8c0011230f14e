"""PostgreSQL and RabbitMQ as private processes: data outlives every kind of ending."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from space_local import postgres
from space_local.errors import ServerFailed
from space_local.ports import accepts
from space_local.postgres import Postgres
from space_local.process import Child, end_leftovers, start_ticks
from space_local.rabbitmq import RabbitMQ


async def test_rows_outlive_a_stop_a_restart_and_a_kill(home: Path) -> None:
    async with Postgres(home, password="it's a secret") as server:
        connection = await asyncpg.connect(server.url.replace("it's a secret", "it%27s%20a%20secret"))
        await connection.execute("CREATE TABLE kept (value int)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        server.kill()
        await server.start()
        await server.restart()
    async with Postgres(home, password="it's a secret") as server:
        connection = await asyncpg.connect(server.url.replace("it's a secret", "it%27s%20a%20secret"))
        assert await connection.fetchval("SELECT value FROM kept") == 1
        await connection.close()


async def test_a_session_that_works_on_after_its_server_was_killed_is_waited_for(home: Path) -> None:
    async with Postgres(home, fast=True) as server:
        watching = await asyncpg.connect(server.url)
        await watching.execute("CREATE TABLE kept AS SELECT 1 AS value")
        working = await asyncpg.connect(server.url)
        loop = "DO $$ BEGIN WHILE clock_timestamp() < now() + interval '2 seconds' LOOP END LOOP; END $$"
        work = asyncio.create_task(working.execute(loop))
        while not await watching.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid = $1", working.get_server_pid()
        ):
            await asyncio.sleep(0.01)
        server.kill()
        await server.start()
        assert postgres.STILL_HELD in server.child.log.read_text(), "nobody held it"
        await asyncio.gather(work, return_exceptions=True)
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT value FROM kept") == 1
        await connection.close()
        watching.terminate()
        working.terminate()


@pytest.mark.parametrize("has_room", [True, False], ids=["in memory", "on disk"])
async def test_what_a_throw_away_server_keeps_outlives_its_process_and_is_gone_once_destroyed(
    home: Path, monkeypatch: pytest.MonkeyPatch, has_room: bool
) -> None:
    monkeypatch.setattr(postgres, "MEMORY_BYTES", 0 if has_room else 2**80)
    async with Postgres(home, fast=True) as server:
        assert server.data.resolve().is_relative_to(postgres.MEMORY) is (has_room and postgres.MEMORY.is_mount())
        connection = await asyncpg.connect(server.url)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
        server.kill()
        await server.start()
        connection = await asyncpg.connect(server.url)
        assert await connection.fetchval("SELECT value FROM kept") == 1
        await connection.close()
    folder = server.data.resolve().parent
    server.destroy()
    assert not server.data.exists()
    assert folder == home or not folder.exists()


async def test_a_throw_away_server_of_a_killed_process_is_removed_by_the_next(home: Path) -> None:
    lines = (
        "import asyncio, os, signal; from pathlib import Path; from space_local.postgres import Postgres",
        f"server = Postgres(Path({str(home / 'killed')!r}), fast=True)",
        "asyncio.run(server.start())",
        "os.kill(os.getpid(), signal.SIGKILL)",
    )
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", "\n".join(lines))
    assert await killed.wait() == -signal.SIGKILL
    left = (home / "killed" / "postgres").resolve()
    assert (left / "PG_VERSION").exists()
    async with Postgres(home / "next", fast=True) as server:
        # Where nothing was put apart it is in its own state folder, and goes with that.
        assert not left.exists() or left.is_relative_to(home)
    server.destroy()


async def test_a_role_reaches_its_own_database_only(home: Path) -> None:
    async with Postgres(home, fast=True) as server:
        for name in ("ours", "theirs"):
            await server.ensure_database(name, name, "a'quoted")
            await server.ensure_database(name, name, f"secret-{name}")
        connection = await asyncpg.connect(server.database_url("ours", "ours", "secret-ours"))
        await connection.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(server.database_url("theirs", "ours", "secret-ours"))
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.database_url("ours", "ours", "a'quoted"))


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


async def test_postgres_does_not_run_as_root(home: Path) -> None:
    async with Postgres(home, fast=True) as server:
        assert owner_of(server.child.pid) != 0
        assert server.data.resolve().stat().st_mode & 0o077 == 0


def test_code_without_a_loop_can_use_a_server_too(home: Path) -> None:
    with Postgres(home, fast=True) as server:
        assert accepts(server.port)
    assert not accepts(server.port)


async def test_a_message_outlives_a_killed_broker(home: Path) -> None:
    async with RabbitMQ(home) as server:
        async with await aio_pika.connect(server.url) as connection:
            channel = await connection.channel()
            await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
            message = aio_pika.Message(b"still here", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, "kept")
        # RabbitMQ 3.10 writes down a new quorum queue's place every half second; killed before, it loses the queue.
        await asyncio.sleep(1.5)
        server.kill()
        await server.start()
        async with await aio_pika.connect(server.url) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue("kept")
            found = await queue.get(timeout=30)
            assert found is not None
            assert found.body == b"still here"
        epmd = server.epmd
    assert epmd is not None
    assert not epmd.running


async def test_a_server_that_ends_while_starting_says_so_with_its_log(home: Path) -> None:
    child = Child("failing", ["/bin/sh", "-c", "echo the reason is here; exit 7"], home)
    child.spawn()

    async def never() -> bool:
        return False

    with pytest.raises(ServerFailed, match=r"ended with code 7(.|\n)*the reason is here"):
        await child.until_ready(never, 10)


def test_only_the_very_process_of_a_pid_file_is_ended(home: Path) -> None:
    child = Child("sleeping", ["/bin/sleep", "600"], home)
    child.spawn()
    record = child.pid_file.read_text()
    child.pid_file.write_text(record.replace(f'"ticks": {start_ticks(child.pid)}', '"ticks": 1'))
    assert end_leftovers(home) == []
    assert child.running
    child.pid_file.write_text(record)
    assert end_leftovers(home) == ["sleeping"]
    assert not child.running


def test_children_end_with_their_parent(home: Path) -> None:
    read, write = os.pipe()
    parent = os.fork()
    if parent == 0:
        child = Child("orphan", ["/bin/sleep", "600"], home)
        child.spawn()
        os.write(write, str(child.pid).encode())
        signal.pause()
    pid = int(os.read(read, 20))
    assert start_ticks(pid) is not None
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    for _ in range(100):
        if start_ticks(pid) is None:
            break
        signal.sigtimedwait([], 0.05)
    assert start_ticks(pid) is None
    os.close(read)
    os.close(write)
