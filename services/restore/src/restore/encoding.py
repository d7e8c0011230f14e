"""Bytes as JSON bodies have them: base64url without padding (RFC 4648, 5)."""

import base64


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes; a text whose length no bytes have loses its last character."""
    usable = text[:-1] if len(text) % 4 == 1 else text
    return base64.urlsafe_b64decode(usable + "=" * (-len(usable) % 4))
