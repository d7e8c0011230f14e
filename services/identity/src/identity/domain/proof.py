"""What makes a sign-in proof good: a compact JWS, signed by the DID's key, for us, now, over a nonce of ours."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from identity.domain.did import NotADidKey, decode_did

MAX_AGE = timedelta(seconds=120)
MAX_AHEAD = timedelta(seconds=30)
MAX_LENGTH = 4096
HEADERS = frozenset({"alg", "kid", "typ"})
NONCE = re.compile(r"[A-Za-z0-9_-]{16,128}")


class _Algorithms(jws.JWSRegistry):
    """Two names of one algorithm: for a key on Ed25519, "EdDSA" (RFC 8037) is what RFC 9864 calls "Ed25519".

    A registry of our own because joserfc's accepts "EdDSA" for other curves as well and so warns of it.
    """

    algorithms = dict.fromkeys(("EdDSA", "Ed25519"), jws.JWSRegistry.algorithms["Ed25519"])


_ALGORITHMS = _Algorithms(algorithms=["EdDSA", "Ed25519"])


class ProofRefused(ValueError):
    """The proof is not good, and never was for us."""


class ProofOutOfTime(ValueError):
    """The proof is good but for its time.

    Args:
        ahead: How far the proof's time is ahead of ours; negative when it is behind.
    """

    def __init__(self, ahead: timedelta) -> None:
        super().__init__(f"the proof's time is {ahead} ahead of ours")
        self.ahead = ahead


@dataclass(frozen=True)
class Proof:
    """What a good proof says. The nonce is still to be spent."""

    did: str
    nonce: str


def read_proof(text: str, *, audience: str, now: datetime) -> Proof:
    """Whose proof it is.

    Args:
        text: Compact JWS; header ``alg`` and ``kid`` (``<did>#<the did's last part>``), payload ``iss`` (the DID),
            ``aud``, ``nonce`` and ``iat`` (whole seconds since the epoch).
        audience: Our origin, without a trailing slash.

    Raises:
        ProofRefused: If it is malformed, forged, of another key than it says, or for another audience.
        ProofOutOfTime: If its signature is good and it was made more than 120 s ago or 30 s ahead.
    """
    did, claims = open_signed(text)
    if claims.get("iss") != did:
        raise ProofRefused("`iss` is not the DID of the key that signed")
    if claims.get("aud") != audience:
        raise ProofRefused(f"`aud` is not {audience}")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not NONCE.fullmatch(nonce):
        raise ProofRefused("`nonce` is not one of ours")
    ahead = _instant(claims.get("iat")) - now
    if not -MAX_AGE <= ahead <= MAX_AHEAD:
        raise ProofOutOfTime(ahead)
    return Proof(did, nonce)


def open_signed(text: str) -> tuple[str, dict[str, object]]:
    """Whose key signed a compact JWS, and what.

    Args:
        text: Header ``alg`` and ``kid`` (``<did>#<the did's last part>``), payload a JSON object.

    Raises:
        ProofRefused: If it is malformed, forged, or of another key than it says.
    """
    signed, did = _open(text)
    return did, _json_object(_verify(signed, did))


def _open(text: str) -> tuple[jws.CompactSignature, str]:
    """The parts of the JWS, and the DID it says it is of; nothing is verified yet."""
    if len(text) > MAX_LENGTH or not text.isascii():
        raise ProofRefused("it is not a compact JWS")
    try:
        signed = jws.extract_compact(text.encode(), registry=_ALGORITHMS)
        header = signed.headers()
    # A header that is JSON but no object, or nested beyond reason, trips joserfc in these other ways.
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ProofRefused("it is not a compact JWS") from error
    if not isinstance(header, dict) or not header.keys() <= HEADERS:
        raise ProofRefused("its header holds more than `alg`, `kid` and `typ`")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise ProofRefused("its header names no `kid`")
    did, _, fragment = kid.partition("#")
    if fragment != did.removeprefix("did:key:"):
        raise ProofRefused("`kid` is not of the form did:key:z…#z…")
    return signed, did


def _verify(signed: jws.CompactSignature, did: str) -> bytes:
    """The payload, once the DID's key is known to have signed it."""
    try:
        key = OKPKey.import_key(Ed25519PublicKey.from_public_bytes(decode_did(did)))
        good = jws.validate_compact(signed, key, registry=_ALGORITHMS)
    except NotADidKey as error:
        raise ProofRefused("`kid` is not a did:key of an Ed25519 key") from error
    except (JoseError, ValueError, TypeError) as error:
        raise ProofRefused("`alg` is neither EdDSA nor Ed25519") from error
    if not good or signed.payload is None:
        raise ProofRefused("the signature is not by the key of `kid`")
    return signed.payload


def _json_object(payload: bytes) -> dict[str, object]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProofRefused("its payload is not JSON") from error
    if not isinstance(claims, dict):
        raise ProofRefused("its payload is not a JSON object")
    return claims


def _instant(iat: object) -> datetime:
    # bool is an int to Python; and beyond year 9999 there is no datetime.
    if type(iat) is not int or not 0 <= iat < 253_402_300_800:
        raise ProofRefused("`iat` is not whole seconds since 1970")
    return datetime.fromtimestamp(iat, UTC)
