"""Lines of invoices in words that let an owner check the amount."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from billing.domain.counters import (
    Charge,
    Count,
    storage_above,
    storage_charges,
    traffic_bytes,
    traffic_charges,
)
from billing.domain.invoices import Line, LineKind
from billing.domain.meter import Accrual, storage_lines
from billing.domain.money import round_minor
from billing.domain.months import month, seconds
from billing.domain.prices import GB, GB_MONTH, HOURS_PER_MONTH, PriceBook, Version
from billing.domain.proration import prorated
from billing.models import Adjustment, Instance, InstanceMonth

MONTH = timedelta(hours=HOURS_PER_MONTH)
GB_MONTHS = "GB-months of 730 h"


def units(amount_minor: int) -> str:
    """Minor units as a decimal number of units: 1999 is 19.99."""
    return str((Decimal(amount_minor) / 100).quantize(Decimal("0.01")))


def decimal(value: Fraction, places: int = 6) -> str:
    """A number to be read, without trailing noughts."""
    # Decimal divides at 28 digits by default, which is more than is shown.
    shown = (Decimal(value.numerator) / Decimal(value.denominator)).quantize(
        Decimal(1).scaleb(-places), ROUND_HALF_EVEN
    )
    text = format(shown, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def gb_months(byte_seconds: int) -> str:
    return decimal(Fraction(byte_seconds, GB_MONTH))


def span(start: datetime, end: datetime) -> str:
    """A period to be read; its end is when the next begins."""
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def for_order(
    terms: Mapping[str, Any], instance_id: UUID, started_at: datetime, ended_at: datetime | None
) -> tuple[list[Line], datetime]:
    """What an order delivered: the lines of its quote, or of the use until its owner gave up; and until when they pay.

    Args:
        terms: Of the quote.
        ended_at: When its owner gave up; None when they did not.
    """
    end = month(started_at, 1)
    if ended_at is None:
        lines = [{**line, "kind": LineKind(line["kind"]), "instance_id": instance_id} for line in terms["lines"]]
        return [Line(**line) for line in lines], end
    whole = seconds(started_at, end)
    part = min(max(seconds(started_at, ended_at), 0), whole)
    until = max(ended_at.replace(microsecond=0), started_at)
    used = Line(
        kind=LineKind.INSTANCE,
        description=f"Instance {terms['instance_name']} until you gave up the restore, {span(started_at, until)}",
        quantity=decimal(Fraction(part, whole), 9),
        unit="month",
        unit_price=units(terms["monthly_minor"]),
        amount_minor=round_minor(prorated(terms["monthly_minor"], part, whole)),
        instance_id=instance_id,
    )
    return [used], until


def for_storage(accrual: Accrual, start: datetime, end: datetime, book: PriceBook) -> list[Line]:
    """Backup storage above the allowance: a line per tier and version of prices; what comes to nothing has none."""
    return [
        Line(
            kind=LineKind.BACKUP_STORAGE,
            description=f"Backup storage above the free allowance, {span(start, end)}",
            quantity=gb_months(each.byte_seconds),
            unit=GB_MONTHS,
            unit_price=format(each.per_gb_month, "f"),
            amount_minor=each.amount_minor,
        )
        for each in storage_lines(accrual, book, book.place)
        if each.amount_minor
    ]


def for_month(instance: Instance, start: datetime, end: datetime, monthly_minor: int) -> Line:
    """An instance's month, paid in advance."""
    place = f"{instance.provider} {instance.region}"
    return Line(
        kind=LineKind.INSTANCE,
        description=f"Instance {instance.name} ({place}, {instance.plan}), {span(start, end)}",
        quantity="1",
        unit="month",
        unit_price=units(monthly_minor),
        amount_minor=monthly_minor,
        instance_id=instance.id,
    )


def for_counters(
    instance: Instance,
    paid: InstanceMonth,
    version: Version,
    before: Count | None,
    counts: Sequence[Count],
    end: datetime,
) -> list[Line]:
    """An instance's traffic and cloud storage from a month's start until ``end``, above what is included, by tier.

    In its first month the order has paid what the restore brought in.
    """
    region = version.region((instance.provider, instance.region))
    plan = region.plans[instance.plan]
    restored = instance.restored_bytes if paid.started_at == instance.anchor_at else 0
    used = traffic_bytes(before, counts)
    included = max(plan.included_traffic_bytes, restored)
    held = storage_above(before, counts, paid.started_at, end, plan.included_storage_bytes, region.cloud_storage)
    traffic = f"Traffic of {instance.name} above the {decimal(Fraction(included, GB))} GB that are included or paid"
    storage = f"Cloud storage of {instance.name} above {decimal(Fraction(plan.included_storage_bytes, GB))} GB included"
    period = span(paid.started_at, end)
    found = [
        *(_counted(LineKind.TRAFFIC, f"{traffic}, {period}", "GB", charge, instance.id)
          for charge in traffic_charges(used, included, region.traffic)),
        *(_counted(LineKind.CLOUD_STORAGE, f"{storage}, {period}", GB_MONTHS, charge, instance.id)
          for charge in storage_charges(held, region.cloud_storage)),
    ]  # fmt: skip
    return [line for line in found if line.amount_minor]


def unused(paid: InstanceMonth, end: datetime) -> int:
    """What of a month's price was paid for the time after an instant, in minor units."""
    whole = seconds(paid.started_at, paid.ended_at)
    return round_minor(prorated(paid.monthly_minor, min(whole, seconds(end, paid.ended_at)), whole))


def _counted(kind: LineKind, what: str, unit: str, charge: Charge, instance_id: UUID) -> Line:
    return Line(
        kind=kind,
        description=what,
        quantity=decimal(charge.quantity),
        unit=unit,
        unit_price=format(charge.tier.per_gb_month, "f"),
        amount_minor=charge.amount_minor,
        instance_id=instance_id,
    )


def for_adjustment(adjustment: Adjustment) -> Line:
    """A correction of what an earlier invoice said."""
    period = span(adjustment.period_started_at, adjustment.period_ended_at)
    return Line(
        kind=LineKind.ADJUSTMENT,
        description=f"Measurements that arrived after the invoice for {period}",
        quantity="1",
        unit="correction",
        unit_price=units(adjustment.amount_minor),
        amount_minor=adjustment.amount_minor,
    )
