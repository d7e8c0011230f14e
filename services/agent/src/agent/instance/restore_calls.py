"""The restore service as an agent sees it: rounds for the password, keys of the store, reports."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from agent.config import JsonObject
from agent.instance.patience import Patience
from agent.instance.server import CallFailed, Refused, Server
from agent.wire import Answer, Redeemed

REASON_CHARACTERS = 500
_FINAL = frozenset({"snapshot_not_restorable", "repository_missing"})

AnswerT = TypeVar("AnswerT", bound=BaseModel)
ResultT = TypeVar("ResultT")


class RestoreEnded(Exception):
    """The restore is over: there is nothing to bring here any more."""


class RestoreImpossible(Exception):
    """It can never be finished; `code` and `reason` are what the service is told, which takes no more of it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason[:REASON_CHARACTERS]


class Offered(Answer):
    round: int
    poll_seconds: float = Field(gt=0, le=3600)


class Polled(Answer):
    is_current: bool
    sealed: str | None
    poll_seconds: float = Field(gt=0, le=3600)


class RestoreKeys(Redeemed):
    expires_at: AwareDatetime


class RestoreCalls:
    """Every call raises CallFailed when it may be tried again."""

    def __init__(self, server: Server, restore_id: UUID) -> None:
        self._server = server
        self._path = f"/restores/{restore_id}/agent"

    async def offer(self, public_key: str) -> Offered:
        """Offer a key to seal the password to; the same key again is in the same round."""
        return await self._ask("POST", "/rounds", {"public_key": public_key}, Offered)

    async def poll(self, number: int) -> Polled:
        return await self._ask("GET", f"/rounds/{number}", None, Polled)

    async def keys(self) -> RestoreKeys:
        """Keys of the store and what to restore from it.

        Raises:
            RestoreImpossible: There is nothing to restore from, now or ever.
        """
        try:
            return await self._ask("POST", "/keys", {}, RestoreKeys)
        except Refused as error:
            if error.code in _FINAL:
                raise RestoreImpossible("restore_failed", f"{error.code}: {error}") from error
            raise

    async def report(self, report: JsonObject) -> None:
        await self._ask("POST", "/reports", report, Answer)

    async def _ask(self, method: str, path: str, body: JsonObject | None, answer_type: type[AnswerT]) -> AnswerT:
        """One call.

        Raises:
            CallFailed: It may be tried again.
            RestoreEnded: Nothing is wanted of this agent any more.
        """
        try:
            return await self._server.ask(method, f"{self._path}{path}", body, answer_type)
        except Refused as error:
            if error.status == 410 and error.code == "restore_ended":
                raise RestoreEnded(str(error)) from error
            raise


async def until_answered(call: Callable[[], Awaitable[ResultT]], patience: Patience) -> ResultT:
    """Call until it is answered, however long that takes."""
    while True:
        try:
            answer = await call()
        except CallFailed as error:
            await patience.after(error)
            continue
        patience.over()
        return answer
