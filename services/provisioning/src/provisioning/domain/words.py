"""What owners read about their instances."""

from types import MappingProxyType

from provisioning.domain.lifecycle import Status

WORDS = MappingProxyType(
    {
        Status.UNPAID: "The name is kept until the order is paid.",
        Status.QUEUING: "Waiting to ask the provider for a machine.",
        Status.FETCHING: "Asking the provider for a machine.",
        Status.PENDING: "The machine is made and starts.",
        Status.INSTALLING: "Installing.",
        Status.RESTORING: "Restoring.",
        Status.RESTORE_ERROR: "The restore could not be done.",
        Status.PENDING_ACTIVATION: "Waiting to be activated.",
        Status.RUNNING: "Running.",
        Status.STOPPING: "Stopping.",
        Status.STOPPED: "Stopped.",
        Status.STARTING: "Starting.",
        Status.RESTARTING: "Restarting.",
        Status.ERRORED: "Something is wrong with it.",
        Status.DESTROYING: "Being returned: the machine and everything on it is deleted.",
        Status.DESTROYED: "Returned: the machine is gone.",
        Status.CANCELED: "Canceled: there is no machine.",
    }
)

NAMES = MappingProxyType({status: status.replace("_", " ") for status in Status})
"""A status as it stands in a sentence."""


def moved(status: Status, reason: str | None) -> str:
    """The line of the log that goes with a move."""
    return WORDS[status] if reason is None else f"{WORDS[status]} {reason}"
