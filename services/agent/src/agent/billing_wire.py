"""The answers of billing, as far as the command shows them; every field named here must be in an answer."""

from pydantic import StrictInt

from agent.wire import Answer, Money


class Quota(Answer):
    allowance_bytes: StrictInt
    counted_terminus: StrictInt
    used_bytes: StrictInt
    reserved_bytes: StrictInt
    limit_bytes: StrictInt
    left_bytes: StrictInt
    can_backup: bool
    reason: str | None
    standing: str
    spend_limit: Money | None
    spent: Money
    has_payment_method: bool
    explanation: str


class StorageUse(Answer):
    used_bytes: StrictInt
    allowance_bytes: StrictInt
    charged_gb_hours: str
    charge: Money


class BackupUse(Answer):
    backup_id: str
    name: str | None
    byte_hours: str
    charge: Money
    share: str


class InstanceUse(Answer):
    instance_id: str
    name: str
    plan: str
    period_start: str
    period_end: str
    traffic_bytes: StrictInt
    included_traffic_bytes: StrictInt
    disk_bytes: StrictInt
    included_storage_bytes: StrictInt
    charge: Money


class Usage(Answer):
    period_start: str | None
    period_end: str | None
    storage: StorageUse
    by_backup: list[BackupUse]
    instances: list[InstanceUse]
    adjustments: Money
    so_far: Money
    forecast: Money
    forecast_in_words: str


class DayUse(Answer):
    day: str
    average_bytes: StrictInt
    peak_bytes: StrictInt
    charged_gb_hours: str
    charge: Money


class PaymentMethod(Answer):
    payment_method_id: str
    provider: str
    brand: str
    last4: str
    exp_month: StrictInt
    exp_year: StrictInt
    is_default: bool
    created_at: str


class Card(Answer):
    brand: str
    last4: str


class Payment(Answer):
    payment_id: str
    state: str
    amount: Money
    method: Card | None
    code: str | None
    reason: str | None
    created_at: str


class InvoiceSummary(Answer):
    invoice_id: str
    number: str | None
    kind: str
    state: str
    period_start: str
    period_end: str
    total: Money
    due: Money
    issued_at: str | None
    next_charge_at: str | None
    paid_at: str | None


class InvoiceLine(Answer):
    description: str
    quantity: str
    unit: str
    unit_price: str
    amount: Money


class PaidFrom(Answer):
    promotional: Money
    balance: Money
    card: Money
    credited: Money


class CreditNote(Answer):
    number: str
    reason: str
    total: Money


class Invoice(InvoiceSummary):
    net: Money
    tax: Money
    lines: list[InvoiceLine]
    paid: PaidFrom
    payments: list[Payment]
    credit_notes: list[CreditNote]


class Balance(Answer):
    balance: Money
    promotional: Money
    standing: str
    next_charge_at: str | None


class PlanPrice(Answer):
    plan: str
    monthly: Money
    included_traffic_bytes: StrictInt
    included_storage_bytes: StrictInt


class RegionPrices(Answer):
    provider: str
    region: str
    plans: list[PlanPrice]


class PriceBook(Answer):
    in_words: list[str]
    regions: list[RegionPrices]
