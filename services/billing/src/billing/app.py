"""Wiring, and only wiring."""

from pathlib import Path

from billing import adapters, consumers, jobs, olares_api
from billing.adapters.sandbox_models import SandboxCharge
from billing.api import (
    balance,
    billing_details,
    credit_notes,
    internal,
    invoices,
    notices,
    orders,
    payment_methods,
    payments,
    prices,
    quota,
    webhooks,
)
from billing.settings import Settings
from shared.service import Service

service = Service(
    name="billing",
    description="What is free, what is used, what it costs, and how it is paid.",
    settings=Settings,
    routers=[
        prices.router,
        quota.router,
        orders.router,
        payment_methods.router,
        payments.router,
        webhooks.router,
        balance.router,
        invoices.router,
        credit_notes.router,
        notices.router,
        billing_details.router,
        *olares_api.ROUTERS,
    ],
    internal_routers=[internal.router, invoices.internal_router],
    migrations=Path(__file__).parent / "migrations",
    metadata=SandboxCharge.metadata,
    subscriptions=consumers.SUBSCRIPTIONS,
    jobs=jobs.JOBS,
    adapters=adapters.open_adapters,
)
