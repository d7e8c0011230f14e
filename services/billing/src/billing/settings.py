"""What billing must be told."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, HttpUrl, PositiveFloat, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

PACKAGED_PRICE_BOOK = Path(__file__).parent / "price_books" / "default.yaml"


class Seller(BaseModel):
    """Who issues the invoices, as printed on them."""

    name: str = "Space"
    address_lines: list[str] = []
    tax_id: str | None = None


class Settings(ServiceSettings):
    """Read once, where the process starts. Every field can be set as ``BILLING_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="BILLING_")

    price_book: Path = PACKAGED_PRICE_BOOK
    """Prices, where backup storage is, the spend limit nobody chose, tax rates. Loaded at start when it has changed."""
    provider: Literal["sandbox", "stripe"] = "sandbox"
    provider_deadline_seconds: PositiveFloat = 10.0
    """For a whole call to the payment provider; after that its outcome is unknown and is asked for."""
    webhook_secret: SecretStr | None = None
    """Of the sandbox's webhooks (``whsec_`` and base64)."""
    webhook_url: HttpUrl | None = None
    """Where the sandbox sends its webhooks; the origin's own path when absent."""
    stripe_api_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = None
    stripe_publishable_key: str | None = None
    """What the console shows Stripe's own form for a card with (``pk_…``); without it cards are added by token only."""
    stripe_api_base: HttpUrl | None = None

    quote_key: SecretStr
    """Seed of the Ed25519 key that signs quotes: 32 bytes in hexadecimal."""
    seller: Seller = Seller()

    @model_validator(mode="after")
    def _has_what_its_provider_needs(self) -> "Settings":
        needed = ("webhook_secret",) if self.provider == "sandbox" else ("stripe_api_key", "stripe_webhook_secret")
        missing = [f"BILLING_{name.upper()}" for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"with the payment provider {self.provider}, set {', '.join(missing)}")
        return self
