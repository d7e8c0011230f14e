"""What the store gate lets through: decided from a request's headers alone.

The gate and the store must read the same path, so anything that two readers could read differently is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from catalog.domain.layout import STORES_OWN, Folder, ResticObject, classify, is_old


class Access(StrEnum):
    READ = "read"
    WRITE = "write"


class Restriction(StrEnum):
    """Why an owner may not write; reading and deleting stay open."""

    ARREARS = "arrears"
    OVER_LIMIT = "over_limit"


@dataclass(frozen=True)
class Grant:
    """What a key may touch.

    Args:
        root: Start of the object names it reaches, ending with a slash.
        repository: The one repository the root ends with; None when the root holds all of the owner's, which is the
            key of an Olares device.
        read_at: About when something was last read with a device's key.
    """

    access: Access
    bucket: str
    root: str
    repository: str | None
    expires_at: datetime
    revoked_at: datetime | None
    restriction: Restriction | None
    read_at: datetime | None = None


@dataclass(frozen=True)
class StoreRequest:
    """An S3 request in path style, decoded; ``key`` is empty for one about the bucket."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    copies: bool
    length: int | None
    """Bytes of the body; None when it is not said."""


@dataclass(frozen=True)
class Overwrite:
    """An upload that is fine unless the catalog already knows this object."""

    repository: str
    restic_object: ResticObject


class Refused(Exception):
    """A refusal in S3's own words; the clients act on the texts, so they are AWS's to the letter."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


UNKNOWN_KEY = (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
EXPIRED = (400, "ExpiredToken", "The provided token has expired.")
INVALID_TOKEN = (400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
DENIED = (403, "AccessDenied", "Access Denied.")
INVALID_URI = (400, "InvalidURI", "Couldn't parse the specified URI.")
# Tencent COS's words for an account in arrears, which Olares devices show as what they are.
ARREARS = (403, "AccessDenied", "Due to your account is arrears, it is unavailable until you recharge.")
# The code is AccessDenied as well: restic gives up on it, and repeats any other for minutes.
OVER_LIMIT = (403, "AccessDenied", "Your backup storage is full. Raise your limit or delete a backup, then try again.")
# What restic itself says when it finds a repository where it was to make one; the clients then use that one.
INITIALISED = (403, "AccessDenied", "Access Denied: config file already exists.")
BEING_DELETED = (403, "AccessDenied", "Access Denied: this backup is being deleted.")
KEPT = (403, "AccessDenied", "Access Denied: this object is part of a backup and stays as it is.")

TOO_LARGE = (400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")

# What restic keeps there is a few hundred bytes, a snapshot with very many paths some megabytes. Without a bound they
# would be a way around a restriction, and make catalog read without end.
LARGEST_BYTES = MappingProxyType(
    {Folder.CONFIG: 65_536, Folder.KEYS: 65_536, Folder.LOCKS: 65_536, Folder.SNAPSHOTS: 16_777_216}
)

_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 +Credential=([A-Za-z0-9]{8,128})/\d{8}/[a-z0-9-]+/s3/aws4_request,")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AMBIGUOUS = re.compile(r"%(?:5[cC]|[01][0-9A-Fa-f]|7[fF])|\\|[\x00-\x20\x7f]|;|#")
_HIDDEN_SLASH = re.compile(r"%2[fF]")
_LIST_PARAMETERS = frozenset(
    {"list-type", "prefix", "delimiter", "encoding-type", "fetch-owner", "max-keys", "continuation-token",
     "start-after", "marker"}
)  # fmt: skip
_READ_METHODS = frozenset({"GET", "HEAD"})

READS_PAUSE = timedelta(hours=1)
READS_END = timedelta(days=7)


def reads_go_on(expires_at: datetime, read_at: datetime | None, now: datetime) -> bool:
    """Whether an Olares device reads on with a key that has ended: as long as it does so at least once an hour.

    Its client takes a restore whose key ends on the way for a success, with what is missing left out.
    """
    return read_at is not None and now - read_at <= READS_PAUSE and now < expires_at + READS_END


def access_key_id(authorization: str) -> str:
    """The key a request is signed with.

    Raises:
        Refused: If it is not signed with Signature Version 4 in its header.
    """
    match = _CREDENTIAL.match(authorization)
    # A header that came twice arrives joined; which of them the store reads is not for us to guess.
    if match is None or authorization.count("Credential=") != 1:
        raise Refused(*DENIED)
    return match[1]


def parse(method: str, uri: str, *, copies: bool, length: int | None) -> StoreRequest:
    """The request as the store will read it.

    Raises:
        Refused: If another reader could read it differently.
    """
    parts = urlsplit(uri)
    path, query = parts.path, parts.query
    if _ESCAPE.search(uri) or _AMBIGUOUS.search(uri) or not uri.isascii():
        raise Refused(*INVALID_URI)
    if _HIDDEN_SLASH.search(path) or not path.startswith("/") or parts.netloc or parts.scheme:
        raise Refused(*INVALID_URI)
    try:
        segments = unquote_to_bytes(path).decode("utf-8").removeprefix("/").split("/")
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError:
        raise Refused(*INVALID_URI) from None
    # "/bucket/" is the bucket; below it the store drops a slash at the end and would read another name than we do.
    inner = segments[:1] if segments[1:] == [""] else segments
    if any(segment in ("", ".", "..") or STORES_OWN in segment for segment in inner) or len(dict(pairs)) != len(pairs):
        raise Refused(*INVALID_URI)
    return StoreRequest(method, segments[0], "/".join(segments[1:]), dict(pairs), copies, length)


def decide(grant: Grant, request: StoreRequest, now: datetime) -> Overwrite | None:
    """Let the request through, or say what must not be known for it to be let through.

    Raises:
        Refused: If the grant does not reach that far.
    """
    if grant.revoked_at is not None:
        raise Refused(*UNKNOWN_KEY)
    if grant.expires_at <= now and not _reads_on(grant, request, now):
        raise Refused(*EXPIRED)
    if request.copies or request.bucket != grant.bucket:
        raise Refused(*DENIED)
    if request.key == "":
        _decide_bucket(grant, request)
        return None
    return _decide_object(grant, request)


def uploaded_to(grant: Grant, request: StoreRequest) -> tuple[str, ResticObject] | None:
    """Repository and object of an upload that was let through; None for any other request."""
    return _locate(grant, request.key) if request.method == "PUT" else None


def _reads_on(grant: Grant, request: StoreRequest, now: datetime) -> bool:
    """The locks belong to it: restic gives up a restore whose lock it cannot renew."""
    if grant.repository is not None or not reads_go_on(grant.expires_at, grant.read_at, now):
        return False
    found = _locate(grant, request.key)
    return request.method in _READ_METHODS or (found is not None and found[1].folder is Folder.LOCKS)


def _locate(grant: Grant, key: str) -> tuple[str, ResticObject] | None:
    """Repository and object of a name below the grant's root; None when restic has no such object."""
    path = key.removeprefix(grant.root)
    repository, _, below = (grant.repository, "", path) if grant.repository else path.partition("/")
    found = classify(below)
    return (repository, found) if repository and found is not None else None


