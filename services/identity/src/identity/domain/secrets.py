"""The forms of what is shown once and kept only as a hash: tokens, nonces, invites, codes to type."""

import base64
import hashlib
import hmac
from typing import NewType

Digest = NewType("Digest", bytes)

SECRET_BYTES = 32
SEED_BYTES = 32
API_TOKEN_PREFIX = "spc_"  # noqa: S105  (a prefix by which scanners of source code find tokens)
REFRESH_TOKEN_PREFIX = "spr_"  # noqa: S105
INVITE_PREFIX = "spi_"
LINK_PREFIX = "spl_"
QR_PREFIX = "spq_"

# Crockford's base 32: no I, L, O or U, so nothing on it can be read as something else.
CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_BYTES = 10
_READ_AS = str.maketrans("OIL", "011", "- ")


def digest(secret: str) -> Digest:
    """What is kept of a secret. Unsalted is enough: none has less than 50 random bits, and those live 10 minutes."""
    return Digest(hashlib.sha256(secret.encode()).digest())


def render_secret(prefix: str, random: bytes) -> str:
    """A secret as its holder sees it: URL-safe, without padding."""
    return prefix + base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def succeed(refresh_token: str, seed: bytes) -> str:
    """The refresh token that follows another: neither the token nor the seed alone tells it.

    The same token and seed give the same successor, so that the answer to a refresh can be given twice without
    having been kept.
    """
    return render_secret(REFRESH_TOKEN_PREFIX, hmac.digest(seed, refresh_token.encode(), "sha256"))


def render_code(random: bytes) -> str:
    """A code that a person can read out and type: two groups of five, 50 bits.

    Args:
        random: 10 bytes, of which five bits each are used.
    """
    letters = [CODE_ALPHABET[byte % 32] for byte in random]
    return "".join(letters[:5]) + "-" + "".join(letters[5:])


def read_code(typed: str) -> str:
    """The code that was meant: any case, with or without the dash, O for 0 and I or L for 1."""
    return typed.strip().upper().translate(_READ_AS)
