"""What owners are told who restore to the cloud: a backup, what it costs, an order and its cards."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

GB = 2**30
BACKUP_ID = "11111111-0000-4000-8000-000000000001"
FIRST, SECOND = "22222222-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
CARD, OTHER_CARD = "55555555-0000-4000-8000-000000000005", "66666666-0000-4000-8000-000000000006"
INVOICE_ID = "33333333-0000-4000-8000-000000000003"
NAME = "alice@olares.com"
GIVEN_UP = frozenset({"awaiting_password", "verifying_password"})
GIVE_UP_COSTS = "If you give up the restore because the backup password is forgotten, you pay only for its time."


def usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


def method(method_id: str, last4: str, *, is_default: bool) -> dict[str, Any]:
    return {
        "payment_method_id": method_id, "provider": "sandbox", "brand": "visa", "last4": last4, "exp_month": 4,
        "exp_year": 2031, "is_default": is_default, "created_at": "2026-11-01T09:30:00Z",
    }  # fmt: skip


def backup(backup_id: str = BACKUP_ID, name: str = "docs", **members: Any) -> dict[str, Any]:
    return {
        "backup_id": backup_id, "name": name, "terminus_id": None, "terminus_name": NAME, "kind": "path",
        "path": "/home/alice/docs", "state": "active", "created_at": "2026-10-01T09:30:00Z",
        "latest_snapshot_at": "2026-11-02T09:30:00Z", "snapshot_count": 2, "storage_bytes": GB,
    } | members  # fmt: skip


def snapshot(snapshot_id: str, taken_at: str, size_bytes: int | None = 3 * GB) -> dict[str, Any]:
    return {
        "snapshot_id": snapshot_id, "backup_id": BACKUP_ID, "restic_id": snapshot_id.replace("-", "") * 2,
        "taken_at": taken_at, "status": "successful", "kind": "full", "size_processed_bytes": size_bytes,
    }  # fmt: skip


def quote(card_minor: int = 1900) -> dict[str, Any]:
    def line(kind: str, description: str, amount_minor: int, quantity: str = "1", unit: str = "month") -> Any:
        price = "29.00" if unit == "month" else "0.08"
        return {
            "kind": kind, "description": description, "quantity": quantity, "unit": unit, "unit_price": price,
            "amount": usd(amount_minor),
        }  # fmt: skip

    return {
        "quote_id": str(uuid4()),
        "lines": [
            line("instance", f"Instance {NAME} (local local, small), first month", 2900),
            line("restore_traffic", "Traffic of the restore above the 100 GB included", 100, "12.5", "GB"),
        ],
        "total": usd(3000),
        "applied": {"promotional": usd(1000), "balance": usd(2000 - card_minor), "card": usd(card_minor)},
        "next_month": {"lines": [line("instance", f"Instance {NAME}, a month", 2900)], "total": usd(2900)},
        "if_given_up": GIVE_UP_COSTS,
        "expires_at": later(hours=24),
    }  # fmt: skip


def detail(restore_id: str, body: dict[str, Any], charges: dict[str, Any]) -> dict[str, Any]:
    nothing = ("code", "reason", "bytes_restored", "files_restored", "total_bytes", "redeemed_at", "ended_at")
    place = {name: body[name] for name in ("provider", "region", "plan", "instance_name")}
    return dict.fromkeys(nothing) | {
        "restore_id": restore_id, "target": "cloud", "state": "quoting", "actions": [],
        "backup_id": BACKUP_ID, "backup_name": "docs", "terminus_name": NAME, "path": "/home/alice/docs",
        "snapshot_id": body["snapshot_id"], "restic_id": "4b" * 32, "snapshot_taken_at": "2026-11-02T09:30:00Z",
        "size_processed_bytes": 3 * GB, "warnings": 0, "created_at": later(), "updated_at": later(),
        "expires_at": later(hours=24),
        "cloud": place | {
            "instance_id": None, "address": None, "payment": "none", "compute": "none", "data": "none",
            "stalled": False, "estimate_seconds": 720, "quote": charges, "password": None,
        },
    }  # fmt: skip


def actions(state: str) -> list[str]:
    if state in GIVEN_UP:
        return ["enter_password", "give_up"] if state == "awaiting_password" else ["give_up"]
    if state == "quoted":
        return ["confirm", "cancel"]
    return ["cancel"] if state in ("quoting", "authorising", "provisioning", "installing") else []


def later(**after: float) -> str:
    return (datetime.now(UTC) + timedelta(**after)).isoformat()
