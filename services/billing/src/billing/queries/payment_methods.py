"""Payment methods: an owner's list, the one to charge, and those to be forgotten."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.payments import TERMINAL
from billing.models import Payment, PaymentMethod


async def list_methods(
    session: AsyncSession, owner_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Row[*tuple[object, ...]]]:
    """An owner's methods, newest first; one row more than the limit when there are more."""
    query = select(
        PaymentMethod.id.label("payment_method_id"),
        PaymentMethod.provider,
        PaymentMethod.brand,
        PaymentMethod.last4,
        PaymentMethod.exp_month,
        PaymentMethod.exp_year,
        PaymentMethod.is_default,
        PaymentMethod.created_at,
    ).where(PaymentMethod.owner_id == owner_id, PaymentMethod.removed_at.is_(None))
    if after is not None:
        query = query.where(tuple_(PaymentMethod.created_at, PaymentMethod.id) < after)
    query = query.order_by(PaymentMethod.created_at.desc(), PaymentMethod.id.desc()).limit(limit + 1)
    return (await (await session.connection()).execute(query)).all()


async def find_live(session: AsyncSession, owner_id: UUID, method_id: UUID | None) -> PaymentMethod | None:
    """The owner's method of that id, or their default one when no id is given; None when there is none."""
    query = select(PaymentMethod).where(PaymentMethod.owner_id == owner_id, PaymentMethod.removed_at.is_(None))
    chosen = (
        query.where(PaymentMethod.id == method_id) if method_id is not None else query.where(PaymentMethod.is_default)
    )
    return await session.scalar(chosen)


async def find_by_token(session: AsyncSession, provider: str, token: str) -> PaymentMethod | None:
    """Whoever's it is; removed ones are not found."""
    query = select(PaymentMethod).where(PaymentMethod.provider == provider, PaymentMethod.token == token)
    return await session.scalar(query.where(PaymentMethod.removed_at.is_(None)))


async def find_latest(session: AsyncSession, owner_id: UUID) -> PaymentMethod | None:
    """The method that was added last."""
    query = select(PaymentMethod).where(PaymentMethod.owner_id == owner_id, PaymentMethod.removed_at.is_(None))
    return await session.scalar(query.order_by(PaymentMethod.created_at.desc(), PaymentMethod.id.desc()).limit(1))


async def count_live(session: AsyncSession, owner_id: UUID) -> int:
    query = select(func.count()).where(PaymentMethod.owner_id == owner_id, PaymentMethod.removed_at.is_(None))
    return await session.scalar(query) or 0


async def is_in_use(session: AsyncSession, method_id: UUID) -> bool:
    """Whether a payment of it may still come true."""
    live = exists().where(Payment.method_id == method_id, Payment.state.not_in(TERMINAL))
    return bool(await session.scalar(select(live)))


async def set_default(session: AsyncSession, owner_id: UUID, method_id: UUID) -> None:
    """This one and no other; the account is locked."""
    methods = (
        update(PaymentMethod).where(PaymentMethod.owner_id == owner_id).execution_options(synchronize_session=False)
    )
    await session.execute(methods.where(PaymentMethod.is_default).values(is_default=False))
    await session.execute(methods.where(PaymentMethod.id == method_id).values(is_default=True))


async def claim_to_forget(session: AsyncSession, provider: str, now: datetime) -> PaymentMethod | None:
    """A removed method that the provider is to be told of, locked; those that others deal with are passed over."""
    return await session.scalar(
        select(PaymentMethod)
        .where(PaymentMethod.forget_due_at <= now, PaymentMethod.provider == provider)
        .order_by(PaymentMethod.forget_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
