"""The price book as an owner sees it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from billing.schemas.money import Money


class Place(BaseModel):
    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])


class FreeStorage(BaseModel):
    bytes_per_terminus: int = Field(description="Free backup storage for each Terminus that has a snapshot.")
    max_terminus: int = Field(description="No more than so many count.")


class StorageTier(BaseModel):
    """What storage between two sizes costs; prices in units of the currency, as decimal numbers."""

    from_bytes: int
    to_bytes: int | None
    per_gb_month: str = Field(examples=["0.08"], description="For a GB (2^30 bytes) held 730 hours.")
    per_gb_hour: str = Field(examples=["0.00010959"], description="The same for an hour, rounded; to be shown only.")


class TrafficTier(BaseModel):
    from_bytes: int
    to_bytes: int | None
    per_gb: str = Field(examples=["0.08"])


class PlanPrice(BaseModel):
    plan: str = Field(examples=["small"])
    monthly: Money
    included_traffic_bytes: int
    included_storage_bytes: int


class RegionPrices(Place):
    backup_storage: list[StorageTier]
    cloud_storage: list[StorageTier]
    traffic: list[TrafficTier]
    plans: list[PlanPrice]


class PriceBookRead(BaseModel):
    """The prices in force now."""

    version: str
    effective_from: datetime
    next_change_at: datetime | None = Field(description="When other prices come into force, if that is known.")
    currency: str
    free_backup_storage: FreeStorage
    backup_storage_place: Place = Field(description="Where backups are stored, and so which prices they have.")
    in_words: list[str]
    regions: list[RegionPrices]


class PriceBookWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    yaml: str = Field(max_length=500_000)
    file: str = Field("price book", max_length=200, description="Its name, for the list of problems.")
