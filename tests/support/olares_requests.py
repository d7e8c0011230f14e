"""What real Olares clients put on the wire: bodies byte for byte, mostly without any escaping."""

import base64
import gzip
import http.client
import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

GO = "go-resty/2.10.0 (https://github.com/go-resty/resty)"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
KEY_SECONDS = 43_200
SECONDS = 60


@dataclass(frozen=True)
class Sent:
    """One POST; the path is put behind whatever the client was told to use."""

    path: str
    body: str
    content_type: str = FORM


@dataclass(frozen=True)
class Envelope:
    """What a client makes of an answer; an answer that is no JSON leaves nothing in it."""

    status: int
    code: int
    message: str
    data: Any

    @property
    def refusal(self) -> tuple[int, Any]:
        return self.code, self.data


@dataclass(frozen=True)
class StoragePlace:
    """Where a run wrote, as it tells."""

    url: str = ""
    cloud: str = ""
    region: str = ""
    bucket: str = ""
    prefix: str = ""


def post(base: str, sent: Sent) -> Envelope:
    """Send it as Go's client does, headers in its order."""
    return post_raw(base, sent.path, sent.body.encode(), sent.content_type)


def post_raw(base: str, path: str, body: bytes, content_type: str = FORM) -> Envelope:
    address = urlsplit(base)
    with closing(http.client.HTTPConnection(address.netloc, timeout=SECONDS)) as connection:
        connection.putrequest("POST", f"{address.path.rstrip('/')}{path}", skip_accept_encoding=True)
        connection.putheader("User-Agent", GO)
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Content-Type", content_type)
        connection.putheader("Accept-Encoding", "gzip")
        connection.endheaders(body)
        answer = connection.getresponse()
        found = answer.read()
        if answer.getheader("Content-Encoding") == "gzip":
            found = gzip.decompress(found)
        # The library decodes nothing else, and an answer without a code is code 0 to its callers.
        is_json = "json" in answer.getheader("Content-Type", "")
    decoded = json.loads(found) if is_json else {}
    return Envelope(answer.status, decoded.get("code", 0), decoded.get("message", ""), decoded.get("data"))


def regions(did: str, token: str) -> Sent:
    return Sent("/v1/resource/backup/region", f"userid={did}&token={token}")


def storage_keys(did: str, token: str, region: str, cluster_id: str, suffix: str, cloud: str = "aws") -> Sent:
    cluster = base64.b64encode(cluster_id.encode()).decode()
    body = (
        f"cloudName={cloud}&durationSeconds={KEY_SECONDS}&region={region}&token={token}&userid={did}"
        f"&clusterId={cluster}&backupPrefix={suffix}"
    )
    return Sent("/v1/resource/stsToken/backup", body)


def refreshed_keys(access_key_id: str, secret: str, session_token: str) -> Sent:
    secrets = f"sk={quote(secret, safe='')}&st={quote(session_token, safe='')}"
    body = f"ak={access_key_id}&{secrets}&durationSeconds={KEY_SECONDS}"
    return Sent("/v1/resource/stsToken/backup/refresh", body)


def usage(did: str, token: str) -> Sent:
    return Sent("/v1/resource/backup/usage", f"userid={did}&token={token}")


def saved_backup(did: str, token: str, backup_id: str, name: str, kind: int, at: int, path: str) -> Sent:
    body = {
        "userid": did,
        "token": token,
        "backupId": backup_id,
        "name": name,
        "backupType": kind,
        "backupTime": at,
        "backupPath": path,
        "backupLocation": "space",
    }
    return Sent("/v1/resource/backup/save", go_json(body), JSON)


def saved_snapshot(
    did: str,
    backup_id: str,
    snapshot_id: str,
    at: int,
    status: str,
    kind: str,
    *,
    restic_id: str = "",
    size: int = 0,
    stored: int = 0,
    place: StoragePlace | None = None,
    message: str = "",
) -> Sent:
    """It carries no token at all."""
    where = place or StoragePlace()
    body = (
        f"userid={did}&backupId={backup_id}&snapshotId={snapshot_id}&resticSnapshotId={restic_id}"
        f"&size={size}&realSnapshotSize={stored}&unit=byte&snapshotTime={at}&status={status}&type={kind}"
        f"&url={where.url}&cloud={where.cloud}&region={where.region}&bucket={where.bucket}&prefix={where.prefix}"
        f"&message={message}"
    )
    return Sent("/v1/resource/snapshot/save", body)


def stopped_backup(did: str, token: str, backup_id: str) -> Sent:
    return Sent("/v1/resource/backup/stop", f"userid={did}&token={token}&backupId={backup_id}")


def login(request_id: str, jws: str, did: str, secret: str, time: int) -> Sent:
    """The body that was signed is nested, as JavaScript's ``qs`` nests."""
    signed = {"body[did]": did, "body[secret]": secret, "body[time]": str(time)}
    return Sent("/v2/user/login", _escaped({"id": request_id, "jws": jws, "did": did, **signed}))


def active_login(secret: str) -> Sent:
    return Sent("/v2/user/activeLogin", _escaped({"secret": secret}))


def refreshed_token(did: str, token: str) -> Sent:
    return Sent("/v2/user/refresh", _escaped({"userid": did, "token": token}))


def go_json(document: dict[str, Any]) -> str:
    """As Go's encoder writes it: no blanks, and what HTML could misread is spelled out."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _escaped(fields: dict[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields.items())
