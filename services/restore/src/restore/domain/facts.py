"""What may become known of a restore to the cloud, and what is asked of others then."""

from enum import StrEnum


class Fact(StrEnum):
    """What became known."""

    # Calls that were answered, and what the owner asked for.
    QUOTED = "quoted"
    QUOTE_REFUSED = "quote_refused"
    NAME_RESERVED = "name_reserved"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    PASSWORD_SEALED = "password_sealed"  # noqa: S105
    # Billing.
    MONEY_HELD = "money_held"
    MONEY_NOT_HELD = "money_not_held"
    MONEY_CAPTURED = "money_captured"
    MONEY_BILLED = "money_billed"
    MONEY_RELEASED = "money_released"
    # Provisioning.
    MACHINE_RUNNING = "machine_running"
    AGENT_ENROLLED = "agent_enrolled"
    MACHINE_LOST = "machine_lost"
    MACHINE_REFUSED = "machine_refused"
    MACHINE_TAKEN_BACK = "machine_taken_back"
    # The agent.
    KEY_OFFERED = "key_offered"
    PASSWORD_RIGHT = "password_right"  # noqa: S105
    PASSWORD_WRONG = "password_wrong"  # noqa: S105
    PASSWORDS_OVER = "passwords_over"
    DATA_VALIDATING = "data_validating"
    DATA_USABLE = "data_usable"
    DATA_FAILED = "data_failed"
    # The rest.
    BACKUP_DELETED = "backup_deleted"
    TIME_OVER = "time_over"
    ASKED_OFTEN = "asked_often"
    REDRIVEN = "redriven"


class Effect(StrEnum):
    """What is asked of others."""

    HOLD_MONEY = "hold_money"
    CAPTURE_MONEY = "capture_money"
    CAPTURE_USE = "capture_use"
    RELEASE_MONEY = "release_money"
    WANT_MACHINE = "want_machine"
    RETURN_MACHINE = "return_machine"
    REQUIRE_PASSWORD = "require_password"  # noqa: S105
