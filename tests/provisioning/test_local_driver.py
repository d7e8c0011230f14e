"""Local machines: real processes that outlive us, end for good, and are one for each intent whoever is killed when."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from provisioning.adapters import local_machine, local_ports
from provisioning.adapters.local import LocalDriver
from provisioning.ports import Machine, MachineState, OrderRefused, OutOfCapacity, Unanswered
from tests.support.local_machines import (
    OTHER_INSTALLATION,
    PROJECT,
    REGION,
    SECRET,
    agent_config,
    leader,
    local_driver,
    machines_root,
    processes_of,
    running,
    script,
    starts,
    until,
    until_answering,
    until_state,
    wanted,
)


@pytest.fixture
def root() -> Iterator[Path]:
    with machines_root() as folder:
        yield folder


@pytest.fixture
def driver(root: Path) -> LocalDriver:
    return local_driver(root)


def paths_below(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


def put_away(folder: Path) -> None:
    folder.rename(folder.with_name("away"))


def bystander() -> subprocess.Popen[bytes]:
    """A process of somebody else, in a session of its own."""
    return subprocess.Popen(["sleep", "600"], start_new_session=True)


# Its files, and what it is told.


async def test_its_files_are_its_owners_alone(driver: LocalDriver, root: Path) -> None:
    made = await running(driver)
    for path in [root, *paths_below(root)]:
        private = 0o700 if path.is_dir() else 0o600
        if path.name not in ("starts", "only"):
            assert stat.S_IMODE(path.stat().st_mode) == private, path
    assert SECRET in (root / str(made.instance_id) / "agent.json").read_text()


async def test_its_agent_is_told_what_was_wanted_and_what_only_this_machine_knows(
    driver: LocalDriver, root: Path
) -> None:
    asked = wanted()
    made = await driver.create(asked)
    folder = root / str(made.instance_id)
    assert agent_config(root, made.instance_id) == {
        **asked.agent,
        "folder": str(folder / "agent"),
        "listen": made.address,
        "traffic": "own",
        "disk": str(folder / "home"),
        "disk_by": "folder",
        "restic_seconds": 60,
        "restore_target": {"path": str(folder / "home"), "uid": os.getuid(), "gid": os.getgid()},
        "activation": None,
    }


async def test_it_knows_nothing_of_our_secrets(
    driver: LocalDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_ENROLMENT_KEY", "do-not-pass-on")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:do-not-pass-on@proxy.test")
    made = await running(driver)
    proc = Path("/proc") / str(leader(root, made.instance_id))
    assert b"do-not-pass-on" not in (proc / "environ").read_bytes()
    assert SECRET.encode() not in (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
    assert (proc / "fd/0").readlink() == Path("/dev/null")


async def test_what_it_says_is_kept(driver: LocalDriver, root: Path) -> None:
    made = await running(driver)
    assert f"listening {made.address}" in (root / str(made.instance_id) / "agent.log").read_text()


async def test_a_log_that_is_too_long_is_put_aside(
    driver: LocalDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_machine, "LOG_LIMIT_BYTES", 5)
    made = await running(driver)
    await driver.restart(REGION, made.reference)
    await until_answering(driver, made.instance_id)
    folder = root / str(made.instance_id)
    assert (folder / "agent.log.1").read_text() == (folder / "agent.log").read_text() == f"listening {made.address}\n"


def test_a_wish_does_not_show_its_secret() -> None:
    assert SECRET not in repr(wanted())


# It outlives us, and is found again.


async def test_another_driver_finds_it_again(driver: LocalDriver, root: Path) -> None:
    made = await running(driver)
    again = local_driver(root)
    assert list(await again.find(REGION, made.instance_id)) == list(await again.list_machines(REGION)) == [made]
    assert await again.create(wanted(made.instance_id)) == made
    assert len(starts(root, made.instance_id)) == 1


async def test_it_outlives_the_process_that_made_it_and_is_found_by_the_next(driver: LocalDriver, root: Path) -> None:
    """The maker is killed with its whole process group, as a service manager or a terminal does it."""
    instance_id = uuid4()
    maker = await script(root, f"await driver.create(wanted(UUID('{instance_id}')))", "await asyncio.sleep(600)")
    await until(lambda: asyncio.to_thread(starts, root, instance_id), bool)
    os.killpg(maker.pid, signal.SIGKILL)
    await maker.communicate()
    made = await until_answering(driver, instance_id)
    found = await script(root, f"print(list(await driver.find('local', UUID('{instance_id}'))))")
    said, _ = await found.communicate()
    assert said.decode().strip() == repr([made])


async def test_a_crash_is_found_as_stopped_and_a_start_mends_it(driver: LocalDriver, root: Path) -> None:
    made = await running(driver)
    os.kill(leader(root, made.instance_id), signal.SIGKILL)
    crashed = await until_state(driver, made.instance_id, MachineState.STOPPED)
    assert crashed.address is None
    assert await driver.create(wanted(made.instance_id)) == crashed
    await driver.start(REGION, made.reference)
    assert (await until_answering(driver, made.instance_id)).address == made.address
    assert len(starts(root, made.instance_id)) == 2


async def test_a_program_that_ends_at_once_is_found_as_stopped(driver: LocalDriver) -> None:
    made = await driver.create(wanted(agent={"habits": {"ends_at_once": True}}))
    await until_state(driver, made.instance_id, MachineState.STOPPED)


async def test_a_crashed_machine_leaves_no_zombie(driver: LocalDriver, root: Path) -> None:
    made = await running(driver)
    pid = leader(root, made.instance_id)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: asyncio.to_thread(Path(f"/proc/{pid}").exists), lambda exists: not exists)


async def test_another_process_with_its_number_is_not_it(driver: LocalDriver, root: Path) -> None:
    """Numbers of processes are used again, and after a reboot start from the beginning."""
    made = await running(driver)
    record = root / str(made.instance_id) / "run.json"
    run = json.loads(record.read_text())
    another = bystander()
    try:
        for changes in ({"pid": another.pid}, {"boot": "another"}, {"ticks": run["ticks"] - 1}):
            record.write_text(json.dumps({**run, **changes}))
            await until_state(driver, made.instance_id, MachineState.STOPPED)
        record.write_text(json.dumps({**run, "pid": another.pid}))
        await driver.destroy(REGION, made.reference)
        assert another.poll() is None
    finally:
        another.kill()
        another.wait()
    assert not processes_of(root)


# It is turned off, and ends, with all that it has started.


async def test_one_that_ends_when_it_is_asked_is_not_killed(driver: LocalDriver, root: Path) -> None:
    farewell = "trap 'echo bye; exit' TERM; while :; do sleep 0.05; done"
    polite = local_driver(root, command=("/bin/sh", "-c", f"echo $$ >> $HOME/starts; {farewell}", "sh"))
    made = await polite.create(wanted())
    await until(lambda: asyncio.to_thread(starts, root, made.instance_id), bool)
    await polite.stop(REGION, made.reference)
    assert (root / str(made.instance_id) / "agent.log").read_text().endswith("bye\n")


@pytest.mark.parametrize("change", ["stop", "destroy", "restart"])
async def test_all_that_it_has_started_ends_with_it(
    driver: LocalDriver, root: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what does not listen, has left its session, or was given another environment."""
    monkeypatch.setattr(local_machine, "PATIENCE_SECONDS", 0.3)
    made = await running(driver, agent={"habits": {"ignores_term": True, "has_children": True}})
    pid = leader(root, made.instance_id)
    before = {*session_of(pid), *processes_of(root)}
    assert len(before) == 4
    await getattr(driver, change)(REGION, made.reference)
    assert not before & ({*session_of(pid), *processes_of(root)})


