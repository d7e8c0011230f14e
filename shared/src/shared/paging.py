"""Keyset paging: an opaque cursor over the sort key of the last row, and answers a poller need not download twice."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from pydantic_core import to_json

from shared.errors import Kind, ServiceError

Item = TypeVar("Item")

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_CURSOR = 1500
"""Room for a name of 255 characters in a cursor, whatever they are."""


class CursorInvalid(ServiceError):
    """The cursor was not made by this list."""

    code = "cursor_invalid"
    kind = Kind.INVALID


class Page(BaseModel, Generic[Item]):
    """One page of a list in a stable order."""

    items: list[Item]
    next_cursor: str | None = Field(description="Give it back as `cursor` for the next page; null on the last one.")


@dataclass(frozen=True)
class PageParams:
    """``limit`` and ``cursor`` of a list request."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    def after(self, *kinds: type[datetime] | type[UUID] | type[int] | type[str]) -> tuple[Any, ...] | None:
        """The sort key to go on after, or None on the first page.

        Raises:
            CursorInvalid: If the cursor does not hold exactly such values.
        """
        if self.cursor is None:
            return None
        try:
            values = json.loads(base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4)))
            if not isinstance(values, list) or len(values) != len(kinds):
                raise ValueError("another list's cursor")
            return tuple(_parse(kind, value) for kind, value in zip(kinds, values, strict=True))
        except (binascii.Error, ValueError, TypeError) as error:
            raise CursorInvalid("This cursor is not one of this list's. Start again without a cursor.") from error


async def _page_params(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows per page.")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")] = None,
) -> PageParams:
    """A coroutine, because FastAPI gives everything else that it depends on a thread, class or function."""
    return PageParams(limit, cursor)


Paging = Annotated[PageParams, Depends(_page_params)]


def encode_cursor(values: Sequence[datetime | UUID | int | str]) -> str:
    texts = [value if isinstance(value, int) else _render(value) for value in values]
    return (
        base64.urlsafe_b64encode(json.dumps(texts, separators=(",", ":"), ensure_ascii=False).encode())
        .rstrip(b"=")
        .decode()
    )


def page_of(rows: Sequence[Any], limit: int, key: Sequence[str]) -> dict[str, Any]:
    """A page from ``limit + 1`` rows: the extra row only says that there is a next page.

    Args:
        rows: Mappings, in order.
        limit: Rows the page may hold.
        key: The names of the sort key's columns, in order.
    """
    shown = list(rows[:limit])
    more = len(rows) > limit
    return {"items": shown, "next_cursor": encode_cursor([shown[-1][name] for name in key]) if more else None}


def cached_json(request: Request, content: Any) -> Response:
    """Encode once; 304 when the caller already has exactly this (``If-None-Match``)."""
    body = to_json(content)
    etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if etag in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _render(value: datetime | UUID | str) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _parse(kind: type[Any], value: Any) -> Any:
    if kind is int:
        if type(value) is not int or abs(value) >= 2**63:
            raise ValueError("not an integer")
        return value
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("not a text")
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("not an instant")
        return moment
    return kind(value)
