"""What can be had, for whoever wants to choose."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from provisioning.domain.offer_words import unknown
from provisioning.errors import OfferUnknown
from provisioning.operations import offers as operations
from provisioning.schemas.offers import OffersRead
from shared.db import ReadTx
from shared.http import RuntimeOf
from shared.paging import cached_json

router = APIRouter(prefix="/api/v1/offers", tags=["offers"])

Name = Annotated[str | None, Query(max_length=64)]


@router.get("", response_model=OffersRead)
async def list_offers(
    request: Request, tx: ReadTx, runtime: RuntimeOf, provider: Name = None, region: Name = None
) -> Response:
    """Providers, their locations, and the hardware there with its price; for everybody, signed in or not."""
    offers, now = runtime.adapters.offers, datetime.now(UTC)
    found = [
        each
        for each in await operations.offered(tx, offers, now)
        if provider in (None, each.key[0]) and region in (None, each.key[1])
    ]
    if not found:
        raise OfferUnknown(unknown(offers, provider, region))
    return cached_json(request, OffersRead.of(found).model_dump(mode="json"))
