"""Billing's tables: amounts are integers of minor units, bytes and byte-seconds integers."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from billing.domain.dunning import Standing
from billing.domain.invoices import OWED, InvoiceKind, InvoiceState
from billing.domain.ledger import Account as LedgerAccount
from billing.domain.orders import OrderState
from billing.domain.payments import PaymentState, RefundState
from billing.ledger_guard import attach
from shared.messaging import NAMING


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        date: Date(),
        str: Text(),
        UUID: Uuid(),
        int: BigInteger(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


def one_of(column: str, *values: str) -> CheckConstraint:
    """The column holds one of these and nothing else."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


class PriceBookDocument(Base):
    """A price book as it was loaded; the last one is in use. What is past in it never differs from the one before."""

    __tablename__ = "price_books"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    document: Mapped[str] = mapped_column(comment="YAML")
    loaded_at: Mapped[datetime]


class Account(Base):
    """An owner as far as money goes. Its row is locked by whatever moves their money."""

    __tablename__ = "accounts"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str]
    anchor_at: Mapped[datetime | None] = mapped_column(
        comment="from which its months are counted; null: nothing used yet"
    )
    close_due_at: Mapped[datetime | None] = mapped_column(comment="when what was used is invoiced next")
    promotional_minor: Mapped[int] = mapped_column(default=0)
    balance_minor: Mapped[int] = mapped_column(
        default=0, comment="paid in; negative: owed, collected with the next charge"
    )
    spend_limit_minor: Mapped[int | None] = mapped_column(comment="null: as the settings say")
    standing: Mapped[str] = mapped_column(default=Standing.CURRENT)
    quota_reason: Mapped[str | None] = mapped_column(
        comment="why uploads are stopped, as last told; null: they are not"
    )
    quota_number: Mapped[int] = mapped_column(default=0, comment="of the last word about it")
    assess_due_at: Mapped[datetime | None] = mapped_column(
        comment="when time alone may have changed what may be uploaded"
    )
    provider_customer: Mapped[str | None]
    billing_name: Mapped[str | None]
    country: Mapped[str | None]
    address_lines: Mapped[list[Any]] = mapped_column(default=list)
    tax_id: Mapped[str | None]
    email: Mapped[str | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        one_of("standing", *Standing),
        one_of("quota_reason", "over_limit", "arrears"),
        CheckConstraint("promotional_minor >= 0", name="promotional"),
        Index(None, "close_due_at"),
        Index(None, "assess_due_at"),
    )


class AccountMove(Base):
    """A change of an account's standing."""

    __tablename__ = "account_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id), index=True)
    source: Mapped[str]
    target: Mapped[str]
    reason: Mapped[str]
    moved_at: Mapped[datetime]


class Meter(Base):
    """What an owner's open period has accrued so far, and since when nothing was added."""

    __tablename__ = "meters"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id), primary_key=True)
    period_start: Mapped[datetime]
    metered_until: Mapped[datetime]
    accrued: Mapped[list[Any]] = mapped_column(comment="[price version, tier, byte-seconds] each")


class MeteredBackup(Base):
    """A backup's level as last measured."""

    __tablename__ = "metered_backups"

    backup_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(index=True)
    terminus_id: Mapped[UUID | None]
    name: Mapped[str | None]
    measured_at: Mapped[datetime | None]
    storage_bytes: Mapped[int] = mapped_column(default=0)
    has_snapshot: Mapped[bool] = mapped_column(default=False)


class StorageSample(Base):
    """A measured level of a backup; it holds until the next."""

    __tablename__ = "storage_samples"

    backup_id: Mapped[UUID] = mapped_column(primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    terminus_id: Mapped[UUID | None]
    storage_bytes: Mapped[int]
    has_snapshot: Mapped[bool]

    __table_args__ = (Index(None, "owner_id", "measured_at"),)


class UsagePeriod(Base):
    """A closed stretch of metering, of an owner's backup storage or of an instance, and what was billed of it."""

    __tablename__ = "usage_periods"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True, comment="the owner, or the instance")
    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime]
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id), index=True)
    kind: Mapped[str]
    billed_minor: Mapped[int] = mapped_column(comment="what lines, adjustments and credit notes have said of it so far")
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoices.id"))

    __table_args__ = (
        one_of("kind", "backup_storage", "instance"),
        CheckConstraint("ended_at > started_at", name="forward"),
    )


class Adjustment(Base):
    """A correction of a finalised period, waiting for the owner's next invoice."""

    __tablename__ = "adjustments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    subject_id: Mapped[UUID]
    period_started_at: Mapped[datetime]
    period_ended_at: Mapped[datetime]
    amount_minor: Mapped[int]
    created_at: Mapped[datetime]
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoices.id"))

    __table_args__ = (Index(None, "owner_id", postgresql_where=text("invoice_id IS NULL")),)


