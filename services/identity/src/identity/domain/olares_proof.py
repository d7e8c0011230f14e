"""What makes a login of LarePass good: a compact JWS by the DID's key over its DID, a secret and a time, made just now.

It is over no nonce of ours and names no audience: what that leaves open is in the README, "Olares devices".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from identity.domain.proof import ProofOutOfTime, ProofRefused, open_signed

MAX_OFF = timedelta(seconds=120)
"""How far its time may be from ours, before or after."""
SECRET = re.compile(r"[0-9a-f]{32}")
PROVISIONAL_DOMAIN = "did.alt"
"""Of the names of owners that gave none. ``alt`` is kept out of the DNS for ever (RFC 9476), so that no Olares name,
which is a name in the DNS, can be one of them."""
NOTHING_STATED: Mapping[str, str] = MappingProxyType({})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_MILLISECONDS = 253_402_300_800_000


@dataclass(frozen=True)
class OlaresProof:
    """What a good login says. By the secret, whoever waits for it fetches its token."""

    did: str
    secret: str


def read_olares_proof(text: str, *, now: datetime, stated: Mapping[str, str] = NOTHING_STATED) -> OlaresProof:
    """Whose login it is.

    Args:
        text: Compact JWS; header ``alg`` and ``kid`` (``<did>#<the did's last part>``), payload ``secret`` (32 hex
            digits), ``time`` (milliseconds since the epoch) and ``exp`` (seconds since the epoch), perhaps ``did``
            (LarePass signs what a code says, and who shows one need not know who will scan it) and ``iss`` (what
            ``kid`` says). ``nbf`` is not looked at: it is when the JWS was made, and ``time`` is nearer.
        stated: What the request says beside it: ``did``, ``secret``, ``time``, or these as ``body[did]`` and so on.
            Where it says something, it must say what was signed.

    Raises:
        ProofRefused: If it is malformed, forged, of another key than it says, or stated to be something else.
        ProofOutOfTime: If its signature is good and its time is more than 120 s from ours.
    """
    did, claims = open_signed(text)
    if claims.get("did", "") not in ("", did):
        raise ProofRefused("`did` is not the DID of the key that signed")
    if claims.get("iss", did) not in (did, f"{did}#{did.removeprefix('did:key:')}"):
        raise ProofRefused("`iss` is not the DID of the key that signed")
    secret = claims.get("secret")
    if not isinstance(secret, str) or not SECRET.fullmatch(secret):
        raise ProofRefused("`secret` is not 32 hexadecimal digits")
    time, made_at = _milliseconds(claims.get("time"))
    signed = {"did": did, "secret": secret, "time": str(time)}
    for name, value in signed.items():
        if any(stated.get(place, "") not in ("", value) for place in (name, f"body[{name}]")):
            raise ProofRefused(f"`{name}` beside it is not what was signed")
    if not _is_after(claims.get("exp"), now):
        raise ProofRefused("`exp` is not in the future")
    if not -MAX_OFF <= made_at - now <= MAX_OFF:
        raise ProofOutOfTime(made_at - now)
    return OlaresProof(did, secret)


def provisional_name(did: str) -> str:
    """The Olares name of an owner who gave none: the DID itself, in the lower case that names are in."""
    return f"{did.removeprefix('did:key:').lower()}@{PROVISIONAL_DOMAIN}"


def is_provisional(olares_name: str) -> bool:
    """Whether it is a name that only a DID can have: nobody may ask for one, or they would take it from its DID."""
    return olares_name.rpartition("@")[2] == PROVISIONAL_DOMAIN


def _milliseconds(time: object) -> tuple[int, datetime]:
    # bool is an int to Python; and beyond year 9999 there is no datetime.
    if type(time) is not int or not 0 <= time < _END_MILLISECONDS:
        raise ProofRefused("`time` is not milliseconds since 1970")
    return time, _EPOCH + timedelta(milliseconds=time)


def _is_after(exp: object, now: datetime) -> bool:
    # What is not a number, in the sense of floats, is after nothing.
    return isinstance(exp, int | float) and not isinstance(exp, bool) and exp > now.timestamp()
