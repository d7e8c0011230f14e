"""What holds on every page: WCAG 2.2 AA as far as axe can tell, nothing cut off, all by keyboard, nothing moving."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.console.conftest import NewContext
from tests.console.pages import World, make_world, open_place, picture
from tests.console.signed_in import sign_in
from tests.support.devices import Device
from tests.support.whole_system import WholeSystem

AXE = Path(__file__).parents[2] / "services" / "console" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = {"desktop": 1280, "phone": 360}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

FAULTS = """
async tags => (await axe.run(document, {
    runOnly: tags, resultTypes: ['violations'],
    // A dialog's header is no banner: only one that belongs to the whole document is (HTML AAM, header).
    rules: {'landmark-no-duplicate-banner': {enabled: false}, 'landmark-unique': {enabled: false}},
})).violations.map(({id, nodes}) =>
    `${id}: ` + nodes.map(node => `${node.target} ${node.any.concat(node.all, node.none).map(one => one.message)}`))
"""
# What makes a page scroll sideways.
TOO_WIDE = """
() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth + 0.5)
        .map(one => `${one.tagName} ${one.className}`).slice(0, 5)
"""
# What the Tab key should come to, in the order of the document; of radio buttons it is one of a group.
REACHABLE = """
() => {
    const kinds = 'a[href], button, input, select, textarea, summary, [tabindex]';
    const seen = [...document.querySelectorAll(kinds)].filter(one =>
        one.tabIndex >= 0 && !one.disabled && !one.closest('[inert]') && one.checkVisibility({visibilityProperty: true})
        && (one.type !== 'radio' || one.checked));
    seen.forEach((one, number) => one.dataset.reach = number);
    return seen.map(one => `${one.tagName} ${one.getAttribute('aria-label') ?? one.textContent.trim().slice(0, 40)}`);
}
"""
# Whether one sees where the focus is: by an outline, or in a field by another border than an idle one has.
FOCUSED = """
() => {
    const one = document.activeElement, style = getComputedStyle(one);
    const drawn = one.type === 'radio' || one.type === 'checkbox' ? [one, one.nextElementSibling] : [one];
    const outlined = drawn.some(each => each && getComputedStyle(each).outlineStyle !== 'none');
    const bordered = one.matches('input, select, textarea') && style.borderColor !== 'rgb(206, 212, 218)';
    return [one.dataset.reach === undefined ? null : Number(one.dataset.reach), outlined || bordered];
}
"""


@pytest.fixture(scope="module")
def world(running_system: WholeSystem, restic_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    running_system.heal()
    folder = tmp_path_factory.mktemp("world")
    device = Device(running_system.origin, folder / "machine", restic_path)
    device.space("login", "--name", f"{folder.name}@olares.com")
    made = make_world(running_system, device, folder)
    yield made
    made.owner.cancel(made.waiting)
    made.owner.call("POST", f"/instances/{made.instance_id}/return")


@pytest.fixture
def signed_in(new_context: NewContext, world: World) -> BrowserContext:
    context = new_context()
    sign_in(context, world.owner.device)
    return context


def look(page: Page, name: str) -> list[str]:
    """What is wrong with a page as it is now, in each colour scheme and width."""
    wrong: list[str] = []
    for width_name, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
            where = f"{name}, {scheme}, {width}"
            picture(page, f"{name} {scheme} {width_name}")
            wrong += [f"{where}: {fault}" for fault in page.evaluate(FAULTS, TAGS)]
    for width in (320, 768, 3840):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate(TOO_WIDE)
        wrong += [f"{name}: at {width} px there is more on the right: {wide}"] if wide else []
    page.set_viewport_size({"width": 1280, "height": 800})
    headings = page.get_by_role("heading", level=1).count()
    wrong += [f"{name}: {headings} headings of the first level"] if headings != 1 else []
    wrong += [f"{name}: the title is {page.title()}"] if not page.title().endswith(" · Space") else []
    moving = page.evaluate("document.getAnimations().filter(one => one.effect.getComputedTiming().duration > 1).length")
    wrong += [f"{name}: {moving} animations run"] if moving else []
    return wrong


def through_by_keyboard(page: Page, name: str) -> list[str]:
    """What the Tab key does not come to, or not in order, or not visibly."""
    names = page.evaluate(REACHABLE)
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    page.evaluate("getSelection().setPosition(document.body, 0)")
    came: list[int] = []
    wrong: list[str] = []
    for _ in range(len(names) + 3):
        page.keyboard.press("Tab")
        number, visible = page.evaluate(FOCUSED)
        if number is None or number in came:
            continue
        came.append(number)
        wrong += [] if visible else [f"{name}: the focus on {names[number]} cannot be seen"]
    wrong += [f"{name}: Tab does not come to {names[number]}" for number in range(len(names)) if number not in came]
    # It may begin in the middle, and goes round.
    turns = sum(later < earlier for earlier, later in pairwise(came))
    wrong += [f"{name}: Tab goes in another order than the page: {came}"] if turns > 1 else []
    return wrong


def with_axe(page: Page) -> Page:
    """Evaluated by the debugger, which the page's policy does not bind."""
    page.evaluate(AXE.read_text())
    return page


def test_every_page_can_be_used_by_everybody(signed_in: BrowserContext, world: World) -> None:
    page = signed_in.new_page()
    wrong: list[str] = []
    for place in world.places():
        open_place(page, place)
        wrong += look(with_axe(page), place.name)
        wrong += through_by_keyboard(page, place.name)
    assert not wrong, "\n".join(wrong)


def test_so_can_the_page_to_sign_in(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("img", name="Code to be scanned with LarePass")).to_be_visible()
    wrong = look(with_axe(page), "sign-in") + through_by_keyboard(page, "sign-in")
    assert not wrong, "\n".join(wrong)


DIALOGS = {
    "make a token": ("/account", "Make a token"),
    "end a session": ("/account", "End the session of"),
    "add a card": ("/billing/payment", "Add a card"),
    "top up": ("/billing/payment", "Top up"),
    "back up a folder": ("/backups", "Back up a folder"),
}


def test_dialogs_hold_the_focus_close_by_escape_and_give_it_back(signed_in: BrowserContext, world: World) -> None:
    page = signed_in.new_page()
    wrong: list[str] = []
    places = {place.address: place for place in world.places()}
    extra = {
        "return": (f"/instances/{world.instance_id}", "Return…"),
        "delete": (f"/backups/{world.backup_id}", "Delete"),
        "give up": (f"/restores/{world.waiting}", "I forgot it"),
    }
    for name, (address, label) in {**DIALOGS, **extra}.items():
        open_place(page, places[address])
        button = page.get_by_role("main").get_by_role("button", name=label).first
        button.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            picture(page, f"dialog {name} {scheme}")
            wrong += [f"{name}: {fault}" for fault in with_axe(page).evaluate(FAULTS, TAGS)]
        for _ in range(25):
            page.keyboard.press("Tab")
            inside = page.evaluate("document.querySelector('[role=dialog]').contains(document.activeElement)")
            wrong += [] if inside else [f"{name}: Tab leaves the dialog"]
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(button).to_be_focused()
    assert not wrong, "\n".join(wrong)
