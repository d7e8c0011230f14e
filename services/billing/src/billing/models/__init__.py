"""Billing's tables, by what they are about; here all together, so that their metadata is whole."""

from billing.ledger_guard import attach
from billing.models.accounts import Account, AccountMove, EndedSession, PriceBookDocument, ToldPrices
from billing.models.base import Base, one_of
from billing.models.invoices import CreditNote, Invoice, InvoiceLine, InvoiceMove, Notice, NumberSeries
from billing.models.ledger import LedgerEntry, LedgerTransaction
from billing.models.metering import Adjustment, Meter, MeteredBackup, Reservation, StorageSample, UsagePeriod
from billing.models.orders import Instance, InstanceMonth, InstanceSample, Order, OrderMove, Quote, ReturnedInstance
from billing.models.payments import Payment, PaymentMethod, PaymentMove, Refund, WebhookEvent

attach(Base.metadata)

__all__ = [
    "Account",
    "AccountMove",
    "Adjustment",
    "Base",
    "CreditNote",
    "EndedSession",
    "Instance",
    "InstanceMonth",
    "InstanceSample",
    "Invoice",
    "InvoiceLine",
    "InvoiceMove",
    "LedgerEntry",
    "LedgerTransaction",
    "Meter",
    "MeteredBackup",
    "Notice",
    "NumberSeries",
    "Order",
    "OrderMove",
    "Payment",
    "PaymentMethod",
    "PaymentMove",
    "PriceBookDocument",
    "Quote",
    "Refund",
    "Reservation",
    "ReturnedInstance",
    "StorageSample",
    "ToldPrices",
    "UsagePeriod",
    "WebhookEvent",
    "one_of",
]
