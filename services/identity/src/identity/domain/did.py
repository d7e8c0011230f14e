"""``did:key`` of Ed25519: an identifier that is its own public key (did:key method, W3C CCG, 2)."""

import base58

PREFIX = "did:key:z"
MULTICODEC_ED25519 = b"\xed\x01"
KEY_BYTES = 32
MAX_LENGTH = 64


class NotADidKey(ValueError):
    """It is not a ``did:key`` of an Ed25519 key in its one canonical form."""


def encode_did(public_key: bytes) -> str:
    """The DID of a public key.

    Raises:
        ValueError: If the key is not 32 bytes long.
    """
    if len(public_key) != KEY_BYTES:
        raise ValueError(f"an Ed25519 public key has {KEY_BYTES} bytes, this one {len(public_key)}")
    text: str = base58.b58encode(MULTICODEC_ED25519 + public_key).decode()
    return PREFIX + text


def decode_did(did: str) -> bytes:
    """The public key, 32 bytes, of a DID.

    Raises:
        NotADidKey: If it is of another method, of another kind of key, or written in another than the canonical way.
    """
    # Decoding takes time that grows with the square of the length.
    if not did.startswith(PREFIX) or len(did) > MAX_LENGTH:
        raise NotADidKey("not a did:key of an Ed25519 key")
    try:
        decoded: bytes = base58.b58decode(did.removeprefix(PREFIX))
    except ValueError as error:
        raise NotADidKey("not base58") from error
    key = decoded.removeprefix(MULTICODEC_ED25519)
    if len(key) != KEY_BYTES or len(decoded) != KEY_BYTES + len(MULTICODEC_ED25519) or encode_did(key) != did:
        raise NotADidKey("not a did:key of an Ed25519 key")
    return key
