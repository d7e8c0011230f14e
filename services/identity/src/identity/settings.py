"""What identity must be told."""

import ipaddress
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveInt
from pydantic_settings import SettingsConfigDict

from identity.domain.limits import Limit
from shared.settings import ServiceSettings

MINUTE = timedelta(minutes=1)
TEN_MINUTES = timedelta(minutes=10)
HOUR = timedelta(hours=1)


class Registration(StrEnum):
    """Who may become an owner."""

    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"


class LimitSettings(BaseModel):
    """How often something may be asked: per client address where nothing else is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nonces_per_minute: PositiveInt = 600
    logins_per_minute: PositiveInt = 300
    logins_per_did_per_minute: PositiveInt = 30
    registrations_per_hour: PositiveInt = 300
    refreshes_per_minute: PositiveInt = 300
    exchanges_per_minute: PositiveInt = 300
    enrolments_per_ten_minutes: PositiveInt = 20
    codes_per_owner_per_hour: PositiveInt = 30
    tokens_per_owner_per_hour: PositiveInt = 60
    olares_fetches_per_minute: PositiveInt = 600
    olares_tokens_per_owner_per_hour: PositiveInt = 60
    links_per_owner_per_hour: PositiveInt = 60
    names_per_owner_per_hour: PositiveInt = 30
    qrs_per_minute: PositiveInt = 120
    qr_checks_per_minute: PositiveInt = 1200

    @property
    def nonces(self) -> Limit:
        return Limit("nonces", self.nonces_per_minute, MINUTE)

    @property
    def logins(self) -> Limit:
        return Limit("logins", self.logins_per_minute, MINUTE)

    @property
    def logins_per_did(self) -> Limit:
        return Limit("logins_per_did", self.logins_per_did_per_minute, MINUTE)

    @property
    def registrations(self) -> Limit:
        return Limit("registrations", self.registrations_per_hour, HOUR)

    @property
    def refreshes(self) -> Limit:
        return Limit("refreshes", self.refreshes_per_minute, MINUTE)

    @property
    def exchanges(self) -> Limit:
        return Limit("exchanges", self.exchanges_per_minute, MINUTE)

    @property
    def enrolments(self) -> Limit:
        return Limit("enrolments", self.enrolments_per_ten_minutes, TEN_MINUTES)

    @property
    def codes(self) -> Limit:
        return Limit("codes", self.codes_per_owner_per_hour, HOUR)

    @property
    def tokens(self) -> Limit:
        return Limit("tokens", self.tokens_per_owner_per_hour, HOUR)

    @property
    def olares_fetches(self) -> Limit:
        return Limit("olares_fetches", self.olares_fetches_per_minute, MINUTE)

    @property
    def olares_tokens(self) -> Limit:
        return Limit("olares_tokens", self.olares_tokens_per_owner_per_hour, HOUR)

    @property
    def links(self) -> Limit:
        return Limit("links", self.links_per_owner_per_hour, HOUR)

    @property
    def names(self) -> Limit:
        return Limit("names", self.names_per_owner_per_hour, HOUR)

    @property
    def qrs(self) -> Limit:
        return Limit("qrs", self.qrs_per_minute, MINUTE)

    @property
    def qr_checks(self) -> Limit:
        return Limit("qr_checks", self.qr_checks_per_minute, MINUTE)


class Settings(ServiceSettings):
    """Read once, in ``app.py``. Every field can be set as IDENTITY_<FIELD> (nested: IDENTITY_LIMITS__<FIELD>)."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", env_nested_delimiter="__")

    signing_key_file: Path
    """A JWK set of private Ed25519 keys; the last one signs, the public halves of all are published."""
    registration: Registration | None = None
    """Who may become an owner; when absent, anybody on a loopback origin and the invited elsewhere."""
    limits: LimitSettings = LimitSettings()

    @property
    def registration_policy(self) -> Registration:
        if self.registration is not None:
            return self.registration
        return Registration.OPEN if _is_loopback(self.origin.host or "") else Registration.INVITE


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
