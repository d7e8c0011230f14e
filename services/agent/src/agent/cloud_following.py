"""Following a confirmed restore to its end: what happens is shown, the password is sent whenever it is asked for."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from agent import api, cloud_asking, cloud_service, cloud_words, timeline
from agent.cloud_display import Display
from agent.cloud_password import KeptPassword
from agent.cloud_service import RestoreService
from agent.cloud_wire import CloudRestore, PasswordWanted, TimelineEntry
from agent.errors import ServerRefused, SpaceError, WrongPassword
from agent.output import Output, time_text

END = cloud_words.OVER | {"needs_operator"}
# Where the service does not say how long to wait before the next password.
TOO_SOON_SECONDS = 5.0
SHORTEST_WAIT_SECONDS = 0.1
AGAIN_SECONDS = 1.0
# After so long without an entry it is looked whether it still moves.
QUIET_SECONDS = 10.0
_RESTARTED = frozenset({"agent_restarted", "agent_silent"})
_ASKED_ALREADY = frozenset({"password_not_expected", "round_over", "agent_not_ready"})


class Follower:
    """One restore after its order was confirmed.

    Args:
        on_look: Told each time how the restore is.
    """

    def __init__(
        self,
        service: RestoreService,
        password: KeptPassword,
        out: Output,
        *,
        asks: bool,
        on_look: Callable[[CloudRestore], None],
    ) -> None:
        self._service = service
        self._password = password
        self._out = out
        self._asks = asks
        self._on_look = on_look
        self._display = Display(out)
        self._sent_round: int | None = None
        self._told_round: int | None = None
        self._heard_at = time.monotonic()
        self._told_stall = False

    def follow(self, restore_id: UUID) -> CloudRestore:
        """The restore once it is over, or waits for an operator.

        Raises:
            WrongPassword: A file's or command's password was wrong on the instance.
            Unreachable: The service was away for too long.
        """
        newest = self._service.newest_entry(restore_id)
        last_number = 0 if newest is None else newest.number
        with self._display:
            if newest is not None:
                self._display.state(newest.state)
            found = self._attend(restore_id)
            while found.state not in END:
                for entry in self._entries(restore_id, last_number):
                    last_number = entry.number
                    found = self._heed(found, entry)
                    if found.state in END:
                        return found
                # The stream says that it is over; how, the restore itself says.
                found = self._attend(restore_id)
                time.sleep(0 if found.state in END else AGAIN_SECONDS)
        return found

    def _entries(self, restore_id: UUID, last_number: int) -> Iterator[TimelineEntry]:
        self._display.move()
        path = f"/restores/{restore_id}/timeline"
        look = partial(self._look_if_quiet, restore_id)
        for entry in timeline.follow(self._service.client, path, last_number, self._say_away, look):
            self._heard_at = time.monotonic()
            yield api.parse(TimelineEntry, entry)
            self._display.move()

    def _look_if_quiet(self, restore_id: UUID) -> None:
        if time.monotonic() - self._heard_at >= QUIET_SECONDS:
            self._heard_at = time.monotonic()
            self._look(restore_id)
            self._display.move()

    def _heed(self, found: CloudRestore, entry: TimelineEntry) -> CloudRestore:
        if entry.kind == "progress":
            self._display.progress(entry)
            return found
        if entry.kind == "moved":
            self._display.state(entry.state)
        return self._attend(found.restore_id)

    def _attend(self, restore_id: UUID) -> CloudRestore:
        """Look at the restore and give it the password if it waits for one."""
        found = self._look(restore_id)
        while (wanted := _wanted(found)) is not None and wanted.round != self._sent_round:
            if wanted.round != self._told_round:
                self._told_round = wanted.round
                if wanted.reason == "wrong" and not self._replace_password(found, wanted):
                    return self._give_up(found)
                if wanted.reason in _RESTARTED and self._password.is_there:
                    self._display.say("The instance was restarted, so the password is sent to it again.")
            elif not self._password.is_there:
                self._display.pause()
                self._password.settle(found.backup_id)
            else:
                self._send(found, wanted)
            found = self._look(restore_id)
        return found

    def _look(self, restore_id: UUID) -> CloudRestore:
        found = self._service.look(restore_id)
        self._on_look(found)
        if found.cloud.stalled and not self._told_stall:
            self._display.say(cloud_words.STALLED)
        self._told_stall = found.cloud.stalled
        return found

    def _send(self, found: CloudRestore, wanted: PasswordWanted) -> None:
        instance_id = found.cloud.instance_id
        if instance_id is None or wanted.round is None:
            raise SpaceError("answer_invalid", "It is not said which instance waits for the password.")
        self._wait_for(wanted.not_before)
        sealed = self._password.sealed(found.restore_id, instance_id, wanted)
        try:
            self._service.send_password(found.restore_id, wanted.round, sealed)
        except ServerRefused as error:
            if error.status == 429:
                self._wait(error.retry_after_seconds or TOO_SOON_SECONDS)
            elif error.code in _ASKED_ALREADY:
                # Another command was faster, or the agent was restarted meanwhile: the restore says which.
                time.sleep(AGAIN_SECONDS)
            else:
                self._pass_over(error)
        except SpaceError as error:
            self._pass_over(error)
        else:
            self._sent_round = wanted.round

    def _replace_password(self, found: CloudRestore, wanted: PasswordWanted) -> bool:
        """Another password instead of a wrong one; False to give the restore up.

        One that was entered since, and not sent yet, may be the right one.
        """
        if self._password.is_there and self._sent_round is None:
            return True
        until = time_text(wanted.until.isoformat())
        left = "1 attempt is" if wanted.attempts_left == 1 else f"{wanted.attempts_left} attempts are"
        self._display.say(f"The password was wrong on the instance. {left} left, until {until}.")
        self._password.forget()
        if not self._password.is_a_persons:
            if self._sent_round is not None:
                raise WrongPassword(
                    "The password was wrong on the instance.",
                    hint=f"{cloud_words.command(found)} enters another, {cloud_words.command(found, 'cancel')} "
                    f"gives the restore up. It waits until {until}.",
                )
        elif self._asks and not self._goes_on(found):
            return False
        self._password.settle(found.backup_id)
        return True

    def _goes_on(self, found: CloudRestore) -> bool:
        while True:
            typed = cloud_asking.text("Press Enter to type it again, or type `give up`", may_be_empty=True)
            if not typed:
                return True
            if typed.strip("`'\"").lower() in ("give up", "g"):
                for line in give_up_words(found):
                    self._out.say(line)
                if cloud_asking.is_sure("Give the restore up?"):
                    return False

    def _give_up(self, found: CloudRestore) -> CloudRestore:
        try:
            self._service.cancel(found.restore_id)
        except ServerRefused as error:
            if error.code not in ("restore_over", "restore_copying"):
                raise
            self._display.say(f"It cannot be given up any more: {error.message}")
        return self._look(found.restore_id)

    @staticmethod
    def _pass_over(error: SpaceError) -> None:
        """A service that is away; how the restore is then says whether the password arrived."""
        if not cloud_service.is_away(error):
            raise error
        time.sleep(AGAIN_SECONDS)

    def _wait_for(self, moment: datetime | None) -> None:
        left = 0.0 if moment is None else (moment - datetime.now(UTC)).total_seconds()
        if left > 0:
            self._wait(left)

    def _wait(self, seconds: float) -> None:
        self._display.say(f"The next attempt is possible in {max(1, round(seconds))} s; it is sent then.")
        self._display.move()
        time.sleep(max(SHORTEST_WAIT_SECONDS, seconds))

    def _say_away(self, why: str) -> None:
        self._display.say(f"{why} The restore goes on meanwhile; trying again…")


def give_up_words(found: CloudRestore) -> list[str]:
    quote = found.cloud.quote
    cost = "You pay only for the time that the instance ran." if quote is None else quote.if_given_up
    return cloud_words.wrapped(f"{cost} The instance and everything on it is deleted. Your backup is kept.")


def _wanted(found: CloudRestore) -> PasswordWanted | None:
    """What an agent waits for, where it is there to take it."""
    wanted = found.cloud.password
    if found.state != "awaiting_password" or wanted is None or wanted.round is None or wanted.public_key is None:
        return None
    return wanted
