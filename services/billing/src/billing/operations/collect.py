"""Collects what invoices owe: balances first, then the card, when it is due or when the owner asks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.invoices import OWED
from billing.errors import InvoiceNotPayable
from billing.models import Account, Invoice, Payment, PaymentMethod
from billing.operations import dunning, methods, payments, settling
from billing.queries import invoices as queries
from billing.queries import payment_methods as method_queries
from shared.db import Database

BATCH = 50
NO_METHOD = "There is no payment method. Add one."


async def charge_due(database: Database, now: datetime, owner_id: UUID | None = None) -> int:
    """Charge invoices whose time has come, each in a transaction of its own; of one owner when named.

    The card itself is charged by `payments.work`, outside any transaction.

    Returns:
        How many; fewer than there are when there are many, or others hold their accounts. One that another worker has
        charged between being found and being locked does not count.
    """
    charged = 0
    for _ in range(BATCH):
        async with database.transaction() as session:
            claimed = await queries.claim_charge(session, now, owner_id)
            if claimed is None:
                return charged
            account, invoice_id = claimed
            charged += await _charge(session, account, await queries.lock(session, invoice_id), now)
    return charged


async def pay_now(
    session: AsyncSession, account: Account, invoice: Invoice, method_id: UUID | None, now: datetime
) -> Payment | None:
    """Pay an owed invoice before it is due, or after nobody tries any more; None when the balance was enough.

    A failure of this payment does not count towards what happens to the account.

    Args:
        method_id: The default method when None.

    Raises:
        InvoiceNotPayable: If nothing is owed of it, or its payment is under way.
        PaymentMethodNeeded: If there is nothing to charge.
        PaymentMethodNotFound: If the owner has no such method.
    """
    await _refuse_unless_payable(session, invoice)
    amount = await settling.pay_from_balances(session, account, invoice, now)
    if amount == 0:
        return None
    method = await methods.choose(session, account.owner_id, method_id)
    return await _ask(session, account, invoice, method, amount, now)


async def _charge(session: AsyncSession, account: Account, invoice: Invoice, now: datetime) -> bool:
    """Charge an invoice that was found due; False when it is not any more."""
    # Between being found and being locked it may have been paid, or a card may have been asked.
    if invoice.charge_due_at is None or invoice.charge_due_at > now:
        return False
    if await queries.has_payment_under_way(session, invoice.id):
        return False
    invoice.charge_due_at = None
    amount = await settling.pay_from_balances(session, account, invoice, now)
    if amount == 0:
        return True
    method = await method_queries.find_live(session, account.owner_id, None)
    if method is None:
        await dunning.charge_failed(session, account, invoice, NO_METHOD, now)
    else:
        await _ask(session, account, invoice, method, amount, now)
    return True


async def _ask(
    session: AsyncSession, account: Account, invoice: Invoice, method: PaymentMethod, amount: int, now: datetime
) -> Payment:
    return await payments.ask(
        session,
        account,
        purpose="invoice",
        method=method,
        amount_minor=amount,
        description=f"Invoice {invoice.number}",
        invoice_id=invoice.id,
        now=now,
    )


async def _refuse_unless_payable(session: AsyncSession, invoice: Invoice) -> None:
    if invoice.state not in OWED:
        raise InvoiceNotPayable(f"Nothing is owed of this invoice: it is {invoice.state}.")
    if await queries.has_payment_under_way(session, invoice.id):
        raise InvoiceNotPayable("A card is being charged for this invoice right now. Look again in a moment.")
