"""The outside world of billing: the payment provider."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from billing.adapters.sandbox import Sandbox
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
    async with httpx.AsyncClient(timeout=WEBHOOK_SECONDS) as http:
        sandbox = _sandbox(settings)
        yield Adapters(provider=sandbox, sandbox=sandbox, http=http)
        await sandbox.close()


def _sandbox(settings: Settings) -> Sandbox:
    secret = settings.webhook_secret
    return Sandbox(
        settings.async_database_url,
        secret.get_secret_value() if secret else "",
        str(settings.webhook_url or f"{settings.issuer}{WEBHOOK_PATH}"),
    )
