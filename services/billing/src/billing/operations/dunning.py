"""What follows from a failed charge, and from its payment: attempts, notices, how the account stands, its quota."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.dunning import next_attempt, standing
from billing.domain.invoices import InvoiceState
from billing.models import Account, Invoice
from billing.operations import accounts, notices, quota
from billing.queries import invoices as queries


async def charge_failed(session: AsyncSession, account: Account, invoice: Invoice, reason: str, now: datetime) -> None:
    """A charge failed for this reason, a sentence for the owner.

    One that the owner asked for before the next was due (`charge_due_at` still stands) is told and counts for nothing:
    trying cards does not bring an account closer to being restricted. What was given up is not tried again by itself.
    """
    if invoice.charge_due_at is None and invoice.state == InvoiceState.FINALISED:
        invoice.attempts += 1
        invoice.first_failed_at = invoice.first_failed_at or now
        invoice.charge_due_at = next_attempt(invoice.first_failed_at, invoice.attempts, now)
    notices.charge_failed(session, invoice, reason, invoice.charge_due_at, now)
    await stand(session, account, f"the charge of invoice {invoice.number} failed", now)


async def stand(session: AsyncSession, account: Account, reason: str, now: datetime) -> None:
    """Let the account stand as its owed invoices say, and what it may upload follow."""
    await session.flush()
    if accounts.move(
        session, account, standing(await queries.failures_of_owed(session, account.owner_id)), reason, now
    ):
        await quota.reassess(session, account, now)
