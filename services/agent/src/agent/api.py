"""The HTTP client: one origin, problem+json turned into errors, time-outs, bounded repeats."""

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ValidationError

from agent.config import JsonObject
from agent.errors import NotSignedIn, ServerRefused, SpaceError, Unreachable

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
ATTEMPTS = 4
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0
PAGE_SIZE = 100
EVENT_STREAM = "text/event-stream"
# A stream is broken when nothing came for so long; the services send something every 15 seconds.
STREAM_TIMEOUT = httpx.Timeout(10.0, read=45.0)
_PASSING_STATUSES = frozenset({429, 502, 503, 504})

AnswerT = TypeVar("AnswerT", bound=BaseModel)

_HINTS = {
    "owner_unknown": "Register with `space login --name you@olares.com`, or join from another device with --enrol.",
    "invite_required": "Ask the operator for an invite and add --invite.",
    "olares_name_taken": "Choose another name, or join its owner's account with --enrol.",
    "ticket_expired": "Make a new ticket and run its command with the same --to: what is there already is kept.",
    "ticket_spent": "Tickets work for one machine only. Make a new one.",
    "scope_missing": "Use an API token with this scope, or sign in with `space login`.",
    "payment_method_needed": "Add a card with `space payment-method add`, then try again.",
    "payment_method_in_use": "Try again when the payment is through: `space balance` and `space invoices` show it.",
    "card_refused": "Nothing was kept. The sandbox takes its test cards, Stripe a --token pm_… made there.",
    "payment_method_not_found": "`space payment-method list` lists them.",
    "invoice_not_found": "`space invoices` lists them.",
    "amount_too_small": "The least that a card is charged is 1.00.",
    "invoice_not_payable": "`space invoice NUMBER` shows its state and its payments.",
    "instance_not_found": "`space instances --all` lists them.",
    "instance_busy": "`space instance show NAME` shows its status and what can be done with it.",
    "instance_over": "`space instances` lists those that live.",
    "offer_unknown": "`space offers` lists what there is.",
    "backup_url_impossible": "`space restore` restores every backup, whatever made it.",
    "too_many_streams": "Stop another `space instance log --follow`, or leave out --follow.",
    "provider_unavailable": "It is not known whether this was done: see `space balance` and `space invoices` first.",
}


class AccessTokens(Protocol):
    """Where bearer tokens come from: a kept session or an API token."""

    def current(self) -> str: ...

    def renewed(self, refused: str) -> str:
        """A token other than the one that was just refused."""
        ...


