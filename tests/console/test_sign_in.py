"""Signing in and out in real browsers, and the page of who is signed in."""

import re
import shlex
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.console.conftest import NewContext
from tests.console.signed_in import sign_in
from tests.support.devices import Device
from tests.support.larepass import LarePass
from tests.support.whole_system import WholeSystem

CONSOLE = Path(__file__).parents[2] / "services" / "console"
DECODE = """
import decode from "qr/decode.js";
const [width, height] = process.argv.slice(1).map(Number);
const parts = [];
for await (const part of process.stdin) parts.push(part);
process.stdout.write(decode({ width, height, data: new Uint8Array(Buffer.concat(parts)) }));
"""


def camera(shown: Locator) -> str:
    """What a camera reads of a code on the screen."""
    picture = Image.open(BytesIO(shown.screenshot())).convert("RGBA")
    done = subprocess.run(
        [Path(sys.executable).parent / "node", "--input-type=module", "-e", DECODE, *map(str, picture.size)],
        cwd=CONSOLE,
        input=picture.tobytes(),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


def code_of(page: Page) -> Locator:
    code = page.get_by_role("img", name="Code to be scanned with LarePass")
    expect(code).to_be_visible()
    return code


def link_of(device: Device) -> str:
    return str(device.space("login", "--web", "--no-open", "--json").json["link"])


def expect_title(page: Page, title: str) -> None:
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()


def menu_of(page: Page, name: str) -> Locator:
    return page.get_by_role("banner").get_by_role("button", name=name)


def sign_out(page: Page, name: str) -> None:
    menu_of(page, name).click()
    page.get_by_role("menuitem", name="Sign out").click()


def test_who_scans_the_code_is_signed_in_and_names_themselves_once(page: Page, home: WholeSystem) -> None:
    page.goto("/billing/payment")
    larepass = LarePass(home.origin)
    assert larepass.shows(larepass.scan_code(camera(code_of(page)))) is None
    expect_title(page, "Payment")
    assert page.url == f"{home.origin}/billing/payment"

    page.get_by_role("link", name="Account").click()
    expect(page.get_by_text(larepass.did, exact=True)).to_be_visible()
    name = f"{larepass.did[-8:].lower()}@olares.com"
    page.get_by_label("Olares name").fill("no name")
    page.get_by_role("button", name="Use this name").click()
    expect(page.get_by_text("An Olares name has the form name@domain.")).to_be_visible()
    page.get_by_label("Olares name").fill(name)
    page.get_by_role("button", name="Use this name").click()
    expect(page.get_by_text("Your name is set.")).to_be_visible()
    expect(menu_of(page, name)).to_be_visible()
    expect(page.get_by_role("button", name="Use this name")).to_have_count(0)
    page.reload()
    expect(menu_of(page, name)).to_be_visible()


def test_a_name_that_is_taken_is_said_so_at_the_field(page: Page, home: WholeSystem, alice: Device) -> None:
    page.goto("/account")
    LarePass(home.origin).scan_code(camera(code_of(page)))
    field = page.get_by_label("Olares name")
    field.fill(alice.space("whoami", "--json").json["olares_name"])
    page.get_by_role("button", name="Use this name").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("taken|another owner", re.IGNORECASE))


def test_a_code_that_is_too_old_is_replaced_and_the_new_one_works(page: Page, home: WholeSystem) -> None:
    page.goto("/")
    first = camera(code_of(page))
    home.sql("identity", "UPDATE qr_sign_ins SET expires_at = now() - interval '1 second'")
    page.wait_for_function(
        "before => document.querySelector('svg[role=img] path')?.getAttribute('d') !== before",
        arg=code_of(page).locator("path").get_attribute("d"),
    )
    second = camera(code_of(page))
    assert second != first
    larepass = LarePass(home.origin)
    told = larepass.shows(larepass.scan_code(first))
    assert told is not None
    assert "Show a new one" in told
    assert larepass.shows(larepass.scan_code(second)) is None
    expect_title(page, "Home")


def test_of_two_tabs_the_last_one_shows_the_code(context: BrowserContext, home: WholeSystem) -> None:
    first, second = context.new_page(), context.new_page()
    first.goto("/")
    code_of(first)
    second.goto("/")
    content = camera(code_of(second))
    expect(first.get_by_text("Another tab of this browser shows the code now.")).to_be_visible()
    LarePass(home.origin).scan_code(content)
    expect_title(second, "Home")
    expect_title(first, "Home")


def test_a_link_signs_in_who_says_so_once_and_is_not_left_anywhere(
    page: Page, new_context: NewContext, alice: Device
) -> None:
    link = link_of(alice)
    page.goto(link)
    button = page.get_by_role("button", name="Sign in", exact=True)
    expect(button).to_be_visible()
    assert "#" not in page.url
    assert "#" not in str(page.evaluate("history.state && JSON.stringify(history.state)"))
    button.click()
    expect_title(page, "Home")
    expect(menu_of(page, alice.space("whoami", "--json").json["olares_name"])).to_be_visible()
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")[2] == ""
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "eyJ" not in stored
    assert link.partition("=")[2] not in stored

    other = new_context().new_page()
    other.goto(link)
    other.get_by_role("button", name="Sign in", exact=True).click()
    expect(other.get_by_role("alert")).to_contain_text("This link signs nobody in")
    expect(other.get_by_role("alert")).to_contain_text("link_invalid")
    code_of(other)


