"""Quota, reservations and use."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from billing.domain.dunning import Standing
from billing.schemas.money import Money, MoneyGiven

Bytes = Annotated[int, Field(ge=0, le=2**62, strict=True)]
Reason = Literal["over_limit", "arrears"]


class QuotaRead(BaseModel):
    """What is free, what is used, and what may still be uploaded."""

    allowance_bytes: int = Field(description="Free for all your backups together.")
    counted_terminus: int = Field(description="How many Terminus have a snapshot.")
    used_bytes: int = Field(description="What your backups hold in the store, as last measured.")
    reserved_bytes: int = Field(description="What running backups may still write.")
    limit_bytes: int = Field(description="Where uploads stop; never less than what is used.")
    left_bytes: int
    can_backup: bool
    reason: Reason | None
    standing: Standing
    spend_limit: Money | None = Field(description="For a month's storage above the allowance; null: no payment method.")
    spent: Money = Field(description="For storage above the allowance, since the last invoice.")
    has_payment_method: bool
    explanation: str


class SpendLimitWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    spend_limit: MoneyGiven


class ReservationCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reservation_id: UUID
    owner_id: UUID
    backup_id: UUID
    terminus_id: UUID | None = None
    declared_bytes: Annotated[int, Field(ge=1, le=2**62)] | None = None
    expires_at: AwareDatetime


class ReservationAnswer(BaseModel):
    allowed: bool
    reason: Reason | None
    detail: str
    used_bytes: int
    limit_bytes: int
    left_bytes: int
    number: int = Field(description="Of the last word on the owner's uploads (billing.quota.*); 0: there was none.")
    restriction: Reason | None = Field(description="What that word was: why uploads stop; null: they do not.")


class StorageUsage(BaseModel):
    used_bytes: int
    allowance_bytes: int
    byte_hours: str = Field(description="Bytes held times hours held, since the period began.")
    charged_gb_hours: str = Field(description="Of that, what lay above the allowance, in GB (2^30 bytes) times hours.")
    charge: Money


class BackupUsage(BaseModel):
    backup_id: UUID
    name: str | None
    byte_hours: str
    charge: Money = Field(description="Its part of the charge, by its part of the bytes at each instant.")
    share: str = Field(examples=["0.25"], description="Its part of all bytes held, from 0 to 1.")


class InstanceUsage(BaseModel):
    instance_id: UUID
    name: str
    plan: str
    period_start: datetime
    period_end: datetime
    traffic_bytes: int
    included_traffic_bytes: int
    disk_bytes: int
    included_storage_bytes: int
    charge: Money = Field(description="For traffic and storage above what is included, so far this month.")


class UsageRead(BaseModel):
    """What this period has used and costs so far, and will cost if nothing changes."""

    period_start: datetime | None = Field(description="Null while nothing was used.")
    period_end: datetime | None
    storage: StorageUsage
    by_backup: list[BackupUsage]
    instances: list[InstanceUsage]
    adjustments: Money = Field(description="Corrections of earlier periods that the next invoice will have.")
    so_far: Money
    forecast: Money = Field(description="What the next invoice will be, if everything stays as it is; before tax.")
    forecast_in_words: str


class DayUsage(BaseModel):
    day: date
    average_bytes: int
    peak_bytes: int
    charged_gb_hours: str
    charge: Money


class DayUsages(BaseModel):
    items: list[DayUsage]
