"""Local instances in the whole system: real agents that outlive everything but its end, and what an operator asks."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from asyncpg import ForeignKeyViolationError

from space_local.process import start_ticks
from tests.local.conftest import private_home
from tests.local.test_system import command
from tests.support.whole_system import WholeSystem, eventually

SETTINGS = {"PROVISIONING_HEARTBEAT_SECONDS": "1"}
NOBODY_WAITS = "0 instances wait for an operator\n0 restores wait for an operator\n"


@pytest.fixture(scope="module")
def whole() -> Iterator[WholeSystem]:
    with private_home() as home:
        whole = WholeSystem(home, SETTINGS)
        whole.start()
        yield whole
        asyncio.run(whole.system.stop())


def row(whole: WholeSystem, instance_id: UUID) -> Any:
    found = whole.sql("provisioning", "SELECT * FROM instances WHERE id = $1", instance_id)
    return found[0] if found else None


def process(whole: WholeSystem, instance_id: UUID) -> int | None:
    """The process of a machine, if it runs."""
    file = whole.machine_folder(instance_id) / "run.json"
    if not file.exists():
        return None
    record = json.loads(file.read_text())
    return int(record["pid"]) if start_ticks(record["pid"]) == record["ticks"] else None


def heard_again(whole: WholeSystem, instance_id: UUID) -> None:
    """Wait until its agent is heard, from now on."""
    (now,) = whole.sql("provisioning", "SELECT clock_timestamp() AS at")
    eventually(lambda: (found := row(whole, instance_id)["heard_at"]) and found > now["at"], 60)


def new_instance(whole: WholeSystem) -> UUID:
    instance_id = whole.want_instance(uuid4(), f"{uuid4().hex[:8]}@olares.com")
    eventually(lambda: row(whole, instance_id), 30)
    heard_again(whole, instance_id)
    return instance_id


def test_an_agent_outlives_everything_but_the_end_of_the_system(whole: WholeSystem) -> None:
    instance_id = new_instance(whole)
    first = process(whole, instance_id)
    assert first

    # The services die.
    whole.kill("services")
    whole.start_again("services")
    heard_again(whole, instance_id)
    assert process(whole, instance_id) == first

    # All dies, and nobody ends what is left.
    system = whole.system
    whole.kill(*system.servers)
    system._let_go()
    asyncio.run(system.start())
    heard_again(whole, instance_id)
    assert process(whole, instance_id) == first

    # The system is stopped, and goes on.
    asyncio.run(system.stop())
    assert process(whole, instance_id) is None
    asyncio.run(system.start())
    heard_again(whole, instance_id)
    assert process(whole, instance_id) not in (None, first)
    assert row(whole, instance_id)["status"] == "running"


def test_a_machine_knows_none_of_our_secrets_and_shows_others_nothing(whole: WholeSystem) -> None:
    instance_id = new_instance(whole)
    pid, folder = process(whole, instance_id), whole.machine_folder(instance_id)
    known = b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline"))
    assert str(folder).encode() in known
    told = json.loads((folder / "agent.json").read_text())
    assert told["origin"] == whole.origin
    secrets = [*json.loads((whole.system.state / "secrets.json").read_text()).values(), told["enrolment_secret"]]
    assert [secret for secret in secrets if secret.encode() in known] == []
    assert told["enrolment_secret"].encode() not in (whole.system.state / "logs" / "services.log").read_bytes()
    assert (whole.system.instances_folder.stat().st_mode & 0o077, folder.stat().st_mode & 0o077) == (0, 0)
    for file in folder.rglob("*"):
        if file.is_file():
            assert file.stat().st_mode & 0o077 == 0, file


def test_what_waits_for_an_operator_is_listed_and_goes_on_by_their_word(whole: WholeSystem) -> None:
    options, instance_id = whole.system.options, uuid4()
    assert command(options, "stuck").stdout == NOBODY_WAITS
    wanted = {"instance_id": str(instance_id), "owner_id": str(uuid4()), "instance_name": "alice@olares.com",
              "provider": "local", "region": "local", "plan": "small"}  # fmt: skip
    with whole.internal("provisioning", "restore") as restore:
        eventually(lambda: restore.post("/internal/instances", json=wanted).status_code == 201)
    whole.sql(
        "provisioning",
        "UPDATE instances SET status = 'fetching', place = 'local', requested_at = now(), call_until = now(),"
        " due_at = NULL, stuck_at = now(), trouble = 'It is away.' WHERE id = $1",
        instance_id,
    )
    listed = command(options, "stuck").stdout
    assert f"1 instances wait for an operator\n  {instance_id} alice@olares.com is fetching" in listed
    assert "at local local (no machine" in listed
    assert ": It is away.\n" in listed
    assert "make redrive INSTANCE=" in listed

    unclear = command(options, "redrive", str(instance_id), "maybe")
    assert (unclear.returncode, "VERDICT=look_again" in unclear.stderr) == (1, True)
    assert "is not the id of an instance" in command(options, "redrive", "alice", "look_again").stderr
    assert "There is no such instance" in command(options, "redrive", str(uuid4()), "look_again").stderr

    said = command(options, "redrive", str(instance_id), "no_machine")
    assert said.stdout == f"{instance_id} goes on: no machine\n"
    heard_again(whole, instance_id)
    assert command(options, "stuck").stdout == NOBODY_WAITS
    assert "does not wait for an operator" in command(options, "redrive", str(instance_id), "no_machine").stderr


def test_a_restore_that_waits_for_an_operator_is_listed_and_asks_again(whole: WholeSystem) -> None:
    options, restore_id, quote_id = whole.system.options, uuid4(), uuid4()
    whole.sql(
        "restore",
        "INSERT INTO restores (id, owner_id, target, backup_id, snapshot_id, backup_name, restic_id, state, reason,"
        " snapshot_taken_at, warnings, created_at, updated_at, last_number) VALUES ($1, $1, 'cloud', $1, $1, 'photos',"
        " 'ab', 'needs_operator', 'Its owner cancelled it.', now(), 0, now(), now(), 1)",
        restore_id,
    )
    whole.sql(
        "restore",
        "INSERT INTO cloud_restores (restore_id, provider, region, plan, instance_name, quote_id, payment, compute,"
        " data, ending, machine, asked, round, wrong_passwords) VALUES ($1, 'local', 'local', 'small', 'a@olares.com',"
        " $2, 'void_asked', 'gone', 'none', 'cancel', 1, 0, 0, 0)",
        restore_id,
        quote_id,
    )
    listed = command(options, "stuck").stdout
    assert f"1 restores wait for an operator\n  {restore_id} is undone (cancel: Its owner cancelled it.)" in listed
    assert f"payment void_asked (quote {quote_id}), instance gone" in listed
    assert "make redrive RESTORE=" in listed

    assert "is not the id of a restore" in command(options, "redrive-restore", "alice").stderr
    assert "There is no such restore" in command(options, "redrive-restore", str(uuid4())).stderr
    assert command(options, "redrive-restore", str(restore_id)).stdout == f"{restore_id} asks again\n"
    assert "0 restores wait" in command(options, "stuck").stdout
    assert "does not wait for an operator" in command(options, "redrive-restore", str(restore_id)).stderr


def forgotten(whole: WholeSystem, instance_id: UUID) -> bool:
    """Whether the rows of an instance could be removed before its agent brought others."""
    for table in ("log_lines", "history", "agent_orders"):
        whole.sql("provisioning", f"DELETE FROM {table} WHERE instance_id = $1", instance_id)
    try:
        whole.sql("provisioning", "DELETE FROM instances WHERE id = $1", instance_id)
    except ForeignKeyViolationError:
        return False
    return True


def test_machines_that_no_instance_is_known_for_are_listed_kept_and_returned(whole: WholeSystem) -> None:
    options = whole.system.options
    assert command(options, "orphans").stdout == "0 machines without an instance; 0 were returned\n"
    instance_id = new_instance(whole)
    # As if the databases had been put back to an older state.
    eventually(lambda: forgotten(whole, instance_id))
    listed = listed_with("1 machines without an instance", whole)
    assert f"  local/{instance_id} in local, made for {instance_id}, found at " in listed
    assert "unless you keep it" in listed

    assert "is kept\n" in command(options, "orphans", "--keep", f"local/{instance_id}").stdout
    assert process(whole, instance_id)
    assert "is not PROVIDER/REFERENCE" in command(options, "orphans", "--return", "local").stderr
    assert "No such orphan machine" in command(options, "orphans", "--return", "local/other").stderr
    command(options, "orphans", "--return", f"local/{instance_id}")
    eventually(lambda: not whole.machine_folder(instance_id).exists(), 60)
    assert "was returned at" in listed_with("0 machines without an instance; 1 were returned", whole)


def listed_with(beginning: str, whole: WholeSystem) -> str:
    """What `make orphans` prints once it begins so."""

    def said() -> str:
        printed = command(whole.system.options, "orphans").stdout
        return printed if printed.startswith(beginning) else ""

    return eventually(said, 60)
