"""The home page before services that each run, and die, by themselves."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from tests.console.browser import Complaints
from tests.console.conftest import SECONDS, NewContext
from tests.console.signed_in import sign_in
from tests.support.devices import Device
from tests.support.folders import fill
from tests.support.whole_system import WholeSystem
from tests.system.conftest import PASSWORD, SETTINGS

SOON = SECONDS * 1000
"""Milliseconds in which a page learns by itself what has changed: it asks each 15 s."""


@pytest.fixture(scope="module")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSystem]:
    whole = WholeSystem(tmp_path_factory.mktemp("scattered"), SETTINGS, processes=True)
    whole.start()
    yield whole
    whole.stop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return fill(tmp_path / "photos", files=2)


def test_an_owner_whose_backups_are_made_is_told_so(page: Page, alice: Device, source: Path) -> None:
    alice.back_up(source, "loose", PASSWORD)
    with alice.api() as api:
        api.post("/terminus", json={"name": "cabin"}).raise_for_status()
        alice.back_up(source, "photos", PASSWORD)
    sign_in(page, alice)
    asked: set[str] = set()

    def note(request: Request) -> None:
        if "/api/v1/" in request.url:
            asked.add(request.url.split("/api/v1/")[1])

    page.on("request", note)
    page.goto("/")
    expect(page.get_by_role("heading", level=1, name="Home")).to_be_focused()
    verdict = page.get_by_role("status", name="How it stands")
    expect(verdict).to_contain_text("Everything is backed up: newest snapshot")
    for terminus, backup in (("cabin", "photos"), ("Without a Terminus", "loose")):
        row = page.get_by_role("region", name=terminus).get_by_role("row").filter(has_text=backup)
        expect(row).to_contain_text("Backed up")
    storage = page.get_by_role("region", name="Storage")
    expect(storage).to_contain_text(re.compile(r"\d\d\.\d\d KB kept, 20\.00 GB free"), timeout=SOON)
    expect(page.get_by_role("heading", name="What needs you")).to_have_count(0)
    parts = ("auth/console/refresh", "backups", "instances", "quotas", "restores", "terminus")
    assert sorted(url.partition("?")[0] for url in asked) == list(parts), "what home asks for"


def test_a_late_backup_is_made_by_the_command_that_home_offers(
    new_context: NewContext, home: WholeSystem, alice: Device, source: Path
) -> None:
    alice.back_up(source, "photos", PASSWORD)
    alice.back_up(source, "music", PASSWORD)
    home.sql(
        "catalog",
        "UPDATE backups SET latest_snapshot_at = now() - interval '3 days', overdue_at = now() - interval '22 hours'"
        " WHERE id = $1",
        alice.backup("photos")["backup_id"],
    )
    context = new_context(permissions=["clipboard-read", "clipboard-write"])
    sign_in(context, alice)
    page = context.new_page()
    page.goto("/")
    verdict = page.get_by_role("status", name="How it stands")
    expect(verdict).to_have_text("1 backup needs you")
    late = page.get_by_role("region", name="What needs you").get_by_role("listitem")
    expect(late).to_have_count(1)
    expect(late).to_contain_text("photos is overdue")
    expect(late).to_contain_text("made 3 days ago; usually there is one every day")
    late.get_by_role("button", name="Copy command that backs up photos").click()
    expect(late.get_by_text("Copied")).to_be_visible()
    copied = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert copied == ["space", "backup", str(source), "--name", "photos"]
    alice.space(*copied[1:], "--password-file", alice.password_file(PASSWORD))
    expect(verdict).to_contain_text("Everything is backed up", timeout=SOON)
    expect(late).to_have_count(0)


def test_a_service_that_is_dead_takes_its_own_part_of_home_alone_and_brings_it_back(
    page: Page, home: WholeSystem, complaints: Complaints, alice: Device, source: Path
) -> None:
    alice.back_up(source, "photos", PASSWORD)
    sign_in(page, alice)
    verdict = page.get_by_role("status", name="How it stands")
    storage = page.get_by_role("region", name="Storage")
    backups = page.get_by_role("table", name="Backups of Without a Terminus")
    with home.down("billing-api", "restore-api"):
        page.goto("/")
        expect(verdict).to_contain_text("Everything is backed up")
        expect(backups).to_contain_text("photos")
        expect(page.get_by_text("Your storage cannot be shown just now.")).to_be_visible(timeout=SOON)
        expect(page.get_by_text("Your restores cannot be shown just now.")).to_be_visible(timeout=SOON)
        expect(storage).to_have_count(0)
    expect(storage).to_contain_text("10.00 GB free", timeout=SOON)
    expect(page.get_by_text("cannot be shown just now")).to_have_count(0, timeout=SOON)
    with home.down("catalog-api"):
        expect(verdict).to_contain_text("since then no answer came", timeout=SOON)
        expect(backups).to_contain_text("photos")
        page.reload()
        expect(verdict).to_contain_text("How your backups stand cannot be said just now", timeout=SOON)
        expect(page.get_by_text("Your backups cannot be shown just now.")).to_be_visible()
        expect(storage).to_contain_text("10.00 GB free")
        expect(page.get_by_text("Make your first backup")).to_have_count(0)
    expect(verdict).to_contain_text("Everything is backed up", timeout=SOON)
    expect(backups).to_contain_text("photos")
    complaints.forgive(r"status of 50\d")


def test_a_new_owner_is_shown_the_way_to_a_first_backup_which_then_appears(
    page: Page, alice: Device, source: Path
) -> None:
    sign_in(page, alice)
    page.goto("/")
    verdict = page.get_by_role("status", name="How it stands")
    expect(verdict).to_have_text("Nothing is backed up yet")
    first = page.get_by_role("heading", level=2, name="Make your first backup")
    expect(first).to_be_visible()
    expect(page.get_by_label("backup command", exact=True)).to_have_text("space backup ~/Photos --name photos")
    alice.back_up(source, "photos", PASSWORD)
    expect(verdict).to_contain_text("Everything is backed up", timeout=SOON)
    expect(first).to_have_count(0)
