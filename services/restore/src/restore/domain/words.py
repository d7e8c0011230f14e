"""What owners read about their restores to the cloud."""

from types import MappingProxyType

from restore.domain.order import State

NAMES = MappingProxyType(
    {state: state.replace("_", " ") for state in State}
    | {
        State.QUOTING: "being quoted",
        State.AUTHORISING: "waiting for its payment",
        State.PROVISIONING: "waiting for its machine",
        State.INSTALLING: "waiting for its machine to be installed",
        State.AWAITING_PASSWORD: "waiting for its password",
        State.VERIFYING_PASSWORD: "having its password checked",
        State.RESTORING: "being restored",
        State.VALIDATING: "being checked",
        State.CAPTURING: "being paid",
        State.UNDOING: "being undone",
        State.NEEDS_OPERATOR: "waiting for an operator",
    }
)
"""A state as it stands in a sentence: "This restore is …"."""

USE_CHARGED = "The time the machine ran is charged."
