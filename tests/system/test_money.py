"""What an owner owes, from the first free byte to the invoice, with every service in between."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.folders import contents, fill
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import PASSWORD

GB = 2**30
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


def quota_of(device: Device) -> dict[str, Any]:
    found: dict[str, Any] = device.space("quota", "--json").json
    return found


def card_file(device: Device) -> Path:
    file = device.folder / "card.json"
    file.write_text(json.dumps(CARD))
    file.chmod(0o600)
    return file


@pytest.fixture
def full(whole: WholeSystem, tap: Tap, alice: Device, tmp_path: Path) -> Device:
    """An owner with a small backup, and another that catalog has measured at 12 GB."""
    alice.back_up(fill(tmp_path / "photos"), "photos", PASSWORD)
    owner_id = alice.owner_id
    measured = next(
        each for each in tap.read()
        if each["type"] == "catalog.storage.measured.v1" and each["data"]["owner_id"] == owner_id
    )  # fmt: skip
    other = copy.deepcopy(measured)
    other["data"] |= {
        "backup_id": str(uuid4()),
        "storage_bytes": 12 * GB,
        "measured_at": datetime.now(UTC).isoformat(),
    }
    tap.publish_again([other], fresh_ids=True)
    eventually(lambda: not quota_of(alice)["can_backup"])
    return alice


def restriction(whole: WholeSystem, device: Device) -> set[str]:
    """Why the store takes no uploads of this owner's."""
    (row,) = whole.sql("catalog", "SELECT * FROM owner_spaces WHERE owner_id = $1", device.owner_id)
    return {str(value) for key, value in row.items() if "restriction" in key and value is not None}


def test_at_the_limit_uploads_stop_with_words_that_help_and_a_card_lets_them_go_on(
    whole: WholeSystem, full: Device, tmp_path: Path
) -> None:
    eventually(lambda: restriction(whole, full) == {"over_limit"})
    refused = full.space(
        "backup", tmp_path / "photos", "--name", "photos", "--password-file", full.password_file(PASSWORD), "--json",
        expect=6,
    )  # fmt: skip
    assert refused.error["code"] == "over_limit"
    assert "payment-method" in str(refused.error) or "payment method" in str(refused.error)
    restored = tmp_path / "restored"
    full.restore("photos", restored, PASSWORD)
    assert contents(restored) == contents(tmp_path / "photos")

    full.space("payment-method", "add", "--card-from", card_file(full))
    eventually(lambda: restriction(whole, full) == set())
    (tmp_path / "photos" / "new.bin").write_bytes(b"new" * 1000)
    assert full.back_up(tmp_path / "photos", "photos", PASSWORD)["status"] == "successful"
    full.space("quota", "--spend-limit", "0.00")
    eventually(lambda: restriction(whole, full) == {"over_limit"})


def test_a_month_above_the_allowance_ends_in_an_invoice_that_can_be_checked_and_kept(
    whole: WholeSystem, full: Device, tmp_path: Path
) -> None:
    full.space("payment-method", "add", "--card-from", card_file(full))
    usage = full.space("usage", "--json").json
    ends = datetime.fromisoformat(usage["period_end"])
    with whole.internal("billing", "operator") as operator:
        travelled = operator.post(
            f"/internal/owners/{full.owner_id}/test-clock", json={"now": (ends + timedelta(days=1)).isoformat()}
        ).raise_for_status()
    (number,) = travelled.json()["invoices"]
    (listed,) = full.space("invoices", "--json").json
    assert (listed["number"], listed["state"]) == (number, "paid")
    invoice = full.space("invoice", number, "--json").json
    (line,) = invoice["lines"]
    # About 2 GB above 10 GB for a month, at 0.08 a GB and month of 730 hours; to the cent by what the line says.
    amount = line["amount"]["amount_minor"]
    assert amount == round(float(line["quantity"]) * float(line["unit_price"]) * 100)
    assert 14 <= amount <= 18
    assert invoice["total"]["amount_minor"] == amount
    pdf = tmp_path / "invoice.pdf"
    full.space("invoice", number, "--pdf", pdf)
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert whole.sql("billing", "SELECT sum(amount_minor) AS total FROM ledger_entries")[0]["total"] == 0
