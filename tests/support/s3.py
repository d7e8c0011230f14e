"""A plain S3 client that sends exactly the request it is told to, signed (Signature Version 4)."""

import hashlib
import hmac
import http.client
import ssl
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit
from xml.etree import ElementTree

REGION = "us-east-1"
UNRESERVED = "-_.~"


@dataclass(frozen=True)
class Key:
    """A storage key as its holder has it; ``root`` is the path of what it is for, from the slash on."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    endpoint: str
    root: str

    @classmethod
    def of(cls, answer: dict[str, Any]) -> "Key":
        """The key in an answer of /storage-keys or /tickets/redeem."""
        address = urlsplit(answer["repository_url"].removeprefix("s3:"))
        return cls(
            answer["access_key_id"],
            answer["secret_access_key"],
            answer["session_token"],
            f"{address.scheme}://{address.netloc}",
            address.path,
        )


@dataclass(frozen=True)
class Answer:
    """What the store answered."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """S3's name of the error."""
        return ElementTree.fromstring(self.body).findtext("Code") or ""

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.code

    @property
    def message(self) -> str:
        return ElementTree.fromstring(self.body).findtext("Message") or ""


class S3:
    """One key's client. Paths are sent as they are given, byte for byte."""

    def __init__(self, key: Key, ca_file: str | None = None, *, clock_off_seconds: int = 0) -> None:
        self.key = key
        self._ca_file = ca_file
        self._clock_off_seconds = clock_off_seconds

    def get(self, target: str, **headers: str) -> Answer:
        return self.send("GET", target, b"", **headers)

    def put(self, target: str, body: bytes = b"x", **headers: str) -> Answer:
        return self.send("PUT", target, body, **headers)

    def delete(self, target: str) -> Answer:
        return self.send("DELETE", target)

    def send(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        """The answer to one request; ``target`` is the request line's, from the first slash on."""
        with closing(self.begin(method, target, body, **headers)) as connection:
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), dict(answer.getheaders()))

    def begin(self, method: str, target: str, body: bytes = b"", **headers: str) -> http.client.HTTPConnection:
        """A connection on which the request was sent and the answer not read yet; to be closed."""
        address = urlsplit(self.key.endpoint)
        if address.scheme == "https":
            context = ssl.create_default_context(cafile=self._ca_file)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                address.netloc, timeout=30, context=context
            )
        else:
            connection = http.client.HTTPConnection(address.netloc, timeout=30)
        sent = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in self._signed(method, target, body, address.netloc, sent).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection

    def _signed(self, method: str, target: str, body: bytes, host: str, more: dict[str, str]) -> dict[str, str]:
        now = datetime.fromtimestamp(datetime.now(UTC).timestamp() + self._clock_off_seconds, UTC)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": host, "x-amz-date": stamp, "x-amz-content-sha256": digest, **more}
        if self.key.session_token:
            headers["x-amz-security-token"] = self.key.session_token
        names = ";".join(sorted(headers))
        canonical = "\n".join(
            [
                method,
                *_canonical(target),
                *(f"{name}:{headers[name].strip()}" for name in sorted(headers)),
                "",
                names,
                digest,
            ]
        )
        scope = f"{day}/{REGION}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + self.key.secret_access_key.encode()
        for part in (day, REGION, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key.access_key_id}/{scope},SignedHeaders={names},Signature={signature}"
        )
        headers["content-length"] = str(len(body))
        return headers


def _canonical(target: str) -> tuple[str, str]:
    """Path and query as Signature Version 4 signs them."""
    path, _, query = target.partition("?")
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    encoded = sorted((_escaped(name, ""), _escaped(value, "")) for name, value in pairs)
    return _escaped(path, "/"), "&".join(f"{name}={value}" for name, value in encoded)


def _escaped(text: str, safe: str) -> str:
    return quote(unquote_to_bytes(text), safe=UNRESERVED + safe)