def session_of(leader: int) -> set[int]:
    """Its living processes; those that have ended are still listed until their parent has asked."""
    answer = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(leader)], capture_output=True, text=True, check=False)
    return {int(line.split()[0]) for line in answer.stdout.splitlines() if "Z" not in line}


async def test_what_a_crashed_machine_has_started_ends_before_it_starts_again(
    driver: LocalDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_machine, "PATIENCE_SECONDS", 0.3)
    made = await running(driver, agent={"habits": {"has_children": True}})
    os.kill(leader(root, made.instance_id), signal.SIGKILL)
    await until_state(driver, made.instance_id, MachineState.STOPPED)
    left = set(processes_of(root))
    assert left
    await driver.start(REGION, made.reference)
    assert not left & set(processes_of(root))


async def test_destroyed_it_leaves_only_the_word_that_it_was(driver: LocalDriver, root: Path) -> None:
    made = await running(driver)
    (root / made.reference / "home" / "deep" / "deeper").mkdir(parents=True)
    (root / made.reference / "home" / "away").symlink_to(PROJECT)
    await driver.destroy(REGION, made.reference)
    assert {path.relative_to(root) for path in paths_below(root)} == {
        Path(".gone"),
        Path(".gone") / made.reference,
        Path(".new"),
    }
    assert (PROJECT / "README.md").exists()


