"""The console's page as the edge serves it, in a browser that holds it to its policy."""

import re
import time

import httpx
from playwright.sync_api import Page, expect

from tests.console.browser import Complaints
from tests.console.conftest import SECONDS
from tests.support.whole_system import WholeSystem


def test_a_browser_in_which_nobody_is_signed_in_is_shown_the_page_to_sign_in(page: Page, home: WholeSystem) -> None:
    page.goto("/backups")
    expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
    assert page.url.startswith(f"{home.origin}/sign-in")
    assert page.title().endswith("Space")


def test_the_page_has_nothing_inline_and_all_its_files_are_there(home: WholeSystem) -> None:
    with httpx.Client(base_url=home.origin, trust_env=False) as client:
        text = client.get("/").text
        assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", text) == []
        files = re.findall(r'(?:src|href)="([^"]+)"', text)
        assert any(file.endswith(".js") for file in files)
        for file in files:
            assert client.head(file).status_code == 200, file


PROVOCATIONS = {
    "script-src": "document.body.append(Object.assign(document.createElement('script'), {textContent: 'ran = true'}))",
    "style-src": "document.head.append(Object.assign(document.createElement('style'), {textContent: '*{color:red}'}))",
    "img-src": "document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:1/x.png'}))",
    "connect-src": "fetch('http://127.0.0.1:1/').catch(() => 0)",
    "TypeError: of the page": "setTimeout(() => { throw new TypeError('of the page') })",
    "status of 404.*/assets/none-12345678.js": "void fetch('/assets/none-12345678.js')",
}
"""What a complaint says, by what provokes it."""


def test_what_the_policy_forbids_does_not_happen_and_is_complained_of(page: Page, complaints: Complaints) -> None:
    page.goto("/sign-in")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert complaints.heard == []
    for complaint, provocation in PROVOCATIONS.items():
        page.evaluate(provocation)
        deadline = time.monotonic() + SECONDS
        while not any(re.search(complaint, text) for text in complaints.heard):
            assert time.monotonic() < deadline, (complaint, complaints.heard)
            page.wait_for_timeout(50)
    assert page.evaluate("typeof ran") == "undefined"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") != "rgb(255, 0, 0)"
    complaints.heard.clear()


def test_what_the_api_refuses_is_the_pages_to_show(page: Page, complaints: Complaints) -> None:
    page.goto("/sign-in")
    assert page.evaluate("fetch('/api/v1/backups').then(answer => answer.status)") == 401
    page.wait_for_timeout(500)
    assert complaints.heard == []
