"""Steps of restores to the cloud that many tests take."""

from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.folders import Entry
from tests.support.whole_system import WholeSystem, eventually
from tests.system.cloud.customer import Customer
from tests.system.conftest import PASSWORD


def machine(whole: WholeSystem, customer: Customer, restore_id: str) -> Path:
    """Where the machine of a confirmed restore is, or will be."""
    found = eventually(lambda: customer.look(restore_id)["cloud"]["instance_id"])
    return whole.machine_folder(UUID(found))


def hasten(whole: WholeSystem, restore_id: str) -> None:
    """Let the time of a restore in its state be over."""
    whole.sql("restore", "UPDATE restores SET due_at = now() WHERE id = $1", UUID(restore_id))


def complete(customer: Customer, restore_id: str, files: dict[str, Entry]) -> dict[str, Any]:
    """Enter the password and see that everything is there."""
    customer.enter(restore_id, PASSWORD)
    found = customer.wait(restore_id, "completed", seconds=180)
    assert customer.restored(found) == files
    return found


def give_back(customer: Customer, found: dict[str, Any]) -> None:
    customer.call("POST", f"/instances/{found['cloud']['instance_id']}/return").raise_for_status()
    eventually(lambda: not customer.home(found).exists(), 60)


def invoices_of(customer: Customer, since: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {invoice["invoice_id"] for invoice in since}
    return [invoice for invoice in customer.invoices() if invoice["invoice_id"] not in known]


def damage(file: Path) -> None:
    file.chmod(0o600)
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(b"damaged")
