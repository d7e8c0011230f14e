"""The payment provider, in billing's words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Standing(StrEnum):
    """How a charge stands with its provider."""

    AUTHORISED = "authorised"
    CAPTURED = "captured"
    VOIDED = "voided"
    FAILED = "failed"
    EXPIRED = "expired"
    PENDING = "pending"
    """The provider has it and has not decided."""


class RefundStanding(StrEnum):
    REFUNDED = "refunded"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True)
class Charge:
    """What the provider knows of one payment of ours.

    Args:
        reference: The provider's id of it; null when it was refused before it got one.
        code: Why it failed, in the closed list of `billing.domain.payments.FailureCode`; null unless it did.
        captured_minor: What was taken, in minor units; 0 unless captured.
    """

    reference: str | None
    standing: Standing
    amount_minor: int
    captured_minor: int
    currency: str
    code: str | None = None


@dataclass(frozen=True)
class Refund:
    reference: str
    standing: RefundStanding
    amount_minor: int


@dataclass(frozen=True)
class ChargeWanted:
    """Money to be held. ``payment_id`` is ours, and the idempotency key of everything done about it."""

    payment_id: UUID
    owner_id: UUID
    customer: str | None
    method: str
    amount_minor: int
    currency: str
    description: str


@dataclass(frozen=True)
class SavedMethod:
    """A card as far as we keep it: the provider's token for it and what an owner recognises it by."""

    customer: str | None
    token: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True)
class Card:
    """A card's number as it was typed, for a provider that takes it from us (the sandbox)."""

    number: str
    exp_month: int
    exp_year: int
    cvc: str

    def __repr__(self) -> str:
        return "Card(…)"


@dataclass(frozen=True)
class Notice:
    """A webhook that proved to be the provider's: which of our payments it is about. A hint to ask, never believed."""

    event_id: str
    kind: str
    payment_id: UUID | None
    sent_at: datetime


class Unanswered(Exception):
    """The provider did not answer in time, or not sensibly: what was asked may have been done, or not."""


class MethodRefused(Exception):
    """The card or token cannot be saved; ``code`` of the closed list, and a sentence for the owner."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class ChargeRefused(Exception):
    """The provider answered that this cannot be done in the charge's standing; ask `find` how it stands."""


class WebhookRefused(Exception):
    """Not the provider's: no signature, a wrong one, or an old one."""


class PaymentProvider(Protocol):
    """Moves money. Each call has a deadline, and raises `Unanswered` when nothing certain came back.

    Calling again with the same ids and amounts does nothing twice: the provider answers how the thing stands now.
    Calling again with the same ids and other amounts is refused (`ChargeRefused`).
    """

    name: str

    async def save_method(
        self, owner_id: UUID, customer: str | None, card: Card | None, token: str | None
    ) -> SavedMethod:
        """Keep a card for later charges. Raises MethodRefused, Unanswered."""
        ...

    async def forget_method(self, method: SavedMethod) -> None:
        """The card may not be charged again; forgetting twice is fine. Raises Unanswered."""
        ...

    async def authorise(self, wanted: ChargeWanted) -> Charge:
        """Hold the amount; a refusal of the card is a charge that FAILED, not an exception.

        Raises Unanswered, and ChargeRefused only for an id that was used with other terms.
        """
        ...

    async def capture(self, payment_id: UUID, reference: str, amount_minor: int) -> Charge:
        """Take so much of what is held, release the rest. Raises Unanswered, ChargeRefused."""
        ...

    async def void(self, payment_id: UUID, reference: str) -> Charge:
        """Release what is held. Raises Unanswered, ChargeRefused."""
        ...

    async def refund(self, refund_id: UUID, reference: str, amount_minor: int) -> Refund:
        """Give back so much of what was taken; ``refund_id`` is the idempotency key. Raises Unanswered, ChargeRefused.

        A refund that is PENDING is asked about by calling again.
        """
        ...

    async def find(self, payment_id: UUID, customer: str | None, reference: str | None) -> Charge | None:
        """How a payment stands; None when the provider never heard of it. Raises Unanswered.

        Args:
            customer: As the payment was asked for with; where the provider looks when there is no reference.
        """
        ...

    def read_webhook(self, body: bytes, headers: dict[str, str], now: datetime) -> Notice:
        """Verify and read a webhook; unknown kinds are read too. Raises WebhookRefused."""
        ...
