"""The life of an instance: its statuses, what moves it, and what its owner may ask of it in each."""

from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    """In the words of the original product, which shows them with spaces and capitals."""

    UNPAID = "unpaid"
    QUEUING = "queuing"
    FETCHING = "fetching"
    PENDING = "pending"
    INSTALLING = "installing"
    RESTORING = "restoring"
    RESTORE_ERROR = "restore_error"
    PENDING_ACTIVATION = "pending_activation"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    RESTARTING = "restarting"
    ERRORED = "errored"
    DESTROYING = "destroying"
    DESTROYED = "destroyed"
    CANCELED = "canceled"


class Trigger(StrEnum):
    # Before there is a machine.
    WANT = "want"
    CALL = "call"
    WAIT = "wait"
    OBTAIN = "obtain"
    GIVE_UP = "give_up"
    # What the agent on the machine says it is doing.
    INSTALL = "install"
    RESTORE = "restore"
    FAIL_RESTORE = "fail_restore"
    AWAIT_ACTIVATION = "await_activation"
    RUN = "run"
    # What the owner asks for, and what the driver has confirmed.
    STOP = "stop"
    CONFIRM_STOP = "confirm_stop"
    START = "start"
    RESTART = "restart"
    BREAK = "break"
    RETURN = "return"
    CONFIRM_END = "confirm_end"
    LOSE = "lose"


class Cause(StrEnum):
    """Why an instance was returned: its owner wanted that, or who had wanted it, or its provider lost its machine."""

    OWNER = "owner"
    UNWANTED = "unwanted"
    LOST = "lost"


TRANSITIONS = MappingProxyType(
    {
        (Status.UNPAID, Trigger.WANT): Status.QUEUING,
        (Status.UNPAID, Trigger.GIVE_UP): Status.CANCELED,
        (Status.UNPAID, Trigger.RETURN): Status.CANCELED,
        (Status.QUEUING, Trigger.CALL): Status.FETCHING,
        (Status.QUEUING, Trigger.GIVE_UP): Status.CANCELED,
        # Queuing means for certain that no machine exists: nothing is to be ended.
        (Status.QUEUING, Trigger.RETURN): Status.CANCELED,
        (Status.FETCHING, Trigger.OBTAIN): Status.PENDING,
        # The provider refused, or has proved not to have made a machine: the same call may be made again.
        (Status.FETCHING, Trigger.WAIT): Status.QUEUING,
        (Status.FETCHING, Trigger.GIVE_UP): Status.CANCELED,
        # A machine may exist or still come into being: it is looked for until that is certain.
        (Status.FETCHING, Trigger.RETURN): Status.DESTROYING,
        (Status.PENDING, Trigger.INSTALL): Status.INSTALLING,
        # A report may be lost, so a later one may skip what the lost one would have said.
        (Status.PENDING, Trigger.RESTORE): Status.RESTORING,
        (Status.PENDING, Trigger.FAIL_RESTORE): Status.RESTORE_ERROR,
        (Status.PENDING, Trigger.AWAIT_ACTIVATION): Status.PENDING_ACTIVATION,
        (Status.PENDING, Trigger.RUN): Status.RUNNING,
        (Status.PENDING, Trigger.BREAK): Status.ERRORED,
        (Status.PENDING, Trigger.RETURN): Status.DESTROYING,
        (Status.PENDING, Trigger.LOSE): Status.DESTROYED,
        (Status.INSTALLING, Trigger.RESTORE): Status.RESTORING,
        (Status.INSTALLING, Trigger.FAIL_RESTORE): Status.RESTORE_ERROR,
        (Status.INSTALLING, Trigger.AWAIT_ACTIVATION): Status.PENDING_ACTIVATION,
        (Status.INSTALLING, Trigger.RUN): Status.RUNNING,
        (Status.INSTALLING, Trigger.RESTART): Status.RESTARTING,
        (Status.INSTALLING, Trigger.BREAK): Status.ERRORED,
        (Status.INSTALLING, Trigger.RETURN): Status.DESTROYING,
        (Status.INSTALLING, Trigger.LOSE): Status.DESTROYED,
        (Status.RESTORING, Trigger.INSTALL): Status.INSTALLING,
        (Status.RESTORING, Trigger.FAIL_RESTORE): Status.RESTORE_ERROR,
        (Status.RESTORING, Trigger.AWAIT_ACTIVATION): Status.PENDING_ACTIVATION,
        (Status.RESTORING, Trigger.RUN): Status.RUNNING,
        (Status.RESTORING, Trigger.RESTART): Status.RESTARTING,
        (Status.RESTORING, Trigger.BREAK): Status.ERRORED,
        (Status.RESTORING, Trigger.RETURN): Status.DESTROYING,
        (Status.RESTORING, Trigger.LOSE): Status.DESTROYED,
        (Status.RESTORE_ERROR, Trigger.INSTALL): Status.INSTALLING,
        (Status.RESTORE_ERROR, Trigger.RESTORE): Status.RESTORING,
        (Status.RESTORE_ERROR, Trigger.AWAIT_ACTIVATION): Status.PENDING_ACTIVATION,
        (Status.RESTORE_ERROR, Trigger.RUN): Status.RUNNING,
        (Status.RESTORE_ERROR, Trigger.STOP): Status.STOPPING,
        (Status.RESTORE_ERROR, Trigger.RESTART): Status.RESTARTING,
        (Status.RESTORE_ERROR, Trigger.BREAK): Status.ERRORED,
        (Status.RESTORE_ERROR, Trigger.RETURN): Status.DESTROYING,
        (Status.RESTORE_ERROR, Trigger.LOSE): Status.DESTROYED,
        (Status.PENDING_ACTIVATION, Trigger.RUN): Status.RUNNING,
        (Status.PENDING_ACTIVATION, Trigger.STOP): Status.STOPPING,
        (Status.PENDING_ACTIVATION, Trigger.RESTART): Status.RESTARTING,
        (Status.PENDING_ACTIVATION, Trigger.BREAK): Status.ERRORED,
        (Status.PENDING_ACTIVATION, Trigger.RETURN): Status.DESTROYING,
        (Status.PENDING_ACTIVATION, Trigger.LOSE): Status.DESTROYED,
        (Status.RUNNING, Trigger.STOP): Status.STOPPING,
        (Status.RUNNING, Trigger.RESTART): Status.RESTARTING,
        (Status.RUNNING, Trigger.BREAK): Status.ERRORED,
        (Status.RUNNING, Trigger.RETURN): Status.DESTROYING,
        (Status.RUNNING, Trigger.LOSE): Status.DESTROYED,
        (Status.STOPPING, Trigger.CONFIRM_STOP): Status.STOPPED,
        (Status.STOPPING, Trigger.RETURN): Status.DESTROYING,
        (Status.STOPPING, Trigger.LOSE): Status.DESTROYED,
        (Status.STOPPED, Trigger.START): Status.STARTING,
        (Status.STOPPED, Trigger.RETURN): Status.DESTROYING,
        (Status.STOPPED, Trigger.LOSE): Status.DESTROYED,
        # Started again, an instance is what its agent says it is doing.
        (Status.STARTING, Trigger.INSTALL): Status.INSTALLING,
        (Status.STARTING, Trigger.RESTORE): Status.RESTORING,
        (Status.STARTING, Trigger.FAIL_RESTORE): Status.RESTORE_ERROR,
        (Status.STARTING, Trigger.AWAIT_ACTIVATION): Status.PENDING_ACTIVATION,
        (Status.STARTING, Trigger.RUN): Status.RUNNING,
        (Status.STARTING, Trigger.BREAK): Status.ERRORED,
        (Status.STARTING, Trigger.RETURN): Status.DESTROYING,
        (Status.STARTING, Trigger.LOSE): Status.DESTROYED,
        (Status.RESTARTING, Trigger.INSTALL): Status.INSTALLING,
        (Status.RESTARTING, Trigger.RESTORE): Status.RESTORING,
        (Status.RESTARTING, Trigger.FAIL_RESTORE): Status.RESTORE_ERROR,
        (Status.RESTARTING, Trigger.AWAIT_ACTIVATION): Status.PENDING_ACTIVATION,
        (Status.RESTARTING, Trigger.RUN): Status.RUNNING,
        (Status.RESTARTING, Trigger.BREAK): Status.ERRORED,
        (Status.RESTARTING, Trigger.RETURN): Status.DESTROYING,
        (Status.RESTARTING, Trigger.LOSE): Status.DESTROYED,
        # An agent that was silent and is heard again tells how the instance is.
        (Status.ERRORED, Trigger.INSTALL): Status.INSTALLING,
        (Status.ERRORED, Trigger.RESTORE): Status.RESTORING,
        (Status.ERRORED, Trigger.FAIL_RESTORE): Status.RESTORE_ERROR,
        (Status.ERRORED, Trigger.AWAIT_ACTIVATION): Status.PENDING_ACTIVATION,
        (Status.ERRORED, Trigger.RUN): Status.RUNNING,
        (Status.ERRORED, Trigger.STOP): Status.STOPPING,
        (Status.ERRORED, Trigger.RESTART): Status.RESTARTING,
        (Status.ERRORED, Trigger.RETURN): Status.DESTROYING,
        (Status.ERRORED, Trigger.LOSE): Status.DESTROYED,
        (Status.DESTROYING, Trigger.CONFIRM_END): Status.DESTROYED,
    }
)

