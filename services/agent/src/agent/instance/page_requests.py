"""What a visitor of the page asks: one small request, read with bounds, and nothing of it believed."""

import re
from asyncio import StreamReader
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

HEAD_BYTES = 8192
BODY_BYTES = 1024

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"[0-9]{1,4}")


class NoRequest(Exception):
    """What came is not a request, or a larger one than the page has a use for."""


@dataclass(frozen=True)
class Request:
    """A request; names of headers are in lower case, and those that repeat are joined as lists are."""

    method: bytes
    path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes

    def asked(self, name: str) -> str:
        """A value of the query; empty without one."""
        return _value(self.query, name)

    def told(self, name: str) -> str:
        """A value of the form that was sent; empty without one."""
        return _value(self.body, name)


async def read(reader: StreamReader, count: Callable[[int], None]) -> Request:
    """The request that comes; `count` is told of every byte.

    Raises:
        NoRequest: It is none.
    """
    head, begun = await _head(reader, count)
    line, *lines = head.split(b"\r\n")
    words = line.split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        raise NoRequest
    headers = _headers(lines)
    path, _, query = words[1].partition(b"?")
    return Request(words[0], path, query, headers, await _body(reader, headers, begun, count))


async def _head(reader: StreamReader, count: Callable[[int], None]) -> tuple[bytes, bytes]:
    """The request as far as its headers go, and what has come behind them."""
    come = b""
    while _END not in come:
        come += await _more(reader, count)
        if len(come.partition(_END)[0]) > HEAD_BYTES:
            raise NoRequest
    head, _, begun = come.partition(_END)
    return head, begun


async def _body(
    reader: StreamReader, headers: Mapping[bytes, bytes], begun: bytes, count: Callable[[int], None]
) -> bytes:
    length = headers.get(b"content-length", b"0")
    if b"transfer-encoding" in headers or not _LENGTH.fullmatch(length) or int(length) > BODY_BYTES:
        raise NoRequest
    while len(begun) < int(length):
        begun += await _more(reader, count)
    return begun[: int(length)]


async def _more(reader: StreamReader, count: Callable[[int], None]) -> bytes:
    chunk = await reader.read(HEAD_BYTES)
    count(len(chunk))
    if not chunk:
        raise NoRequest
    return chunk


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise NoRequest
        known, value = headers.get(name.lower()), value.strip()
        headers[name.lower()] = value if known is None else known + b", " + value
    return headers


def _value(form: bytes, name: str) -> str:
    try:
        return parse_qs(form.decode("ascii"), errors="strict").get(name, [""])[0]
    except ValueError:
        return ""
