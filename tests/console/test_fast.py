"""How much the first load of the list takes, and that what has not changed is not sent twice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.console.conftest import NewContext
from tests.console.loading import FOUR_G, SLOW_FOUR_G, Load, first_load
from tests.console.signed_in import sign_in
from tests.support.devices import Device
from tests.support.folders import fill
from tests.system.conftest import PASSWORD

MOST_SCRIPT_BYTES = 250_000
MOST_SECONDS = 2.0
MOST_LOADS = 12
"""One of so many has to be fast enough: what else runs on this machine is not the page's doing."""


@pytest.fixture
def backed_up(alice: Device, tmp_path: Path) -> Device:
    alice.back_up(fill(tmp_path / "photos", files=2), "photos", PASSWORD)
    return alice


def test_the_list_can_be_used_within_two_seconds_of_a_first_visit_over_4g(
    new_context: NewContext, backed_up: Device, record_property: Callable[[str, object], None]
) -> None:
    def visitor() -> BrowserContext:
        context = new_context()
        sign_in(context, backed_up)
        return context

    loads: list[Load] = []
    while not any(load.seconds < MOST_SECONDS for load in loads) and len(loads) < MOST_LOADS:
        loads.append(first_load(visitor, FOUR_G, "photos"))
    slow = first_load(visitor, SLOW_FOUR_G, "photos")
    for name, load in (("4g", loads[-1]), ("slow_4g", slow)):
        print(f"{name}: {load}")
        record_property(name, str(load))
    assert loads[-1].seconds < MOST_SECONDS, loads
    assert max(load.script_bytes for load in (*loads, slow)) < MOST_SCRIPT_BYTES


def test_a_list_that_has_not_changed_is_not_sent_again(page: Page, backed_up: Device) -> None:
    sign_in(page, backed_up)
    page.goto("/backups")
    expect(page.get_by_role("link", name="photos")).to_be_visible()
    debugger = page.context.new_cdp_session(page)
    statuses: list[int] = []
    debugger.on(
        "Network.responseReceivedExtraInfo",
        lambda event: statuses.append(event["statusCode"]) if "etag" in {k.lower() for k in event["headers"]} else None,
    )
    debugger.send("Network.enable")
    # The list is asked for every 15 seconds.
    with page.expect_response(lambda response: "/api/v1/backups?" in response.url, timeout=60_000):
        pass
    page.wait_for_timeout(500)
    assert statuses, "nothing was asked again"
    assert set(statuses) == {304}, statuses
