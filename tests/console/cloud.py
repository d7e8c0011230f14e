"""What the stories of restores to the cloud do at the pages, in the words that are on them."""

import re
from collections.abc import Callable
from uuid import UUID

from playwright.sync_api import BrowserContext, Locator, Page, Request, expect

from tests.support.whole_system import WholeSystem
from tests.system.cloud.customer import Customer

WRONG = "This password is wrong."


def alert(page: Page) -> Locator:
    """What a page says in alarm; `main` leaves out a banner about the connection."""
    return page.get_by_role("main").get_by_role("alert")


def password_field(page: Page) -> Locator:
    # The part of the page that it is in has the same name.
    return page.get_by_label("Backup password", exact=True).and_(page.locator("input"))


def set_up(page: Page, backup_id: str, name: str, password: str) -> None:
    """Fill in the first step, and go on to what it costs."""
    page.goto(f"/backups/{backup_id}/restore-to-cloud")
    page.get_by_label("Name of the Terminus").fill(name)
    password_field(page).fill(password)
    page.get_by_role("button", name="See the charges").click()


def to_payment(page: Page) -> None:
    page.get_by_role("button", name="Continue to payment").click()
    expect(page.get_by_text("Amount due")).to_be_visible()


def add_card(page: Page, sentence: str) -> None:
    """Add the sandbox's card of which the form says this, and choose it."""
    another = page.get_by_role("radio", name="Another card")
    expect(another.or_(page.get_by_text("You have no card yet."))).to_be_visible()
    if another.count():
        another.check()
    page.get_by_role("button", name=f"Fill in the card that {sentence}").click()
    page.get_by_role("button", name="Add this card").click()
    expect(page.get_by_role("button", name="Add this card")).to_have_count(0)


def order(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Order")).click()


def restore_of(page: Page) -> str:
    """The restore whose live page this has become."""
    page.wait_for_url(re.compile(r"/restores/[0-9a-f-]{36}$"))
    return page.url.rpartition("/")[2]


def sent_by(context: BrowserContext) -> Callable[[], list[str]]:
    """Addresses, headers and bodies of every request that leaves this browser from now on."""
    requests: list[Request] = []
    context.on("request", lambda request: requests.append(request))
    return lambda: [
        text for request in requests for text in (request.url, str(request.headers), request.post_data or "")
    ]


def payments_of(whole: WholeSystem, customer: Customer) -> list[tuple[str, int]]:
    """State, and what was taken in minor units, of each payment that this owner's orders have led to."""
    query = (
        "SELECT state, captured_minor FROM payments WHERE owner_id = $1 AND purpose = 'order' ORDER BY created_at, id"
    )
    return [
        (row["state"], row["captured_minor"]) for row in whole.sql("billing", query, UUID(customer.device.owner_id))
    ]