class Reservation(Base):
    """Room that a write key may fill, until its backup is measured or the key ends."""

    __tablename__ = "reservations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    backup_id: Mapped[UUID]
    terminus_id: Mapped[UUID | None]
    reserved_bytes: Mapped[int]
    base_bytes: Mapped[int] = mapped_column(
        comment="what the backup held then; growth since then is no longer reserved"
    )
    declared: Mapped[bool] = mapped_column(comment="a guess ends with the first measurement, a declared size does not")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "owner_id", "expires_at"),
        Index(None, "backup_id", postgresql_where=text("ended_at IS NULL")),
        Index(None, "expires_at"),
    )


class PaymentMethod(Base):
    """A card as far as we keep it."""

    __tablename__ = "payment_methods"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    provider: Mapped[str]
    customer: Mapped[str | None]
    token: Mapped[str]
    brand: Mapped[str]
    last4: Mapped[str]
    exp_month: Mapped[int] = mapped_column(Integer)
    exp_year: Mapped[int] = mapped_column(Integer)
    is_default: Mapped[bool]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    forget_due_at: Mapped[datetime | None] = mapped_column(
        comment="when the provider is told (again) to forget the card"
    )
    forgotten_at: Mapped[datetime | None] = mapped_column(comment="when the provider confirmed that it forgot the card")

    __table_args__ = (
        Index(
            "uq_payment_methods_default",
            "owner_id",
            unique=True,
            postgresql_where=text("is_default AND removed_at IS NULL"),
        ),
        Index(None, "owner_id", "created_at", "id"),
        Index(
            "uq_payment_methods_token", "provider", "token", unique=True, postgresql_where=text("removed_at IS NULL")
        ),
        Index(None, "forget_due_at", postgresql_where=text("forget_due_at IS NOT NULL")),
    )


class Quote(Base):
    """What something would cost, promised for a while and signed."""

    __tablename__ = "quotes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    restore_id: Mapped[UUID | None] = mapped_column(comment="which restore asked for it")
    terms: Mapped[dict[str, Any]] = mapped_column(comment="everything that was promised, as signed")
    token: Mapped[str]
    total_minor: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (Index(None, "owner_id", "created_at", "id"), Index(None, "restore_id"))


SETTLED_MINOR = "promotional_minor + balance_minor + card_minor + credited_minor"


class Invoice(Base):
    """What an owner owes for something; frozen once it has a number."""

    __tablename__ = "invoices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    number: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[str]
    state: Mapped[str]
    currency: Mapped[str]
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    total_minor: Mapped[int]
    tax_country: Mapped[str | None]
    tax_rate: Mapped[str | None] = mapped_column(comment="a decimal fraction, as it was configured")
    promotional_minor: Mapped[int] = mapped_column(default=0, comment="paid from promotional balance")
    balance_minor: Mapped[int] = mapped_column(default=0, comment="paid from balance, carried sums included")
    card_minor: Mapped[int] = mapped_column(default=0, comment="paid by card")
    credited_minor: Mapped[int] = mapped_column(default=0, comment="no longer owed, by credit notes")
    billed_to: Mapped[dict[str, Any]] = mapped_column(comment="the owner's billing details when it was finalised")
    created_at: Mapped[datetime]
    finalise_due_at: Mapped[datetime | None]
    finalised_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(comment="when it was voided or given up")
    attempts: Mapped[int] = mapped_column(default=0, comment="charges that failed")
    first_failed_at: Mapped[datetime | None]
    charge_due_at: Mapped[datetime | None]

    __table_args__ = (
        one_of("kind", *InvoiceKind),
        one_of("state", *InvoiceState),
        CheckConstraint("net_minor + tax_minor = total_minor", name="adds_up"),
        CheckConstraint("total_minor >= 0", name="not_negative"),
        CheckConstraint("(number IS NOT NULL) = (finalised_at IS NOT NULL)", name="numbered"),
        CheckConstraint(f"{SETTLED_MINOR} <= total_minor", name="not_overpaid"),
        CheckConstraint(f"state <> 'paid' OR {SETTLED_MINOR} = total_minor", name="paid_in_full"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "finalise_due_at", postgresql_where=text("state = 'draft'")),
        Index(None, "charge_due_at", postgresql_where=text("charge_due_at IS NOT NULL")),
    )

    @property
    def open_minor(self) -> int:
        """What is still to be paid; 0 of a draft and of what is void."""
        if self.state not in OWED:
            return 0
        return self.total_minor - self.promotional_minor - self.balance_minor - self.card_minor - self.credited_minor


