"""Getting the backup password from its owner: sealed to a key that lives in this process's memory, round by round."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from agent.instance.journal import Journal
from agent.instance.patience import Patience
from agent.instance.restore_calls import Polled, RestoreCalls, until_answered
from agent.instance.server import CallFailed, Refused
from agent.sealing import NotOpened, Sealing

LONGEST_POLL_SECONDS = 30.0


class PasswordRounds:
    def __init__(self, calls: RestoreCalls, journal: Journal, *, restore_id: UUID, instance_id: UUID) -> None:
        self._calls = calls
        self._journal = journal
        self._restore_id = restore_id
        self._instance_id = instance_id
        self._patience = Patience(journal.say, "Asking for the backup password")
        self.number = 0
        """The latest round."""

    async def settle(self, is_right: Callable[[bytes], Awaitable[bool]]) -> int:
        """Ask until the right password has come, and been taken by `is_right`; the round that brought it.

        Raises:
            RestoreEnded: Nobody will send one.
            RestoreImpossible: By `is_right`.
        """
        while True:
            number, password = await self._receive()
            if password is not None and await is_right(password):
                self._journal.say("The backup password is right.")
                return number
            self._journal.say("The backup password is wrong: it is asked for again.")
            tell = partial(self._calls.report, {"round": number, "state": "password_wrong"})
            await until_answered(tell, self._patience)

    async def open(self, sealing: Sealing) -> int:
        """Offer a key; the round it is for."""
        offered = await until_answered(lambda: self._calls.offer(sealing.public_key), self._patience)
        self.number = offered.round
        return self.number

    async def _receive(self) -> tuple[int, bytes | None]:
        """The next password and its round; None for one that was not sealed for it."""
        while True:
            sealing = Sealing()
            number = await self.open(sealing)
            sealed = await self._sealed(number)
            if sealed is None:
                continue
            try:
                return number, sealing.open(
                    sealed, restore_id=self._restore_id, instance_id=self._instance_id, round=number
                )
            except NotOpened as error:
                self._journal.say(str(error))
                return number, None

    async def _sealed(self, number: int) -> str | None:
        """What the owner sends in a round; None when the round is over without it."""
        while True:
            polled = await self._poll(number)
            if polled is None:
                return None
            if polled.is_current and polled.sealed is not None:
                return polled.sealed
            # Also before a new key is offered: a server in a muddle is not to be hurried.
            await asyncio.sleep(min(polled.poll_seconds, LONGEST_POLL_SECONDS))
            if not polled.is_current:
                return None

    async def _poll(self, number: int) -> Polled | None:
        """The answer, or None for a round that the server does not know."""
        while True:
            try:
                polled = await self._calls.poll(number)
            except CallFailed as error:
                await self._patience.after(error)
                if isinstance(error, Refused) and error.status == 404:
                    return None
                continue
            self._patience.over()
            return polled
