"""Invoices, credit notes, notices and billing details."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from billing.domain.countries import COUNTRIES
from billing.domain.invoices import InvoiceKind, InvoiceState, LineKind
from billing.schemas.money import Money
from billing.schemas.payments import PaymentRead


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed here")
    return text


def _country(code: str) -> str:
    if code not in COUNTRIES:
        raise ValueError("no country has this code; ISO 3166-1 alpha-2 is wanted, such as DE")
    return code


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)
]
TaxId = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9 .\-/]{1,49}$")]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]+\.[^@\s.\x00-\x1f]+$")
]


class BillingDetails(BaseModel):
    """To whom invoices are addressed; one that was issued keeps what it says."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = None
    country: Annotated[str, AfterValidator(_country)] | None = Field(None, examples=["DE"])
    address_lines: Annotated[list[Text], Field(max_length=6)] = []
    tax_id: TaxId | None = None
    email: Email | None = None


class InvoiceSummary(BaseModel):
    invoice_id: UUID
    number: str | None = Field(description="Null while it is a draft.", examples=["SP-2026-000001"])
    kind: InvoiceKind
    state: InvoiceState
    period_start: datetime
    period_end: datetime
    total: Money
    due: Money = Field(description="What is still to be paid.")
    issued_at: datetime | None
    due_at: datetime | None = Field(description="When it is to be paid: as soon as it is issued.")
    next_charge_at: datetime | None = Field(description="When we charge for it (again) by ourselves.")
    paid_at: datetime | None


class InvoiceLineRead(BaseModel):
    """A charge: quantity times unit price, rounded once to whole minor units, half to even."""

    kind: LineKind
    description: str
    quantity: str
    unit: str
    unit_price: str = Field(description="In units of the currency.", examples=["0.08"])
    amount: Money
    instance_id: UUID | None


class PaidFrom(BaseModel):
    """What has been paid of it from where, and what credit notes took off before it was paid."""

    promotional: Money
    balance: Money
    card: Money
    credited: Money


class PayNow(BaseModel):
    """From where an invoice would be paid if its owner asked for that now."""

    promotional: Money
    balance: Money
    card: Money = Field(description="What a card would be charged, with `carried`; 0 when none is needed.")
    carried: Money = Field(description="Sums of earlier invoices that were too little for a card by themselves.")


class CreditNoteRead(BaseModel):
    """A part of an invoice that was taken back, and where the money went."""

    credit_note_id: UUID
    number: str = Field(examples=["CN-2026-000001"])
    invoice_id: UUID
    invoice_number: str
    reason: str
    net: Money
    tax: Money
    total: Money
    to_promotional: Money
    to_balance: Money
    to_card: Money
    no_longer_owed: Money
    issued_at: datetime


class InvoiceRead(InvoiceSummary):
    net: Money
    tax: Money
    tax_country: str | None
    tax_rate: str | None = Field(description="A decimal fraction.", examples=["0.19"])
    billed_to: BillingDetails
    lines: list[InvoiceLineRead]
    paid: PaidFrom
    pay_now: PayNow | None = Field(description="Null when nothing is owed, or a payment of it is under way.")
    payments: list[PaymentRead]
    credit_notes: list[CreditNoteRead]


class SettlementRead(BaseModel):
    """What the return of an instance would come to at an instant: its last invoice, and what is given back."""

    instance_id: UUID
    as_of: datetime
    lines: list[InvoiceLineRead] = Field(description="Of the invoice: what was used up to then, backup storage too.")
    charge: Money = Field(description="What that invoice would be, with tax.")
    due: Money = Field(description="Of that, what is left to be paid by card.")
    given_back: Money = Field(description="Of the month that is paid ahead, with tax; the next four say where it goes.")
    to_card: Money
    to_balance: Money = Field(description="Pays the invoice first.")
    to_promotional: Money
    no_longer_owed: Money = Field(description="Was not paid yet, and need not be any more.")


class InvoicePay(BaseModel):
    model_config = ConfigDict(extra="forbid")

    payment_method_id: UUID | None = Field(None, description="Your default one when absent.")


class InvoicePaid(BaseModel):
    """All that is kept of the answer to a request to pay: how it stands is looked up."""

    invoice_id: UUID
    payment_id: UUID | None = Field(description="Null when the balance was enough.")


class NoticeRead(BaseModel):
    notice_id: UUID
    kind: str = Field(examples=["charge_failed"])
    text: str
    created_at: datetime
    invoice_id: UUID | None
