"""A real browser in front of the whole system, with the console that was built.

The browser lives as long as these tests and not as long as the run: while Playwright is there, its thread has an event
loop that runs, and no asynchronous test could have one of its own.
"""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from space_local.system import CONSOLE
from tests.console.browser import Complaints, launch
from tests.support.whole_system import WholeSystem
from tests.system.conftest import SETTINGS, NewDevice, alice, bob, new_device, restic_path

__all__ = ["NewDevice", "alice", "bob", "new_device", "restic_path"]

NewContext = Callable[..., BrowserContext]
SECONDS = 60
FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="package")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSystem]:
    assert (CONSOLE / "index.html").exists(), "the console is not built: `make bootstrap` builds it"
    whole = WholeSystem(tmp_path_factory.mktemp("home"), SETTINGS)
    whole.start()
    yield whole
    whole.stop()


@pytest.fixture
def home(running_system: WholeSystem) -> WholeSystem:
    """The running system with its console, mended if the test before left it broken."""
    running_system.heal()
    return running_system


@pytest.fixture
def whole(home: WholeSystem) -> WholeSystem:
    """By the name that the machines of owners know it by."""
    return home


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def complaints(home: WholeSystem) -> Iterator[Complaints]:
    """What pages complained of; a test fails on any that it has not forgiven."""
    complaints = Complaints(home.origin)
    yield complaints
    assert complaints.heard == []


@pytest.fixture
def new_context(
    browser: Browser, home: WholeSystem, complaints: Complaints, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[NewContext]:
    """Makes browsers that know nothing of each other; the options are those of Playwright's `new_context`.

    Of a test that fails, each page is in its temporary folder as a picture.
    """
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        usual = {"base_url": home.origin, "locale": "en-GB", "timezone_id": "UTC", "reduced_motion": "reduce"}
        context = browser.new_context(**usual | options)
        context.set_default_timeout(SECONDS * 1000)
        complaints.listen(context)
        contexts.append(context)
        return context

    yield make
    for number, page in enumerate(page for context in contexts for page in context.pages):
        if request.node.stash.get(FAILED, False):
            page.screenshot(path=tmp_path / f"page {number}.png", full_page=True)
    for context in contexts:
        context.close()


@pytest.fixture
def context(new_context: NewContext) -> BrowserContext:
    return new_context()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of a browser in which nobody is signed in; `page.goto("/backups")` opens one of the console."""
    return context.new_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report
