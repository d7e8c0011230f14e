"""The agent's own key pair, and the short-lived tokens it signs its requests with."""

from datetime import datetime
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from agent.errors import SpaceError
from agent.instance.kept import Folder

ALGORITHM = "Ed25519"
TOKEN_TYPE = "agent+jwt"  # noqa: S105
TOKEN_SECONDS = 120
FILE = "key.json"


class Identity:
    """Made at the first start; only its public half ever leaves the machine."""

    def __init__(self, folder: Folder, instance_id: UUID, origin: str) -> None:
        self._instance_id = str(instance_id)
        self._origin = origin
        self._key = _load(folder) or _create(folder)

    @property
    def public_key(self) -> str:
        """32 bytes in base64url."""
        return str(self._key.as_dict(private=False)["x"])

    @property
    def private_key(self) -> str:
        """What must never be seen in a log."""
        return str(self._key.as_dict(private=True)["d"])

    def token(self, now: datetime) -> str:
        issued_at = int(now.timestamp())
        claims = {
            "iss": self._instance_id,
            "sub": self._instance_id,
            "aud": self._origin,
            "iat": issued_at,
            "exp": issued_at + TOKEN_SECONDS,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TOKEN_TYPE}, claims, self._key, algorithms=[ALGORITHM])


def _create(folder: Folder) -> OKPKey:
    key = OKPKey.generate_key("Ed25519")
    folder.write(FILE, dict(key.as_dict(private=True)))
    return key


def _load(folder: Folder) -> OKPKey | None:
    kept = folder.read(FILE)
    if kept is None:
        return None
    try:
        key = OKPKey.import_key({name: str(value) for name, value in kept.items()})
        if not key.is_private or kept.get("crv") != "Ed25519":
            raise ValueError("not a whole key pair")
    except (JoseError, ValueError, TypeError) as error:
        raise SpaceError("key_damaged", f"{folder.path / FILE} does not hold a key pair.") from error
    return key
