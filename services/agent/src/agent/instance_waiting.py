"""Asking something of an instance, and waiting until that is done."""

import time
from dataclasses import dataclass

from agent import api
from agent.api import Client
from agent.config import JsonObject
from agent.errors import ExitCode, Interrupted, ServerRefused, SpaceError, Unreachable
from agent.instance_words import status_text
from agent.output import Output
from agent.provisioning_wire import Instance

POLL_SECONDS = 1.0
ATTEMPT_SECONDS = 10.0
LIMIT_SECONDS = 900.0
# How long the service may be away before the command gives up looking.
PATIENCE_SECONDS = 120.0
_UP = frozenset({"installing", "restoring", "restore_error", "pending_activation", "running"})


@dataclass(frozen=True)
class Action:
    """Something an owner may ask of an instance.

    Args:
        passes: The status that says that it is under way.
        ends: Those that say that it is done.
    """

    name: str
    passes: str
    ends: frozenset[str]
    done: str


RESTART = Action("restart", "restarting", _UP, "was restarted")
STOP = Action("stop", "stopping", frozenset({"stopped"}), "is stopped")
START = Action("start", "starting", _UP, "was started")
RETURN = Action("return", "destroying", frozenset({"destroyed", "canceled"}), "was returned")


def ask(client: Client, action: Action, found: Instance) -> JsonObject:
    """Ask for it once; the instance as the service has it then.

    Raises:
        SpaceError: Where it is not known whether the service heard it, the hint says where to look.
    """
    look = f"It is not known whether the service heard this: look with `space instance show {found.name}`."
    try:
        return client.post(f"/instances/{found.instance_id}/{action.name}")
    except Unreachable as error:
        raise Unreachable(error.code, error.message, hint=look) from error
    except ServerRefused as error:
        if error.exit_code is ExitCode.UNREACHABLE:
            error.hint = look
        raise


def wait(client: Client, action: Action, answer: JsonObject, out: Output) -> JsonObject:
    """The instance once it is done.

    Raises:
        SpaceError: It came to something else, or has not come to an end after LIMIT_SECONDS.
        Unreachable: The service was away for too long; what was asked for goes on without us.
        Interrupted: By Ctrl-C, of which the same is true.
    """
    found = api.parse(Instance, answer)
    deadline = time.monotonic() + LIMIT_SECONDS
    try:
        with out.waiting(found.name) as show:
            look = _Look(client, found.instance_id)
            while found.status == action.passes:
                if time.monotonic() >= deadline:
                    raise _unfinished(action, found)
                show(status_text(found.status) if look.away_since is None else "the service does not answer")
                time.sleep(POLL_SECONDS)
                answer = look.again(answer)
                found = api.parse(Instance, answer)
            show(status_text(found.status))
    except Unreachable as error:
        raise Unreachable(error.code, error.message, hint=_goes_on(action, found)) from error
    except KeyboardInterrupt:
        raise Interrupted(f"Not waiting any more. {_goes_on(action, found)}") from None
    if found.status not in action.ends:
        raise _otherwise(action, found)
    return answer


class _Look:
    """Looking at an instance again and again, though the service may be away for a while."""

    def __init__(self, client: Client, instance_id: str) -> None:
        self.away_since: float | None = None
        self._client = client
        self._path = f"/instances/{instance_id}"

    def again(self, before: JsonObject) -> JsonObject:
        """The instance as it is now, or as it was before while the service is away."""
        try:
            answer = self._client.get(self._path, attempts=1, timeout_seconds=ATTEMPT_SECONDS)
        except SpaceError as error:
            if error.exit_code is not ExitCode.UNREACHABLE and not _is_too_often(error):
                raise
            self.away_since = self.away_since or time.monotonic()
            if time.monotonic() - self.away_since >= PATIENCE_SECONDS:
                raise Unreachable(error.code, error.message) from error
            return before
        self.away_since = None
        return answer


def _is_too_often(error: SpaceError) -> bool:
    return isinstance(error, ServerRefused) and error.status == 429


def _goes_on(action: Action, found: Instance) -> str:
    return f"The {action.name} of {found.name} goes on by itself; look with `space instance show {found.instance_id}`."


def _unfinished(action: Action, found: Instance) -> SpaceError:
    return SpaceError(
        "not_done_yet",
        f"{found.name} is still {status_text(found.status)} after {LIMIT_SECONDS / 60:.0f} minutes.",
        hint=_goes_on(action, found),
    )


def _otherwise(action: Action, found: Instance) -> SpaceError:
    why = f": {found.reason}" if found.reason else "."
    return SpaceError(
        found.code or f"{action.name}_failed",
        f"The {action.name} of {found.name} did not go as asked: it is {status_text(found.status)} now{why}",
        hint=f"`space instance show {found.instance_id}` shows what can be done, `space instance log "
        f"{found.instance_id}` what happened.",
    )
