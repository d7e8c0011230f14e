"""Which failures of restic are final for a restore on an instance, and which pass."""

import re

from agent.errors import (
    DiskFull,
    KeyMismatch,
    KeysExpired,
    RepositoryMissing,
    ResticError,
    SpaceError,
    StoreRefused,
    StoreUnreachable,
    WrongPassword,
)
from agent.instance.destination import TargetUnusable
from agent.instance.restore_calls import RestoreImpossible
from agent.restic import texts
from agent.restic.texts import Trouble

# The store may have sent it wrongly once; what is wrong again is wrong.
DAMAGED_TRIES = 2
# What restic says of a network is not always known for what it is.
UNEXPLAINED_TRIES = 20

# What restic says when it has read something else than was written, or nothing where there should be something.
_DAMAGE = re.compile(
    r"ciphertext verification failed|invalid data returned|hash does not match|decrypting blob|unexpected content in"
    r"|is too short|requested range|invalidrange|the specified key does not exist|nosuchkey"
    r"|not found in (index|repository)|<(data|index|snapshot)/\w+>\): open .*: no such file"
)
INCOMPLETE = "restore_incomplete"
DAMAGED = "What the store has of this snapshot is damaged or not whole, so it cannot be restored as it was."
UNEXPLAINED = "restic failed. What it says may name files, so it is not told."

_PASSING_TROUBLES = frozenset({Trouble.STORE, Trouble.KEYS_EXPIRED, Trouble.DENIED})
_DAMAGE_CODES = frozenset({"snapshot_missing", "snapshot_differs"})


def passes(error: SpaceError) -> bool:
    """Whether it is the store's or its keys', and so may go on for ever."""
    if isinstance(error, KeysExpired | StoreUnreachable | StoreRefused):
        return True
    return isinstance(error, ResticError) and texts.of_text(error.message) in _PASSING_TROUBLES


def in_words(error: SpaceError) -> str:
    """What may be told of a failure outside this machine: the names of its owner's files stay here."""
    if _is_damage(error):
        return DAMAGED
    if error.code == INCOMPLETE:
        return error.message.partition(":")[0] + "."
    if isinstance(error, ResticError) and not passes(error) and error.code == "restic_failed":
        return UNEXPLAINED
    return error.message


def impossible(error: SpaceError, tries: int) -> RestoreImpossible | None:
    """What the service is told when there is no use in another try; `tries` is how many have failed so."""
    reason = in_words(error)
    if passes(error):
        return None
    if isinstance(error, DiskFull | TargetUnusable):
        return RestoreImpossible(error.code, reason)
    if isinstance(error, RepositoryMissing | WrongPassword):
        return RestoreImpossible("restore_failed", reason)
    if _is_damage(error):
        return RestoreImpossible("snapshot_damaged", reason) if tries >= DAMAGED_TRIES else None
    return RestoreImpossible("restore_failed", reason) if tries >= UNEXPLAINED_TRIES else None


def _is_damage(error: SpaceError) -> bool:
    said = error.message.lower()
    return isinstance(error, KeyMismatch) or error.code in _DAMAGE_CODES or _DAMAGE.search(said) is not None
