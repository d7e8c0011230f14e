"""Payments, payment methods and the balance."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from billing.domain.dunning import Standing
from billing.domain.payments import PaymentState
from billing.schemas.money import Money, MoneyGiven

ProviderToken = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{4,255}$")]


class CardWrite(BaseModel):
    """A card as it is printed; only the sandbox takes one, and only its test cards."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[SecretStr, Field(min_length=12, max_length=40, examples=["4242 4242 4242 4242"])]
    exp_month: Annotated[int, Field(ge=1, le=12, strict=True)]
    exp_year: Annotated[int, Field(ge=2000, le=2999, strict=True)]
    cvc: Annotated[SecretStr, Field(min_length=3, max_length=4, examples=["123"])]


class PaymentMethodCreate(BaseModel):
    """Either a card (sandbox) or the token that the provider's own page gave for one (stripe)."""

    model_config = ConfigDict(extra="forbid")

    card: CardWrite | None = None
    token: ProviderToken | None = Field(None, examples=["pm_1PqX…"])

    @model_validator(mode="after")
    def _is_one_of_them(self) -> "PaymentMethodCreate":
        if (self.card is None) == (self.token is None):
            raise ValueError("give either a card or a token")
        return self


class PaymentFormRead(BaseModel):
    """How a card is given here."""

    provider: Literal["sandbox", "stripe"] = Field(
        description="`sandbox` takes a test card as it is typed; no real money moves. With `stripe` a form of Stripe's "
        "own gives a token for the card."
    )
    publishable_key: str | None = Field(
        description="What Stripe's form is opened with; null where there is none, and a token is made elsewhere.",
        examples=["pk_live_51Pq…"],
    )


class PaymentMethodRead(BaseModel):
    payment_method_id: UUID
    provider: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool = Field(description="It is charged for invoices, and whenever no other is named.")
    created_at: datetime


class PaidWith(BaseModel):
    brand: str
    last4: str


class PaymentRead(BaseModel):
    """What was asked of a card, and what came of it."""

    payment_id: UUID
    state: PaymentState
    amount: Money
    captured: Money = Field(description="What was taken.")
    refunded: Money = Field(description="What has been given back of that.")
    method: PaidWith | None
    purpose: Literal["order", "invoice", "top_up"]
    invoice_id: UUID | None
    code: str | None = Field(description="Why it failed; stable.")
    reason: str | None = Field(description="Why it failed, or why it is not known yet, and what to do.")
    created_at: datetime


class PaymentAsked(BaseModel):
    """All that is kept of the answer to a request that asks for money: how its payment stands is looked up."""

    payment_id: UUID


class TopUpCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: MoneyGiven
    payment_method_id: UUID | None = Field(None, description="Your default one when absent.")


class BalanceRead(BaseModel):
    balance: Money = Field(description="Paid in; below zero it is owed, and collected with the next charge.")
    promotional: Money = Field(description="Given by us: used first, never paid out.")
    standing: Standing
    next_charge_at: datetime | None = Field(description="When an invoice is issued or charged next, as far as known.")


class BalanceChange(BaseModel):
    """A movement of money that changed a balance."""

    change_id: int
    recorded_at: datetime
    text: str = Field(examples=["Paid in by card"])
    balance: Money = Field(description="How much more there is; below zero: less.")
    promotional: Money


class WebhookTaken(BaseModel):
    new: bool = Field(description="False when it came before.")
