"""Following a stream of server-sent events: from where it stopped, over breaks, until it says that it is over."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from agent.api import Client
from agent.errors import ExitCode, ServerRefused, SpaceError

END = "end"
TOO_MANY = "too_many_streams"
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 10.0
# How long a service may be away; a stream that is whole sends something at least every 15 seconds.
PATIENCE_SECONDS = 300.0
MAX_EVENT_BYTES = 2**20
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True)
class Event:
    kind: str
    number: int | None
    content: str


def follow(
    client: Client,
    path: str,
    last_number: int,
    on_break: Callable[[str], None],
    on_heard: Callable[[], None] = lambda: None,
    *,
    gives_way: bool = False,
) -> Iterator[Event]:
    """The events after `last_number` as they come, each once; it ends when the stream says that it is over.

    Args:
        on_break: Told once for each time that the service is away.
        on_heard: Called whenever something arrives, also if it only says that the stream is whole.
        gives_way: Too many streams end it also where it comes back after a break.

    Raises:
        Unreachable: It was away for too long.
        ServerRefused: `too_many_streams` and whatever else does not pass.
    """
    away_since, wait_seconds = None, FIRST_WAIT_SECONDS
    is_first = True
    while True:
        try:
            with client.stream(path, {"Last-Event-ID": str(last_number)}) as chunks:
                away_since, is_first = None, False
                for event in events(_heard(chunks, on_heard)):
                    wait_seconds = FIRST_WAIT_SECONDS
                    if event.kind == END:
                        return
                    last_number = last_number if event.number is None else event.number
                    yield event
        except SpaceError as error:
            if not passes(error, is_first=is_first) or (gives_way and error.code == TOO_MANY):
                raise
            if away_since is None:
                away_since = time.monotonic()
                on_break(error.message)
            if time.monotonic() - away_since >= PATIENCE_SECONDS:
                raise
        # Also after a stream that ended in order, which a service does when it stops, or now and then.
        time.sleep(wait_seconds)
        wait_seconds = min(2 * wait_seconds, LONGEST_WAIT_SECONDS)


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events in what arrives, as https://html.spec.whatwg.org/multipage/server-sent-events.html reads them.

    One that has not come to its empty line when the stream breaks is none.
    """
    fields: dict[str, str] = {}
    for line in _lines(chunks):
        if not line:
            if "data" in fields:
                number = fields.get("id", "")
                yield Event(
                    fields.get("event", "message"), int(number) if _NUMBER.fullmatch(number) else None, fields["data"]
                )
            fields = {}
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        fields[name] = f"{fields['data']}\n{value}" if name == "data" and "data" in fields else value


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines that end with CR, LF or both, and nothing else: the text in them may hold what Unicode calls a line end."""
    rest = b""
    for chunk in chunks:
        # A CR at the very end may be half of a CR LF.
        whole, rest = _split(rest + chunk)
        if len(rest) > MAX_EVENT_BYTES:
            raise SpaceError("answer_invalid", "This address does not answer like Space.", hint="Check --origin.")
        for line in whole:
            yield line.decode("utf-8", "replace")


def _split(content: bytes) -> tuple[list[bytes], bytes]:
    held = b"\r" if content.endswith(b"\r") else b""
    *whole, rest = content.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return whole, rest + held


def _heard(chunks: Iterable[bytes], on_heard: Callable[[], None]) -> Iterator[bytes]:
    for chunk in chunks:
        on_heard()
        yield chunk


def passes(error: SpaceError, *, is_first: bool) -> bool:
    """Whether it is worth to come back. That too much is followed already is said at once, not waited for."""
    if isinstance(error, ServerRefused) and error.status == 429:
        return not is_first
    return error.exit_code is ExitCode.UNREACHABLE and error.code != "certificate_untrusted"
