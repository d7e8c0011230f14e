"""What an agent signs its requests with: a short JWT by its own key, for us, about its own instance."""

import json
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

TYPE = "agent+jwt"
LONGEST_SECONDS = 300
LEEWAY_SECONDS = 60
MAX_LENGTH = 2048

_ALGORITHMS = jws.JWSRegistry(algorithms=["Ed25519"])


class TokenRefused(ValueError):
    """The token does not show that this instance's agent asks, now and us."""


def verify(token: str, public_key: bytes, *, instance_id: UUID, audience: str, now: datetime) -> None:
    """Make sure that a request comes from an instance's agent.

    Args:
        token: Compact JWS; header ``alg`` (`Ed25519`) and ``typ`` (`agent+jwt`), claims ``iss`` and ``sub`` (the
            instance's id), ``aud``, ``iat`` and ``exp`` (whole seconds since the epoch, at most 300 apart).
        public_key: Ed25519, 32 bytes.
        audience: Our origin, without a trailing slash.

    Raises:
        TokenRefused: If it is malformed, of another key, kind, instance or audience, or its time is not now.
    """
    claims = _claims(_payload(token, public_key))
    if not claims.get("iss") == claims.get("sub") == str(instance_id):
        raise TokenRefused("`iss` and `sub` are not this instance")
    if claims.get("aud") != audience:
        raise TokenRefused(f"`aud` is not {audience}")
    begin, end = _seconds(claims.get("iat")), _seconds(claims.get("exp"))
    if not 0 < end - begin <= LONGEST_SECONDS:
        raise TokenRefused(f"`exp` is not within {LONGEST_SECONDS} seconds after `iat`")
    if not begin - LEEWAY_SECONDS <= now.timestamp() < end + LEEWAY_SECONDS:
        raise TokenRefused("its time is not now")


def _payload(token: str, public_key: bytes) -> bytes:
    """What the key has signed."""
    if len(token) > MAX_LENGTH or not token.isascii():
        raise TokenRefused("it is not a compact JWS")
    try:
        key = OKPKey.import_key(Ed25519PublicKey.from_public_bytes(public_key))
        signed = jws.deserialize_compact(token.encode(), key, registry=_ALGORITHMS)
        kind = signed.headers().get("typ")
    # A header whose `crit` is no list trips joserfc with a TypeError.
    except (JoseError, ValueError, TypeError) as error:
        raise TokenRefused("it is not a compact JWS by the agent's key") from error
    if kind != TYPE or signed.payload is None:
        raise TokenRefused(f"`typ` is not {TYPE}")
    return signed.payload


def _claims(payload: bytes) -> dict[str, object]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise TokenRefused("its payload is not JSON") from error
    if not isinstance(claims, dict):
        raise TokenRefused("its payload is not a JSON object")
    return claims


def _seconds(claim: object) -> int:
    # bool is an int to Python.
    if type(claim) is not int:
        raise TokenRefused("`iat` or `exp` is not whole seconds since 1970")
    return claim
