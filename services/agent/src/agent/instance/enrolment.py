"""The first thing an agent does: show its one-time secret and say which key it will sign with."""

from agent.errors import ExitCode, SpaceError
from agent.instance.config import InstanceConfig
from agent.instance.kept import State
from agent.instance.patience import Patience
from agent.instance.server import CallFailed, Refused, Server

_FINAL = {
    "enrolment_refused": "The enrolment secret is not this instance's.",
    "enrolment_spent": "The enrolment secret was used before, with another key pair than the one in this folder.",
    "enrolment_expired": "The time to use the enrolment secret is over.",
    "instance_over": "The instance is over.",
}


class EnrolmentRefused(SpaceError):
    """Asking again would change nothing."""

    exit_code = ExitCode.REFUSED


async def enrol(config: InstanceConfig, server: Server, state: State, patience: Patience, agent_version: str) -> None:
    """Enrol, however long that takes; with the same key pair it may be repeated, so a lost answer does no harm.

    Raises:
        EnrolmentRefused: The server will never let this agent in.
    """
    while True:
        try:
            told = await server.enrol(config.enrolment_secret.get_secret_value(), agent_version)
        except CallFailed as error:
            if isinstance(error, Refused) and error.code in _FINAL:
                raise EnrolmentRefused(
                    error.code,
                    f"This machine cannot enrol as instance {config.instance_id}: {_FINAL[error.code]}",
                    hint="Return the instance and order another one.",
                ) from error
            await patience.after(error)
            continue
        patience.over()
        state.change(enrolled=True, heartbeat_seconds=told.heartbeat_seconds)
        return