class InvoiceMove(Base):
    """A change of an invoice's state."""

    __tablename__ = "invoice_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey(Invoice.id), index=True)
    source: Mapped[str]
    trigger: Mapped[str]
    target: Mapped[str]
    moved_at: Mapped[datetime]


class InvoiceLine(Base):
    """One charge of an invoice, rounded once."""

    __tablename__ = "invoice_lines"

    invoice_id: Mapped[UUID] = mapped_column(ForeignKey(Invoice.id), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str]
    description: Mapped[str]
    quantity: Mapped[str] = mapped_column(comment="a decimal number, for a person to check the amount by")
    unit: Mapped[str]
    unit_price: Mapped[str] = mapped_column(comment="in units of the currency")
    amount_minor: Mapped[int]
    instance_id: Mapped[UUID | None]


class CreditNote(Base):
    """Money given back for what an invoice said; together never more than the invoice."""

    __tablename__ = "credit_notes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey(Invoice.id), index=True)
    number: Mapped[str] = mapped_column(unique=True)
    source: Mapped[str] = mapped_column(unique=True, comment="what caused it; the same cause credits once")
    reason: Mapped[str]
    currency: Mapped[str]
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    total_minor: Mapped[int]
    to_promotional_minor: Mapped[int]
    to_balance_minor: Mapped[int]
    to_card_minor: Mapped[int]
    to_owed_minor: Mapped[int] = mapped_column(comment="what was not paid yet and is no longer owed")
    issued_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("net_minor + tax_minor = total_minor", name="adds_up"),
        CheckConstraint(
            "to_promotional_minor + to_balance_minor + to_card_minor + to_owed_minor = total_minor", name="all_given"
        ),
        CheckConstraint("total_minor > 0", name="positive"),
        Index(None, "owner_id", "issued_at", "id"),
    )


class NumberSeries(Base):
    """The last number of a series; taken in the transaction that uses it, so that there are no gaps."""

    __tablename__ = "number_series"

    name: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


class Payment(Base):
    """Money asked of a card once. Its row is the intent: it stands before the provider is called."""

    __tablename__ = "payments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    purpose: Mapped[str]
    order_id: Mapped[UUID | None]
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey(Invoice.id))
    method_id: Mapped[UUID] = mapped_column(ForeignKey(PaymentMethod.id))
    provider: Mapped[str]
    reference: Mapped[str | None] = mapped_column(comment="the provider's id of it")
    state: Mapped[str]
    amount_minor: Mapped[int]
    capture_minor: Mapped[int | None] = mapped_column(comment="how much of it is to be taken")
    captured_minor: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str]
    description: Mapped[str]
    code: Mapped[str | None] = mapped_column(comment="why it failed")
    void_wanted: Mapped[bool] = mapped_column(default=False, comment="let go as soon as it is known to be held")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    ask_due_at: Mapped[datetime | None] = mapped_column(comment="when the provider is to be called or asked (again)")
    asked: Mapped[int] = mapped_column(default=0, comment="calls without a certain answer since the last one")
    tried_at: Mapped[datetime | None] = mapped_column(
        comment="when the provider was last told, or may have been, to hold"
    )

    __table_args__ = (
        one_of("purpose", "order", "invoice", "top_up"),
        one_of("state", *PaymentState),
        CheckConstraint("amount_minor > 0", name="positive"),
        CheckConstraint("captured_minor BETWEEN 0 AND amount_minor", name="captured"),
        # At most one payment of an order or an invoice may still come true or has.
        Index(
            "uq_payments_open_invoice",
            "invoice_id",
            unique=True,
            postgresql_where=text("state NOT IN ('failed', 'voided', 'expired')"),
        ),
        Index(
            "uq_payments_open_order",
            "order_id",
            unique=True,
            postgresql_where=text("state NOT IN ('failed', 'voided', 'expired')"),
        ),
        # Those that failed are looked for too.
        Index(None, "invoice_id"),
        Index(None, "order_id"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "ask_due_at", postgresql_where=text("ask_due_at IS NOT NULL")),
    )


class PaymentMove(Base):
    """A change of a payment's state."""

    __tablename__ = "payment_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey(Payment.id), index=True)
    source: Mapped[str]
    trigger: Mapped[str]
    target: Mapped[str]
    moved_at: Mapped[datetime]


