"""The keys that sign access tokens, and the tokens themselves."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from identity.domain.lifetimes import access_end
from identity.models import Owner
from identity.settings import Settings
from shared.auth import ALGORITHM, TOKEN_TYPE
from shared.olares import TOKEN_TYPE as OLARES_TOKEN_TYPE

OLARES_SCOPE = "olares"


class SigningKeysUnusable(Exception):
    """The file of signing keys is not what it must be; identity does not start."""


@dataclass(frozen=True)
class AccessToken:
    """A token as its holder gets it, and how many seconds it lives."""

    text: str
    expires_in: int


@dataclass(frozen=True)
class AccessTokenIssuer:
    """Makes access tokens that every service verifies by the published keys."""

    issuer: str
    keys: tuple[OKPKey, ...]

    def issue(
        self, owner: Owner, *, scopes: list[str], session_id: UUID, now: datetime, grant_expires_at: datetime
    ) -> AccessToken:
        """A token for one session or API token, whose id is its ``sid``."""
        issued = int(now.timestamp())
        expires = int(access_end(now, grant_expires_at).timestamp())
        text = self._sign(TOKEN_TYPE, owner, sorted(scopes), session_id, issued, expires)
        return AccessToken(text, expires - issued)

    def issue_olares(self, owner: Owner, *, session_id: UUID, now: datetime, expires_at: datetime) -> str:
        """A token of Olares devices: of a kind of its own, so that neither is taken for the other.

        As any JWT it is of letters, digits, ``-``, ``_`` and ``.`` alone: the devices send it without escaping.
        """
        issued, expires = int(now.timestamp()), int(expires_at.timestamp())
        return self._sign(OLARES_TOKEN_TYPE, owner, [OLARES_SCOPE], session_id, issued, expires)

    def _sign(self, kind: str, owner: Owner, scopes: list[str], session_id: UUID, issued: int, expires: int) -> str:
        key = self.keys[-1]
        claims = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": str(owner.owner_id),
            "did": owner.did,
            "name": owner.olares_name,
            "scope": " ".join(scopes),
            "sid": str(session_id),
            "iat": issued,
            "exp": expires,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": kind, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])

    @property
    def public_keys(self) -> dict[str, list[dict[str, Any]]]:
        """The JWK set for verifiers: public halves only."""
        return {
            "keys": [
                {**key.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": ALGORITHM} for key in self.keys
            ]
        }


def read_keys(path: Path) -> tuple[OKPKey, ...]:
    """The keys of a JWK set file, in its order; a key without a ``kid`` gets its thumbprint (RFC 7638).

    Raises:
        SigningKeysUnusable: If the file is absent or holds anything but private Ed25519 keys, each with its own kid.
    """
    try:
        keys = tuple(OKPKey.import_key(item) for item in json.loads(path.read_bytes())["keys"])
    except (OSError, JoseError, ValueError, TypeError, KeyError) as error:
        raise SigningKeysUnusable(f"{path} is not a readable JWK set ({type(error).__name__})") from error
    for key in keys:
        key.ensure_kid()
    if not keys or any(key.curve_name != "Ed25519" or not key.is_private for key in keys):
        raise SigningKeysUnusable(f"{path} must hold private Ed25519 keys, at least one")
    if len({key.kid for key in keys}) != len(keys):
        raise SigningKeysUnusable(f"{path} holds two keys of one kid")
    return keys


@asynccontextmanager
async def open_issuer(settings: Settings) -> AsyncIterator[AccessTokenIssuer]:
    yield AccessTokenIssuer(settings.issuer, read_keys(settings.signing_key_file))
