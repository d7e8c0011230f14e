"""When another password is taken after wrong ones."""

from datetime import timedelta
from enum import StrEnum

from restore.domain.order import WRONG_PASSWORDS


class Asked(StrEnum):
    """Why the password is asked for."""

    FIRST = "first"
    WRONG = "wrong"
    AGENT_RESTARTED = "agent_restarted"
    AGENT_SILENT = "agent_silent"


DELAYS_SECONDS = (0, 0, 5, 15, 30, 60, 120, 300, 600)
"""After the first wrong one, the second, …; a mistyped password costs no wait, guessing does."""

SEALED_OVERHEAD_BYTES = 48
"""An X25519 public key and an AES-GCM tag (RFC 9180)."""
LONGEST_SEALED_BYTES = 4096 + SEALED_OVERHEAD_BYTES


def delay(wrong: int) -> timedelta:
    """How long to wait after that many wrong passwords, at least one."""
    return timedelta(seconds=DELAYS_SECONDS[min(wrong, len(DELAYS_SECONDS)) - 1])


def attempts_left(wrong: int) -> int:
    return max(WRONG_PASSWORDS - wrong, 0)
