"""Golden answers of billing: what the command is tested with, and what billing's API document must allow."""

from typing import Any

INVOICE_ID = "33333333-0000-4000-8000-000000000003"
DRAFT_ID = "44444444-0000-4000-8000-000000000004"
METHOD_ID = "55555555-0000-4000-8000-000000000005"
OTHER_METHOD_ID = "66666666-0000-4000-8000-000000000006"
PAYMENT_ID = "77777777-0000-4000-8000-000000000007"
FAILED_ID = "88888888-0000-4000-8000-000000000008"
BACKUP_ID = "11111111-0000-4000-8000-000000000001"
INSTANCE_ID = "99999999-0000-4000-8000-000000000009"

GB = 2**30
SINCE, UNTIL = "2026-11-01T09:30:00Z", "2026-12-01T09:30:00Z"


def usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


QUOTA: dict[str, Any] = {
    "allowance_bytes": 10 * GB,
    "counted_terminus": 1,
    "used_bytes": 12 * GB,
    "reserved_bytes": GB,
    "limit_bytes": 60 * GB,
    "left_bytes": 47 * GB,
    "can_backup": True,
    "reason": None,
    "standing": "current",
    "spend_limit": usd(500),
    "spent": usd(32),
    "has_payment_method": True,
    "explanation": "You have 12 GB in backups; 10 GB are free.",
}
FULL: dict[str, Any] = QUOTA | {
    "used_bytes": 10 * GB,
    "reserved_bytes": 0,
    "limit_bytes": 10 * GB,
    "left_bytes": 0,
    "can_backup": False,
    "reason": "over_limit",
    "spend_limit": None,
    "spent": usd(0),
    "has_payment_method": False,
    "explanation": "Your free 10 GB are used.",
}
IN_ARREARS: dict[str, Any] = FULL | {"reason": "arrears", "standing": "restricted", "has_payment_method": True}

USAGE: dict[str, Any] = {
    "period_start": SINCE,
    "period_end": UNTIL,
    "storage": {
        "used_bytes": 12 * GB,
        "allowance_bytes": 10 * GB,
        "byte_hours": str(8640 * GB),
        "charged_gb_hours": "1440.00",
        "charge": usd(16),
    },
    "by_backup": [
        {
            "backup_id": BACKUP_ID,
            "name": "docs",
            "byte_hours": str(8640 * GB),
            "charge": usd(16),
            "share": "0.25",
        }
    ],
    "instances": [
        {
            "instance_id": INSTANCE_ID,
            "name": "home",
            "plan": "small",
            "period_start": SINCE,
            "period_end": UNTIL,
            "traffic_bytes": 3 * GB,
            "included_traffic_bytes": 100 * GB,
            "disk_bytes": 20 * GB,
            "included_storage_bytes": 200 * GB,
            "charge": usd(2900),
        }
    ],
    "adjustments": usd(-4),
    "so_far": usd(2912),
    "forecast": usd(2928),
    "forecast_in_words": "If nothing changes, the month comes to 29.28 USD.",
}
DAYS: dict[str, Any] = {
    "items": [
        {
            "day": "2026-11-01",
            "average_bytes": 12 * GB,
            "peak_bytes": 13 * GB,
            "charged_gb_hours": "48.00",
            "charge": usd(1),
        }
    ]
}

METHOD: dict[str, Any] = {
    "payment_method_id": METHOD_ID,
    "provider": "sandbox",
    "brand": "visa",
    "last4": "4242",
    "exp_month": 4,
    "exp_year": 2031,
    "is_default": True,
    "created_at": SINCE,
}
OTHER_METHOD: dict[str, Any] = METHOD | {"payment_method_id": OTHER_METHOD_ID, "last4": "4444", "is_default": False}
METHODS: dict[str, Any] = {"items": [METHOD, OTHER_METHOD], "next_cursor": None}

PAYMENT: dict[str, Any] = {
    "payment_id": PAYMENT_ID,
    "state": "captured",
    "amount": usd(2432),
    "captured": usd(2432),
    "refunded": usd(0),
    "method": {"brand": "visa", "last4": "4242"},
    "purpose": "invoice",
    "invoice_id": INVOICE_ID,
    "code": None,
    "reason": None,
    "created_at": UNTIL,
}
FAILED: dict[str, Any] = PAYMENT | {
    "payment_id": FAILED_ID,
    "state": "failed",
    "captured": usd(0),
    "code": "card_declined",
    "reason": "The card was declined by its bank. Ask the bank, or use another card.",
}