def test_a_link_takes_nobody_over_to_another_account_unasked(page: Page, alice: Device, bob: Device) -> None:
    sign_in(page, alice)
    page.goto(link_of(bob))
    alices, bobs = (str(device.space("whoami", "--json").json["olares_name"]) for device in (alice, bob))
    expect(page.get_by_text(f"You are signed in as {alices}.")).to_be_visible()
    page.get_by_role("button", name="Go on as before").click()
    expect(menu_of(page, alices)).to_be_visible()

    page.goto(link_of(bob))
    page.get_by_role("button", name="Sign out and use the link").click()
    expect(menu_of(page, bobs)).to_be_visible()
    names = [session["client_name"] for session in alice.space("session", "list", "--json").json]
    assert "a test" not in names, "the session that was left is still there"


def test_signing_out_in_one_tab_signs_out_the_others(context: BrowserContext, alice: Device) -> None:
    sign_in(context, alice)
    first, second = context.new_page(), context.new_page()
    first.goto("/billing")
    second.goto("/backups")
    expect_title(first, "Billing")
    expect_title(second, "Backups")
    sign_out(second, alice.space("whoami", "--json").json["olares_name"])
    for page in (first, second):
        expect_title(page, "Sign in")
        expect(page.get_by_text("You are signed out.")).to_be_visible()
    first.goto("/billing")
    expect_title(first, "Sign in")


def test_a_session_ended_from_the_account_page_ends_in_the_other_browser(
    page: Page, new_context: NewContext, alice: Device
) -> None:
    other = new_context().new_page()
    other.goto(link_of(alice))
    other.get_by_role("button", name="Sign in", exact=True).click()
    other.get_by_role("link", name="Account").click()
    expect(other.get_by_text("This browser")).to_be_visible()

    sign_in(page, alice)
    page.goto("/account")
    row = page.get_by_role("row").filter(has_text=re.compile("Chrome on|HeadlessChrome"))
    row.get_by_role("button", name="End the session").click()
    page.get_by_role("dialog").get_by_role("button", name="End it").click()
    expect(row).to_have_count(0)

    # Its access token lives a few minutes more; what renews it is gone.
    other.reload()
    expect_title(other, "Sign in")
    expect(other.get_by_text("Your session has ended.")).to_be_visible()
    other.goto(link_of(alice))
    other.get_by_role("button", name="Sign in", exact=True).click()
    expect_title(other, "Home")


def test_a_machine_joins_by_the_command_that_is_shown_and_is_removed(
    page: Page, alice: Device, tmp_path: Path, restic_path: str
) -> None:
    sign_in(page, alice)
    page.goto("/account")
    page.get_by_role("button", name="Make a sign-in command").click()
    command = shlex.split(page.get_by_label("sign-in command", exact=True).inner_text())
    second = Device(alice.origin, tmp_path / "second", restic_path)
    assert command[0] == "space"
    second.space(*command[1:], "--client-name", "the second machine")
    assert second.space("whoami", "--json").json["did"] == alice.space("whoami", "--json").json["did"]

    page.reload()
    remove_buttons = page.get_by_role("button", name=re.compile("^Remove "))
    expect(remove_buttons).to_have_count(2)
    row = page.get_by_role("row").filter(has=remove_buttons).filter(has_not_text="First key")
    row.get_by_role("button").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove it").click()
    expect(remove_buttons).to_have_count(1)
    assert second.space("login", "--json", expect=6).error["code"] == "device_removed"

    remove_buttons.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Remove it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("last_device")


def test_a_token_is_shown_once_can_do_what_was_ticked_and_ends_when_revoked(
    page: Page, alice: Device, tmp_path: Path, restic_path: str
) -> None:
    sign_in(page, alice)
    page.goto("/account")
    page.get_by_role("button", name="Make a token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make it").click()
    expect(dialog.get_by_text("Give it a name.")).to_be_visible()
    dialog.get_by_label("Name").fill("nightly")
    dialog.get_by_label("Back up").uncheck()
    dialog.get_by_role("button", name="Make it").click()
    token = dialog.get_by_label("the token", exact=True).inner_text()
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_text(token)).to_have_count(0)

    program = Device(alice.origin, tmp_path / "program", restic_path)
    environment = {"SPACE_API_TOKEN": token}
    assert program.space("backups", "--json", environment=environment).json == []
    refused = program.space("token", "list", "--json", environment=environment, expect=6)
    assert refused.error["code"] == "scope_missing"

    page.get_by_role("button", name="Revoke nightly").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke it").click()
    expect(page.get_by_text("There is none.")).to_be_visible()
    again = program.space("backups", "--json", environment=environment, expect=5)
    assert again.error["code"] == "api_token_invalid"
