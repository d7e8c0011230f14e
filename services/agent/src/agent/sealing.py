"""Sealing a backup password for the one agent that needs it, so that the servers between can only pass it on.

HPKE in base mode (RFC 9180) with X25519, HKDF-SHA256 and AES-256-GCM and no associated data. What it is sealed for goes
into the key derivation, so that a sealed password opens for one restore, one instance and one round only.
"""

import base64
import binascii
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

PUBLIC_KEY_BYTES = 32

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_CONTEXT = b"space restore password v1\0"


class NotOpened(ValueError):
    """Sealed with another key, for something else, or not sealed at all."""


class Sealing:
    """A key pair for one round; its private half is nowhere but in this object."""

    def __init__(self, private_key: X25519PrivateKey | None = None) -> None:
        self._private_key = private_key or X25519PrivateKey.generate()

    @property
    def public_key(self) -> str:
        """32 bytes in base64url."""
        return _encode(self._private_key.public_key().public_bytes_raw())

    def open(self, sealed: str, *, restore_id: UUID, instance_id: UUID, round: int) -> bytes:  # noqa: A002
        """What `seal` was given.

        Raises:
            NotOpened: It was not sealed for exactly this.
        """
        try:
            return _SUITE.decrypt(_decode(sealed), self._private_key, sealed_for(restore_id, instance_id, round))
        except (InvalidTag, ValueError) as error:
            raise NotOpened("The sealed password does not open.") from error


def seal(
    password: bytes,
    public_key: bytes,
    *,
    restore_id: UUID,
    instance_id: UUID,
    round: int,  # noqa: A002
) -> str:
    """A password sealed to an agent's public key (32 bytes), in base64url.

    Raises:
        ValueError: That is no public key.
    """
    recipient = X25519PublicKey.from_public_bytes(public_key)
    return _encode(_SUITE.encrypt(password, recipient, sealed_for(restore_id, instance_id, round)))


def sealed_for(restore_id: UUID, instance_id: UUID, round: int) -> bytes:  # noqa: A002
    """HPKE's `info`: what a password is sealed for."""
    return _CONTEXT + f"{restore_id}/{instance_id}/{round}".encode("ascii")


def read_public_key(text: str) -> bytes:
    """The 32 bytes of a public key in base64url.

    Raises:
        ValueError: It is none.
    """
    key = _decode(text)
    if len(key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"a public key of {len(key)} bytes")
    return key


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    """base64url without padding, and nothing beside it.

    Raises:
        ValueError: It is not that.
    """
    if not text.isascii() or "=" in text or "+" in text or "/" in text:
        raise ValueError("not base64url without padding")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url without padding") from error
