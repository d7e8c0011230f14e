"""A backup password on its way to an instance is in no server: not in what is kept, not on the wire, not in memory."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from space_local.members import MEMBERS
from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.folders import contents, fill
from tests.support.whole_system import WholeSystem, eventually
from tests.system.cloud.customer import Customer, seal
from tests.system.cloud.machines import agents
from tests.system.cloud.searching import Recorder, Search, recorded, server_processes
from tests.system.cloud.steps import machine
from tests.system.conftest import NewDevice
from tests.system.test_isolation_secrets import rows

CARELESS = "planted-Careless-Word-4713"
MARK_LETTERS = 12


@pytest.fixture
def planted() -> dict[str, bytes]:
    """Passwords that nobody else has, the right one and two wrong ones."""
    words = ("right password", "first wrong password", "second wrong password")
    return {word: f"planted-{word.replace(' ', '-')}-{uuid4().hex}".encode() for word in words}


@pytest.fixture
def customer(whole: WholeSystem, new_device: NewDevice) -> Customer:
    customer = Customer(whole, new_device("eve"))
    customer.add_card()
    return customer


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """So much that its restore can be met in the middle."""
    source = fill(tmp_path / "large", files=3)
    for number in range(4):
        (source / f"part {number}").write_bytes(os.urandom(16 * 2**20))
    return source


@pytest.fixture
def recorder(whole: WholeSystem) -> Iterator[Recorder]:
    with recorded(whole) as recorder:
        yield recorder


def key_material(device: Device, repository: str, address: str, password: str) -> dict[str, bytes]:
    """What the password opens: the repository's keys, as restic writes them and as they are."""
    environment = {**device.environment, "RESTIC_PASSWORD": password, "RESTIC_REPOSITORY": address}
    command = [device.restic, "cat", "masterkey", "--no-lock", "--no-cache"]
    said = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout
    keys = json.loads(said)
    words = {"encryption key": keys["encrypt"], "key of the MAC": keys["mac"]["k"], "mask of the MAC": keys["mac"]["r"]}
    assert repository
    return {name: base64.b64decode(word) for name, word in words.items()}


def places(whole: WholeSystem, tap: Tap, recorder: Recorder) -> dict[str, Iterator[tuple[str, bytes]]]:
    """Everything that is kept or said, by kind."""
    logs = [path for path in (whole.system.state / "logs").rglob("*") if path.is_file()]
    logs += list(whole.system.instances_folder.rglob("agent.log*"))
    return {
        "database": (row for member in MEMBERS for row in rows(whole, member.name)),
        "event": ((event["type"], json.dumps(event).encode()) for event in tap.read()),
        "log": ((str(path), path.read_bytes()) for path in logs),
        "wire": ((f"connection {number}", heard) for number, heard in enumerate(recorder.heard)),
    }


def assert_in_no_place(whole: WholeSystem, tap: Tap, recorder: Recorder, search: Search, control: Search) -> None:
    """The secrets are nowhere, and the control, which went the same ways, is everywhere that one looks."""
    for kind, contents_of in places(whole, tap, recorder).items():
        is_read = False
        for place, content in contents_of:
            assert search.names(content) == set(), f"{kind} {place}: {content[:300]!r}"
            is_read = is_read or bool(control.names(content))
        assert is_read, f"of the {kind}s nothing was read"
    # The databases' own files have what was there before, too, once what is in memory is written.
    asyncio.run(_checkpoint(whole))
    for folder, is_control_in in (
        (whole.system.postgres.data.resolve(), "/base/"),
        (whole.system.state, "/instances/"),
    ):
        assert search.in_folder(folder) == {}
        assert any(is_control_in in place for place in control.in_folder(folder)), folder


async def _checkpoint(whole: WholeSystem) -> None:
    connection = await asyncpg.connect(whole.system.postgres.url)
    await connection.execute("CHECKPOINT")
    await connection.close()