INVOICE_SUMMARY: dict[str, Any] = {
    "invoice_id": INVOICE_ID,
    "number": "SP-2026-000001",
    "kind": "usage",
    "state": "finalised",
    "period_start": SINCE,
    "period_end": UNTIL,
    "total": usd(2432),
    "due": usd(2432),
    "issued_at": "2026-12-01T10:30:00Z",
    "due_at": "2026-12-01T10:30:00Z",
    "next_charge_at": "2026-12-08T10:30:00Z",
    "paid_at": None,
}
DRAFT: dict[str, Any] = INVOICE_SUMMARY | {
    "invoice_id": DRAFT_ID,
    "number": None,
    "state": "draft",
    "total": usd(105),
    "due": usd(105),
    "issued_at": None,
    "due_at": None,
    "next_charge_at": "2026-12-01T10:30:00Z",
}
INVOICES: dict[str, Any] = {"items": [INVOICE_SUMMARY, DRAFT], "next_cursor": None}
INVOICE: dict[str, Any] = INVOICE_SUMMARY | {
    "net": usd(2044),
    "tax": usd(388),
    "tax_country": "DE",
    "tax_rate": "0.19",
    "billed_to": {"name": "Alice", "country": "DE", "address_lines": [], "tax_id": None, "email": None},
    "paid": {"promotional": usd(0), "balance": usd(0), "card": usd(0), "credited": usd(0)},
    "pay_now": {"promotional": usd(1000), "balance": usd(0), "card": usd(1432), "carried": usd(0)},
    "credit_notes": [],
    "lines": [
        {
            "kind": "instance",
            "description": "home, small, 26 of 31 days",
            "quantity": "0.704828",
            "unit": "month",
            "unit_price": "29.00",
            "amount": usd(2044),
            "instance_id": INSTANCE_ID,
        }
    ],
    "payments": [FAILED],
}
PAID: dict[str, Any] = INVOICE | {
    "state": "paid",
    "due": usd(0),
    "paid_at": "2026-12-02T10:30:00Z",
    "paid": {"promotional": usd(1000), "balance": usd(0), "card": usd(1432), "credited": usd(0)},
    "pay_now": None,
    "payments": [FAILED, PAYMENT],
    "next_charge_at": None,
    "credit_notes": [
        {
            "credit_note_id": DRAFT_ID,
            "number": "CN-2026-000001",
            "invoice_id": INVOICE_ID,
            "invoice_number": "SP-2026-000001",
            "reason": "returned early",
            "net": usd(100),
            "tax": usd(19),
            "total": usd(119),
            "to_promotional": usd(0),
            "to_balance": usd(0),
            "to_card": usd(119),
            "no_longer_owed": usd(0),
            "issued_at": UNTIL,
        }
    ],
}

BALANCE: dict[str, Any] = {
    "balance": usd(-37),
    "promotional": usd(1000),
    "standing": "current",
    "next_charge_at": UNTIL,
}
TOP_UP: dict[str, Any] = PAYMENT | {
    "state": "authorising",
    "amount": usd(2000),
    "purpose": "top_up",
    "invoice_id": None,
}

PRICE_BOOK: dict[str, Any] = {
    "version": "2020-01",
    "effective_from": "2020-01-01T00:00:00Z",
    "next_change_at": None,
    "currency": "USD",
    "free_backup_storage": {"bytes_per_terminus": 10 * GB, "max_terminus": 3},
    "backup_storage_place": {"provider": "local", "region": "local"},
    "in_words": ["10 GB of backup storage are free for each Terminus.", "Above, a GB costs 0.08 USD a month."],
    "regions": [
        {
            "provider": "local",
            "region": "local",
            "backup_storage": [
                {"from_bytes": 0, "to_bytes": None, "per_gb_month": "0.08", "per_gb_hour": "0.00010959"}
            ],
            "cloud_storage": [],
            "traffic": [{"from_bytes": 0, "to_bytes": None, "per_gb": "0.08"}],
            "plans": [
                {
                    "plan": "small",
                    "monthly": usd(2900),
                    "included_traffic_bytes": 100 * GB,
                    "included_storage_bytes": 200 * GB,
                }
            ],
        }
    ],
}
CARD: dict[str, Any] = {"number": "4242424242424242", "exp_month": 4, "exp_year": 2031, "cvc": "123"}
PDF = b"%PDF-1.7 a bill"
