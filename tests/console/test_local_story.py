"""An owner looks for a backup in the list and brings it back to a machine, by what the page's buttons copy."""

import re
import subprocess
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.console.signed_in import sign_in
from tests.support.devices import Device
from tests.support.folders import contents, fill
from tests.support.terminal import Terminal
from tests.system.conftest import PASSWORD, Kept, _keep, _open_tap, kept

__all__ = ["_keep", "_open_tap", "kept"]

WAIT = 60_000


def copied(page: Page, what: str) -> str:
    """What a Copy button puts on the clipboard."""
    page.evaluate("navigator.clipboard.writeText('nothing')")
    button = page.get_by_role("button", name=f"Copy {what}")
    button.click()
    expect(button).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def guide_of(context: BrowserContext, device: Device, backup: str) -> Page:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(context, device)
    page = context.new_page()
    page.goto("/backups")
    page.get_by_role("link", name=backup, exact=True).click()
    page.get_by_role("link", name="Restore to Local").click()
    expect(page.get_by_role("heading", level=2, name="Restoration guide")).to_be_visible()
    return page


def test_the_copied_command_restores_on_a_machine_that_never_signed_in(
    context: BrowserContext, kept: Kept, tmp_path: Path, restic_path: str
) -> None:
    page = guide_of(context, kept.device, "photos")
    command = copied(page, "restore command")
    stranger = Device(kept.device.origin, tmp_path / "stranger", restic_path)
    with Terminal(["sh", "-c", command], stranger.environment, stranger.folder) as terminal:
        terminal.expect("Backup password: ")
        terminal.type("not this one")
        terminal.expect("This password is wrong. Please try again")
        terminal.expect("Backup password: ")
        terminal.type(PASSWORD)
        said = terminal.expect(" restored to ")
        assert terminal.finish() == 0, said
    (restored,) = (path for path in stranger.folder.iterdir() if path.name not in ("home", "config"))
    assert contents(restored) == kept.contents
    expect(page.get_by_text("All files are on your machine, and verified.")).to_be_visible(timeout=WAIT)


def test_so_do_the_copied_lines_for_restic_alone(context: BrowserContext, kept: Kept, tmp_path: Path) -> None:
    page = guide_of(context, kept.device, "photos")
    ticket, commands = copied(page, "ticket for the shell"), copied(page, "commands for restic")
    work = tmp_path / "work"
    work.mkdir()
    environment = {"PATH": kept.device.environment["PATH"], "HOME": str(work), "RESTIC_PASSWORD": PASSWORD}
    shell = subprocess.run(
        ["sh", "-e", "-c", f"{ticket}\n{commands}"],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shell.returncode == 0, shell.stdout + shell.stderr
    assert contents(work / "restored" / kept.source.relative_to("/")) == kept.contents
    expect(page.get_by_text("All files are on your machine, and verified.")).to_be_visible(timeout=WAIT)


def test_the_list_finds_sorts_and_shows_what_restic_made(page: Page, alice: Device, tmp_path: Path) -> None:
    sizes = {"music": 8, "photos": 2, "papers": 5}
    for seed, (name, files) in enumerate(sizes.items()):
        alice.back_up(fill(tmp_path / name, files=files, seed=seed), name, PASSWORD)
    fill(tmp_path / "photos", files=4)
    alice.back_up(tmp_path / "photos", "photos", PASSWORD)
    sign_in(page, alice)
    page.goto("/backups")
    names = page.get_by_role("table", name="Backups").get_by_role("rowheader").get_by_role("link")
    expect(names).to_have_text(["papers", "photos", "music"])
    page.get_by_role("button", name="Storage used").click()
    expect(names).to_have_text(["music", "papers", "photos"])
    page.reload()
    expect(names).to_have_text(["music", "papers", "photos"])
    page.get_by_role("searchbox", name="Search").fill("PAP")
    expect(names).to_have_text(["papers"])
    page.get_by_role("searchbox", name="Search").fill("nothing of that name")
    page.get_by_role("button", name="Show all backups").click()
    names.filter(has_text="photos").click()

    backup = alice.backup("photos")
    rows = page.get_by_role("table", name="Snapshots that can be restored").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("Incremental")
    expect(rows.nth(2)).to_contain_text("Full")
    expect(page.get_by_text(f"{backup['storage_bytes'] / 2**10:.2f} KB").first).to_be_visible()
    page.get_by_text("Show as a table").click()
    expect(page.get_by_role("table").first.get_by_text(f"{backup['storage_bytes'] / 2**10:.2f} KB")).to_be_visible()


def test_a_deletion_is_asked_about_and_can_be_undone(page: Page, alice: Device, tmp_path: Path) -> None:
    alice.back_up(fill(tmp_path / "photos", files=2), "photos", PASSWORD)
    sign_in(page, alice)
    page.goto(f"/backups/{alice.backup('photos')['backup_id']}")
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete photos?")
    expect(dialog).to_contain_text("Its one snapshot")
    dialog.get_by_role("button", name="Cancel").click()
    assert alice.backup("photos")["state"] == "active"
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("This backup will be deleted")).to_be_visible()
    assert alice.backup("photos")["state"] == "deleting"
    page.goto("/backups")
    expect(page.get_by_text(re.compile("^Its data goes in [23] days"))).to_be_visible()
    page.get_by_role("button", name="Undo the deletion of photos").click()
    expect(page.get_by_text("photos is kept.")).to_be_visible()
    assert alice.backup("photos")["state"] == "active"
