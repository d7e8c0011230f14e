"""An issuer of access tokens for tests of services that only verify them."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.jwk import OKPKey

from shared.auth import ALGORITHM, TOKEN_TYPE, Scope

ORIGIN = "http://space.test"
EVERY_SCOPE = tuple(Scope)


@dataclass(frozen=True)
class Owner:
    """An owner as tokens speak of them."""

    owner_id: UUID = field(default_factory=uuid4)
    olares_name: str = "alice@olares.com"

    @property
    def did(self) -> str:
        return f"did:key:z6Mk{self.owner_id.hex}"


class TokenIssuer:
    """Signs tokens and serves the public key over HTTP, as identity does."""

    def __init__(self) -> None:
        self.key = OKPKey.generate_key("Ed25519", {"kid": "test-key", "use": "sig"})
        document = json.dumps({"keys": [self.key.as_dict(private=False)]}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def jwks_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/jwks.json"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, owner: Owner, *scopes: str, key: OKPKey | None = None, typ: str = TOKEN_TYPE, **claims: Any) -> str:
        """An access token with every scope unless some are named; ``claims`` replace the usual ones."""
        now = int(time.time())
        payload = {
            "iss": ORIGIN,
            "aud": ORIGIN,
            "sub": str(owner.owner_id),
            "did": owner.did,
            "name": owner.olares_name,
            "scope": " ".join(scopes or EVERY_SCOPE),
            "sid": str(uuid4()),
            "iat": now,
            "exp": now + 600,
            **claims,
        }
        signing_key = key or self.key
        header = {"alg": ALGORITHM, "kid": signing_key.kid, "typ": typ}
        return jwt.encode(header, payload, signing_key, algorithms=[ALGORITHM])

    def headers(self, owner: Owner, *scopes: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(owner, *scopes)}"}
