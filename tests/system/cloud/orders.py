"""What owners want in a long story of restores to the cloud, all from one seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal
from uuid import UUID

Fate = Literal["restored", "given up", "cancelled", "returned while it restores"]
FATES: Sequence[Fate] = ("restored", "given up", "cancelled", "returned while it restores")
# By the names of the sandbox's cards; the first is everybody's default.
CARDS = (
    "visa",
    "declines",
    "authorise_answer_lost",
    "authorise_lost",
    "capture_answer_lost",
    "void_answer_lost",
    "late",
    "webhooks_twice",
)
WAITING = ("quoted", "authorising", "provisioning", "installing")


@dataclass(frozen=True)
class Order:
    """One restore that somebody wants.

    Args:
        key: With which it is ordered, however often.
        owner: The place of its owner among all.
        card: What is tried first; after a refusal it is the default one.
        fate: What its owner means to do; trouble may have it otherwise.
        cancelled_in: The first state in which a cancelled one is called off.
        wrong_passwords: How many wrong ones are sent before the right one.
        is_kept: Whether its instance is not given back when all is there.
    """

    key: UUID
    owner: int
    name: str
    card: str
    fate: Fate
    cancelled_in: str
    wrong_passwords: int
    is_kept: bool


def write(random: Random, owners: int, count: int, kept: int) -> list[Order]:
    """The orders of a story; the first ones have one of each kind, so that also a short story has them."""
    return [_order(random, owners, number, kept) for number in range(count)]


def _order(random: Random, owners: int, number: int, kept: int) -> Order:
    owner = number % owners
    # Every eighth wants the name that the one before it of the same owner has, which may be free by then.
    named = number - owners if number % 8 == 7 and number >= owners else number
    fate = random.choices(FATES, (7, 2, 2, 1))[0]
    if 0 < number < len(FATES):
        fate = FATES[number]
    return Order(
        key=UUID(int=random.getrandbits(128), version=4),
        owner=owner,
        name=f"home{named}@olares.com",
        card=random.choice(CARDS) if random.random() < 0.5 else CARDS[0],
        fate=fate,
        cancelled_in=random.choice(WAITING),
        wrong_passwords=random.choices((0, 1, 2), (6, 3, 1))[0],
        is_kept=number < kept,
    )