TERMINAL = frozenset(Status) - {source for source, _ in TRANSITIONS}

HAS_MACHINE = frozenset(source for source, trigger in TRANSITIONS if trigger is Trigger.LOSE)
"""A machine exists, as far as is known; the sweep misses it when the provider does not list it."""

HEARD = frozenset(
    {Status.INSTALLING, Status.RESTORING, Status.RESTORE_ERROR, Status.PENDING_ACTIVATION, Status.RUNNING}
)
"""An agent is expected to be heard."""

OWNERS = (Trigger.RESTART, Trigger.STOP, Trigger.START, Trigger.RETURN)
"""What an owner may ask for, where the table has it."""

RESERVED = timedelta(hours=25)
"""How long a name is kept for an order that is not paid: a first bill lives 24 hours, and its word needs some time."""
QUEUED = timedelta(minutes=15)
"""How long a machine is asked for, before it is said that none can be had."""
BOOT = timedelta(minutes=30)
"""How long a machine may take, from being made or started, until its agent is heard."""
SILENCE = timedelta(minutes=5)
"""How long an agent may be silent before its instance counts as errored."""
UNCERTAIN = timedelta(hours=1)
"""How long a provider may fail to say what it has made or ended, before an operator is called."""


class IllegalTransition(Exception):
    """The table has no such move."""

    def __init__(self, status: Status, trigger: Trigger) -> None:
        super().__init__(f"an instance that is {status} does not {trigger}")
        self.status = status
        self.trigger = trigger


def next_status(status: Status, trigger: Trigger) -> Status:
    """The status a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    try:
        return TRANSITIONS[status, trigger]
    except KeyError:
        raise IllegalTransition(status, trigger) from None


def actions(status: Status) -> list[Trigger]:
    """What its owner may ask of an instance in this status."""
    return [trigger for trigger in OWNERS if (status, trigger) in TRANSITIONS]