def _decide_bucket(grant: Grant, request: StoreRequest) -> None:
    if request.method == "GET" and request.query.keys() == {"location"}:
        return
    if request.method == "HEAD" and not request.query:
        return
    listing = request.method == "GET" and request.query.keys() <= _LIST_PARAMETERS
    if listing and request.query.get("prefix", "").startswith(grant.root):
        return
    raise Refused(*DENIED)


def _decide_object(grant: Grant, request: StoreRequest) -> Overwrite | None:
    if not request.key.startswith(grant.root):
        raise Refused(*DENIED)
    if request.method in _READ_METHODS and not request.query:
        return None
    if grant.access is not Access.WRITE:
        raise Refused(*DENIED)
    located = _locate(grant, request.key)
    # No query: uploads in parts lie in the store unseen until they are complete, and restic's objects need none.
    if located is None or request.query:
        raise Refused(*DENIED)
    repository, found = located
    if is_old(repository):
        raise Refused(*DENIED)
    if request.method == "DELETE" and found.folder in (Folder.LOCKS, Folder.INDEX, Folder.DATA):
        return None
    if request.method != "PUT":
        raise Refused(*DENIED)
    if grant.restriction is not None and found.folder is not Folder.LOCKS:
        raise Refused(*(ARREARS if grant.restriction is Restriction.ARREARS else OVER_LIMIT))
    largest = LARGEST_BYTES.get(found.folder)
    if largest is not None and (request.length is None or request.length > largest):
        raise Refused(*TOO_LARGE)
    if found.folder in (Folder.CONFIG, Folder.KEYS, Folder.SNAPSHOTS):
        return Overwrite(repository, found)
    return None
