"""What the agent of a restore's instance may report."""

from enum import StrEnum


class AgentState(StrEnum):
    """What an agent reports."""

    PASSWORD_WRONG = "password_wrong"  # noqa: S105
    RESTORING = "restoring"
    VALIDATING = "validating"
    USABLE = "usable"
    FAILED = "failed"
