"""`space instance open`: a link to an instance's page, shown in a browser where there is one, and else printed."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.shell import called, error_of, space
from tests.support.instances_double import InstancesDouble

ALICE = "aaaaaa11-0000-4000-8000-000000000001"
NAME = "alice@olares.com"
URL = "http://127.0.0.1:18123/open?link=once"


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[InstancesDouble]:
    double = InstancesDouble()
    double.add(ALICE, NAME)
    monkeypatch.setenv("SPACE_ORIGIN", double.origin)
    monkeypatch.setenv("SPACE_API_TOKEN", "t")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    yield double
    double.close()


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A browser on a screen; what it was told is in this file."""
    told, program = tmp_path / "told", tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(program))
    monkeypatch.setenv("DISPLAY", ":7")
    return told


@pytest.mark.parametrize("called_by", [NAME, ALICE, "aaaaaa11"])
def test_without_a_screen_the_link_is_printed(double: InstancesDouble, called_by: str) -> None:
    done = called("instance", "open", called_by)

    assert (done.returncode, done.stdout) == (0, f"{URL}\n")
    assert "works once, within a minute" in done.stderr


def test_with_a_screen_the_browser_shows_it(double: InstancesDouble, browser: Path) -> None:
    done = space("instance", "open", NAME)

    assert (done.returncode, done.stdout) == (0, "")
    assert f"The page of {NAME} opens in your browser." in done.stderr
    assert browser.read_text() == f"{URL}\n"


@pytest.mark.parametrize("flag", ["--print", "--json"])
def test_asked_for_it_is_printed_in_spite_of_a_browser(double: InstancesDouble, browser: Path, flag: str) -> None:
    done = space("instance", "open", NAME, flag)

    assert done.returncode == 0
    assert not browser.exists()
    if flag == "--print":
        assert done.stdout == f"{URL}\n"
    else:
        assert json.loads(done.stdout) == {"url": URL, "expires_at": "2026-11-05T09:31:00Z"}


def test_a_browser_that_fails_leaves_the_link(
    double: InstancesDouble, browser: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "browser").write_text("#!/bin/sh\nexit 3\n")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{tmp_path}")
    done = space("instance", "open", NAME)

    assert (done.returncode, done.stdout) == (0, f"{URL}\n")


def test_no_address_but_a_web_page_is_given_to_a_browser(double: InstancesDouble, browser: Path) -> None:
    link = {"url": "file:///etc/passwd", "expires_at": "2026-11-05T09:31:00Z"}
    double.refusals["POST", f"/instances/{ALICE}/links"] = (201, link)

    assert space("instance", "open", NAME).returncode == 0
    assert not browser.exists()


def test_an_instance_that_shows_no_page_says_why(double: InstancesDouble) -> None:
    double.move(ALICE, "stopped")
    done = called("instance", "open", NAME, "--json")

    assert (done.returncode, error_of(done)["code"]) == (6, "page_unavailable")


def test_an_instance_that_is_not_ones_own_is_not_found(double: InstancesDouble) -> None:
    done = called("instance", "open", "bob@olares.com", "--json")

    assert done.returncode == 8


def test_the_way_to_the_page_is_named_where_there_is_one(double: InstancesDouble) -> None:
    way = f"`space instance open {NAME}`"
    assert way in called("instance", "show", NAME).stdout
    double.find(ALICE)["address"] = "2001:db8::7"
    assert way not in called("instance", "show", NAME).stdout
    double.find(ALICE)["address"] = None
    assert way not in called("instance", "show", NAME).stdout
    double.find(ALICE)["address"] = "127.0.0.1:18123"
    double.move(ALICE, "stopping")
    assert way not in called("instance", "show", NAME).stdout
