"""Calls to other services' internal listeners: one deadline over the whole of each, and only agreed refusals."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, TypeVar

import httpx
import structlog
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import to_json

from shared.errors import ServiceError, ServiceUnavailable

RETRY_AFTER_SECONDS = 5
# Members of a problem document that are its own, apart from what a refusal says beside.
_STANDARD = frozenset({"type", "title", "status", "detail", "code", "instance", "trace_id"})

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer", bound=BaseModel)


class Neighbour:
    """Another service, as this one calls it.

    Args:
        name: What it is called in a sentence for a person, such as "The backup catalogue".
        refusals: What it may say that the caller should read; anything else counts as no answer.
    """

    def __init__(
        self, http: httpx.AsyncClient, deadline_seconds: float, name: str, refusals: Iterable[type[ServiceError]]
    ) -> None:
        self._http = http
        self._deadline_seconds = deadline_seconds
        self._name = name
        self._refusals = MappingProxyType({refusal.code: refusal for refusal in refusals})

    async def ask(self, path: str, body: Mapping[str, Any], model: type[Answer]) -> Answer:
        """What it answers to a POST.

        Raises:
            ServiceError: What it refuses, with its code.
            ServiceUnavailable: If it does not answer in time, or not as was agreed.
        """
        content = to_json({name: value for name, value in body.items() if value is not None})
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answer = await self._http.post(path, content=content, headers={"Content-Type": "application/json"})
        except (TimeoutError, httpx.HTTPError) as error:
            log.warning("a service does not answer", path=path, reason=f"{type(error).__name__}: {error}")
            raise self._unavailable() from error
        if not answer.is_success:
            raise self._refusal(path, answer)
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            # Without the input: it may hold keys.
            log.error("an answer is not what was agreed", path=path, reason=error.errors(include_input=False))
            raise self._unavailable() from None

    def _refusal(self, path: str, answer: httpx.Response) -> ServiceError:
        try:
            problem = answer.json()
            refusal = self._refusals[problem["code"]]
            members = {name: value for name, value in problem.items() if name not in _STANDARD}
            return refusal(str(problem["detail"]), retry_after_seconds=_seconds(answer), **members)
        except (ValueError, KeyError, TypeError):
            log.error("a service refused in a way that was not agreed", path=path, status=answer.status_code)
            return self._unavailable()

    def _unavailable(self) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"{self._name} does not answer just now. Nothing is lost; try again in a moment.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )


@asynccontextmanager
async def open_http(url: str, credential: SecretStr, deadline_seconds: float) -> AsyncIterator[httpx.AsyncClient]:
    """A client for a neighbour's internal listener, with this service's credential."""
    async with httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {credential.get_secret_value()}"},
        timeout=deadline_seconds,
        # A proxy that the machine's environment names is for the internet, not for a neighbour on loopback.
        trust_env=False,
    ) as http:
        yield http


def _seconds(answer: httpx.Response) -> int | None:
    said = answer.headers.get("retry-after", "")
    return int(said) if said.isascii() and said.isdigit() else None
