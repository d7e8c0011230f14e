"""The timeline of a restore as it grows: by a stream, or page by page where too many streams are open already."""

import time
from collections.abc import Callable, Iterator

from agent import api, cloud_words, following
from agent.api import Client
from agent.cloud_wire import TimelineEntry
from agent.config import JsonObject
from agent.errors import ServerRefused, SpaceError

PAGES_SECONDS = 3.0


def follow(
    client: Client,
    path: str,
    last_number: int,
    on_break: Callable[[str], None],
    on_heard: Callable[[], None] = lambda: None,
) -> Iterator[JsonObject]:
    """The entries after `last_number` as they come, each once; it ends when the restore is over.

    Args:
        on_break: Told once for each time that the service is away.
        on_heard: Called whenever the service has been heard, also if it has nothing new.

    Raises:
        Unreachable: It was away for too long.
    """
    try:
        for event in following.follow(client, path, last_number, on_break, on_heard, gives_way=True):
            entry = api.parse_text(event.content)
            last_number = last_number if event.number is None else event.number
            yield entry
    except ServerRefused as error:
        if error.code != following.TOO_MANY:
            raise
        yield from _by_pages(client, path, last_number, on_break, on_heard)


def _by_pages(
    client: Client, path: str, last_number: int, on_break: Callable[[str], None], on_heard: Callable[[], None]
) -> Iterator[JsonObject]:
    away_since: float | None = None
    while True:
        try:
            listed = list(client.items(path))
        except SpaceError as error:
            if not following.passes(error, is_first=False):
                raise
            if away_since is None:
                away_since = time.monotonic()
                on_break(error.message)
            if time.monotonic() - away_since >= following.PATIENCE_SECONDS:
                raise
        else:
            away_since, state = None, ""
            on_heard()
            for item in listed:
                entry = api.parse(TimelineEntry, item)
                state = entry.state
                if entry.number > last_number:
                    last_number = entry.number
                    yield item
            if state in cloud_words.OVER:
                return
        time.sleep(PAGES_SECONDS)