class Client:
    def __init__(
        self,
        origin: str,
        *,
        tokens: AccessTokens | None = None,
        ca_file: Path | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self.origin = origin.rstrip("/")
        self._tokens = tokens
        verify = True if ca_file is None else _trusting(ca_file)
        try:
            self._http = httpx.Client(
                base_url=f"{self.origin}/api/v1", timeout=timeout, verify=verify, headers={"User-Agent": "space"}
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise SpaceError("origin_invalid", f"{origin} is not an address.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(
        self,
        path: str,
        params: Mapping[str, object] | None = None,
        *,
        authorised: bool = True,
        attempts: int = ATTEMPTS,
        timeout_seconds: float | None = None,
    ) -> JsonObject:
        """`timeout_seconds` is for one attempt, where less than the usual patience is wanted."""
        return _read(
            self._call(
                "GET", path, params=params, authorised=authorised, attempts=attempts, timeout_seconds=timeout_seconds
            )
        )

    def download(self, path: str, media_type: str) -> bytes:
        """A document that is not JSON.

        Raises:
            SpaceError: `answer_invalid`: it is of another type.
        """
        response = self._call("GET", path, attempts=ATTEMPTS)
        if not response.is_success:
            _read(response)
        if _media_type(response) != media_type:
            raise _not_space()
        return response.content

    def items(self, path: str, params: Mapping[str, object] | None = None) -> Iterator[JsonObject]:
        """Every item of a paged list."""
        cursor: object = None
        while True:
            page = self.get(path, {**(params or {}), "limit": PAGE_SIZE, "cursor": cursor})
            items = page.get("items")
            yield from items if isinstance(items, list) else ()
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def post(
        self,
        path: str,
        body: JsonObject | None = None,
        *,
        authorised: bool = True,
        attempts: int = ATTEMPTS,
        idempotency_key: str | None = None,
    ) -> JsonObject:
        """Create or do something; every attempt carries the same Idempotency-Key, so repeating is safe."""
        return _read(
            self._call(
                "POST", path, body=body or {}, authorised=authorised, attempts=attempts, idempotency_key=idempotency_key
            )
        )

    def put(self, path: str, body: JsonObject | None = None) -> JsonObject:
        return _read(self._call("PUT", path, body=body or {}, attempts=ATTEMPTS))

    def delete(self, path: str, *, attempts: int = ATTEMPTS) -> JsonObject:
        return _read(self._call("DELETE", path, attempts=attempts))

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        """What arrives of a stream of server-sent events, piece by piece; not repeated when it breaks.

        Raises:
            Unreachable: Also in the middle of it.
        """
        if self._tokens is None:
            raise NotSignedIn
        token = self._tokens.current()
        try:
            response = self._open_stream(path, headers, token)
            if response.status_code == 401:
                response.close()
                response = self._open_stream(path, headers, self._tokens.renewed(token))
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        try:
            if not response.is_success:
                response.read()
                _read(response)
            if _media_type(response) != EVENT_STREAM:
                raise _not_space()
            yield response.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        finally:
            response.close()

    def _open_stream(self, path: str, headers: Mapping[str, str], token: str) -> httpx.Response:
        shown = {**headers, "Accept": EVENT_STREAM, "Authorization": f"Bearer {token}"}
        return self._http.send(
            self._http.build_request("GET", path, headers=shown, timeout=STREAM_TIMEOUT), stream=True
        )

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: JsonObject | None = None,
        authorised: bool = True,
        attempts: int,
        timeout_seconds: float | None = None,
        idempotency_key: str | None = None,
    ) -> httpx.Response:
        timeout = self._http.timeout if timeout_seconds is None else httpx.Timeout(timeout_seconds)
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())} if method == "POST" else {}
        query = {name: _parameter(value) for name, value in (params or {}).items() if value is not None}
        token = None
        if authorised:
            if self._tokens is None:
                raise NotSignedIn
            token = self._tokens.current()
        renewed = False
        for attempt in range(1, attempts + 1):
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
            try:
                response = self._http.request(method, path, params=query, json=body, headers=headers, timeout=timeout)
            except httpx.TransportError as error:
                if attempt == attempts or _is_about_certificate(error):
                    raise self._unreachable(error) from error
                time.sleep(_wait_seconds(attempt))
                continue
            if response.status_code == 401 and token is not None and self._tokens is not None and not renewed:
                token, renewed = self._tokens.renewed(token), True
                response = self._once_more(method, path, query, body, {**headers, "Authorization": f"Bearer {token}"})
            if response.status_code in _PASSING_STATUSES and attempt < attempts:
                wait_seconds = _retry_after(response) or _wait_seconds(attempt)
                if wait_seconds <= LONGEST_WAIT_SECONDS:
                    time.sleep(wait_seconds)
                    continue
            return response
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once_more(
        self, method: str, path: str, query: Mapping[str, str], body: JsonObject | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        try:
            return self._http.request(method, path, params=query, json=body, headers=headers)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        if _is_about_certificate(error):
            return Unreachable(
                "certificate_untrusted",
                f"The certificate of {self.origin} is not trusted: {error}.",
                hint="If an authority of your own signed it, pass its certificate with --ca-file to `space login` or "
                "`space restore`; programs that use an API token set SSL_CERT_FILE.",
            )
        reason = "did not answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or "no answer"
        return Unreachable(
            "service_unreachable",
            f"{self.origin} cannot be reached: {reason}.",
            hint="Check the address (--origin, SPACE_ORIGIN) and that the service runs, then try again.",
        )


def parse(answer_type: type[AnswerT], answer: object) -> AnswerT:
    """An answer as a type.

    Raises:
        SpaceError: `answer_invalid`: this is not an answer of Space; its content is not shown, it may hold secrets.
    """
    try:
        return answer_type.model_validate(answer)
    except ValidationError as error:
        raise _not_space() from error


def parse_text(text: str) -> JsonObject:
    """A document that came as text, as the events of a stream do.

    Raises:
        SpaceError: `answer_invalid`.
    """
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _not_space()
    return document


def _read(response: httpx.Response) -> JsonObject:
    if response.is_success:
        if not response.content:
            return {}
        answer = _json_object(response)
        if answer is None:
            raise _not_space()
        return answer
    if response.is_redirect:
        raise _not_space()
    raise _problem(response)


def _problem(response: httpx.Response) -> ServerRefused:
    problem = _json_object(response) or {}
    code = str(problem.get("code") or f"http_{response.status_code}")
    detail = _detail(problem) or f"The service answered {response.status_code}."
    hint = _HINTS.get(code)
    if response.status_code == 401 and hint is None:
        hint = "Sign in again with `space login`."
    if response.status_code == 429 and hint is None:
        hint = f"Try again in {response.headers.get('Retry-After', 'a few')} seconds."
    return ServerRefused(
        code,
        detail,
        status=response.status_code,
        hint=hint,
        extra=problem,
        retry_after_seconds=_retry_after(response),
    )


def _detail(problem: JsonObject) -> str | None:
    """What the problem says; for a request that is not valid, what is wrong with each field."""
    found = problem.get("errors")
    faults = [_fault(item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    words = "; ".join(faults) or problem.get("detail") or problem.get("title")
    return None if words is None else str(words)


def _fault(item: JsonObject) -> str:
    location = item.get("location")
    where = ".".join(map(str, location[1:])) if isinstance(location, list) else ""
    message = str(item.get("message")).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _json_object(response: httpx.Response) -> JsonObject | None:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _not_space() -> SpaceError:
    return SpaceError("answer_invalid", "This address does not answer like Space.", hint="Check --origin.")


def _media_type(response: httpx.Response) -> str:
    return str(response.headers.get("Content-Type", "")).partition(";")[0].strip()


def _is_about_certificate(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _trusting(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise SpaceError("ca_file_unusable", f"{ca_file} is not a file of PEM certificates.") from error


def _parameter(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _wait_seconds(attempt: int) -> float:
    return min(FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1), LONGEST_WAIT_SECONDS)
