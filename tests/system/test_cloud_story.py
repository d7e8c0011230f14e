"""A restore to the cloud, from the owner's order to the instance that is given back."""

import json
import shlex
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.folders import contents, fill
from tests.support.s3 import S3, Key
from tests.support.whole_system import WholeSystem, eventually
from tests.system.cloud.customer import Customer, is_pinned, open_keys
from tests.system.conftest import PASSWORD

NAME = "alice@olares.com"
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return fill(tmp_path / "photos")


@pytest.fixture
def customer(whole: WholeSystem, alice: Device, source: Path) -> Customer:
    """Alice, with a backup and a card, by the command alone."""
    alice.back_up(source, "photos", PASSWORD)
    card = alice.folder / "card.json"
    card.write_text(json.dumps(CARD))
    alice.space("payment-method", "add", "--card-from", card)
    return Customer(whole, alice)


def store_keys(whole: WholeSystem, customer: Customer, restore_id: str) -> list[S3]:
    """What a thief had who took the keys out of the agent's memory."""
    (space,) = whole.sql("catalog", "SELECT prefix FROM owner_spaces WHERE owner_id = $1", customer.device.owner_id)
    repository = customer.device.backup("photos")["repository"]
    root = f"/vault/p1.amazonaws.com/backups/{space['prefix']}/olares-backups/{repository}"
    rows = whole.sql("catalog", "SELECT access_key_id FROM storage_keys WHERE restore_id = $1", UUID(restore_id))
    return [
        S3(
            Key(row["access_key_id"], *whole.key_secrets(row["access_key_id"]), whole.system.store_endpoint, root),
            str(whole.system.ca_file),
        )
        for row in rows
    ]


def is_refused(key: S3) -> bool:
    return key.get(f"{key.key.root}/config").status == 403


def order_in_guide(customer: Customer) -> str:
    """Answer every question of the guide, the password wrongly at first; the id of the order."""
    with customer.device.at_terminal(*shlex.split("restore --to-cloud --backup photos --no-wait")) as terminal:
        terminal.expect("Which plan?")
        terminal.type("1")
        terminal.expect("Name of the instance")
        terminal.type(NAME)
        terminal.expect("Backup password: ")
        terminal.type("mistyped")
        terminal.expect("This password is wrong")
        terminal.expect("Backup password: ")
        assert customer.get("/restores")["items"] == [], "something was ordered with a wrong password"
        terminal.type(PASSWORD)
        charges = terminal.expect("[y/N]:")
        assert "Charges now" in charges
        (quoted,) = customer.get("/restores?target=cloud")["items"]
        assert customer.look(quoted["restore_id"])["state"] == "quoted"
        terminal.type("y")
        assert terminal.finish() == 0, terminal.shown
        assert PASSWORD not in terminal.shown
    return str(quoted["restore_id"])


def enter(browser: httpx.Client, link: str) -> httpx.URL:
    """Come in by an owner's link, which is spent by that; where what was restored is shown."""
    address, _, secret = link.partition("?link=")
    assert browser.get(link).status_code == 200
    shown = browser.post(address, data={"link": secret})
    assert shown.status_code == 200
    again = httpx.post(address, data={"link": secret}, trust_env=False)
    assert again.status_code == 410, "the link was good for two"
    return shown.url


def assert_is_open(customer: Customer, found: dict[str, Any], source: Path) -> None:
    """The one-time link shows the restored files, each to the byte; without it there is nothing to see."""
    link = customer.device.space("instance", "open", NAME, "--print").out.strip()
    with httpx.Client(follow_redirects=True, trust_env=False, timeout=30) as browser:
        folder = enter(browser, link)
        assert "folder 0" in browser.get(folder).text
        got = browser.get(folder.join("folder%200/file-0.bin"))
    assert httpx.get(got.url, trust_env=False).status_code == 403
    assert got.content == (source / "folder 0" / "file-0.bin").read_bytes()


