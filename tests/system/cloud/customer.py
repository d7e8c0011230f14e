"""An owner who restores to the cloud as the console does: over HTTP, with the password sealed here."""

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from agent import sealing
from billing.adapters.sandbox_cards import BY_NAME
from tests.support.devices import Device
from tests.support.folders import Entry, contents
from tests.support.whole_system import WholeSystem, eventually

OVER = frozenset({"completed", "failed", "cancelled", "expired", "returned"})
HERE = {"provider": "local", "region": "local", "plan": "small"}
SECONDS = 60.0


class Customer:
    """One owner, who may have many restores."""

    def __init__(self, whole: WholeSystem, device: Device) -> None:
        self.whole = whole
        self.device = device

    def call(self, method: str, path: str, **body: Any) -> httpx.Response:
        with self.device.api() as api:
            return api.request(method, path, json=body or None)

    def get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", path).raise_for_status().json()
        return found

    def add_card(self, name: str = "visa") -> str:
        """One of the sandbox's cards; the first is charged unless another is named."""
        card = {"number": BY_NAME[name].number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        return str(self.call("POST", "/payment-methods", card=card).raise_for_status().json()["payment_method_id"])

    def ask(self, backup_id: str, name: str, **place: str) -> httpx.Response:
        return self.call("POST", "/restores", backup_id=backup_id, instance_name=name, **{**HERE, **place})

    def quoted(self, backup_id: str, name: str, **place: str) -> str:
        answer = self.ask(backup_id, name, **place)
        assert answer.status_code in (201, 202), answer.text
        restore_id = str(answer.json()["restore_id"])
        self.wait(restore_id, "quoted")
        return restore_id

    def confirm(self, restore_id: str, method_id: str | None = None) -> httpx.Response:
        return self.call("POST", f"/restores/{restore_id}/confirm", payment_method_id=method_id)

    def ordered(self, backup_id: str, name: str, **place: str) -> str:
        restore_id = self.quoted(backup_id, name, **place)
        self.confirm(restore_id).raise_for_status()
        return restore_id

    def cancel(self, restore_id: str) -> httpx.Response:
        return self.call("POST", f"/restores/{restore_id}/cancel")

    def look(self, restore_id: str) -> dict[str, Any]:
        return self.get(f"/restores/{restore_id}")

    def wait(self, restore_id: str, *states: str, seconds: float = SECONDS) -> dict[str, Any]:
        """The restore once it is in one of these states; an end that is none of them is a failure at once."""

        def is_there() -> dict[str, Any] | None:
            found = self.look(restore_id)
            assert found["state"] in {*states} or found["state"] not in OVER, f"waiting for {states}: {found}"
            return found if found["state"] in states else None

        try:
            found = eventually(is_there, seconds)
        except AssertionError as error:
            raise AssertionError(f"{self.look(restore_id)}, {self.moves(restore_id)}: {error}") from error
        assert found is not None
        return found

    def asked(self, restore_id: str, seconds: float = SECONDS) -> dict[str, Any]:
        """The restore once its agent waits for a password that is taken now."""

        def is_asked() -> dict[str, Any] | None:
            found = self.wait(restore_id, "awaiting_password", seconds=seconds)
            wanted = found["cloud"]["password"]
            return found if wanted["public_key"] and _is_past(wanted["not_before"]) else None

        found = eventually(is_asked, seconds)
        assert found is not None
        return found

    def asked_again(self, before: dict[str, Any], seconds: float = SECONDS) -> dict[str, Any]:
        """The restore once its agent waits for another password than before."""

        def is_asked() -> dict[str, Any] | None:
            found = self.wait(before["restore_id"], "awaiting_password", seconds=seconds)
            wanted = found["cloud"]["password"]
            is_new = wanted["round"] != before["cloud"]["password"]["round"]
            return found if is_new and wanted["public_key"] else None

        found = eventually(is_asked, seconds)
        assert found is not None
        return found

    def send(self, found: dict[str, Any], password: str) -> httpx.Response:
        """Send a password, right or wrong, to the agent that waits for it."""
        wanted = found["cloud"]["password"]
        return self.call(
            "POST", f"/restores/{found['restore_id']}/password", round=wanted["round"], sealed=seal(found, password)
        )

    def enter(self, restore_id: str, password: str) -> None:
        """Send a password as soon as one is asked for."""
        self.send(self.asked(restore_id), password).raise_for_status()

    def moves(self, restore_id: str) -> list[str]:
        """The states that a restore was in, one after the other."""
        states = (entry["state"] for entry in self.timeline(restore_id) if entry["kind"] == "moved")
        return [state for state, _ in itertools.groupby(states)]

    def timeline(self, restore_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(f"/restores/{restore_id}/timeline?limit=100")["items"]
        return items

    def restored(self, found: dict[str, Any]) -> dict[str, Entry]:
        """Everything on the instance, with the SHA-256 of every file."""
        return contents(restored_in(self.home(found)))

    def home(self, found: dict[str, Any]) -> Path:
        return self.whole.machine_folder(UUID(found["cloud"]["instance_id"])) / "home"

    def invoices(self) -> list[dict[str, Any]]:
        """Newest first, whole."""
        return [self.get(f"/invoices/{each['invoice_id']}") for each in self.get("/invoices")["items"]]

    def held_minor(self) -> int:
        """What this owner's cards hold, as the sandbox itself knows it."""
        query = (
            "SELECT coalesce(sum(charges.amount_minor), 0) AS held FROM sandbox_charges AS charges"
            " JOIN payments ON payments.id = charges.payment_id"
            " WHERE payments.owner_id = $1 AND charges.standing = 'authorised'"
        )
        return int(self.whole.sql("billing", query, UUID(self.device.owner_id))[0]["held"])


def seal(found: dict[str, Any], password: str) -> str:
    wanted = found["cloud"]["password"]
    return sealing.seal(
        password.encode(),
        sealing.read_public_key(wanted["public_key"]),
        restore_id=UUID(found["restore_id"]),
        instance_id=UUID(found["cloud"]["instance_id"]),
        round=wanted["round"],
    )


def restored_in(home: Path) -> Path:
    """The folder that a restore has made for itself among what an owner has on a machine."""
    (folder,) = home.glob("Restored *")
    return folder


def open_keys(whole: WholeSystem, restore_id: str) -> list[str]:
    """Storage keys of a restore that still open something."""
    query = "SELECT access_key_id FROM storage_keys WHERE restore_id = $1 AND revoked_at IS NULL AND expires_at > now()"
    return [row["access_key_id"] for row in whole.sql("catalog", query, UUID(restore_id))]


def is_pinned(whole: WholeSystem, restore_id: str) -> bool:
    query = "SELECT 1 FROM restore_pins WHERE restore_id = $1 AND ended_at IS NULL"
    return bool(whole.sql("catalog", query, UUID(restore_id)))


def axes(whole: WholeSystem, restore_id: str) -> tuple[str, str, str]:
    """Money, machine and files of a restore, as it knows them."""
    query = "SELECT payment, compute, data FROM cloud_restores WHERE restore_id = $1"
    (row,) = whole.sql("restore", query, UUID(restore_id))
    return row["payment"], row["compute"], row["data"]


def assert_undone(whole: WholeSystem, customer: Customer, restore_id: str) -> None:
    """Nothing is left of a restore but its history: no hold, no machine, no key, no pin."""
    eventually(lambda: not open_keys(whole, restore_id) and not is_pinned(whole, restore_id))
    eventually(lambda: customer.held_minor() == 0)
    query = "SELECT id, status FROM instances WHERE restore_id = $1"
    for row in whole.sql("provisioning", query, UUID(restore_id)):
        assert row["status"] in ("destroyed", "canceled"), row
        assert not whole.machine_folder(row["id"]).exists()


def _is_past(moment: str | None) -> bool:
    return moment is None or datetime.fromisoformat(moment) <= datetime.now(UTC)
