"""Time comes in here."""

from datetime import datetime, timedelta

from billing.adapters import Adapters
from billing.errors import PriceBookInvalid
from billing.operations import (
    books,
    collect,
    invoices,
    methods,
    orders,
    payments,
    periods,
    price_books,
    quota,
    refunds,
    sessions,
    told_prices,
)
from billing.settings import Settings
from shared.service import Job, Runtime

BillingRuntime = Runtime[Settings, Adapters]


async def load_price_book(runtime: BillingRuntime, now: datetime) -> int:
    """The price book that the settings name, when it has changed since it was loaded."""
    file = runtime.settings.price_book
    try:
        document = file.read_text()
    except OSError as error:
        raise PriceBookInvalid(f"The price book {file} cannot be read: {error.strerror}.") from error
    async with runtime.database.transaction() as session:
        await price_books.load_from_settings(session, document, file.name, now)
    return 0


async def tell_prices(runtime: BillingRuntime, now: datetime) -> int:
    """What instances cost, whenever another version of the price book is in force."""
    async with runtime.database.transaction() as session:
        return int(await told_prices.tell(session, now))


async def work_payments(runtime: BillingRuntime, now: datetime) -> int:
    """Call the payment provider about what is wanted, and ask it about what is not known."""
    return await payments.work(runtime.database, runtime.adapters, now)


async def work_refunds(runtime: BillingRuntime, now: datetime) -> int:
    return await refunds.work(runtime.database, runtime.adapters, now)


async def forget_methods(runtime: BillingRuntime, now: datetime) -> int:
    return await methods.forget_due(runtime.database, runtime.adapters, now)


async def deliver_webhooks(runtime: BillingRuntime, _: datetime) -> int:
    """The sandbox has no machines of its own to send its webhooks from."""
    return await runtime.adapters.deliver_webhooks()


async def close_periods(runtime: BillingRuntime, now: datetime) -> int:
    return await periods.close_due(runtime.database, now)


async def finalise_invoices(runtime: BillingRuntime, now: datetime) -> int:
    return await invoices.finalise_due(runtime.database, now)


async def charge_invoices(runtime: BillingRuntime, now: datetime) -> int:
    return await collect.charge_due(runtime.database, now)


async def release_orders(runtime: BillingRuntime, now: datetime) -> int:
    return await orders.release_due(runtime.database, now)


async def reassess_quotas(runtime: BillingRuntime, now: datetime) -> int:
    return await quota.reassess_due(runtime.database, now)


async def forget_ended(runtime: BillingRuntime, now: datetime) -> int:
    """Drop reservations of keys, and sessions of devices, that are over in any case."""
    return await quota.forget_ended(runtime.database, now) + await sessions.forget_ended(runtime.database, now)


async def measure_books(runtime: BillingRuntime, now: datetime) -> int:
    """What an operator is alerted by."""
    await payments.measure_unknown(runtime.database)
    await books.measure_imbalance(runtime.database)
    await books.measure_overdue(runtime.database, now)
    return 0


JOBS = (
    Job("load_price_book", load_price_book, timedelta(minutes=1)),
    Job("tell_prices", tell_prices, timedelta(seconds=2)),
    Job("work_payments", work_payments, timedelta(seconds=2)),
    Job("work_refunds", work_refunds, timedelta(seconds=2)),
    Job("forget_methods", forget_methods, timedelta(minutes=1)),
    Job("deliver_webhooks", deliver_webhooks, timedelta(seconds=2)),
    Job("close_periods", close_periods, timedelta(seconds=10)),
    Job("finalise_invoices", finalise_invoices, timedelta(seconds=10)),
    Job("charge_invoices", charge_invoices, timedelta(seconds=10)),
    Job("release_orders", release_orders, timedelta(seconds=10)),
    Job("reassess_quotas", reassess_quotas, timedelta(seconds=30)),
    Job("forget_ended", forget_ended, timedelta(minutes=10)),
    Job("measure_books", measure_books, timedelta(minutes=1)),
)
