"""An owner restores a backup to the cloud at the console, and what comes between."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.console.browser import Complaints
from tests.console.cloud import (
    WRONG,
    add_card,
    alert,
    order,
    password_field,
    payments_of,
    restore_of,
    sent_by,
    set_up,
    to_payment,
)
from tests.console.conftest import NewContext
from tests.console.signed_in import sign_in
from tests.support.devices import Device
from tests.support.folders import Entry, contents, fill
from tests.support.whole_system import WholeSystem, eventually
from tests.system.cloud.customer import Customer, assert_undone
from tests.system.conftest import PASSWORD, NewCustomer, _regular, backup_id, customer, files, name, new_customer

__all__ = ["_regular", "backup_id", "customer", "files", "name", "new_customer"]

MISTYPED = "correct horsf"
WAIT = 120_000


@pytest.fixture
def given_back(home: WholeSystem, customer: Customer) -> Iterator[None]:
    """Afterwards the owner has no instance, so that the next test's has room."""
    yield
    for found in customer.get("/instances?live=true")["items"]:
        if "return" in found["actions"]:
            customer.call("POST", f"/instances/{found['instance_id']}/return").raise_for_status()
    eventually(lambda: not customer.get("/instances?live=true")["items"])


def uncheckable(customer: Customer, backup_id: str) -> None:
    """Read key files until no more are given for a minute: the browser cannot check a password then."""
    while customer.call("GET", f"/backups/{backup_id}/key-files").status_code != 429:
        pass


