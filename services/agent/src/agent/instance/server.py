"""The services as an agent sees them: calls with a deadline, each signed but the first; those to provisioning."""

import asyncio
import json
from collections.abc import Sequence
from typing import Self, TypeVar
from uuid import UUID

import httpx
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from agent.config import JsonObject
from agent.instance.clock import Clock
from agent.instance.config import InstanceConfig
from agent.instance.identity import Identity
from agent.instance.traffic import Traffic
from agent.wire import Answer

DEADLINE_SECONDS = 30.0
_CLOCK_CODES = frozenset({"agent_unknown", "heartbeat_from_future"})
_PASSING_STATUSES = frozenset({408, 425, 429})
_TIME = TypeAdapter(AwareDatetime)

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Told(Answer):
    """What every answer tells an agent to go by."""

    server_time: AwareDatetime
    heartbeat_seconds: float = Field(gt=0, le=3600)


class Order(Answer):
    order_id: UUID
    kind: str


class Heard(Told):
    orders: list[Order]


class Logged(Answer):
    next_number: int


class CallFailed(Exception):
    """A call that had no effect, or one that is not known.

    Args:
        retry_after: Seconds that the server asks for before the next attempt.
        mended_clock: The time was wrong and is right now: the next attempt need not wait.
    """

    def __init__(self, message: str, *, retry_after: float = 0.0, mended_clock: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.mended_clock = mended_clock


class Unanswered(CallFailed):
    """The server cannot be reached, or does not answer as it should."""


class Refused(CallFailed):
    """The server said no."""

    def __init__(self, message: str, *, status: int, code: str, mended_clock: bool) -> None:
        super().__init__(message, mended_clock=mended_clock)
        self.status = status
        self.code = code

    @property
    def is_over(self) -> bool:
        return self.status == 410 and self.code == "instance_over"


class Server:
    def __init__(self, config: InstanceConfig, identity: Identity, clock: Clock, traffic: Traffic) -> None:
        self._identity = identity
        self._clock = clock
        self._traffic = traffic
        self._origin = config.origin
        self._http = httpx.AsyncClient(
            base_url=f"{config.origin}/api/v1/instances/{config.instance_id}",
            verify=config.trust(),
            timeout=DEADLINE_SECONDS,
            headers={"User-Agent": "space-agent", "Content-Type": "application/json"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def enrol(self, secret: str, agent_version: str) -> Told:
        body: JsonObject = {
            "secret": secret,
            "public_key": self._identity.public_key,
            "agent_version": agent_version,
        }
        told = await self._post("/enrolment", body, Told, signed=False)
        self._clock.learn(told.server_time)
        return told

    async def beat(self, heartbeat: JsonObject) -> Heard:
        heard = await self._post("/heartbeats", heartbeat, Heard)
        self._clock.learn(heard.server_time)
        return heard

    async def log(self, lines: Sequence[JsonObject]) -> Logged:
        return await self._post("/log", {"lines": list(lines)}, Logged)

    async def redeem(self, link: str) -> None:
        """Use up a link to this instance's page; refused with 410 it lets nobody in."""
        await self._post("/links/redeem", {"link": link}, Answer)

    async def _post(self, path: str, body: JsonObject, answer_type: type[AnswerT], *, signed: bool = True) -> AnswerT:
        return await self._call("POST", path, body, answer_type, signed=signed)

    async def ask(self, method: str, path: str, body: JsonObject | None, answer_type: type[AnswerT]) -> AnswerT:
        """One signed call to any of the services, by its path below `/api/v1`; raises as the others do."""
        return await self._call(method, f"{self._origin}/api/v1{path}", body, answer_type)

    async def _call(
        self, method: str, url: str, body: JsonObject | None, answer_type: type[AnswerT], *, signed: bool = True
    ) -> AnswerT:
        """Call once.

        Raises:
            Unanswered: Nothing certain came back.
            Refused: It was not done.
        """
        headers = {"Authorization": f"Bearer {self._identity.token(self._clock.now())}"} if signed else {}
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        request = self._http.build_request(method, url, content=content, headers=headers)
        self._traffic.add(_size(str(request.url), request.headers, request.content))
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                response = await self._http.send(request)
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            raise Unanswered(self._why(error)) from error
        self._traffic.add(_size("", response.headers, response.content))
        if not response.is_success:
            raise self._failure(response)
        try:
            return answer_type.model_validate_json(response.content or b"{}")
        except ValidationError as error:
            raise Unanswered(f"{self._origin} does not answer like Space.") from error

    def _failure(self, response: httpx.Response) -> CallFailed:
        status = response.status_code
        try:
            problem = response.json()
        except ValueError:
            problem = None
        code = problem.get("code") if isinstance(problem, dict) else None
        if not isinstance(problem, dict) or not isinstance(code, str) or not 400 <= status < 500:
            return Unanswered(f"{self._origin} answered {status}.", retry_after=_retry_after(response))
        words = str(problem.get("detail") or problem.get("title") or f"The server answered {status}.")
        if status in _PASSING_STATUSES:
            return Unanswered(words, retry_after=_retry_after(response))
        return Refused(words, status=status, code=code, mended_clock=self._mends_clock(code, problem))

    def _mends_clock(self, code: str, problem: JsonObject) -> bool:
        if code not in _CLOCK_CODES:
            return False
        try:
            return self._clock.learn(_TIME.validate_python(problem.get("server_time")))
        except ValidationError:
            return False

    def _why(self, error: Exception) -> str:
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            return f"{self._origin} did not answer in time."
        return f"{self._origin} cannot be reached: {str(error) or 'no answer'}."


def _size(line: str, headers: httpx.Headers, content: bytes) -> int:
    """Bytes of a message of HTTP, as near as it can be told above TLS."""
    return len(line) + sum(len(name) + len(value) + 4 for name, value in headers.raw) + len(content)


def _retry_after(response: httpx.Response) -> float:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return 0.0
