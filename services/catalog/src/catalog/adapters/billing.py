"""What an owner may store, asked of billing over its internal listener."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel, Field, ValidationError, model_validator

from catalog.domain.gate import Restriction
from catalog.ports import QuotaAnswer, RoomWanted
from catalog.settings import Settings
from shared.errors import ServiceUnavailable

RETRY_AFTER_SECONDS = 5
PAUSE_SECONDS = 0.1
"""Before a question whose connection broke is repeated."""

log = structlog.get_logger(__name__)

Bytes = Annotated[int, Field(ge=0, lt=2**63)]


class _Answer(BaseModel):
    allowed: bool
    reason: Restriction | None
    detail: str = Field(max_length=1000)
    used_bytes: Bytes
    limit_bytes: Bytes
    left_bytes: Bytes
    # A billing of before these knew events only.
    number: Bytes = 0
    restriction: Restriction | None = None

    @model_validator(mode="after")
    def _gives_a_reason(self) -> "_Answer":
        if self.allowed is (self.reason is not None):
            raise ValueError("room is either allowed or refused for a reason")
        return self


class BillingQuota:
    """Billing's reservations, with one deadline over each question and its repetitions."""

    def __init__(self, http: httpx.AsyncClient, deadline_seconds: float) -> None:
        self._http = http
        self._deadline_seconds = deadline_seconds

    async def reserve(self, wanted: RoomWanted) -> QuotaAnswer:
        content = {
            "reservation_id": str(wanted.reservation_id),
            "owner_id": str(wanted.owner_id),
            "backup_id": str(wanted.backup_id),
            "terminus_id": None if wanted.terminus_id is None else str(wanted.terminus_id),
            "declared_bytes": wanted.declared_bytes,
            "expires_at": wanted.expires_at.isoformat(),
        }
        answer = await self._ask(self._http.build_request("POST", "/internal/reservations", json=content))
        try:
            found = _Answer.model_validate_json(answer.content)
        except ValidationError as error:
            log.error("billing's answer is not what was agreed", reason=error.errors(include_input=False))
            raise _unavailable() from None
        return QuotaAnswer(**{name: getattr(found, name) for name in QuotaAnswer.__dataclass_fields__})

    async def release(self, reservation_id: UUID) -> None:
        await self._ask(self._http.build_request("DELETE", f"/internal/reservations/{reservation_id}"))

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answer = await self._send(request)
        except (TimeoutError, httpx.HTTPError) as error:
            log.warning("billing does not answer", path=request.url.path, reason=f"{type(error).__name__}: {error}")
            raise _unavailable() from error
        if not answer.is_success:
            log.error("billing refused in a way that was not agreed", path=request.url.path, status=answer.status_code)
            raise _unavailable()
        return answer

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """Send it, and once more when the connection broke: both questions may be repeated, and billing restarts."""
        try:
            return await self._http.send(request)
        except httpx.TransportError:
            await asyncio.sleep(PAUSE_SECONDS)
            return await self._http.send(request)


def _unavailable() -> ServiceUnavailable:
    return ServiceUnavailable(
        "What you may store cannot be asked just now. Try again in a moment.", retry_after_seconds=RETRY_AFTER_SECONDS
    )


@asynccontextmanager
async def open_quota(settings: Settings) -> AsyncIterator[BillingQuota]:
    async with httpx.AsyncClient(
        base_url=str(settings.billing_url),
        headers={"Authorization": f"Bearer {settings.billing_credential.get_secret_value()}"},
        timeout=settings.billing_deadline_seconds,
        # A proxy that the machine's environment names is for the internet, not for a neighbour on loopback.
        trust_env=False,
    ) as http:
        yield BillingQuota(http, settings.billing_deadline_seconds)
