"""Every page of the console with something on it, for what has to hold on all of them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.devices import Device
from tests.support.folders import fill
from tests.support.whole_system import WholeSystem
from tests.system.cloud.customer import Customer
from tests.system.conftest import PASSWORD

SCREENSHOTS = Path(os.environ["SCREENSHOTS"]) if "SCREENSHOTS" in os.environ else None
"""Where to write a picture of each; `make screenshots` says so."""


@dataclass(frozen=True)
class Place:
    """One page: its address, its heading, and words that are there once it has what it shows."""

    name: str
    address: str
    title: str
    shows: str


@dataclass(frozen=True)
class World:
    """An owner of whom there is something on every page."""

    owner: Customer
    backup_id: str
    done: str
    waiting: str
    quoted: str
    instance_id: str
    instance_name: str
    invoice: str

    def places(self) -> Iterator[Place]:
        """Those that a signed-in owner can come to."""
        wizard = f"/backups/{self.backup_id}/restore-to-cloud"
        cloud = "Restore photos to the cloud"
        instance = self.instance_name
        yield Place("home", "/", "Home", "photos")
        yield Place("backups", "/backups", "Backups", "photos")
        yield Place("backup", f"/backups/{self.backup_id}", "photos", "Storage used since creation")
        yield Place(
            "restore to local", f"/backups/{self.backup_id}/restore-to-local", "Restore to Local", "space restore"
        )
        yield Place("set up", wizard, cloud, "Where the new Terminus runs")
        yield Place("charges", f"{wizard}?step=charges&restore={self.quoted}", cloud, "Each later month")
        yield Place("pay", f"{wizard}?step=pay&restore={self.quoted}", cloud, "Amount due")
        yield Place("restores", "/restores", "Restores", instance)
        yield Place("restore that waits", f"/restores/{self.waiting}", "Restore of photos", "It waits until")
        yield Place("restore that is done", f"/restores/{self.done}", "Restore of photos", f"{instance} is ready")
        yield Place("instances", "/instances", "Instances", instance)
        yield Place("instance", f"/instances/{self.instance_id}", instance, "Last heard of")
        yield Place("billing", "/billing", "Billing", "This month so far")
        yield Place("invoices", "/billing/invoices", "Invoices", self.invoice)
        yield Place("invoice", f"/billing/invoices/{self.invoice}", self.invoice, "Total")
        yield Place("payment", "/billing/payment", "Payment", "4242")
        yield Place("account", "/account", "Account", "This browser")
        yield Place("not found", "/nowhere", "There is nothing here", "mistyped")


def make_world(whole: WholeSystem, device: Device, folder: Path) -> World:
    """Two backups, a restore that is done, one that waits for its password, one that is quoted, and a bill."""
    backup_id = device.back_up(fill(folder / "photos", files=6), "photos", PASSWORD)["backup_id"]
    device.back_up(fill(folder / "photos", files=9), "photos", PASSWORD)
    device.back_up(fill(folder / "music", files=2, seed=2), "music", PASSWORD)
    owner = Customer(whole, device)
    owner.add_card()
    name = f"{folder.name}@olares.com"
    done = owner.ordered(backup_id, name)
    owner.enter(done, PASSWORD)
    found = owner.wait(done, "completed")
    waiting = owner.ordered(backup_id, f"second-{name}")
    owner.asked(waiting)
    quoted = owner.quoted(backup_id, f"third-{name}")
    device.space("token", "create", "nightly", "--scope", "backups:read")
    (invoice,) = owner.invoices()
    instance_id = found["cloud"]["instance_id"]
    return World(owner, backup_id, done, waiting, quoted, instance_id, name, invoice["number"])


def open_place(page: Page, place: Place) -> None:
    """Come to a page, and wait until it has what it shows."""
    page.goto(place.address)
    expect(page.get_by_role("heading", level=1)).to_contain_text(place.title)
    expect(page.get_by_role("main").get_by_text(place.shows).first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def picture(page: Page, name: str) -> None:
    """Keep a picture of a page as it is now, if somebody asked for them."""
    if SCREENSHOTS is None:
        return
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
