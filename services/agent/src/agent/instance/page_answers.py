"""What the page answers with: heads that keep browsers from doing more than is meant, and one frame for all HTML."""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from agent.instance.page_files import OpenFile

HTML = "text/html; charset=utf-8"
JSON = "application/json"

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --paper: #fff; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9da7b3; --line: #3d444d; --paper: #0d1117; --link: #79b8ff; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .75rem; overflow-wrap: anywhere; }
a { color: var(--link); }
code { font-size: .9em; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
nav { margin: 0 0 1rem; overflow-wrap: anywhere; }
button { font: inherit; padding: .5rem 1.25rem; border: 1px solid var(--link); border-radius: .4rem; cursor: pointer;
  color: var(--paper); background: var(--link); }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 600; color: var(--quiet); }
th, td { padding: .4rem 1.25rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child { width: 100%; }
td:first-child { overflow-wrap: anywhere; white-space: pre-wrap; }
th:nth-child(n+2), td:nth-child(n+2) { white-space: nowrap; font-variant-numeric: tabular-nums; }
th:nth-child(2), td:nth-child(2) { text-align: right; }
th:last-child, td:last-child { padding-right: 0; }
@media (max-width: 34rem) {
  th:nth-child(3), td:nth-child(3) { display: none; }
  th:nth-child(2), td:nth-child(2) { padding-right: 0; }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_HEADERS = (
    "Cache-Control: no-store",
    f"Content-Security-Policy: default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy: same-origin",
    "Cross-Origin-Resource-Policy: same-origin",
    "Referrer-Policy: no-referrer",
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: DENY",
    "Connection: close",
)
_FRAME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<main>
<h1>{heading}</h1>
{content}
</main>
</html>
"""
_PLAIN = re.compile(r"[^A-Za-z0-9 ._-]")


@dataclass(frozen=True)
class Answer:
    """What is sent whole, or, where a file is to follow, before it.

    Args:
        headers: Besides those that every answer has, a line each.
    """

    status: HTTPStatus
    content: bytes = b""
    media_type: str = HTML
    headers: Sequence[str] = ()
    file: OpenFile | None = None

    def wire(self) -> bytes:
        """The bytes of the answer, as far as they are not the file's."""
        size = len(self.content) if self.file is None else self.file.size_bytes
        lines = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Content-Type: {self.media_type}",
            f"Content-Length: {size}",
            *self.headers,
            *_HEADERS,
        )
        return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + self.content


def framed(heading: str, content: str, *, title: str | None = None) -> bytes:
    """A whole page; `heading` and `title` are text, `content` is HTML."""
    return _FRAME.format(
        title=html.escape(title or heading), style=STYLE, heading=html.escape(heading), content=content
    ).encode()


def refusal(status: HTTPStatus) -> Answer:
    """An answer that says no more than its status does."""
    return Answer(status, framed(status.phrase, ""))


def to(path: str, *headers: str) -> Answer:
    """On to another page of ours."""
    return Answer(HTTPStatus.SEE_OTHER, headers=(f"Location: {path}", *headers))


def download(file: OpenFile) -> Answer:
    """A file to be kept, whatever it is: no browser is to show it as a page of ours."""
    name = file.name.decode(errors="replace")
    kept = f"attachment; filename=\"{_PLAIN.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"
    headers = (f"Content-Disposition: {kept}",)
    return Answer(HTTPStatus.OK, media_type="application/octet-stream", headers=headers, file=file)
