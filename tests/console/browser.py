"""The browser of this machine, and what its pages complain of."""

import os
import re
import shutil
from dataclasses import dataclass, field

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Playwright, WebError

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""As `deploy/local/bootstrap` looks for it."""


def launch(playwright: Playwright) -> Chromium:
    """CHROMIUM, or the one on PATH, with its sandbox, which it refuses to root; none is ever downloaded."""
    found = [path for name in (os.environ.get("CHROMIUM"), *NAMES) if name and (path := shutil.which(name))]
    assert found, "Chromium is missing: `deploy/local/bootstrap tests` installs it, or set CHROMIUM=/path/to/chromium"
    return playwright.chromium.launch(executable_path=found[0], chromium_sandbox=os.geteuid() != 0)


@dataclass
class Complaints:
    """What went wrong in pages without anybody asking: errors on their consoles, which include what the policy forbade.

    A refusal by the API is none: it is the page's to show, and the test's to look at.
    """

    origin: str
    heard: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)

    def forgive(self, pattern: str) -> None:
        """Take out what a test provoked; something must match."""
        kept = [text for text in self.heard if not re.search(pattern, text)]
        assert len(kept) < len(self.heard), f"nothing of {self.heard} matches {pattern}"
        self.heard[:] = kept

    def _on_console(self, message: ConsoleMessage) -> None:
        url = message.location["url"]
        refusal = re.match(r"Failed to load resource: .* status of 4\d\d", message.text)
        if message.type == "error" and not (refusal and url.startswith(f"{self.origin}/api/")):
            self.heard.append(f"{message.text} ({url})")

    def _on_error(self, error: WebError) -> None:
        self.heard.append(f"{error.error.name}: {error.error.message}\n{error.error.stack}")