def test_folders_that_were_restored_read_only_go_too() -> None:
    """Root may enter any folder, so root does this as somebody who may not."""
    program = """
import os, tempfile
from pathlib import Path
from provisioning.adapters.local_calls import remove
if os.getuid() == 0:
    os.setuid(65534)
folder = Path(tempfile.mkdtemp())
inner = folder / "restored" / "inner"
inner.mkdir(parents=True)
(inner / "file").write_text("x")
inner.chmod(0)
inner.parent.chmod(0o500)
remove(folder)
print(folder.exists())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr


# Its port.


async def test_its_address_stays(driver: LocalDriver) -> None:
    made = await running(driver)
    await driver.stop(REGION, made.reference)
    assert (await until_state(driver, made.instance_id, MachineState.STOPPED)).address is None
    await driver.start(REGION, made.reference)
    assert (await until_answering(driver, made.instance_id)).address == made.address


async def test_where_somebody_else_took_its_port_it_gets_another(driver: LocalDriver, root: Path) -> None:
    made = await running(driver)
    await driver.stop(REGION, made.reference)
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", int(str(made.address).rpartition(":")[2])))
        somebody.listen()
        await driver.start(REGION, made.reference)
        started = await until_answering(driver, made.instance_id)
    assert started.address != made.address
    assert agent_config(root, made.instance_id)["listen"] == started.address


async def test_a_port_of_a_machine_that_is_off_is_not_given_to_another(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {local_ports.pick() for _ in range(20)}
    monkeypatch.setattr("provisioning.adapters.local_ports.CANDIDATES", sorted(free)[:3])
    addresses = set()
    for _ in range(3):
        made = await driver.create(wanted())
        addresses.add(made.address)
        await driver.stop(REGION, made.reference)
    assert len(addresses) == 3


# What cannot be had.


async def test_there_are_no_more_than_may_be_also_when_all_are_asked_for_at_once(root: Path) -> None:
    full = local_driver(root, capacity=2)
    answers = await asyncio.gather(*(full.create(wanted()) for _ in range(6)), return_exceptions=True)
    made = [answer for answer in answers if isinstance(answer, Machine)]
    assert len(made) == 2
    assert sum(isinstance(answer, OutOfCapacity) for answer in answers) == 4
    assert await full.sold_out(REGION, ["small", "large"]) == {"small", "large"}
    assert await full.create(wanted(made[0].instance_id)) == made[0]
    await full.destroy(REGION, made[0].reference)
    assert await full.sold_out(REGION, ["small"]) == frozenset()
    await full.create(wanted())


async def test_machines_that_are_off_and_those_of_others_take_their_place_too(root: Path) -> None:
    others = local_driver(root, installation=OTHER_INSTALLATION)
    made = await others.create(wanted())
    await others.stop(REGION, made.reference)
    with pytest.raises(OutOfCapacity):
        await local_driver(root, capacity=1).create(wanted())


async def test_where_the_disk_is_nearly_full_nothing_is_made(root: Path) -> None:
    full = local_driver(root, keep_free_bytes=2**60)
    assert await full.sold_out(REGION, ["small"]) == {"small"}
    with pytest.raises(OutOfCapacity, match="bytes left"):
        await full.create(wanted())


async def test_a_command_that_is_not_there_is_refused_before_anything_is_made(root: Path) -> None:
    lacking = local_driver(root, command=("no-such-program",))
    with pytest.raises(OrderRefused, match="PROVISIONING_LOCAL_COMMAND"):
        await lacking.create(wanted())
    with pytest.raises(OrderRefused):
        await lacking.sold_out(REGION, ["small"])
    assert list(await lacking.list_machines(REGION)) == []


async def test_a_machine_is_still_answered_when_nothing_more_can_be_made(driver: LocalDriver, root: Path) -> None:
    """A refusal says that nothing was made; it would be a lie about a machine that is there."""
    made = await running(driver)
    for poor in (
        local_driver(root, command=("no-such-program",)),
        local_driver(root, capacity=1),
        local_driver(root, keep_free_bytes=2**60),
    ):
        assert await poor.create(wanted(made.instance_id)) == made


@pytest.mark.parametrize("changes", [{"installation": OTHER_INSTALLATION}, {"provider": "another"}])
async def test_machines_of_others_in_the_same_root_are_not_seen_nor_taken(
    driver: LocalDriver, root: Path, changes: dict[str, object]
) -> None:
    made = await running(driver)
    other = local_driver(root, **changes)
    assert list(await other.list_machines(REGION)) == list(await other.find(REGION, made.instance_id)) == []
    with pytest.raises(OrderRefused, match="belongs to another"):
        await other.create(wanted(made.instance_id))
    await other.destroy(REGION, made.reference)
    assert await driver.list_machines(REGION) == [made]


async def test_a_damaged_record_is_never_said_to_be_no_machine(driver: LocalDriver, root: Path) -> None:
    made = await running(driver)
    (root / made.reference / "machine.json").write_text("{}")
    calls = (
        driver.find(REGION, made.instance_id),
        driver.list_machines(REGION),
        driver.create(wanted(made.instance_id)),
    )
    for call in calls:
        with pytest.raises(Unanswered, match=r"machine\.json is damaged"):
            await call


async def test_a_root_that_has_vanished_is_never_said_to_be_empty(driver: LocalDriver, root: Path) -> None:
    """A disk that is not mounted, for one."""
    put_away(root)
    with pytest.raises(Unanswered):
        await driver.list_machines(REGION)
