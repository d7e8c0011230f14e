"""What goes wrong on a restore's machine or in the store: said plainly, survived where it can be, never charged."""

import os
import resource
from pathlib import Path
from uuid import UUID

from tests.support.folders import Entry, contents, fill, sum_of_files
from tests.support.whole_system import WholeSystem, eventually, is_restoring
from tests.system.cloud.customer import Customer, assert_undone, is_pinned, open_keys
from tests.system.cloud.machines import agent, silent
from tests.system.cloud.steps import complete, damage, give_back, hasten, invoices_of, machine
from tests.system.conftest import PASSWORD, NewCustomer


def test_an_agent_that_falls_silent_with_a_password_is_asked_for_another_round(
    whole: WholeSystem, customer: Customer, backup_id: str, files: dict[str, Entry], name: str
) -> None:
    restore_id = customer.ordered(backup_id, name)
    found = customer.asked(restore_id)
    with silent(machine(whole, customer, restore_id)):
        customer.send(found, PASSWORD).raise_for_status()
        assert customer.look(restore_id)["state"] == "verifying_password"
        hasten(whole, restore_id)
        asked = customer.wait(restore_id, "awaiting_password")
        assert asked["cloud"]["password"]["reason"] == "agent_silent"
        assert asked["cloud"]["password"]["wrong_passwords"] == 0
        assert asked["cloud"]["password"]["public_key"] is None
    give_back(customer, complete(customer, restore_id, files))


def test_a_machine_that_never_reports_is_replaced_once_it_is_gone(
    whole: WholeSystem, customer: Customer, backup_id: str, files: dict[str, Entry], name: str
) -> None:
    restore_id = customer.ordered(backup_id, name)
    first = machine(whole, customer, restore_id)
    with silent(first):
        customer.wait(restore_id, "installing")
        hasten(whole, restore_id)
        eventually(lambda: customer.look(restore_id)["cloud"]["compute"] != "running")
    found = customer.asked(restore_id, seconds=180)
    second = machine(whole, customer, restore_id)
    assert first != second
    assert not first.exists()
    assert second.exists()
    give_back(customer, complete(customer, restore_id, files))
    assert found["cloud"]["quote"] == customer.look(restore_id)["cloud"]["quote"]


def test_a_full_disk_on_the_instance_is_said_plainly_and_costs_nothing(
    whole: WholeSystem, customer: Customer, backup_id: str, name: str
) -> None:
    before = customer.invoices()
    restore_id = customer.ordered(backup_id, name)
    customer.asked(restore_id)
    # The limit of a file's size takes the place of the disk's end, which needs no disk of its own.
    resource.prlimit(agent(machine(whole, customer, restore_id)), resource.RLIMIT_FSIZE, (10_000, 10_000))
    customer.enter(restore_id, PASSWORD)

    failed = customer.wait(restore_id, "failed", seconds=180)

    assert failed["code"] == "disk_full"
    assert "space" in failed["reason"]
    assert_undone(whole, customer, restore_id)
    assert invoices_of(customer, before) == []


def test_a_damaged_pack_is_said_plainly_and_costs_nothing(
    whole: WholeSystem, new_customer: NewCustomer, tmp_path: Path, name: str
) -> None:
    customer = new_customer()
    backup_id = customer.device.back_up(fill(tmp_path / "photos", files=3), "photos", PASSWORD)["backup_id"]
    repository = whole.repository_folder(customer.device.backup("photos")["repository"])
    pack = max((each for each in (repository / "data").rglob("*") if each.is_file()), key=lambda it: it.stat().st_size)
    damage(pack)

    restore_id = customer.ordered(backup_id, name)
    customer.enter(restore_id, PASSWORD)
    failed = customer.wait(restore_id, "failed", seconds=180)

    assert failed["code"] == "snapshot_damaged"
    assert failed["reason"]
    assert_undone(whole, customer, restore_id)
    assert customer.invoices() == []


def test_a_damaged_snapshot_is_said_plainly_and_is_not_sold_again(
    whole: WholeSystem, new_customer: NewCustomer, tmp_path: Path, name: str
) -> None:
    customer = new_customer()
    made = customer.device.back_up(fill(tmp_path / "photos", files=3), "photos", PASSWORD)
    repository = whole.repository_folder(customer.device.backup("photos")["repository"])
    restore_id = customer.quoted(made["backup_id"], name)
    damage(repository / "snapshots" / made["restic_id"])

    customer.confirm(restore_id).raise_for_status()
    customer.enter(restore_id, PASSWORD)
    failed = customer.wait(restore_id, "failed", seconds=180)

    assert failed["code"] in ("snapshot_damaged", "restore_failed")
    assert "snapshot" in failed["reason"]
    assert_undone(whole, customer, restore_id)
    assert customer.invoices() == []
    whole.measure_now(made["backup_id"])
    again = customer.ask(made["backup_id"], name)
    assert again.json()["code"] in ("snapshot_not_restorable", "snapshot_not_found")


def test_a_backup_that_is_deleted_while_quoted_is_kept_until_it_is_restored(
    whole: WholeSystem, new_customer: NewCustomer, tmp_path: Path, name: str
) -> None:
    customer = new_customer()
    source = fill(tmp_path / "photos", files=3)
    backup_id = customer.device.back_up(source, "photos", PASSWORD)["backup_id"]
    repository = whole.repository_folder(customer.device.backup("photos")["repository"])
    restore_id = customer.quoted(backup_id, name)
    customer.device.space("delete", "photos", "--yes")
    whole.sql("catalog", "UPDATE backups SET delete_due_at = now() WHERE id = $1", UUID(backup_id))

    customer.confirm(restore_id).raise_for_status()
    found = complete(customer, restore_id, contents(source))

    eventually(lambda: not is_pinned(whole, restore_id) and not open_keys(whole, restore_id))
    # While it was in use its removal was put off, a minute at a time.
    whole.sql("catalog", "UPDATE backups SET delete_due_at = now() WHERE id = $1", UUID(backup_id))
    gone = "SELECT 1 FROM backups WHERE id = $1 AND state = 'deleted'"
    eventually(lambda: whole.sql("catalog", gone, UUID(backup_id)), 120, every=1)
    assert not repository.exists() or sum_of_files(repository) == 0
    assert customer.restored(found) == contents(source)
    give_back(customer, found)


def test_a_restore_that_outlives_its_keys_goes_on_with_new_ones(
    whole: WholeSystem, new_customer: NewCustomer, tmp_path: Path, name: str
) -> None:
    customer = new_customer()
    source = fill(tmp_path / "large", files=3)
    for number in range(8):
        (source / f"part {number}").write_bytes(os.urandom(16 * 2**20))
    backup_id = customer.device.back_up(source, "large", PASSWORD)["backup_id"]
    with whole.told(CATALOG_KEY_LIFETIME="PT10S"):
        restore_id = customer.ordered(backup_id, name)
        folder = machine(whole, customer, restore_id)
        customer.enter(restore_id, PASSWORD)
        eventually(lambda: is_restoring(folder), every=0.005)
        with whole.frozen("vault"):
            (row,) = whole.sql(
                "catalog", "SELECT count(*) AS keys FROM storage_keys WHERE restore_id = $1", UUID(restore_id)
            )
            eventually(lambda: not open_keys(whole, restore_id))
        found = customer.wait(restore_id, "completed", seconds=180)
    assert customer.restored(found) == contents(source)
    (now,) = whole.sql("catalog", "SELECT count(*) AS keys FROM storage_keys WHERE restore_id = $1", UUID(restore_id))
    assert now["keys"] > row["keys"]
    give_back(customer, found)