def assert_in_no_memory(whole: WholeSystem, search: Search, control: Search) -> None:
    processes = server_processes(whole)
    assert {*processes.values()} >= {"services", "postgres", "rabbitmq", "caddy", "vault"}
    seen = set()
    for pid, name in processes.items():
        assert search.in_memory(pid) == set(), f"{name}, process {pid}"
        if control.in_memory(pid):
            seen.add(name)
    # What an order is about passes through all of these.
    assert seen >= {"services", "postgres", "caddy"}, seen


def send_wrong(customer: Customer, found: dict[str, Any], password: bytes) -> dict[str, Any]:
    customer.send(found, password.decode()).raise_for_status()
    return customer.asked_again(found)


def test_no_server_ever_holds_a_backup_password(
    whole: WholeSystem, customer: Customer, tap: Tap, recorder: Recorder, source: Path, planted: dict[str, bytes]
) -> None:
    right = planted["right password"].decode()
    device = customer.device
    backup_id = device.back_up(source, "large", right)["backup_id"]
    repository = device.backup("large")["repository"]
    planted |= key_material(device, repository, str(whole.repository_folder(repository)), right)
    search = Search(planted)
    mark = f"control-{uuid4().hex[:MARK_LETTERS]}"
    control = Search({"control": mark.encode()})

    # Checked on the machine of the owner, by the command itself: nothing is ordered with a wrong one.
    wrong = device.password_file(planted["first wrong password"].decode())
    place = ("--provider", "local", "--region", "local", "--plan", "small", "--name", f"{mark}@olares.com")
    order = ("restore", "--to-cloud", "--backup", "large", *place, "--yes", "--json", "--password-file")
    assert device.space(*order, wrong, expect=4).error["code"] == "wrong_password"
    restore_id = device.space(*order, device.password_file(right), "--no-wait").json["restore_id"]
    folder = machine(whole, customer, restore_id)
    found = customer.asked(restore_id)
    found = send_wrong(customer, found, planted["first wrong password"])
    found = send_wrong(customer, found, planted["second wrong password"])
    assert_careless_is_refused(customer, found)

    resumed = device.begin("restore", "--resume", restore_id, "--json", "--password-file", device.password_file(right))
    with restic_stopped(folder):
        # The password is in use now: where it must be, the same search finds it.
        holders = {pid: search.in_memory(pid) for pid in agents(folder)}
        assert any("right password" in names for names in holders.values()), holders
        customer.wait(restore_id, "restoring")
        assert_in_no_memory(whole, search, control)
    done = device.finish(resumed)
    assert done.exit_code == 0, str(done)

    completed = customer.look(restore_id)
    assert customer.restored(completed) == contents(source)
    assert backup_id == completed["backup_id"]
    assert_in_no_memory(whole, search, control)
    assert_in_no_place(whole, tap, recorder, search, control)
    # Nor does the instance keep it, once it is not needed any more.
    assert search.in_folder(folder) == {}
    customer.call("POST", f"/instances/{UUID(completed['cloud']['instance_id'])}/return").raise_for_status()
    eventually(lambda: not folder.exists(), 60)


@contextlib.contextmanager
def restic_stopped(folder: Path) -> Iterator[None]:
    """While the restic that restores on a machine stands still, from as soon as there is one."""
    (pid, *_) = eventually(lambda: [pid for pid in agents(folder) if _restores(pid)], 90, every=0.002)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _restores(pid: int) -> bool:
    with contextlib.suppress(OSError):
        program, *arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return program.endswith(b"restic") and b"restore" in arguments
    return False


def assert_careless_is_refused(customer: Customer, found: dict[str, Any]) -> None:
    """A client that sends the password as it is finds it nowhere again."""
    path = f"/restores/{found['restore_id']}/password"
    sealed = seal(found, CARELESS)
    known: dict[str, Any] = {"round": found["cloud"]["password"]["round"], "sealed": sealed}
    for careless in ({"password": CARELESS}, {"sealed": CARELESS}, {"round": CARELESS}):
        answer = customer.call("POST", path, **{**known, **careless})
        assert answer.status_code == 422, answer.text
        assert CARELESS not in answer.text
    search = Search({"careless": CARELESS.encode()})
    for row, content in rows(customer.whole, "restore"):
        assert search.names(content) == set(), row
    assert search.in_folder(customer.whole.system.state / "logs") == {}
