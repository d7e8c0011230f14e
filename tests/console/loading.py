"""The first load of the list over a slow network, as a browser that was never here meets it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import BrowserContext, expect


@dataclass(frozen=True)
class Network:
    """What a profile of WebPageTest or Lighthouse takes away: milliseconds per round trip, bits per second."""

    round_trip_ms: float
    down: float
    up: float


FOUR_G = Network(170, 9e6, 9e6)
"""WebPageTest's 4G."""
SLOW_FOUR_G = Network(150, 1.6e6, 0.75e6)
"""Lighthouse's slow 4G, the one that it measures phones by."""


@dataclass(frozen=True)
class Load:
    """How it went: seconds until a backup in the list was opened by a click, and bytes that came over the network."""

    seconds: float
    script_bytes: int
    all_bytes: int


def first_load(new_context: Callable[[], BrowserContext], network: Network, backup: str) -> Load:
    """Load the list in a browser without a cache, which is signed in, and measure until its first row can be used."""
    page = new_context().new_page()
    debugger = page.context.new_cdp_session(page)
    kinds: dict[str, str] = {}
    sizes: dict[str, int] = {}
    debugger.on("Network.requestWillBeSent", lambda event: kinds.update({event["requestId"]: event.get("type", "")}))
    debugger.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    debugger.send("Network.enable")
    debugger.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": network.round_trip_ms,
            "downloadThroughput": network.down / 8,
            "uploadThroughput": network.up / 8,
        },
    )
    begun = time.monotonic()
    page.goto("/backups", wait_until="commit")
    page.get_by_role("link", name=backup, exact=True).click(no_wait_after=True)
    load = Load(
        time.monotonic() - begun,
        sum(size for request, size in sizes.items() if kinds.get(request) == "Script"),
        sum(sizes.values()),
    )
    expect(page.get_by_role("heading", level=1, name=backup)).to_be_visible()
    return load
