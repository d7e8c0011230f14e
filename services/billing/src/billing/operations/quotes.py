"""Says what an instance and a restore onto it cost, with every line, and stands by it for a day."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid4

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from billing import signing
from billing.domain.counters import Charge, traffic_charges
from billing.domain.invoices import Line, LineKind, allocate, tax_on, totals
from billing.domain.meter import accrue
from billing.domain.orders import QUOTE_LIFE, OrderState
from billing.domain.prices import GB, Plan, PriceBook, Region, Version
from billing.errors import OrderOfRestore, PlaceUnknown, QuoteNotFound
from billing.models import Account, Order, Quote
from billing.operations import accounts, lines, price_books
from billing.queries import metering as metering_queries
from billing.queries import orders as queries


@dataclass(frozen=True)
class Wanted:
    """An instance, and how many bytes a restore would bring onto it."""

    provider: str
    region: str
    plan: str
    restore_bytes: int
    instance_name: str
    restore_id: UUID | None = None


async def make(session: AsyncSession, owner_id: UUID, wanted: Wanted, seed: str, now: datetime) -> Quote:
    """A signed quote.

    Raises:
        PlaceUnknown: If nothing is offered there under that name.
    """
    account = await accounts.lock(session, owner_id, now)
    book = await price_books.current(session)
    version = book.in_force(now)
    region, plan = _find(version, wanted)
    quote_id = uuid4()
    charged = _lines(wanted, region, plan)
    rate = tax_rate(book, account)
    sums = totals(charged, rate)
    change = book.next_change(now)
    expires_at = min(now + QUOTE_LIFE, change) if change else now + QUOTE_LIFE
    terms: dict[str, Any] = to_jsonable_python(
        {
            "quote_id": quote_id,
            "owner_id": owner_id,
            "issued_at": now,
            "expires_at": expires_at,
            "price_version": version.name,
            "currency": version.currency,
            **asdict(wanted),
            "monthly_minor": plan.monthly_minor,
            "lines": [asdict(line) for line in charged],
            "tax_country": account.country if rate is not None else None,
            "tax_rate": None if rate is None else str(rate),
            "net_minor": sums.net_minor,
            "tax_minor": sums.tax_minor,
            "total_minor": sums.total_minor,
            "applied": asdict(allocate(sums.total_minor, account.promotional_minor, account.balance_minor)),
            "next_month": await _next_month(session, account, wanted, plan, book, version, now),
            "if_given_up": _if_given_up(plan, version),
        }
    )
    quote = Quote(
        id=quote_id,
        owner_id=owner_id,
        restore_id=wanted.restore_id,
        terms=terms,
        token=signing.sign(seed, terms),
        total_minor=sums.total_minor,
        currency=version.currency,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(quote)
    return quote


async def make_once(session: AsyncSession, owner_id: UUID, wanted: Wanted, seed: str, now: datetime) -> Quote:
    """The quote that a restore was given on these terms, while it may still be confirmed or has been; else a new one.

    Raises:
        PlaceUnknown: If nothing is offered there under that name.
    """
    await accounts.lock(session, owner_id, now)
    assert wanted.restore_id is not None
    given = await queries.latest_quote(session, owner_id, wanted.restore_id)
    if given is not None and _is_of(given, wanted) and await _stands(session, given, now):
        return given
    return await make(session, owner_id, wanted, seed, now)


async def find(session: AsyncSession, owner_id: UUID, quote_id: UUID) -> Quote:
    """The owner's quote.

    Raises:
        QuoteNotFound: If there is none; another owner's is none too.
    """
    quote = await session.get(Quote, quote_id)
    if quote is None or quote.owner_id != owner_id:
        raise QuoteNotFound("You have no quote of that id. Ask for a new one with POST /api/v1/quotes.")
    return quote


async def holds(session: AsyncSession, quote: Quote, now: datetime) -> bool:
    """Whether a quote may still be confirmed: in its time, and while its prices are in force."""
    book = await price_books.current(session)
    return now < quote.expires_at and book.in_force(now).name == quote.terms["price_version"]


def require_own(ordered: Quote | Order, instead: str) -> None:
    """An owner deals with this themselves.

    Raises:
        OrderOfRestore: If a restore does, which would not expect that anybody else meddles.
    """
    if ordered.restore_id is not None:
        raise OrderOfRestore(f"This is ordered by a restore. {instead}", restore_id=str(ordered.restore_id))


def tax_rate(book: PriceBook, account: Account) -> Decimal | None:
    """The tax an owner pays, as a decimal fraction; None where none is charged."""
    return book.tax_rates.get(account.country) if account.country else None


def _is_of(quote: Quote, wanted: Wanted) -> bool:
    """Whether it says what such a thing costs."""
    asked: dict[str, Any] = to_jsonable_python(asdict(wanted))
    return {name: quote.terms[name] for name in asked} == asked


async def _stands(session: AsyncSession, quote: Quote, now: datetime) -> bool:
    """Whether something may still come of it, or has."""
    order = await session.get(Order, quote.id)
    if order is not None and order.state == OrderState.RELEASED:
        return False
    return quote.called_off_at is None and await holds(session, quote, now)


def _find(version: Version, wanted: Wanted) -> tuple[Region, Plan]:
    region = version.regions.get((wanted.provider, wanted.region))
    if region is None:
        raise PlaceUnknown(
            f"There are no prices for {wanted.provider} in {wanted.region}. GET /api/v1/price-book lists the places.",
            places=sorted("/".join(place) for place in version.regions),
        )
    plan = region.plans.get(wanted.plan)
    if plan is None:
        raise PlaceUnknown(
            f"There is no plan {wanted.plan} in {wanted.provider} {wanted.region}. GET /api/v1/price-book lists plans.",
            plans=sorted(region.plans),
        )
    return region, plan


def _lines(wanted: Wanted, region: Region, plan: Plan) -> list[Line]:
    place = f"{wanted.provider} {wanted.region}, {wanted.plan}"
    first = Line(
        kind=LineKind.INSTANCE,
        description=f"Instance {wanted.instance_name} ({place}), first month",
        quantity="1",
        unit="month",
        unit_price=lines.units(plan.monthly_minor),
        amount_minor=plan.monthly_minor,
    )
    above = traffic_charges(wanted.restore_bytes, plan.included_traffic_bytes, region.traffic)
    return [line for line in (first, *(_traffic(charge, plan) for charge in above)) if line.amount_minor]


def _traffic(charge: Charge, plan: Plan) -> Line:
    included = lines.decimal(Fraction(plan.included_traffic_bytes, GB))
    return Line(
        kind=LineKind.RESTORE_TRAFFIC,
        description=f"Traffic of the restore above the {included} GB included",
        quantity=lines.decimal(charge.quantity),
        unit="GB",
        unit_price=format(charge.tier.per_gb_month, "f"),
        amount_minor=charge.amount_minor,
    )


async def _next_month(
    session: AsyncSession,
    account: Account,
    wanted: Wanted,
    plan: Plan,
    book: PriceBook,
    version: Version,
    now: datetime,
) -> dict[str, Any]:
    """What a month after the first will cost, if what is stored stays as it is."""
    levels = (await metering_queries.find_levels(session, [account.owner_id])).get(account.owner_id, {})
    month_end = now + lines.MONTH
    # At the prices of today: what may come later is not known.
    today = PriceBook((version,), book.place)
    expected = [
        Line(
            LineKind.INSTANCE, f"Instance {wanted.instance_name}, a month", "1", "month",
            lines.units(plan.monthly_minor), plan.monthly_minor,
        ),
        *lines.for_storage(accrue(levels, now, month_end, today, book.place), now, month_end, today),
    ]  # fmt: skip
    net = sum(line.amount_minor for line in expected)
    total = net + tax_on(net, tax_rate(book, account))
    return {"lines": [asdict(line) for line in expected if line.amount_minor], "total_minor": total}


def _if_given_up(plan: Plan, version: Version) -> str:
    price = lines.units(plan.monthly_minor)
    return (
        "If you give up the restore because the backup password is forgotten, you pay only for the time the instance "
        f"ran: by the second, {price} {version.currency} for a whole month. The rest of what is held is released."
    )
