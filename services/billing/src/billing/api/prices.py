"""The price book."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from billing.domain.price_words import in_words
from billing.domain.prices import PriceBook, Region, Tier, per_gb_hour
from billing.errors import PlaceUnknown
from billing.operations import price_books
from billing.schemas.prices import PriceBookRead
from shared.db import ReadTx
from shared.paging import cached_json

router = APIRouter(prefix="/api/v1/price-book", tags=["prices"])

PlaceName = Annotated[str | None, Query(max_length=64)]


@router.get("", response_model=PriceBookRead)
async def read_price_book(
    request: Request, tx: ReadTx, provider: PlaceName = None, region: PlaceName = None
) -> Response:
    """What things cost now, of all places or of some; for everybody, signed in or not."""
    book, now = await price_books.current(tx), datetime.now(UTC)
    return cached_json(
        request, PriceBookRead.model_validate(_read(book, now, provider, region)).model_dump(mode="json")
    )


def _read(book: PriceBook, now: datetime, provider: str | None, region: str | None) -> dict[str, Any]:
    version, next_change_at = book.in_force(now), book.next_change(now)
    regions = [
        each for each in version.regions.values() if provider in (None, each.provider) and region in (None, each.name)
    ]
    if not regions:
        raise PlaceUnknown(
            "There are no prices for such a place. Leave the provider and the region out to see all.",
            places=sorted("/".join(place) for place in version.regions),
        )
    return {
        "version": version.name,
        "effective_from": version.effective_from,
        "next_change_at": next_change_at,
        "currency": version.currency,
        "free_backup_storage": {
            "bytes_per_terminus": version.free_bytes_per_terminus,
            "max_terminus": version.max_free_terminus,
        },
        "backup_storage_place": {"provider": book.place[0], "region": book.place[1]},
        "in_words": in_words(version, regions[0] if len(regions) == 1 else version.region(book.place), next_change_at),
        "regions": [_region(each, version.currency) for each in regions],
    }


def _region(region: Region, currency: str) -> dict[str, Any]:
    return {
        "provider": region.provider,
        "region": region.name,
        "backup_storage": [_stored(tier) for tier in region.backup_storage],
        "cloud_storage": [_stored(tier) for tier in region.cloud_storage],
        "traffic": [{**_ends(tier), "per_gb": format(tier.per_gb_month, "f")} for tier in region.traffic],
        "plans": [
            {
                "plan": plan.name,
                "monthly": {"amount_minor": plan.monthly_minor, "currency": currency},
                "included_traffic_bytes": plan.included_traffic_bytes,
                "included_storage_bytes": plan.included_storage_bytes,
            }
            for plan in region.plans.values()
        ],
    }


def _stored(tier: Tier) -> dict[str, Any]:
    return {
        **_ends(tier),
        "per_gb_month": format(tier.per_gb_month, "f"),
        "per_gb_hour": format(per_gb_hour(tier), "f"),
    }


def _ends(tier: Tier) -> dict[str, Any]:
    return {"from_bytes": tier.from_bytes, "to_bytes": tier.to_bytes}
