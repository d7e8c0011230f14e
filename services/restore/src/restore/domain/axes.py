"""What is known of a cloud restore's money, its machine and its files, apart from how far its order has come.

Each axis follows what others say of it, in whatever order that arrives: what the table does not have says nothing new.
"""

from enum import StrEnum
from types import MappingProxyType


class Payment(StrEnum):
    """The order's money, as billing tells."""

    NONE = "none"
    ASKED = "asked"
    HELD = "held"
    REFUSED = "refused"
    RELEASE_ASKED = "void_asked"
    RELEASED = "released"
    CAPTURE_ASKED = "capture_asked"
    CAPTURED = "captured"
    BILLED = "billed"


class Compute(StrEnum):
    """The machine, as provisioning tells."""

    NONE = "none"
    RESERVED = "reserved"
    WANTED = "wanted"
    RUNNING = "running"
    ENROLLED = "enrolled"
    UNWANTED = "unwanted"
    GONE = "gone"


class Data(StrEnum):
    """The snapshot's files on the machine, as its agent tells."""

    NONE = "none"
    PARTIAL = "partial"
    WHOLE = "whole"


class Word(StrEnum):
    """What moves an axis: what we ask for, and what others answer."""

    # Money.
    ASK_HOLD = "ask_hold"
    HELD = "held"
    NOT_HELD = "not_held"
    ASK_RELEASE = "ask_release"
    RELEASED = "released"
    ASK_CAPTURE = "ask_capture"
    CAPTURED = "captured"
    BILLED = "billed"
    # The machine.
    RESERVE = "reserve"
    WANT = "want"
    RUNNING = "running"
    ENROLLED = "enrolled"
    RETURN = "return"
    GONE = "gone"
    # The files.
    BEGIN = "begin"
    FINISH = "finish"


PAYMENTS = MappingProxyType(
    {
        (Payment.NONE, Word.ASK_HOLD): Payment.ASKED,
        (Payment.REFUSED, Word.ASK_HOLD): Payment.ASKED,
        (Payment.ASKED, Word.HELD): Payment.HELD,
        (Payment.ASKED, Word.NOT_HELD): Payment.REFUSED,
        # Billing lets go of what nobody took in a day, whether it knew by then that it was held or not.
        (Payment.ASKED, Word.RELEASED): Payment.RELEASED,
        (Payment.HELD, Word.RELEASED): Payment.RELEASED,
        (Payment.HELD, Word.NOT_HELD): Payment.REFUSED,
        # Also before it is known whether it is held: billing lets go of it when that is.
        (Payment.ASKED, Word.ASK_RELEASE): Payment.RELEASE_ASKED,
        (Payment.HELD, Word.ASK_RELEASE): Payment.RELEASE_ASKED,
        (Payment.RELEASE_ASKED, Word.RELEASED): Payment.RELEASED,
        (Payment.RELEASE_ASKED, Word.NOT_HELD): Payment.RELEASED,
        # Taken by hand at the card's provider before its time: it is in the owner's balance, and nothing is held.
        (Payment.ASKED, Word.CAPTURED): Payment.RELEASED,
        (Payment.HELD, Word.CAPTURED): Payment.RELEASED,
        (Payment.RELEASE_ASKED, Word.CAPTURED): Payment.RELEASED,
        (Payment.HELD, Word.ASK_CAPTURE): Payment.CAPTURE_ASKED,
        # What was delivered is owed, whatever became of the hold.
        (Payment.RELEASED, Word.ASK_CAPTURE): Payment.CAPTURE_ASKED,
        (Payment.REFUSED, Word.ASK_CAPTURE): Payment.CAPTURE_ASKED,
        (Payment.CAPTURE_ASKED, Word.CAPTURED): Payment.CAPTURED,
        # The hold was gone, or less than a card can be charged: the invoice stands, and billing collects it.
        (Payment.CAPTURE_ASKED, Word.BILLED): Payment.BILLED,
        (Payment.CAPTURE_ASKED, Word.RELEASED): Payment.BILLED,
        (Payment.CAPTURE_ASKED, Word.NOT_HELD): Payment.BILLED,
    }
)

COMPUTE = MappingProxyType(
    {
        (Compute.NONE, Word.RESERVE): Compute.RESERVED,
        (Compute.NONE, Word.WANT): Compute.WANTED,
        (Compute.RESERVED, Word.WANT): Compute.WANTED,
        (Compute.WANTED, Word.RUNNING): Compute.RUNNING,
        # The agent may be heard of before its machine is.
        (Compute.WANTED, Word.ENROLLED): Compute.ENROLLED,
        (Compute.RUNNING, Word.ENROLLED): Compute.ENROLLED,
        (Compute.RESERVED, Word.RETURN): Compute.UNWANTED,
        (Compute.WANTED, Word.RETURN): Compute.UNWANTED,
        (Compute.RUNNING, Word.RETURN): Compute.UNWANTED,
        (Compute.ENROLLED, Word.RETURN): Compute.UNWANTED,
        (Compute.RESERVED, Word.GONE): Compute.GONE,
        (Compute.WANTED, Word.GONE): Compute.GONE,
        (Compute.RUNNING, Word.GONE): Compute.GONE,
        (Compute.ENROLLED, Word.GONE): Compute.GONE,
        (Compute.UNWANTED, Word.GONE): Compute.GONE,
        # Another one, under an id of its own.
        (Compute.GONE, Word.RESERVE): Compute.RESERVED,
        (Compute.GONE, Word.WANT): Compute.WANTED,
    }
)

DATA = MappingProxyType(
    {
        (Data.NONE, Word.BEGIN): Data.PARTIAL,
        (Data.NONE, Word.FINISH): Data.WHOLE,
        (Data.PARTIAL, Word.FINISH): Data.WHOLE,
    }
)

SETTLED = frozenset({Payment.NONE, Payment.REFUSED, Payment.RELEASED, Payment.CAPTURED, Payment.BILLED})
"""Nothing is held, and no answer is waited for."""
GONE = frozenset({Compute.NONE, Compute.GONE})
"""No machine exists, and none will."""