def test_the_whole_story_of_an_owner_who_restores(
    home: WholeSystem, alice: Device, context: BrowserContext, tmp_path: Path, name: str
) -> None:
    source = fill(tmp_path / "photos", files=4)
    alice.back_up(source, "photos", PASSWORD)
    owner = Customer(home, alice)
    sign_in(context, alice)
    page = context.new_page()
    sent = sent_by(context)

    # From the list to the backup, and on.
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Backups").click()
    page.get_by_role("link", name="photos").click()
    expect(page.get_by_role("heading", level=1, name="photos")).to_be_visible()
    page.get_by_role("link", name="Restore to Cloud").click()

    # A wrong password goes nowhere.
    page.get_by_label("Name of the Terminus").fill(name)
    password_field(page).fill(MISTYPED)
    page.get_by_role("button", name="See the charges").click()
    expect(page.get_by_text(WRONG)).to_be_visible()
    assert owner.get("/restores")["items"] == [], "something was ordered with a wrong password"
    password_field(page).fill(PASSWORD)
    page.get_by_role("button", name="See the charges").click()
    expect(page.get_by_text("Each later month").first).to_be_visible()
    to_payment(page)

    # The page is loaded anew: it has forgotten the password, and nothing else. Mistyped now, where it cannot be checked
    # here, it is wrong at the instance.
    uncheckable(owner, alice.backup("photos")["backup_id"])
    page.reload()
    expect(page.get_by_text("This page was loaded anew")).to_be_visible()
    password_field(page).fill(MISTYPED)
    due = page.get_by_role("button", name=re.compile("^Order for"))
    price = due.inner_text().removeprefix("Order for ")
    add_card(page, "pays")
    due.click()
    restore_id = restore_of(page)
    # The minute is over for which key files are kept back, from the instance too.
    home.sql("catalog", "DELETE FROM key_file_reads WHERE owner_id = $1", UUID(alice.owner_id))
    expect(page.get_by_role("heading", level=1, name="Restore of photos")).to_be_visible()
    expect(page.get_by_text("The password was wrong on the instance. 9 attempts are left")).to_be_visible(timeout=WAIT)
    page.reload()
    expect(page.get_by_text("The password was wrong on the instance. 9 attempts are left")).to_be_visible(timeout=WAIT)
    password_field(page).fill(PASSWORD)
    page.get_by_role("button", name="Send the password").click()
    done = page.get_by_role("status").filter(has_text=f"{name} is ready")
    expect(done).to_be_visible(timeout=WAIT)

    # What is there, and what it cost.
    found = owner.look(restore_id)
    assert owner.restored(found) == contents(source)
    expect(done.get_by_text(found["cloud"]["address"])).to_be_visible()
    expect(done.get_by_text(f"Paid: {price}.")).to_be_visible()
    assert payments_of(home, owner) == [("captured", found["cloud"]["quote"]["total"]["amount_minor"])]
    done.get_by_role("link", name="See the invoice").click()
    (invoice,) = owner.invoices()
    expect(page.get_by_role("heading", level=1)).to_contain_text(invoice["number"])
    assert invoice["total"] == found["cloud"]["quote"]["total"]
    expect(page.get_by_role("main").get_by_text(price).first).to_be_visible()

    for secret in (MISTYPED, PASSWORD):
        assert not [text for text in sent() if secret in text], "the password has left the browser"
    assert "password" in " ".join(sent()), "no request was heard of"
    page.get_by_role("navigation").get_by_role("link", name="Instances").click()
    page.get_by_role("link", name=name).click()
    page.get_by_role("button", name="Return…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(f"You get back {price}")).to_be_visible()
    dialog.get_by_label(f"Type {name} to return it").fill(name)
    dialog.get_by_role("button", name="Return it for good").click()
    expect(page.get_by_text("Destroyed", exact=True)).to_be_visible(timeout=WAIT)
    assert not home.machine_folder(UUID(found["cloud"]["instance_id"])).exists()
    page.goto(f"/restores/{restore_id}")
    gone = page.get_by_role("status").filter(has_text=f"{name} was restored; its instance is gone since")
    expect(gone).to_be_visible()
    expect(gone.get_by_text(f"Paid: {price}.")).to_be_visible()


def test_a_declined_card_an_expired_offer_and_a_name_in_use(
    home: WholeSystem, new_customer: NewCustomer, page: Page, tmp_path: Path, name: str
) -> None:
    owner = new_customer("declines")
    source = fill(tmp_path / "photos", files=2)
    backup = owner.device.back_up(source, "photos", PASSWORD)["backup_id"]
    sign_in(page, owner.device)

    # An offer that is over is said to be, and made anew with one press.
    set_up(page, backup, name, PASSWORD)
    to_payment(page)
    (first,) = owner.get("/restores?target=cloud")["items"]
    past = (
        "UPDATE cloud_restores SET quote = jsonb_set(quote, '{expires_at}', to_jsonb($2::text)) WHERE restore_id = $1"
    )
    home.sql("restore", past, UUID(first["restore_id"]), "2026-01-01T00:00:00Z")
    order(page)
    expect(page.get_by_text("This offer has expired")).to_be_visible()
    page.get_by_role("button", name="Work the charges out anew").click()
    to_payment(page)

    # A card that declines leaves the offer as it is; another one pays.
    order(page)
    expect(alert(page)).to_contain_text("Nothing was charged, and this offer still holds.")
    add_card(page, "pays")
    order(page)
    restore_id = restore_of(page)
    done = page.get_by_role("status").filter(has_text=f"{name} is ready")
    expect(done).to_be_visible(timeout=WAIT)
    found = owner.look(restore_id)
    assert owner.restored(found) == contents(source)
    assert [state for state, _ in payments_of(home, owner)] == ["failed", "captured"]

    # The name is in use now: the page says whose it is, and what was typed stays.
    set_up(page, backup, name, PASSWORD)
    refusal = alert(page).filter(has_text="This cannot be ordered")
    expect(refusal).to_be_visible()
    expect(page.get_by_label("Name of the Terminus")).to_have_value(name)
    refusal.get_by_role("link", name="Go to the instance that has the name").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    owner.call("POST", f"/instances/{found['cloud']['instance_id']}/return").raise_for_status()


@pytest.mark.usefixtures("given_back")
def test_two_tabs_that_order_the_same_order_it_once(
    home: WholeSystem, customer: Customer, context: BrowserContext, backup_id: str, files: dict[str, Entry], name: str
) -> None:
    before = len(payments_of(home, customer))
    sign_in(context, customer.device)
    first, second = context.new_page(), context.new_page()
    set_up(first, backup_id, name, PASSWORD)
    to_payment(first)
    second.goto(first.url)
    expect(second.get_by_text("This page was loaded anew")).to_be_visible()
    password_field(second).fill(PASSWORD)
    expect(second.get_by_role("button", name=re.compile("^Order for"))).to_be_visible()
    order(first)
    order(second)
    assert restore_of(first) == restore_of(second)
    for page in (first, second):
        expect(page.get_by_role("status").filter(has_text=f"{name} is ready")).to_be_visible(timeout=WAIT)
        expect(page.get_by_text("The payment was taken")).to_have_count(1)
    assert customer.restored(customer.look(restore_of(first))) == files
    assert len(payments_of(home, customer)) == before + 1


@pytest.mark.usefixtures("given_back")
def test_while_the_services_are_dead_the_page_waits_and_then_goes_on(
    home: WholeSystem,
    customer: Customer,
    page: Page,
    complaints: Complaints,
    backup_id: str,
    files: dict[str, Entry],
    name: str,
) -> None:
    before = len(payments_of(home, customer))
    sign_in(page, customer.device)
    page.goto(f"/backups/{backup_id}/restore-to-cloud")
    page.get_by_label("Name of the Terminus").fill(name)
    password_field(page).fill(PASSWORD)
    password_field(page).blur()
    expect(page.get_by_text("The password is right.")).to_be_visible()
    with home.down("services"):
        page.get_by_role("button", name="See the charges").click()
        expect(alert(page).first).to_be_visible()
        expect(page.get_by_label("Name of the Terminus")).to_have_value(name)
    page.get_by_role("button", name="See the charges").click()
    to_payment(page)
    order(page)
    restore_id = restore_of(page)
    page.reload()
    page.get_by_role("button", name=re.compile("^(Keep it for the instance|Send the password)$")).wait_for()
    customer.asked(restore_id)
    with home.down("services"):
        expect(page.get_by_text("The live view is interrupted.")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("The live view is interrupted.")).to_have_count(0, timeout=WAIT)
    password_field(page).fill(PASSWORD)
    page.get_by_role("button", name="Send the password").click()
    expect(page.get_by_role("status").filter(has_text=f"{name} is ready")).to_be_visible(timeout=WAIT)
    assert customer.restored(customer.look(restore_id)) == files
    assert len(payments_of(home, customer)) == before + 1
    complaints.forgive(r"status of 50[234]|ERR_|NetworkError")


def test_who_forgot_the_password_gives_up_and_pays_for_the_time_alone(
    home: WholeSystem, customer: Customer, new_context: NewContext, backup_id: str, name: str
) -> None:
    page = new_context(viewport={"width": 360, "height": 800}, color_scheme="dark").new_page()
    sign_in(page, customer.device)
    restore_id = customer.ordered(backup_id, name)
    page.goto("/restores")
    page.get_by_role("region", name="Going on").get_by_role("link", name="photos").click()
    expect(page.get_by_text("It waits until")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="I forgot it").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel", exact=True).click()
    assert customer.look(restore_id)["state"] == "awaiting_password"
    page.get_by_role("button", name="I forgot it").click()
    dialog.get_by_role("button", name="Give up and return it").click()
    ending = page.get_by_role("status").filter(has_text="The restore was given up and its instance returned")
    expect(ending).to_be_visible(timeout=WAIT)
    expect(ending.get_by_text(re.compile("^Charged: |^Your invoices say what was charged"))).to_be_visible()
    assert_undone(home, customer, restore_id)
    assert payments_of(home, customer)[-1] == ("voided", 0)
