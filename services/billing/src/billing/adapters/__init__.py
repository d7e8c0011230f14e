"""The outside world of billing: the payment provider."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from billing.adapters.sandbox import Sandbox
from billing.adapters.stripe import Stripe
from billing.ports import PaymentProvider
from billing.settings import Settings

WEBHOOK_PATH = "/api/v1/payments/webhooks/sandbox"
WEBHOOK_SECONDS = 10


@dataclass(frozen=True)
class Adapters:
    provider: PaymentProvider
    sandbox: Sandbox | None
    """The provider again when it is the sandbox, which is told what to do by our own jobs and operators."""
    http: httpx.AsyncClient

    async def deliver_webhooks(self) -> int:
        """Send what the sandbox has to tell, as a provider elsewhere would by itself. Returns how many were tried."""
        return await self.sandbox.deliver_webhooks(self._post) if self.sandbox is not None else 0

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        return (await self.http.post(url, content=body, headers=headers)).status_code


@asynccontextmanager
async def open_adapters(settings: Settings) -> AsyncIterator[Adapters]:
    provider = _stripe(settings) if settings.provider == "stripe" else _sandbox(settings)
    async with aclosing(provider), httpx.AsyncClient(timeout=WEBHOOK_SECONDS) as http:
        yield Adapters(provider, provider if isinstance(provider, Sandbox) else None, http)


def _sandbox(settings: Settings) -> Sandbox:
    return Sandbox(
        settings.async_database_url,
        _revealed(settings.webhook_secret),
        str(settings.webhook_url or f"{settings.issuer}{WEBHOOK_PATH}"),
    )


def _stripe(settings: Settings) -> Stripe:
    return Stripe(
        _revealed(settings.stripe_api_key),
        _revealed(settings.stripe_webhook_secret),
        api_base=str(settings.stripe_api_base).rstrip("/") if settings.stripe_api_base else None,
        deadline_seconds=settings.provider_deadline_seconds,
    )


def _revealed(secret: SecretStr | None) -> str:
    # The settings have made sure that what the provider needs is there.
    return secret.get_secret_value() if secret is not None else ""
