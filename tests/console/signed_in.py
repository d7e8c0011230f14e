"""A browser signed in as the owner of a machine, without the page that people sign in by."""

from playwright.sync_api import BrowserContext, Page, expect

from tests.support.devices import Device


def sign_in(browser: BrowserContext | Page, device: Device) -> None:
    """Give a browser, by itself or by one of its pages, a session of the owner whose machine this is.

    By a one-time link, redeemed with the browser's own cookies: each page opened afterwards is signed in. One that is
    open already learns of it when it is loaded again.
    """
    context = browser if isinstance(browser, BrowserContext) else browser.context
    link = str(device.space("login", "--web", "--no-open", "--json").json["link"])
    origin, _, secret = link.partition("/sign-in#link=")
    expect(
        context.request.post(
            "/api/v1/auth/console/links/redeem",
            data={"secret": secret, "client_name": "a test"},
            headers={"Origin": origin},
        )
    ).to_be_ok()
