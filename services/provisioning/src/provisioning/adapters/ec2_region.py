"""A region of EC2 as libcloud speaks with it, with what libcloud leaves open settled: one try, a deadline, no secrets
in addresses."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import Element

from libcloud.common.types import MalformedResponseError
from libcloud.compute.drivers.ec2 import NAMESPACE, BaseEC2NodeDriver, EC2Connection, EC2Response

FORM = "application/x-www-form-urlencoded; charset=utf-8"
MESSAGE_LIMIT = 300
"""Messages of refused permissions go on with kilobytes that only Amazon can read."""


class Ec2Refused(Exception):
    """EC2 answered with one of its errors; ``status`` is that of HTTP."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(f"{code}: {message}"[:MESSAGE_LIMIT])
        self.code = code
        self.status = status


class Response(EC2Response):  # type: ignore[misc]  # libcloud has few types
    """An answer of EC2, or an exception: what libcloud takes for an answer may as well be a page of a proxy."""

    def parse_error(self) -> str:
        error = self._root("Response").find("Errors/Error")
        if error is None:
            raise self._not_understood("it has no error")
        raise Ec2Refused(
            error.findtext("Code", "").strip(), int(self.status), " ".join(error.findtext("Message", "").split())
        )

    def parse_body(self) -> Element:
        return self._root(f"{{{NAMESPACE}}}{self.connection.asked_for}Response")

    def _root(self, tag: str) -> Element:
        root = super().parse_body() if self.body else None
        if not isinstance(root, Element) or root.tag != tag:
            raise self._not_understood("it is no answer of EC2")
        return root

    def _not_understood(self, why: str) -> MalformedResponseError:
        return MalformedResponseError(why, driver=self.connection.driver)


class Connection(EC2Connection):  # type: ignore[misc]  # libcloud has few types
    """Sends each request once, and none after its deadline.

    libcloud puts all parameters into the address: there the user data, which may hold 16 KB and a secret, would be too
    long for EC2 and would stand in logs and messages of errors. So they are sent as a form.
    """

    responseCls = Response  # noqa: N815  (libcloud's name)
    until = float("inf")
    """By the monotonic clock."""
    asked_for = ""
    """The action whose answer is awaited."""
    extra: Mapping[str, str]
    """Parameters of RunInstances that libcloud does not know."""

    def request(self, action: str, params: Mapping[str, object] | None = None, **_: object) -> Response:
        form = {**(params or {}), "Version": self.version}
        self.asked_for = str(form["Action"])
        if self.asked_for == "RunInstances":
            form |= self.extra
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError(f"no time was left for {self.asked_for}")
        # It bounds the connecting and each wait for bytes.
        self.connection.session.timeout = seconds
        answer: Response = super().request(
            action, data=urlencode(form), headers={"Content-Type": FORM}, method="POST", retry_failed=False
        )
        return answer


class Region(BaseEC2NodeDriver):  # type: ignore[misc]  # libcloud has few types
    """libcloud's own class for EC2 knows only the regions that existed when it was released; any is fine here."""

    connectionCls = Connection  # noqa: N815
    name = "Amazon EC2"
    signature_version = "4"
    connection: Connection

    def __init__(self, region: str, key: str, secret: str, endpoint: "Endpoint", until: float) -> None:
        self.region_name = region
        super().__init__(key, secret=secret, secure=endpoint.secure, host=endpoint.host, port=endpoint.port)
        self.connection.until = until
        # A program on the machine can read its user data only if it can send PUT there, and from no container.
        self.connection.extra = {
            "MetadataOptions.HttpTokens": "required",
            "MetadataOptions.HttpPutResponseHopLimit": "1",
        }

    def ask(self, action: str, **params: str) -> Element:
        answer: Element = self.connection.request(self.path, {"Action": action, **params}).object
        return answer

    def ask_all(self, action: str, **params: str) -> Iterator[Element]:
        """Page by page."""
        while True:
            page = self.ask(action, **params)
            yield page
            token = text(page, "nextToken")
            if not token:
                return
            params["NextToken"] = token


@dataclass(frozen=True)
class Endpoint:
    host: str
    port: int
    secure: bool

    @classmethod
    def of(cls, region: str, url: str | None) -> "Endpoint":
        """Amazon's for a region, unless another is given for all.

        Raises:
            ValueError: If the URL has no host, or more than a host and a port.
        """
        if url is None:
            return cls(f"ec2.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}", 443, True)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(f"an EC2 endpoint is like https://host:port, and {url!r} is not")
        secure = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if secure else 80), secure)


@contextmanager
def open_region(region: str, key: str, secret: str, endpoint_url: str | None, until: float) -> Iterator[Region]:
    """A connection of its own for one call: libcloud's are not for several threads."""
    opened = Region(region, key, secret, Endpoint.of(region, endpoint_url), until)
    try:
        yield opened
    finally:
        opened.connection.connection.session.close()


def filters(wanted: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Filters as the parameters of a request."""
    params: dict[str, str] = {}
    for number, (name, values) in enumerate(wanted.items(), start=1):
        params[f"Filter.{number}.Name"] = name
        for place, value in enumerate([values] if isinstance(values, str) else values, start=1):
            params[f"Filter.{number}.Value.{place}"] = value
    return params


def elements(parent: Element, path: str) -> list[Element]:
    return parent.findall("/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/")))


def text(parent: Element, path: str) -> str:
    """The text of the first such element, empty if there is none."""
    found = elements(parent, path)
    return (found[0].text or "").strip() if found else ""


def tags(item: Any) -> dict[str, str]:
    return {text(tag, "key"): text(tag, "value") for tag in elements(item, "tagSet/item")}