def test_a_backup_becomes_an_instance_its_owner_uses_and_returns(
    whole: WholeSystem, customer: Customer, tap: Tap, source: Path
) -> None:
    restore_id = order_in_guide(customer)
    quote = customer.look(restore_id)["cloud"]["quote"]
    assert quote["total"]["amount_minor"] > 100
    assert customer.ask(customer.device.backup("photos")["backup_id"], NAME).json()["code"] == "name_in_use"

    # A client that does not check the password itself, or a backup whose key files were exchanged.
    asked = customer.asked(restore_id)
    assert customer.held_minor() == quote["total"]["amount_minor"]
    assert is_pinned(whole, restore_id)
    customer.send(asked, "wrong on the instance").raise_for_status()
    wanted = customer.asked_again(asked)
    assert wanted["cloud"]["password"]["reason"] == "wrong"
    assert wanted["cloud"]["password"]["wrong_passwords"] == 1
    keys = store_keys(whole, customer, restore_id)
    assert keys
    assert all(key.get(f"{key.key.root}/config").status == 200 for key in keys), "this proves nothing later"

    with customer.device.at_terminal("restore", "--resume", restore_id) as terminal:
        terminal.expect("Backup password: ")
        terminal.type(PASSWORD)
        assert terminal.finish(180) == 0, terminal.shown
        assert f"{NAME} is ready" in terminal.shown

    found = customer.look(restore_id)
    assert found["state"] == "completed"
    assert found["warnings"] == 0
    assert customer.restored(found) == contents(source)
    assert customer.moves(restore_id) == [
        "quoting", "quoted", "authorising", "provisioning", "installing", "awaiting_password", "verifying_password",
        "awaiting_password", "verifying_password", "restoring", "validating", "capturing", "completed",
    ]  # fmt: skip

    # The invoice is the quote.
    (invoice,) = customer.invoices()
    assert [
        (line["kind"], line["description"], line["quantity"], line["unit_price"], line["amount"])
        for line in invoice["lines"]
    ] == [
        (line["kind"], line["description"], line["quantity"], line["unit_price"], line["amount"])
        for line in quote["lines"]
    ]
    assert (invoice["total"], invoice["state"]) == (quote["total"], "paid")
    assert customer.held_minor() == 0

    # Whoever kept the agent's keys reads nothing any more, and nothing is kept for the restore.
    eventually(lambda: not open_keys(whole, restore_id) and not is_pinned(whole, restore_id))
    for key in [*keys, *store_keys(whole, customer, restore_id)]:
        eventually(partial(is_refused, key))
    # The instance is one of the owner's homes, whose name backups may carry.
    assert NAME in [each["name"] for each in customer.get("/terminus")["items"]]
    assert_is_open(customer, found, source)

    returned_at = give_back(whole, customer, found)
    assert_settled(whole, customer, invoice, found, tap, returned_at)


def give_back(whole: WholeSystem, customer: Customer, found: dict[str, Any]) -> datetime:
    """Return the instance by the command; when that was done."""
    customer.device.space("instance", "return", NAME, "--yes")
    folder = whole.machine_folder(UUID(found["cloud"]["instance_id"]))
    assert not folder.exists()
    assert customer.get("/instances?live=true")["items"] == []
    assert customer.look(found["restore_id"])["state"] == "completed"
    return datetime.now(UTC)


def assert_settled(
    whole: WholeSystem,
    customer: Customer,
    invoice: dict[str, Any],
    found: dict[str, Any],
    tap: Tap,
    returned_at: datetime,
) -> None:
    """What was paid ahead and not used has gone back, by the second."""
    instance_id = found["cloud"]["instance_id"]
    (note,) = eventually(lambda: customer.get("/credit-notes")["items"])
    assert note["invoice_id"] == invoice["invoice_id"]
    (paid,) = whole.sql("billing", "SELECT * FROM instance_months WHERE instance_id = $1", UUID(instance_id))
    (returned,) = tap.of("provisioning.instance.returned.v1", instance_id=instance_id)
    assert returned["cause"] == "owner"
    ended = datetime.fromisoformat(returned["returned_at"])
    assert paid["started_at"] < ended <= returned_at
    whole_month = (paid["ended_at"] - paid["started_at"]).total_seconds()
    left = int((paid["ended_at"] - ended.replace(microsecond=0)).total_seconds())
    assert note["total"]["amount_minor"] == round(Fraction(paid["monthly_minor"]) * left / int(whole_month))
    assert whole.sql("billing", "SELECT sum(amount_minor) AS total FROM ledger_entries")[0]["total"] == 0
