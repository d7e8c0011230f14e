"""The one-time secret that an agent enrols with: derived from the instance's id, so that it is kept nowhere."""

import base64
import hmac
from uuid import UUID


def enrolment_secret(key: str, instance_id: UUID) -> str:
    """What the machine of an instance is told; the same however often it is asked for.

    Args:
        key: The installation's master key of such secrets, in hexadecimal.
    """
    digest = hmac.digest(bytes.fromhex(key), b"enrolment:" + instance_id.bytes, "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_enrolment_secret(key: str, instance_id: UUID, given: str) -> bool:
    """Whether it is the instance's secret, in a time that tells nothing about where it differs."""
    # JSON can hold half a surrogate pair, which plain UTF-8 cannot, and pydantic lets it pass in a SecretStr.
    return hmac.compare_digest(enrolment_secret(key, instance_id).encode(), given.encode("utf-8", "surrogatepass"))
