"""Payment methods: kept by the provider, of which we know a token and what an owner recognises the card by."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from billing.adapters import Adapters
from billing.domain.payments import REASONS, FailureCode
from billing.errors import (
    CardRefused,
    PaymentMethodInUse,
    PaymentMethodLimit,
    PaymentMethodNeeded,
    PaymentMethodNotFound,
    ProviderUnavailable,
)
from billing.models import Account, PaymentMethod
from billing.operations import accounts, quota
from billing.ports import Card, MethodRefused, PaymentProvider, SavedMethod, Unanswered
from billing.queries import payment_methods as queries
from shared.db import Database

MOST = 10
"""Cards of one owner."""
LEASE = timedelta(minutes=1)
FORGET_AGAIN = timedelta(minutes=10)
"""After the provider did not answer."""

log = structlog.get_logger(__name__)


async def prepare(session: AsyncSession, owner_id: UUID, now: datetime) -> str | None:
    """Make sure that another card may be saved; the provider's id of the owner, if it has one.

    Raises:
        PaymentMethodLimit: If the owner has as many as there may be.
    """
    account = await accounts.lock(session, owner_id, now)
    await _refuse_too_many(session, account)
    return account.provider_customer


async def save(
    provider: PaymentProvider, owner_id: UUID, customer: str | None, card: Card | None, token: str | None
) -> SavedMethod:
    """Have the provider keep a card. Not inside a transaction; without `keep` nothing comes of it.

    Raises:
        CardRefused: If it cannot be used; ``reason`` is a stable code.
        ProviderUnavailable: If the provider does not answer.
    """
    try:
        return await provider.save_method(owner_id, customer, card, token)
    except MethodRefused as refused:
        raise CardRefused(refused.reason, reason=refused.code) from refused
    except Unanswered as unanswered:
        raise ProviderUnavailable(
            "The payment provider does not answer. Nothing was charged; add the card again in a moment.",
            retry_after_seconds=5,
        ) from unanswered


async def keep(
    session: AsyncSession, owner_id: UUID, provider: str, saved: SavedMethod, now: datetime
) -> PaymentMethod:
    """Record a saved card. The first one is the default, by which its owner agrees to automatic charges.

    Raises:
        CardRefused: If it is another owner's.
        PaymentMethodLimit: If the owner has got as many as there may be meanwhile.
    """
    account = await accounts.lock(session, owner_id, now)
    known = await queries.find_by_token(session, provider, saved.token)
    if known is not None and known.owner_id != owner_id:
        raise CardRefused(REASONS[FailureCode.METHOD_UNKNOWN], reason=FailureCode.METHOD_UNKNOWN)
    if known is not None:
        return known
    await _refuse_too_many(session, account)
    method = PaymentMethod(
        id=uuid4(),
        owner_id=owner_id,
        provider=provider,
        customer=saved.customer,
        token=saved.token,
        brand=saved.brand,
        last4=saved.last4,
        exp_month=saved.exp_month,
        exp_year=saved.exp_year,
        is_default=await queries.find_live(session, owner_id, None) is None,
        created_at=now,
    )
    session.add(method)
    account.provider_customer = saved.customer or account.provider_customer
    await session.flush()
    await quota.reassess(session, account, now)
    return method


async def make_default(session: AsyncSession, owner_id: UUID, method_id: UUID, now: datetime) -> PaymentMethod:
    """Charge this card from now on when none is named.

    Raises:
        PaymentMethodNotFound: If it is not one of the owner's.
    """
    account = await accounts.lock(session, owner_id, now)
    method = await _find(session, owner_id, method_id)
    await queries.set_default(session, owner_id, method.id)
    await session.refresh(method)
    await quota.reassess(session, account, now)
    return method


async def remove(session: AsyncSession, owner_id: UUID, method_id: UUID, now: datetime) -> None:
    """Charge a card never again. When it was the default, the one that was added last is.

    Raises:
        PaymentMethodNotFound: If it is not one of the owner's.
        PaymentMethodInUse: If it is being charged, or an order holds money on it.
    """
    account = await accounts.lock(session, owner_id, now)
    method = await _find(session, owner_id, method_id)
    if await queries.is_in_use(session, method.id):
        raise PaymentMethodInUse(
            "This card is being charged, or an order holds money on it. Wait for that, or cancel the order first."
        )
    was_default, method.is_default = method.is_default, False
    method.removed_at = method.forget_due_at = now
    await session.flush()
    if was_default and (successor := await queries.find_latest(session, owner_id)) is not None:
        successor.is_default = True
        await session.flush()
    await quota.reassess(session, account, now)


async def choose(session: AsyncSession, owner_id: UUID, method_id: UUID | None) -> PaymentMethod:
    """The card to charge: the one that is named, or the default one. The account is locked.

    Raises:
        PaymentMethodNotFound: If it is not one of the owner's.
        PaymentMethodNeeded: If none is named and there is no default one.
    """
    if method_id is not None:
        return await _find(session, owner_id, method_id)
    method = await queries.find_live(session, owner_id, None)
    if method is None:
        raise PaymentMethodNeeded(
            "There is no card to charge. Add a payment method (`space payment-method add`), or name one of yours."
        )
    return method


async def forget_due(database: Database, adapters: Adapters, now: datetime) -> int:
    """Tell the provider to forget one removed card; 0 when there is none."""
    async with database.transaction() as session:
        method = await queries.claim_to_forget(session, adapters.provider.name, now)
        if method is None:
            return 0
        method.forget_due_at = now + LEASE
    try:
        await adapters.provider.forget_method(
            SavedMethod(method.customer, method.token, method.brand, method.last4, method.exp_month, method.exp_year)
        )
    except Unanswered as unanswered:
        log.warning("a card is not forgotten yet", method_id=str(method.id), reason=str(unanswered))
        await _note(database, method.id, due_at=now + FORGET_AGAIN, forgotten_at=None)
    else:
        await _note(database, method.id, due_at=None, forgotten_at=now)
    return 1


async def _note(database: Database, method_id: UUID, *, due_at: datetime | None, forgotten_at: datetime | None) -> None:
    async with database.transaction() as session:
        method = await session.get_one(PaymentMethod, method_id)
        method.forget_due_at, method.forgotten_at = due_at, forgotten_at


async def _find(session: AsyncSession, owner_id: UUID, method_id: UUID) -> PaymentMethod:
    method = await queries.find_live(session, owner_id, method_id)
    if method is None:
        raise PaymentMethodNotFound("You have no payment method of that id. GET /api/v1/payment-methods lists yours.")
    return method


async def _refuse_too_many(session: AsyncSession, account: Account) -> None:
    if await queries.count_live(session, account.owner_id) >= MOST:
        raise PaymentMethodLimit(f"You have {MOST} payment methods, the most there may be. Remove one first.")
