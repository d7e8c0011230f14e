"""What other services and the operator send."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from billing.schemas.invoices import Text
from billing.schemas.money import Money, MoneyGiven


class CreditGrant(BaseModel):
    """Promotional balance; the same ``grant_id`` gives it once."""

    model_config = ConfigDict(extra="forbid")

    grant_id: UUID
    amount: MoneyGiven
    reason: Text


class BalanceRead(BaseModel):
    promotional: Money
    balance: Money


class TravelTo(BaseModel):
    model_config = ConfigDict(extra="forbid")

    now: AwareDatetime


class Travelled(BaseModel):
    now: AwareDatetime
    invoices: list[str]
