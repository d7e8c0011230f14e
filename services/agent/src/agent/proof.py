"""The owner's key pair on this machine (did:key, Ed25519) and the signed proof that signs in with it."""

import json
import warnings
from dataclasses import dataclass
from datetime import datetime

import base58
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey

from agent import config
from agent.config import JsonObject
from agent.errors import SpaceError

ED25519_MULTICODEC = b"\xed\x01"


@dataclass(frozen=True)
class Identity:
    did: str
    key: OKPKey


def load() -> Identity | None:
    """The kept identity, or None before the first sign-in."""
    kept = config.read_private(config.identity_file())
    return None if kept is None else _parse(kept)


def load_or_create() -> Identity:
    """The kept identity, made when missing; two commands at once make one."""
    with config.locked("identity"):
        identity = load()
        if identity is None:
            identity = create()
            kept: JsonObject = {"did": identity.did, "key": identity.key.as_dict(private=True)}
            config.write_private(config.identity_file(), kept)
        return identity


def create() -> Identity:
    key = OKPKey.generate_key("Ed25519")
    return Identity(did=did_of(key), key=key)


def did_of(key: OKPKey) -> str:
    """did:key of an Ed25519 public key: multibase base58btc of the multicodec prefix and the 32 bytes."""
    encoded = base58.b58encode(ED25519_MULTICODEC + key.public_key.public_bytes_raw()).decode()
    return f"did:key:z{encoded}"


def sign(identity: Identity, *, nonce: str, audience: str, issued_at: datetime) -> str:
    """A compact JWS over the server's nonce; `issued_at` is the server's clock, so ours need not be right."""
    header = {"alg": "EdDSA", "kid": f"{identity.did}#{identity.did.removeprefix('did:key:')}"}
    claims = {"iss": identity.did, "aud": audience, "nonce": nonce, "iat": int(issued_at.timestamp())}
    with warnings.catch_warnings():
        # RFC 9864 renames EdDSA to Ed25519; DID wallets and the service still say EdDSA.
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(header, json.dumps(claims), identity.key, algorithms=["EdDSA"])


def _parse(kept: JsonObject) -> Identity:
    key = kept.get("key")
    try:
        if not isinstance(key, dict):
            raise ValueError("no key")
        pair = OKPKey.import_key(key)
        identity = Identity(did=did_of(pair), key=pair)
        if not pair.is_private or identity.did != kept.get("did"):
            raise ValueError("not the key pair of this did")
    except (JoseError, ValueError, TypeError) as error:
        raise SpaceError(
            "identity_damaged", f"{config.identity_file()} does not hold a key pair.", hint="Put it back from a copy."
        ) from error
    return identity
