"""What is around each page: by keyboard, on a phone, and while nobody answers."""

from playwright.sync_api import BrowserContext, Page, expect

from tests.console.browser import Complaints
from tests.console.conftest import SECONDS, NewContext
from tests.console.signed_in import sign_in
from tests.support.devices import Device
from tests.support.whole_system import WholeSystem


def test_the_content_is_one_key_away_and_each_page_is_said(page: Page, alice: Device) -> None:
    sign_in(page, alice)
    page.goto("/backups")
    expect(page.get_by_role("heading", level=1, name="Backups")).to_be_focused()
    page.get_by_role("link", name="Skip to the content").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Restores").press("Enter")
    expect(page.get_by_role("heading", level=1, name="Restores")).to_be_focused()
    expect(page).to_have_title("Restores · Space")
    expect(page.get_by_role("link", name="Restores", exact=True)).to_have_attribute("aria-current", "page")


def test_on_a_phone_the_menu_takes_no_focus_while_it_is_hidden_and_all_of_it_while_it_is_open(
    new_context: NewContext, alice: Device
) -> None:
    context = new_context(viewport={"width": 360, "height": 740})
    sign_in(context, alice)
    page = context.new_page()
    page.goto("/backups")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(page.get_by_role("link", name="Instances")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Signed in as")).to_be_focused()
    page.get_by_role("button", name="Open the menu").press("Enter")
    expect(page.get_by_role("main")).to_have_attribute("inert", "")
    page.get_by_role("link", name="Account").focus()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Open the menu")).to_be_focused()
    page.get_by_role("button", name="Open the menu").press("Enter")
    page.get_by_role("link", name="Instances").press("Enter")
    expect(page.get_by_role("heading", level=1, name="Instances")).to_be_focused()
    expect(page.get_by_role("link", name="Billing")).to_have_count(0)


def test_while_the_services_are_dead_the_page_says_so_until_they_answer(
    page: Page, home: WholeSystem, complaints: Complaints, alice: Device
) -> None:
    sign_in(page, alice)
    page.goto("/backups")
    expect(page.get_by_role("heading", name="Make your first backup")).to_be_visible()
    said = page.get_by_text("A part of Space does not answer.")
    expect(said).to_have_count(0)
    with home.down("services"):
        expect(said).to_be_visible(timeout=SECONDS * 1000)
        expect(page.get_by_role("heading", name="Make your first backup")).to_be_visible()
    expect(said).to_have_count(0, timeout=SECONDS * 1000)
    complaints.forgive(r"status of 50\d")


def test_offline_nobody_is_signed_out_and_the_page_says_so(
    page: Page, context: BrowserContext, complaints: Complaints, alice: Device
) -> None:
    sign_in(page, alice)
    page.goto("/backups")
    expect(page.get_by_role("heading", name="Make your first backup")).to_be_visible()
    context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    page.get_by_role("button", name="Signed in as").click()
    page.get_by_role("menuitem", name="Sign out").click()
    refusal = page.get_by_role("dialog", name="You are still signed in")
    expect(refusal).to_contain_text("No answer came")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Signed in as")).to_be_focused()
    context.set_offline(False)
    expect(page.get_by_text("You are offline.")).to_have_count(0)
    complaints.forgive("ERR_INTERNET_DISCONNECTED")


def test_an_address_that_shows_nothing_leads_home(page: Page, alice: Device) -> None:
    sign_in(page, alice)
    page.goto("/nothing/here")
    expect(page.get_by_role("heading", level=1, name="There is nothing here")).to_be_focused()
    page.get_by_role("link", name="Go to Home").click()
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_focused()
