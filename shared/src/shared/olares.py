"""The dialect of Olares devices: forms as they write them, the envelope they read, the token they carry in the body.

Their clients send form bodies that they put together by hand, without escaping: standard base64 with ``+``, error texts
with ``&`` and ``%``. They look at the HTTP status (200 or an error), then at ``code`` and ``data`` of the envelope.
"""

import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import Caller, SignInNeeded
from shared.db import Transactions
from shared.errors import STATUS, Kind, RequestInvalid, ServiceError

TOKEN_TYPE = "olares+jwt"  # noqa: S105  (the header ``typ`` of a device's token, which nothing else accepts)
DONE = 200
SIGN_IN_NEEDED = 506
"""At which the clients ask their owner to connect to Space again."""
RAW_FIELD = "&message="
"""Its value reaches to the end of the body as it is: JSON, or words of any kind."""
MAX_FIELDS = 64

ModelT = TypeVar("ModelT", bound=BaseModel)


def answer(data: Any = None, *, code: int = DONE, message: str = "success") -> JSONResponse:
    """The envelope; its HTTP status is always 200, for with any other the clients do not read the body."""
    return JSONResponse({"code": code, "message": message, "data": data}, headers={"Cache-Control": "no-store"})


def refusal(error: ServiceError) -> JSONResponse:
    """An expected failure, without data: the clients accept any code that comes with some."""
    code = SIGN_IN_NEEDED if error.kind is Kind.UNAUTHENTICATED else STATUS[error.kind]
    return answer(code=code, message=error.detail)


class OlaresRoute(APIRoute):
    """A route whose expected failures are told in the envelope."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def tell(request: Request) -> Response:
            try:
                return await handle(request)
            except ServiceError as error:
                return refusal(error)
            except RequestValidationError:
                return refusal(RequestInvalid("This request is not valid."))

        return tell


def read_fields(body: bytes) -> dict[str, str]:
    """The fields of a body, a form or a JSON object; nested ones are named as forms do it: ``body[did]``.

    Of a form, ``+`` is itself and never a space, and only whole escapes are read as such. A field that comes twice
    counts the first time. Numbers and booleans of JSON are given as JSON writes them; null and lists are left out.

    Raises:
        RequestInvalid: If it is JSON but no object, has too many fields, or holds a NUL.
    """
    text = body.decode("utf-8", "replace")
    fields = _json_fields(text) if text.lstrip().startswith("{") else _form_fields(text)
    if len(fields) > MAX_FIELDS or any("\0" in value for value in fields.values()):
        raise _unreadable()
    return fields


def _unreadable() -> RequestInvalid:
    return RequestInvalid("This request cannot be read: it has too many fields, or characters that none may hold.")


def _form_fields(text: str) -> dict[str, str]:
    pairs, cut, raw = text.partition(RAW_FIELD)
    found = pairs.split("&", MAX_FIELDS)
    if len(found) > MAX_FIELDS:
        raise _unreadable()
    fields: dict[str, str] = {}
    for pair in found:
        name, _, value = pair.partition("=")
        if name:
            fields.setdefault(unquote(name), unquote(value).rstrip("\r\n"))
    if cut:
        fields["message"] = raw
    return fields


def _json_fields(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestInvalid("This request is not JSON.") from error
    fields: dict[str, str] = {}
    for name, value in found.items():
        inner = {f"{name}[{key}]": item for key, item in value.items()} if isinstance(value, dict) else {name: value}
        for key, item in inner.items():
            if isinstance(item, str):
                # Half of a surrogate pair, which JSON can spell, is no text.
                fields[_whole(key)] = _whole(item)
            elif isinstance(item, bool | int | float):
                fields[_whole(key)] = json.dumps(item)
    return fields


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


async def _fields(request: Request) -> dict[str, str]:
    return read_fields(await request.body())


Fields = Annotated[dict[str, str], Depends(_fields)]
"""What a device sent."""


def parse(model: type[ModelT], fields: dict[str, str]) -> ModelT:
    """The fields that the model knows; all others are left alone, as new clients may send more.

    Raises:
        RequestInvalid: With the names of those that are absent or wrong, not with what they hold.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        wrong = ", ".join(sorted({str(item["loc"][0]) if item["loc"] else "" for item in error.errors()}))
        raise RequestInvalid(f"This request is not valid at: {wrong}.") from error


def require_token(
    has_ended: Callable[[AsyncSession, UUID], Awaitable[bool]],
) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the owner whose device sends ``userid`` and ``token``.

    Args:
        has_ended: Whether a session of devices was ended before its time, as far as this service was told.
    """

    async def caller(request: Request, fields: Fields, database: Transactions) -> Caller:
        found: Caller = await request.app.state.runtime.verifier.verify(fields.get("token", ""), TOKEN_TYPE)
        if fields.get("userid") != found.did:
            raise SignInNeeded("This token is another account's. Connect to Space again.")
        async with database.reading() as session:
            if await has_ended(session, found.session_id):
                raise SignInNeeded("This connection to Space was ended. Connect to Space again.")
        request.state.caller = found
        return found

    return caller
