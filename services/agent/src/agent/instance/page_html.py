"""The pages in words: the front, the door that a link opens, and what was restored, folder by folder."""

import html
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from agent.instance.page_files import Entry, Kind, Listing, Names, Place
from agent.output import readable, size_text

FILES = "/files/"


def way_in(instance_name: str) -> str:
    """How its owner gets to see what was restored."""
    command = html.escape(f"space instance open {shlex.quote(instance_name)}")
    return (
        "<p>What was restored is shown to its owner alone. Where you are signed in to Space, run</p>\n"
        f"<p><code>{command}</code></p>\n<p>or open this instance in the console.</p>"
    )


def front(phase: str, inside: str) -> str:
    """How the instance is, and what comes below that for this visitor."""
    return f"<p>{html.escape(phase)}</p>\n{inside}"


def to_files(names: Names = ()) -> str:
    """The way to what was restored, which lies in this folder."""
    return f'<p><a href="{url(names)}">What was restored</a></p>'


def door(link: str, trouble: str = "") -> str:
    """A button: what only looks at links, as messengers do, would else use this one up."""
    said = f"<p>{html.escape(trouble)}</p>\n" if trouble else ""
    return (
        f"{said}<p>This shows what was restored on this instance, in this browser, for half a day at most.</p>\n"
        '<form method="post" action="/open">'
        f'<input type="hidden" name="link" value="{html.escape(link)}"><button>Show what was restored</button></form>'
    )


def nothing_yet() -> str:
    return '<p class="quiet">Nothing was restored yet.</p>'


def folder(names: Names, listing: Listing) -> str:
    """A folder's entries with the way back up, and the way on where there are more than fit a page."""
    parts = [_crumbs(names)]
    if listing.total == 0:
        parts.append('<p class="quiet">This folder is empty.</p>')
    else:
        parts += [_extent(listing), _table(names, listing.entries)]
    if listing.before:
        parts.append(f'<p><a href="{url(names)}">Back to the beginning</a></p>')
    if listing.last is not None:
        parts.append(f'<p><a href="{url(names)}?after={_place(listing.last)}">The next ones</a></p>')
    return "\n".join(parts)


def text_of(name: bytes) -> str:
    """A name as it is shown: what is not UTF-8 is replaced, what would steer the text is written out."""
    return readable(name.decode(errors="replace"))


def place_of(after: str) -> Place | None:
    """Where a listing goes on, from the query that `folder` wrote; None for anything else."""
    kind, name = after[:1], after[1:]
    try:
        return Place(bytes.fromhex(name), kind == "d") if kind in {"d", "f"} and name else None
    except ValueError:
        return None


def _place(place: Place) -> str:
    return ("d" if place.is_folder else "f") + place.name.hex()


def _crumbs(names: Names) -> str:
    crumbs = [f'<a href="{FILES}">Home</a>' if names else "Home"]
    for depth, name in enumerate(names, 1):
        shown = html.escape(text_of(name))
        crumbs.append(shown if depth == len(names) else f'<a href="{url(names[:depth])}">{shown}</a>')
    return f'<nav aria-label="Folder"><a href="/">Instance</a> / {" / ".join(crumbs)}</nav>'


def _extent(listing: Listing) -> str:
    first, last = listing.before + 1, listing.before + len(listing.entries)
    total = f"{listing.total:,} entries" if listing.total > 1 else "1 entry"
    part = "" if last - first + 1 >= listing.total else f", {first:,} to {last:,} of them here"
    return f'<p class="quiet">{total}{part}</p>'


def _table(names: Names, entries: Sequence[Entry]) -> str:
    rows = "\n".join(_row(names, entry) for entry in entries)
    return f"<table>\n<tr><th>Name<th>Size<th>Changed (UTC)\n{rows}\n</table>"


def _row(names: Names, entry: Entry) -> str:
    shown = html.escape(text_of(entry.name))
    size = ""
    match entry.kind:
        case Kind.FOLDER:
            shown = f'<a href="{url([*names, entry.name])}">{shown}/</a>'
        case Kind.FILE:
            shown, size = f'<a href="{url([*names, entry.name], "")}">{shown}</a>', size_text(entry.size_bytes)
        case _:
            shown = f'{shown} <span class="quiet">({entry.kind}, not shown)</span>'
    return f"<tr><td>{shown}<td>{size}<td>{_time(entry.changed)}"


def url(names: Names, end: str = "/") -> str:
    """Where a folder is shown; with no end, where a file is had."""
    return FILES + "/".join(quote(name, safe="") for name in names) + (end if names else "")


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    # File systems have times that calendars do not.
    except (OverflowError, ValueError, OSError):
        return ""
