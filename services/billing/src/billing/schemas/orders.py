"""Quotes and orders."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from billing.domain.invoices import LineKind
from billing.domain.orders import OrderState
from billing.schemas.money import Money

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
InstanceName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]


class QuoteCreate(BaseModel):
    """An instance, and how many bytes a restore would bring onto it."""

    model_config = ConfigDict(extra="forbid")

    provider: Code
    region: Code
    plan: Code
    restore_bytes: Annotated[int, Field(ge=0, le=2**53, strict=True)] = 0
    instance_name: InstanceName = "new instance"


class QuoteCreateFor(QuoteCreate):
    """A quote that a restore asks for."""

    owner_id: UUID
    restore_id: UUID


class QuoteLine(BaseModel):
    kind: LineKind | Literal["tax"]
    description: str
    quantity: str
    unit: str
    unit_price: str
    amount: Money


class Applied(BaseModel):
    """From where it would be paid now: promotional balance, then balance, then the card."""

    promotional: Money
    balance: Money
    card: Money


class NextMonth(BaseModel):
    lines: list[QuoteLine]
    total: Money


class QuoteRead(BaseModel):
    """Every charge, before anything is paid; the invoice will say the same."""

    quote_id: UUID
    state: Literal["open", "confirmed", "expired"]
    lines: list[QuoteLine]
    total: Money
    applied: Applied
    next_month: NextMonth = Field(description="What a later month will cost, if what is stored stays as it is.")
    if_given_up: str
    expires_at: datetime
    token: str = Field(description="All of this, signed (JWS, Ed25519); give it back to confirm.")


class QuoteConfirm(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=50_000)
    payment_method_id: UUID | None = Field(None, description="Your default one when absent.")


class OrderRead(BaseModel):
    order_id: UUID
    quote_id: UUID
    restore_id: UUID | None
    state: OrderState
    total: Money
    payment_id: UUID | None
    invoice_id: UUID | None
    instance_id: UUID | None
    code: str | None
    reason: str | None
    created_at: datetime
    due_at: datetime | None = Field(description="When what is held is let go if the order is not fulfilled.")
