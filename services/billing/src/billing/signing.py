"""Signs quotes, so that an owner can prove what was promised: compact JWS (RFC 7515), Ed25519 (RFC 9864)."""

import base64
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import KeySet, OKPKey
from pydantic_core import to_json

ALGORITHM = "Ed25519"
TYPE = "space-quote+jws"


@lru_cache(maxsize=4)
def _key(seed: str) -> OKPKey:
    secret = bytes.fromhex(seed)
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    numbers = {"kty": "OKP", "crv": "Ed25519", "d": _encode(secret), "x": _encode(public)}
    key = OKPKey.import_key({**numbers, "alg": ALGORITHM, "use": "sig"})
    key.ensure_kid()
    return key


def sign(seed: str, terms: dict[str, Any]) -> str:
    """The terms as a token; ``seed`` is 32 bytes in hexadecimal."""
    key = _key(seed)
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}
    return jws.serialize_compact(header, to_json(terms), key, algorithms=[ALGORITHM])


def public_keys(seed: str) -> dict[str, Any]:
    """The key set (RFC 7517) that anybody can verify quotes with."""
    return dict(KeySet([_key(seed)]).as_dict(private=False))


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
