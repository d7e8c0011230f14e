"""Expected failures: one exception type whose kind decides the HTTP status and the fate of a message."""

from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar


class Kind(StrEnum):
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    STALE = "stale"
    UNAVAILABLE = "unavailable"
    UNEXPECTED = "unexpected"


class Fate(StrEnum):
    """What becomes of a message whose handler failed."""

    ACKNOWLEDGE = "acknowledge"
    RETRY = "retry"
    DEAD = "dead"


STATUS = MappingProxyType(
    {
        Kind.INVALID: 422,
        Kind.UNAUTHENTICATED: 401,
        Kind.FORBIDDEN: 403,
        Kind.NOT_FOUND: 404,
        Kind.CONFLICT: 409,
        Kind.GONE: 410,
        Kind.TOO_LARGE: 413,
        Kind.RATE_LIMITED: 429,
        Kind.STALE: 409,
        Kind.UNAVAILABLE: 503,
        Kind.UNEXPECTED: 500,
    }
)

FATE = MappingProxyType(
    {
        Kind.INVALID: Fate.DEAD,
        Kind.UNAUTHENTICATED: Fate.DEAD,
        Kind.FORBIDDEN: Fate.DEAD,
        # Its cause may still be on the way: order is not promised.
        Kind.NOT_FOUND: Fate.RETRY,
        Kind.CONFLICT: Fate.DEAD,
        Kind.GONE: Fate.DEAD,
        Kind.TOO_LARGE: Fate.DEAD,
        Kind.RATE_LIMITED: Fate.RETRY,
        Kind.STALE: Fate.ACKNOWLEDGE,
        Kind.UNAVAILABLE: Fate.RETRY,
        Kind.UNEXPECTED: Fate.RETRY,
    }
)


class ServiceError(Exception):
    """A failure that a customer may read.

    Args:
        detail: What happened and what to do next, in one or two plain sentences.
        retry_after_seconds: Sent as ``Retry-After`` where waiting helps.
        members: Extension members of the problem document (RFC 9457, 3.2), such as the id of the thing in the way.
    """

    code: ClassVar[str]
    kind: ClassVar[Kind]

    def __init__(self, detail: str, *, retry_after_seconds: int | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.members = members


class RequestInvalid(ServiceError):
    """The request is not what the API document says; ``errors`` lists where."""

    code = "request_invalid"
    kind = Kind.INVALID


class PathNotFound(ServiceError):
    """There is nothing at this path."""

    code = "path_not_found"
    kind = Kind.NOT_FOUND


class MethodNotAllowed(ServiceError):
    """The path exists and does not answer this method."""

    code = "method_not_allowed"
    kind = Kind.INVALID


class BodyTooLarge(ServiceError):
    """A request body is at most 1 MB."""

    code = "body_too_large"
    kind = Kind.TOO_LARGE


class ServiceUnavailable(ServiceError):
    """A part this service needs does not answer just now; asking again later helps."""

    code = "service_unavailable"
    kind = Kind.UNAVAILABLE


class Unexpected(ServiceError):
    """A fault of ours; its trace is in the log under the request's trace id."""

    code = "unexpected"
    kind = Kind.UNEXPECTED
