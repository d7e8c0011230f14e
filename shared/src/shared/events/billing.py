"""What billing tells the others."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.base import Event

Currency = Field(pattern=r"^[A-Z]{3}$")
Minor = Field(ge=0, description="In minor units of the currency.")


class _PaymentEvent(Event):
    """``quote_id`` and ``restore_id`` are null for what no quote or restore asked for, such as a renewal.

    ``payment_id`` is null where balance alone was enough, or no card could be asked.
    """

    owner_id: UUID
    payment_id: UUID | None
    quote_id: UUID | None
    restore_id: UUID | None
    amount_minor: int = Minor
    currency: str = Currency
    occurred_at: datetime


class PaymentAuthorised(_PaymentEvent):
    """The money for an order is held: balance set aside and the card authorised for the rest."""

    name: ClassVar[str] = "billing.payment.authorised.v1"
    consumers: ClassVar[tuple[str, ...]] = ("restore",)


class PaymentFailed(_PaymentEvent):
    """The money could not be held or taken; ``reason`` is for the owner to read."""

    name: ClassVar[str] = "billing.payment.failed.v1"
    consumers: ClassVar[tuple[str, ...]] = ("restore",)

    code: str = Field(description="Stable: declined, insufficient_funds, hold_expired, …")
    reason: str


class PaymentCaptured(_PaymentEvent):
    """Money was taken."""

    name: ClassVar[str] = "billing.payment.captured.v1"
    consumers: ClassVar[tuple[str, ...]] = ("restore",)


class PaymentVoided(_PaymentEvent):
    """What was held is free again."""

    name: ClassVar[str] = "billing.payment.voided.v1"
    consumers: ClassVar[tuple[str, ...]] = ("restore",)


class PaymentRefunded(_PaymentEvent):
    """Money went back the way it came."""

    name: ClassVar[str] = "billing.payment.refunded.v1"


class OrderFulfilled(Event):
    """What a quote promised was delivered and is invoiced; this answers every `restore.capture_wanted`.

    With ``is_held`` the money that was held pays for it, and the word of that payment follows; without, the hold was
    gone by then, and the invoice is charged like any other.
    """

    name: ClassVar[str] = "billing.order.fulfilled.v1"
    consumers: ClassVar[tuple[str, ...]] = ("restore",)

    owner_id: UUID
    quote_id: UUID
    restore_id: UUID | None
    invoice_id: UUID | None = Field(description="Null when there is nothing to pay.")
    is_held: bool = Field(description="Whether money was held for it until now.")
    fulfilled_at: datetime


class QuotaExceeded(Event):
    """An owner holds as much as they may: no more uploads. Reading and deleting stay open."""

    name: ClassVar[str] = "billing.quota.exceeded.v1"
    consumers: ClassVar[tuple[str, ...]] = ("catalog",)

    owner_id: UUID
    reason: Literal["over_limit", "arrears"]
    used_bytes: int = Field(ge=0)
    limit_bytes: int = Field(ge=0)
    number: int = Field(
        ge=1, description="Rises with every change of an owner's standing: a later one has the last word."
    )
    occurred_at: datetime


class QuotaCleared(Event):
    """An owner may upload again."""

    name: ClassVar[str] = "billing.quota.cleared.v1"
    consumers: ClassVar[tuple[str, ...]] = ("catalog",)

    owner_id: UUID
    used_bytes: int = Field(ge=0)
    limit_bytes: int = Field(ge=0)
    number: int = Field(
        ge=1, description="Rises with every change of an owner's standing: a later one has the last word."
    )
    occurred_at: datetime


class AccountRestricted(Event):
    """An owner's bill was not paid after reminders; what that stops is said in docs/decisions."""

    name: ClassVar[str] = "billing.account.restricted.v1"

    owner_id: UUID
    standing: Literal["restricted", "suspended"]
    occurred_at: datetime


class AccountCleared(Event):
    """An owner owes nothing that is overdue any more."""

    name: ClassVar[str] = "billing.account.cleared.v1"

    owner_id: UUID
    occurred_at: datetime


class InvoiceFinalised(Event):
    """An invoice has its number and will not change."""

    name: ClassVar[str] = "billing.invoice.finalised.v1"

    owner_id: UUID
    invoice_id: UUID
    number: str
    total_minor: int = Minor
    currency: str = Currency
    finalised_at: datetime


class PlanPrice(BaseModel):
    """What one plan of instances costs, and what its month includes."""

    model_config = ConfigDict(frozen=True)

    provider: str
    region: str
    plan: str
    monthly_minor: int = Minor
    included_traffic_bytes: int = Field(ge=0)
    included_storage_bytes: int = Field(ge=0)


class PricesChanged(Event):
    """Another version of the price book is in force; what is not in ``plans`` is not sold any more."""

    name: ClassVar[str] = "billing.prices.changed.v1"
    consumers: ClassVar[tuple[str, ...]] = ("provisioning",)

    price_version: str
    effective_from: datetime
    currency: str = Currency
    plans: list[PlanPrice]
