"""What restore asks of billing: what an instance and a restore onto it cost."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import httpx
from pydantic import BaseModel, Field

from restore import errors
from restore.calls import Neighbour


class Money(BaseModel):
    amount_minor: int = Field(description="In minor units of the currency.")
    currency: str = Field(examples=["USD"])


class QuoteLine(BaseModel):
    kind: str
    description: str
    quantity: str
    unit: str
    unit_price: str
    amount: Money


class Applied(BaseModel):
    """From where it would be paid now: promotional balance, then balance, then the card."""

    promotional: Money
    balance: Money
    card: Money


class NextMonth(BaseModel):
    lines: list[QuoteLine]
    total: Money


class Quote(BaseModel):
    """Every charge, before anything is paid; the invoice will say the same."""

    quote_id: UUID
    lines: list[QuoteLine]
    total: Money
    applied: Applied
    next_month: NextMonth = Field(description="What a later month will cost, if what is stored stays as it is.")
    if_given_up: str = Field(description="What is charged if the backup password turns out to be forgotten.")
    expires_at: datetime


class OpenQuote(Quote):
    """As billing answers: with whether it may still be confirmed."""

    state: Literal["open", "confirmed", "expired"]


class BillingClient(Neighbour):
    """Billing's internal listener."""

    def __init__(self, http: httpx.AsyncClient, deadline_seconds: float) -> None:
        super().__init__(http, deadline_seconds, "Billing", (errors.PlaceUnknown,))

    async def make_quote(
        self,
        owner_id: UUID,
        restore_id: UUID,
        *,
        provider: str,
        region: str,
        plan: str,
        instance_name: str,
        restore_bytes: int,
    ) -> OpenQuote:
        """What it costs; asked again for the same restore it answers the same while that holds.

        Raises:
            PlaceUnknown: If nothing is sold there under that name.
            ServiceUnavailable: If billing does not answer in time.
        """
        wanted = {
            "owner_id": owner_id,
            "restore_id": restore_id,
            "provider": provider,
            "region": region,
            "plan": plan,
            "instance_name": instance_name,
            "restore_bytes": restore_bytes,
        }
        return await self.ask("/internal/quotes", wanted, OpenQuote)
