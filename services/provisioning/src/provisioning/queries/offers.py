"""What is known of plans beside the file of offers: their prices, and what drivers said of them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain.offers import Key, Price, State, Word
from provisioning.models import Availability, PlanPrice, PriceVersion

_ONE = 1


async def prices(session: AsyncSession) -> dict[Key, Price]:
    """What plans cost, by provider, region and plan."""
    rows = await session.scalars(select(PlanPrice))
    return {
        (row.provider, row.region, row.plan): Price(
            monthly_minor=row.monthly_minor,
            currency=row.currency,
            version=row.price_version,
            included_traffic_bytes=row.included_traffic_bytes,
            included_storage_bytes=row.included_storage_bytes,
        )
        for row in rows
    }


async def words(session: AsyncSession) -> dict[Key, Word]:
    """What drivers said last, by provider, region and plan."""
    rows = await session.execute(
        select(
            Availability.provider,
            Availability.region,
            Availability.plan,
            Availability.state,
            Availability.checked_at,
            Availability.sold_out_until,
        )
    )
    return {
        (provider, region, plan): Word(State(state), checked_at, until)
        for provider, region, plan, state, checked_at, until in rows
    }


async def keep_words(
    session: AsyncSession, said: Iterable[tuple[Key, State, str | None]], checked_at: datetime
) -> None:
    """Store what drivers said, with a reason for an operator, unless they were asked again later."""
    values = [
        dict(zip(("provider", "region", "plan"), key, strict=True), state=state, reason=reason, checked_at=checked_at)
        for key, state, reason in sorted(said, key=lambda each: each[0])
    ]
    if not values:
        return
    statement = upsert(Availability)
    new = statement.excluded
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[Availability.provider, Availability.region, Availability.plan],
            set_={"state": new.state, "reason": new.reason, "checked_at": new.checked_at},
            where=Availability.checked_at <= new.checked_at,
        ),
        values,
    )


async def keep_sold_out(session: AsyncSession, key: Key, until: datetime, now: datetime) -> None:
    """Remember that a plan was refused for capacity; what its driver says otherwise stays beside that."""
    provider, region, plan = key
    statement = upsert(Availability).values(
        provider=provider,
        region=region,
        plan=plan,
        state=State.AVAILABLE,
        checked_at=now,
        sold_out_until=until,
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[Availability.provider, Availability.region, Availability.plan],
            set_={"sold_out_until": func.greatest(Availability.sold_out_until, until)},
        )
    )


async def forget_words(session: AsyncSession, known: Iterable[Key]) -> None:
    """Drop what was said of plans that are not offered any more."""
    key = (Availability.provider, Availability.region, Availability.plan)
    kept = {(provider, region, plan) for provider, region, plan in await session.execute(select(*key))}
    for provider, region, plan in sorted(kept.difference(known)):
        row = (Availability.provider == provider, Availability.region == region, Availability.plan == plan)
        await session.execute(delete(Availability).where(*row))


async def begin_prices(
    session: AsyncSession, version: str, currency: str, effective_from: datetime, now: datetime
) -> bool:
    """Make this the version whose prices hold, and lock it; False when a later one does."""
    values = {
        "price_version": version,
        "currency": currency,
        "effective_from": effective_from,
        "taken_at": now,
    }
    statement = upsert(PriceVersion).values(id=_ONE, **values)
    taken = statement.on_conflict_do_update(
        index_elements=[PriceVersion.id],
        set_=values,
        where=PriceVersion.effective_from <= effective_from,
    ).returning(PriceVersion.id)
    return await session.scalar(taken) is not None


async def replace_prices(session: AsyncSession, rows: list[dict[str, object]]) -> None:
    await session.execute(delete(PlanPrice))
    if rows:
        await session.execute(insert(PlanPrice), rows)
