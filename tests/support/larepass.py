"""LarePass, the app with an owner's key pair: it signs a login, and whoever shows the code waits for the token."""

import base64
import json
import secrets
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from joserfc import jws
from joserfc.errors import SecurityWarning

from agent.proof import Identity, create
from tests.support import olares_requests
from tests.support.olares_requests import JSON, Envelope, Sent, post

TAKEN_FOR_DONE = (0, 401, 506)

YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Account:
    """What an instance keeps of a login."""

    did: str
    token: str
    expired: int


class LarePass:
    """One owner's app."""

    def __init__(self, base: str, identity: Identity | None = None) -> None:
        self.base = base
        self.identity = identity or create()

    @property
    def did(self) -> str:
        return self.identity.did

    def sign(self, secret: str, at_ms: int, **claims: Any) -> str:
        """The compact JWS over what the code says; ``claims`` replace the usual ones."""
        return self._sign({"did": self.did, "secret": secret, "time": at_ms}, at_ms // 1000, claims)

    def _sign(self, body: Mapping[str, Any], now: int, claims: Mapping[str, Any] = MappingProxyType({})) -> str:
        kid = f"{self.did}#{self.did.removeprefix('did:key:')}"
        payload = {**body, "exp": now + YEAR_SECONDS, "iss": kid, "nbf": now, **claims}
        with warnings.catch_warnings():
            # RFC 9864 renames EdDSA to Ed25519; the app still says EdDSA.
            warnings.simplefilter("ignore", SecurityWarning)
            return jws.serialize_compact(
                {"alg": "EdDSA", "kid": kid}, json.dumps(payload), self.identity.key, algorithms=["EdDSA"]
            )

    def scan(self, secret: str) -> Envelope:
        """Sign the code that some page shows, and send it where the code says."""
        at_ms = time.time_ns() // 1_000_000
        sent = olares_requests.login(secrets.token_hex(8), self.sign(secret, at_ms), self.did, secret, at_ms)
        return post(self.base, sent)

    def answer(self, content: str) -> tuple[str, str]:
        """What scanning a page's code leads to: the address that it names, and the JSON that is posted there.

        What the code wants signed is signed as it stands, and sent beside the signature, after the app's own DID.
        """
        message = read_code(content)["message"]
        body = {**message["sign"]["sign_body"]}
        posted = {"id": message["id"], "jws": self._sign(body, int(time.time())), "did": self.did, **body}
        return message["sign"]["callback_url"], json.dumps(posted, separators=(",", ":"))

    def scan_code(self, content: str) -> Envelope:
        """Scan what a page shows, and confirm."""
        url, body = self.answer(content)
        return post(url, Sent("", body, JSON))

    def shows(self, done: Envelope) -> str | None:
        """The words by which it tells that a login failed, as the app finds them; None where it says that it worked.

        This is what it does at an address that it was not built with, and for 401 and 506 at the one that it was.
        """
        if done.status not in (200, 201) or not isinstance(done.code, int):
            return "Network error, please try again later"
        return None if done.code in TAKEN_FOR_DONE else done.message

    def fetch(self, secret: str) -> Envelope:
        """What the page that waits asks every three seconds."""
        return post(self.base, olares_requests.active_login(secret))

    def connect(self) -> Account:
        """The whole way: a code is shown, signed, and its token fetched."""
        secret = secrets.token_hex(16)
        waiting = self.fetch(secret)
        assert waiting.code in (0, 200), waiting
        assert not (waiting.data or {}).get("userid"), waiting
        done = self.scan(secret)
        assert self.shows(done) is None, done
        found = self.fetch(secret)
        assert (found.status, found.code) == (200, 200), found
        return Account(found.data["userid"], found.data["token"], found.data["expired"])

    def refresh(self, account: Account) -> Envelope:
        return post(self.base, olares_requests.refreshed_token(account.did, account.token))


def read_code(content: str) -> dict[str, Any]:
    """What a code says."""
    scheme, _, encoded = content.partition("://")
    assert scheme == "space", content
    code: dict[str, Any] = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return code
