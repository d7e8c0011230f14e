"""The answers about a restore to the cloud, as far as the command acts on them; what has no default is in each."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field, StrictInt

from agent.wire import Answer, Money, Snapshot


class SizedSnapshot(Snapshot):
    size_processed_bytes: StrictInt | None


class QuoteLine(Answer):
    description: str
    quantity: str
    unit: str
    unit_price: str
    amount: Money


class Applied(Answer):
    promotional: Money
    balance: Money
    card: Money


class NextMonth(Answer):
    lines: list[QuoteLine]
    total: Money


class Quote(Answer):
    lines: list[QuoteLine]
    total: Money
    applied: Applied
    next_month: NextMonth
    if_given_up: str
    expires_at: datetime


class PasswordWanted(Answer):
    """What an instance waits for; without a key its agent is not there yet."""

    round: StrictInt | None
    public_key: str | None = Field(repr=False)
    reason: str
    attempts_left: StrictInt
    not_before: datetime | None
    until: datetime


class Cloud(Answer):
    provider: str
    region: str
    plan: str
    instance_name: str
    instance_id: UUID | None
    address: str | None
    payment: str
    stalled: bool
    estimate_seconds: StrictInt | None
    quote: Quote | None = None
    password: PasswordWanted | None = None


class Restore(Answer):
    """A restore as its owner reads it; only one to the cloud has `cloud`."""

    restore_id: UUID
    target: str
    state: str
    code: str | None
    reason: str | None
    actions: list[str]
    backup_id: UUID
    backup_name: str
    snapshot_id: UUID
    snapshot_taken_at: datetime
    size_processed_bytes: StrictInt | None
    bytes_restored: StrictInt | None
    files_restored: StrictInt | None
    total_bytes: StrictInt | None
    warnings: StrictInt
    cloud: Cloud | None


class CloudRestore(Restore):
    target: Literal["cloud"]
    cloud: Cloud


class TimelineEntry(Answer):
    number: StrictInt
    recorded_at: str
    kind: str
    state: str
    code: str | None
    reason: str | None
    bytes_restored: StrictInt | None
    files_restored: StrictInt | None
    total_bytes: StrictInt | None


class Order(Answer):
    """Billing's side of a restore."""

    restore_id: UUID | None
    invoice_id: UUID | None
