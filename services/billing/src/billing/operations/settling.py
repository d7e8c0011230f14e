"""Money against an invoice: what its balances and its card pay of it, in its columns, the account's and the ledger."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain import ledger as movements
from billing.domain.invoices import Allocation, InvoiceState, InvoiceTrigger, allocate
from billing.models import Account, Invoice, Payment
from billing.operations import dunning, ledger, notices
from billing.queries import invoices as queries


async def usable_balance(session: AsyncSession, account: Account) -> int:
    """The balance, without carried sums that charges under way collect already."""
    if account.balance_minor >= 0:
        return account.balance_minor
    return min(0, account.balance_minor + await queries.debt_under_way(session, account.owner_id))


async def pay_from_balances(session: AsyncSession, account: Account, invoice: Invoice, now: datetime) -> int:
    """Take what promotional and paid balance give for an owed invoice.

    Returns:
        What the card is to be charged, in minor units, with carried sums that no other charge collects; 0 when the
        invoice is paid.
    """
    given = allocate(invoice.open_minor, account.promotional_minor, await usable_balance(session, account))
    paid_before = invoice.promotional_minor + invoice.balance_minor
    movement = movements.pay(
        source(invoice),
        f"paid_from_balance_after_{paid_before}",
        str(invoice.number),
        promotional=given.promotional_minor,
        balance=given.balance_minor,
    )
    await reopen(session, invoice, given.promotional_minor + given.balance_minor, now)
    if await ledger.post(session, account.owner_id, invoice.currency, movement, now):
        carried = max(given.balance_minor - max(account.balance_minor, 0), 0)
        account.promotional_minor -= given.promotional_minor
        account.balance_minor -= given.balance_minor
        invoice.promotional_minor += given.promotional_minor
        invoice.balance_minor += given.balance_minor
        if carried:
            notices.carried(session, invoice, carried, now)
    await settle(session, account, invoice, now)
    return given.card_minor


async def pay_from_order(
    session: AsyncSession, account: Account, invoice: Invoice, held: Allocation, now: datetime
) -> None:
    """Take what was set aside for an order; what its card is to pay stays owed until `pay_by_card`.

    Raises:
        ValueError: If that is more than the invoice, or does not add up to it with the card.
    """
    set_aside = held.promotional_minor + held.balance_minor
    card = held.card_minor - held.debt_minor
    if set_aside > invoice.open_minor or (card and set_aside + card != invoice.open_minor):
        raise ValueError(f"{set_aside} set aside and {card} by card are not the {invoice.open_minor} to pay")
    movement = movements.pay(source(invoice), "paid_from_order", str(invoice.number), held=set_aside)
    if await ledger.post(session, account.owner_id, invoice.currency, movement, now):
        invoice.promotional_minor += held.promotional_minor
        invoice.balance_minor += held.balance_minor
    await settle(session, account, invoice, now)


async def pay_by_card(
    session: AsyncSession, account: Account, invoice: Invoice, payment: Payment, now: datetime
) -> None:
    """Take what a card paid; what is more than is owed by now goes to the balance, carried sums first."""
    part = min(invoice.open_minor, payment.captured_minor)
    movement = movements.pay(
        source(invoice),
        f"paid_by_card_{payment.id}",
        str(invoice.number),
        card=payment.captured_minor,
        debt=payment.captured_minor - part,
    )
    if await ledger.post(session, account.owner_id, invoice.currency, movement, now):
        await reopen(session, invoice, part, now)
        invoice.card_minor += part
        account.balance_minor += payment.captured_minor - part
    await settle(session, account, invoice, now)


async def reopen(session: AsyncSession, invoice: Invoice, amount_minor: int, now: datetime) -> None:
    """Let so much of what was given up be owed again, because money or a credit note comes for it."""
    if invoice.state == InvoiceState.UNCOLLECTIBLE:
        settled = invoice.total_minor - invoice.open_minor
        movement = movements.recover(f"{source(invoice)}:{settled}", amount_minor, str(invoice.number))
        await ledger.post(session, invoice.owner_id, invoice.currency, movement, now)


async def settle(session: AsyncSession, account: Account, invoice: Invoice, now: datetime) -> None:
    """When nothing is owed of it any more, the invoice is paid."""
    if invoice.open_minor or InvoiceState(invoice.state) not in (InvoiceState.FINALISED, InvoiceState.UNCOLLECTIBLE):
        return
    invoice.paid_at = now
    invoice.charge_due_at = None
    await queries.move(session, invoice, InvoiceTrigger.PAY, now)
    if invoice.attempts:
        notices.paid_after_failure(session, invoice, now)
        await dunning.stand(session, account, f"invoice {invoice.number} is paid", now)


def source(invoice: Invoice) -> str:
    """What the ledger calls an invoice."""
    return f"invoice:{invoice.id}"