class Refund(Base):
    """Money to go back to a card; the intent stands before the provider is called."""

    __tablename__ = "refunds"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey(Payment.id), index=True)
    credit_note_id: Mapped[UUID] = mapped_column(ForeignKey(CreditNote.id), index=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    state: Mapped[str]
    amount_minor: Mapped[int]
    reference: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    ask_due_at: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        one_of("state", *RefundState),
        CheckConstraint("amount_minor > 0", name="positive"),
        Index(None, "ask_due_at", postgresql_where=text("ask_due_at IS NOT NULL")),
    )


class Order(Base):
    """A confirmed quote: what was set aside for it, and what came of it. Its id is the quote's."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(ForeignKey(Quote.id), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    restore_id: Mapped[UUID | None]
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(
        Integer, comment="how often it was placed: once, and after each failure that was retried"
    )
    promotional_minor: Mapped[int] = mapped_column(comment="set aside from promotional balance")
    balance_minor: Mapped[int] = mapped_column(comment="set aside from balance")
    debt_minor: Mapped[int] = mapped_column(comment="carried sums that the card pays on top")
    card_minor: Mapped[int] = mapped_column(comment="to be held on the card, debt included")
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey(Payment.id))
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey(Invoice.id))
    instance_id: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(comment="when the owner gave up; only the use until then is paid")
    code: Mapped[str | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None] = mapped_column(comment="when what is held is let go if nobody takes it")

    __table_args__ = (
        one_of("state", *OrderState),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "restore_id"),
        Index(None, "invoice_id"),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )


class OrderMove(Base):
    """A change of an order's state."""

    __tablename__ = "order_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id), index=True)
    source: Mapped[str]
    trigger: Mapped[str]
    target: Mapped[str]
    moved_at: Mapped[datetime]


class Instance(Base):
    """An instance that is paid by the month, and the month that is paid."""

    __tablename__ = "instances"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    order_id: Mapped[UUID] = mapped_column(ForeignKey(Order.id))
    name: Mapped[str]
    provider: Mapped[str]
    region: Mapped[str]
    plan: Mapped[str]
    anchor_at: Mapped[datetime]
    months: Mapped[int] = mapped_column(Integer, comment="begun so far")
    period_start: Mapped[datetime] = mapped_column(comment="of the month that is paid")
    period_end: Mapped[datetime]
    price_version: Mapped[str] = mapped_column(comment="by which that month is priced")
    restored_bytes: Mapped[int] = mapped_column(comment="traffic of the first month that the order has paid")
    returned_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "owner_id", "anchor_at", "id"),)


class InstanceMonth(Base):
    """A month of an instance that was paid, or is to be, in advance."""

    __tablename__ = "instance_months"

    instance_id: Mapped[UUID] = mapped_column(ForeignKey(Instance.id), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime]
    price_version: Mapped[str]
    monthly_minor: Mapped[int]
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey(Invoice.id), comment="null: its price came to nothing")


class ReturnedInstance(Base):
    """An instance that is gone, as heard; perhaps before it was heard that it was paid."""

    __tablename__ = "returned_instances"

    instance_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    returned_at: Mapped[datetime]


class InstanceSample(Base):
    """What an instance's agent counted at an instant."""

    __tablename__ = "instance_samples"

    instance_id: Mapped[UUID] = mapped_column(primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    traffic_bytes: Mapped[int]
    disk_bytes: Mapped[int]


class LedgerTransaction(Base):
    """A movement of money: its entries sum to zero. Rows of the ledger are never changed."""

    __tablename__ = "ledger_transactions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    source: Mapped[str] = mapped_column(comment="what it is about, as kind:id")
    purpose: Mapped[str]
    owner_id: Mapped[UUID]
    currency: Mapped[str]
    description: Mapped[str]
    recorded_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("source", "purpose"), Index(None, "owner_id", "id"))


class LedgerEntry(Base):
    """One side of a movement: positive is debit, negative credit."""

    __tablename__ = "ledger_entries"

    transaction_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(LedgerTransaction.id), primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    amount_minor: Mapped[int]

    __table_args__ = (
        one_of("account", *LedgerAccount),
        CheckConstraint("amount_minor <> 0", name="moves"),
        Index(None, "owner_id", "account"),
    )


class Notice(Base):
    """What an owner was told about their bill."""

    __tablename__ = "notices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Account.owner_id))
    kind: Mapped[str]
    text: Mapped[str]
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey(Invoice.id))
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "owner_id", "created_at", "id"),)


class WebhookEvent(Base):
    """A provider's word that something happened; stored once, then asked about."""

    __tablename__ = "webhook_events"

    provider: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    payment_id: Mapped[UUID | None]
    received_at: Mapped[datetime]


attach(Base.metadata)
