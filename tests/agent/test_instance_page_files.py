"""What was restored, on the instance's page: shown to whoever came by a link, and nothing beside it to anybody."""

import asyncio
import html
import json
import os
import re
import resource
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import httpx
import pytest

from agent.instance import page_files, page_visits
from agent.instance.page_answers import STYLE
from agent.instance.page_files import PAGE_ENTRIES
from agent.instance.page_visits import MOST_VISITS
from tests.agent.running_agents import free_port, living, settings, until
from tests.support.provisioning_double import ProvisioningDouble

NAME = "alice@olares.com"
LINK = "l" * 43
MB = 2**20


@pytest.fixture
def double() -> Iterator[ProvisioningDouble]:
    double = ProvisioningDouble()
    yield double
    double.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the restore went."""
    folder = tmp_path / "machine" / "home"
    folder.mkdir(parents=True)
    (tmp_path / "machine" / "beside").write_text("nobody may see this")
    return folder


@pytest.fixture
async def told(double: ProvisioningDouble, port: int, home: Path, tmp_path: Path) -> dict[str, Any]:
    target = {"path": str(home), "uid": os.getuid(), "gid": os.getgid()}
    return settings(double, tmp_path / "folder", listen=f"127.0.0.1:{port}", restore_target=target)


@asynccontextmanager
async def visiting(told: dict[str, Any], double: ProvisioningDouble) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the page of a running instance, that was not let in yet."""
    double.heartbeats.clear()
    async with living(told), httpx.AsyncClient(base_url=f"http://{told['listen']}", timeout=30) as visitor:
        await until(lambda: double.heartbeats and double.heartbeats[-1]["phase"] == "running" and is_served(told))
        yield visitor


@pytest.fixture
async def stranger(told: dict[str, Any], double: ProvisioningDouble) -> AsyncIterator[httpx.AsyncClient]:
    async with visiting(told, double) as visitor:
        yield visitor


@pytest.fixture
async def owner(stranger: httpx.AsyncClient, double: ProvisioningDouble) -> httpx.AsyncClient:
    """The same browser, let in."""
    await come_in(stranger, double)
    return stranger


async def come_in(browser: httpx.AsyncClient, double: ProvisioningDouble, link: str = LINK) -> httpx.Response:
    double.links.add(link)
    answer = await browser.post("/open", data={"link": link})
    assert (answer.status_code, answer.headers.get("Location")) == (303, "/files/"), answer.text
    return answer


async def raw(port: int, path: bytes, cookie: str = "") -> bytes:
    """The answer to a path as it is: no client in between makes it a decent one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nCookie: " + cookie.encode() + b"\r\n\r\n")
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()


def cookie_of(browser: httpx.AsyncClient) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def names_in(page: str) -> list[str]:
    """The names in a listing, as a person reads them."""
    cells = re.findall(r"<tr><td>(.*?)<td>", page, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]*>", "", cell)) for cell in cells]


def link_to_etc(path: Path) -> None:
    path.symlink_to("/etc")


def is_served(told: dict[str, Any]) -> bool:
    try:
        return httpx.get(f"http://{told['listen']}/healthz").is_success
    except httpx.TransportError:
        return False


def opened() -> list[Path]:
    """What this process has open."""
    return [number.resolve() for number in Path("/proc/self/fd").iterdir()]


def put(folder: Path, name: bytes, content: str) -> None:
    """A file of any name."""
    file = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)


# The way in.


async def test_without_a_visit_the_page_says_how_to_get_in(stranger: httpx.AsyncClient, home: Path) -> None:
    (home / "secret.txt").write_text("content")
    front = await stranger.get("/")

    assert "<p>Running</p>" in front.text
    assert f"<code>space instance open {NAME}</code>" in front.text
    assert "console" in front.text
    assert "/files/" not in front.text
    for path in ("/files/", "/files/secret.txt", "/files/none"):
        refused = await stranger.get(path)
        assert refused.status_code == 403
        assert f"<code>space instance open {NAME}</code>" in refused.text
        assert "content" not in refused.text.replace('name="viewport" content=', "")
        assert "secret" not in refused.text


async def test_looking_at_a_link_does_not_use_it_up(stranger: httpx.AsyncClient, double: ProvisioningDouble) -> None:
    double.links.add(LINK)
    for _ in range(3):
        door = await stranger.get(f"/open?link={LINK}")
        assert door.status_code == 200
        assert f'<form method="post" action="/open"><input type="hidden" name="link" value="{LINK}">' in door.text
        assert "<button>" in door.text
        assert "Set-Cookie" not in door.headers

    assert double.count("links/redeem") == 0
    assert (await stranger.get("/files/")).status_code == 403
    await come_in(stranger, double)
    assert double.count("links/redeem") == 1


async def test_a_link_lets_one_browser_in_with_a_cookie_that_scripts_and_other_sites_cannot_use(
    stranger: httpx.AsyncClient, double: ProvisioningDouble
) -> None:
    header = (await come_in(stranger, double)).headers["Set-Cookie"]
    value, *attributes = header.split("; ")

    assert value.startswith(f"space_{double.instance_id.replace('-', '')}=")
    assert sorted(attributes) == ["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Strict"]
    assert (await stranger.get("/files/")).status_code == 200
    front = await stranger.get("/")
    assert f"<h1>{NAME}</h1>" in front.text
    assert "<p>Running</p>" in front.text
    assert 'href="/files/"' in front.text
    assert "space instance open" not in front.text
    async with httpx.AsyncClient(base_url=stranger.base_url) as another:
        again = await another.post("/open", data={"link": LINK})
        assert again.status_code == 410
        assert "used before" in again.text
        assert "space instance open" in again.text
        assert (await another.get("/files/")).status_code == 403


@pytest.mark.parametrize("link", ["", "short", "l" * 201, "../../x" * 5, '"><script>alert(1)</script>', "é" * 43])
async def test_what_cannot_be_a_link_is_neither_shown_nor_asked_about(
    stranger: httpx.AsyncClient, double: ProvisioningDouble, link: str
) -> None:
    shown = await stranger.get("/open", params={"link": link})
    sent = await stranger.post("/open", data={"link": link})

    assert (shown.status_code, sent.status_code) == (410, 410)
    assert "<script>" not in shown.text + sent.text
    assert double.count("links/redeem") == 0


async def test_a_forged_cookie_opens_nothing(owner: httpx.AsyncClient, port: int, double: ProvisioningDouble) -> None:
    good = cookie_of(owner)
    name, _, value = good.partition("=")

    assert (await raw(port, b"/files/", f"other=1; {good}")).startswith(b"HTTP/1.1 200 ")
    for forged in ("", f"{name}=", f"{name}={'A' * 43}", f"{name}={value[:-1]}", f"space={value}", f"{name}={value}x"):
        assert (await raw(port, b"/files/", forged)).startswith(b"HTTP/1.1 403 "), forged


async def test_a_visit_ends_by_itself_and_the_oldest_for_a_newer_one(
    owner: httpx.AsyncClient, double: ProvisioningDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MOST_VISITS - 1):
        async with httpx.AsyncClient(base_url=owner.base_url) as newer:
            await come_in(newer, double, f"{number}" * 43)
    assert (await owner.get("/files/")).status_code == 200
    async with httpx.AsyncClient(base_url=owner.base_url) as newest:
        await come_in(newest, double, "n" * 43)
        assert (await owner.get("/files/")).status_code == 403
        assert (await newest.get("/files/")).status_code == 200
    monkeypatch.setattr(page_visits, "LASTS_SECONDS", 1.5)
    async with httpx.AsyncClient(base_url=owner.base_url) as brief:
        cookie = (await come_in(brief, double, "b" * 43)).headers["Set-Cookie"].partition(";")[0]
        assert (await brief.get("/files/", headers={"Cookie": cookie})).status_code == 200
        await asyncio.sleep(1.6)
        assert (await brief.get("/files/", headers={"Cookie": cookie})).status_code == 403


async def test_a_restart_of_the_agent_ends_all_visits(told: dict[str, Any], double: ProvisioningDouble) -> None:
    async with visiting(told, double) as browser:
        await come_in(browser, double)
        kept = dict(browser.cookies)
    async with visiting(told, double) as browser:
        browser.cookies.update(kept)
        assert (await browser.get("/files/")).status_code == 403


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 303)])
async def test_another_sites_page_cannot_send_a_link_from_here(
    stranger: httpx.AsyncClient, double: ProvisioningDouble, site: str, status: int
) -> None:
    double.links.add(LINK)
    answer = await stranger.post("/open", data={"link": LINK}, headers={"Sec-Fetch-Site": site})

    assert answer.status_code == status
    assert double.count("links/redeem") == (status == 303)


async def test_a_server_that_is_away_lets_nobody_in_and_the_link_is_kept_for_another_try(
    stranger: httpx.AsyncClient, double: ProvisioningDouble
) -> None:
    double.links.add(LINK)
    double.close()
    answer = await stranger.post("/open", data={"link": LINK})

    assert answer.status_code == 503
    assert "Set-Cookie" not in answer.headers
    assert f'value="{LINK}"' in answer.text
    double.open()
    await come_in(stranger, double)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 1025",
        b"Content-Length: -1",
        b"Content-Length: 99999999999",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: chunked",
        b"No colon",
        b"Content-Length : 5",
    ],
    ids=repr,
)
async def test_a_body_is_small_and_its_length_is_known(stranger: httpx.AsyncClient, port: int, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /open HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\nlink=")
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert (await stranger.get("/healthz")).status_code == 200


async def test_a_body_may_come_in_pieces(stranger: httpx.AsyncClient, port: int, double: ProvisioningDouble) -> None:
    double.links.add(LINK)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in (b"POST /open HTTP/1.1\r\nHo", b"st: x\r\nContent-Length: 48\r\n\r", b"\nlink=", LINK.encode()):
        writer.write(piece)
        await asyncio.sleep(0.05)
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 303 ")


# What is shown.


async def test_a_folder_is_listed_folders_first_with_sizes_and_times(owner: httpx.AsyncClient, home: Path) -> None:
    (home / "b.txt").write_bytes(b"x" * 2_512_556)
    (home / "a.txt").write_text("a")
    (home / "zoo").mkdir()
    os.utime(home / "b.txt", (0, 1_782_907_260))
    page = (await owner.get("/files/")).text

    assert names_in(page) == ["zoo/", "a.txt", "b.txt"]
    assert "<td>2.40 MB<td>2026-07-01 12:01" in page
    assert "3 entries" in page


async def test_the_way_back_up_is_shown(owner: httpx.AsyncClient, home: Path) -> None:
    (home / "a & b" / "c").mkdir(parents=True)
    (home / "a & b" / "c" / "deep.txt").write_text("deep")
    page = (await owner.get("/files/a%20%26%20b/c/")).text

    assert '<a href="/">Instance</a> / <a href="/files/">Home</a> / <a href="/files/a%20%26%20b/">' in page
    assert 'href="/files/a%20%26%20b/c/deep.txt"' in page
    assert (await owner.get("/files/a%20%26%20b/c/deep.txt")).text == "deep"


async def test_before_anything_is_restored_the_page_says_so(owner: httpx.AsyncClient, home: Path) -> None:
    assert "This folder is empty." in (await owner.get("/files/")).text
    shutil.rmtree(home)
    gone = await owner.get("/files/")
    assert (gone.status_code, "Nothing was restored yet." in gone.text) == (200, True)
    assert (await owner.get("/files/x")).status_code == 404


@pytest.fixture
def kept(told: dict[str, Any], double: ProvisioningDouble, home: Path) -> Path:
    """The folder that a restore before went to, as the agent remembers it."""
    folder = Path(told["folder"])
    folder.mkdir(mode=0o700)
    name = "Restored docs & \u00fc 2026-11-01"
    state = {"instance_id": double.instance_id, "target_name": name}
    (folder / "state.json").write_text(json.dumps(state))
    (home / name).mkdir()
    (home / name / "file").write_text("content")
    (home / "Documents").mkdir()
    return home / name


async def test_whoever_comes_in_sees_what_was_restored_and_finds_the_home_around_it(
    kept: Path, told: dict[str, Any], double: ProvisioningDouble
) -> None:
    url = f"/files/{quote_from_bytes(kept.name.encode(), safe='')}/"
    async with visiting(told, double) as browser:
        double.links.add(LINK)
        answer = await browser.post("/open", data={"link": LINK})
        assert (answer.status_code, answer.headers["Location"]) == (303, url)
        page = (await browser.get(url)).text
        assert names_in(page) == ["file"]
        assert '<a href="/files/">Home</a>' in page
        assert names_in((await browser.get("/files/")).text) == ["Documents/", f"{kept.name}/"]
        assert f'<a href="{url}">What was restored</a>' in (await browser.get("/")).text


@pytest.fixture
def renamed(kept: Path) -> None:
    kept.rename(kept.parent / "Mine")


@pytest.mark.usefixtures("renamed")
async def test_what_was_restored_and_renamed_is_looked_for_in_the_home(
    told: dict[str, Any], double: ProvisioningDouble
) -> None:
    async with visiting(told, double) as browser:
        double.links.add(LINK)
        begun = (await browser.post("/open", data={"link": LINK})).headers["Location"]
        answer = await browser.get(begun)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/files/")
        assert names_in((await browser.get("/files/")).text) == ["Documents/", "Mine/"]
        assert (await browser.get(f"{begun}file")).status_code == 404


async def test_an_instance_without_a_target_has_nothing_to_show(
    told: dict[str, Any], double: ProvisioningDouble
) -> None:
    async with visiting(told | {"restore_target": None}, double) as browser:
        await come_in(browser, double)
        assert "Nothing was restored yet." in (await browser.get("/files/")).text
        assert (await browser.get("/files/etc/passwd")).status_code == 404


NASTY = [
    b'"quoted".txt', b"'single'.txt", b"<script>alert(1)", b"<img src=x onerror=alert(1)>", b"&amp;.txt",
    b"two\nlines", b"tab\there",
    b"%2e%2e", b"question?mark#hash", b"back\\slash", b"caf\xe9 latin", b"\xff\xfe", "日本 💾.txt".encode(), b" space ",
    b"-rf",
    b"...", b"r\r\nSet-Cookie: x=1", "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe".encode(), b"n" * 255, b"a;b=c",
]  # fmt: skip


async def test_names_of_every_kind_are_shown_harmlessly_and_can_be_had(
    owner: httpx.AsyncClient, home: Path, port: int
) -> None:
    for number, name in enumerate(NASTY):
        put(home, name, f"content {number}")
    listing = await raw(port, b"/files/", cookie_of(owner))
    page = listing.decode()

    assert "<script>" not in page
    assert "<img" not in page
    assert "two\\nlines" in page
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page
    assert "caf\ufffd latin" in page
    assert len(names_in(page)) == len(NASTY)
    for number, name in enumerate(NASTY):
        path = b"/files/" + quote_from_bytes(name, safe="").encode()
        assert f'href="{path.decode()}"' in page, name
        answer = await raw(port, path, cookie_of(owner))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert (answer[:13], body) == (b"HTTP/1.1 200 ", f"content {number}".encode()), name
        assert b"\r\nSet-Cookie" not in head
        assert head.isascii()
        assert head.count(b"\r\n") == 11


async def test_a_folder_whose_name_is_not_utf_8_can_be_entered(owner: httpx.AsyncClient, home: Path, port: int) -> None:
    put(home, b"caf\xe9/\xff.txt", "inside")

    assert b'href="/files/caf%E9/%FF.txt"' in await raw(port, b"/files/caf%E9/", cookie_of(owner))
    assert (await raw(port, b"/files/caf%E9/%FF.txt", cookie_of(owner))).endswith(b"\r\n\r\ninside")


async def test_a_download_is_kept_and_never_run(owner: httpx.AsyncClient, home: Path) -> None:
    (home / 'p"age;é.html').write_text("<script>alert(document.cookie)</script>")
    answer = await owner.get("/files/p%22age%3B%C3%A9.html")

    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"p_age__.html\"; filename*=UTF-8''p%22age%3B%C3%A9.html"
    )


async def test_a_large_folder_comes_in_pages(owner: httpx.AsyncClient, home: Path) -> None:
    expected = [f"folder {number:04}" for number in range(700)] + [f"file {number:04}" for number in range(1300)]
    for name in expected:
        (home / name).mkdir() if name.startswith("folder") else (home / name).touch()
    seen: list[str] = []
    path: str | None = "/files/"
    pages = 0
    while path is not None:
        page = (await owner.get(path)).text
        begun = len(seen)
        seen += [name.rstrip("/") for name in names_in(page)]
        pages += 1
        assert f"2,000 entries, {begun + 1:,} to {len(seen):,} of them here" in page
        assert ("Back to the beginning" in page) == (pages > 1)
        further = re.search(r'<a href="([^"]*)">The next ones</a>', page)
        path = html.unescape(further.group(1)) if further else None

    assert (pages, len(seen)) == (2000 // PAGE_ENTRIES, 2000)
    assert seen == expected


async def test_pages_go_on_behind_an_entry_that_is_gone(owner: httpx.AsyncClient, home: Path) -> None:
    names = [f"{number:04}" for number in range(PAGE_ENTRIES + 2)]
    for name in names:
        (home / name).touch()
    first = (await owner.get("/files/")).text
    further = re.search(r'<a href="([^"]*)">The next ones</a>', first)
    assert further is not None
    (home / names[PAGE_ENTRIES - 1]).unlink()

    assert names_in((await owner.get(further.group(1))).text) == names[PAGE_ENTRIES:]


@pytest.mark.parametrize("after", ["", "f", "x00", "fzz", "d" + "é", "f" + "0" * 6000])
async def test_a_place_that_nobody_named_is_no_trouble(owner: httpx.AsyncClient, home: Path, after: str) -> None:
    (home / "file").touch()

    assert (await owner.get("/files/", params={"after": after})).status_code == 200


# What is not.


@pytest.mark.parametrize(
    "path",
    [
        "/files/..", "/files/../", "/files/../beside", "/files/./x", "/files/%2e%2e/beside", "/files/.%2e/beside",
        "/files/%2E%2E%2Fbeside", "/files/..%2fbeside", "/files//etc/passwd", "/files/%2Fetc%2Fpasswd",
        "/files/sub/../../beside", "/files/sub/%2e%2e/%2e%2e/beside", "/files/sub/%00", "/files/%00", "/files//",
        "/files/sub//x", "/files/x%00/../beside", "/files/%c0%ae%c0%ae/beside", "/files/%252e%252e/beside",
        "/files/file/", "/files/file/x", "/files/file/..", "/files/" + "a" * 300, "/files/" + "a/" * 3000,
        "/filesystem", "/files/..;/beside", "/files/..\\beside",
        "/files/to-etc/passwd", "/files/to-etc", "/files/to-etc/", "/files/to-file", "/files/to-beside",
        "/files/to-sub/x", "/files/to-sub", "/files/loop", "/files/loop/loop", "/files/dangling",
        "/files/fifo", "/files/socket", "/files/null", "/files/nothing",
    ],
)  # fmt: skip
async def test_nothing_leads_out_of_what_was_restored(
    owner: httpx.AsyncClient, home: Path, port: int, path: str
) -> None:
    (home / "sub").mkdir()
    (home / "sub" / "x").write_text("restored")
    (home / "file").write_text("restored")
    for name, leads_to in {
        "to-etc": "/etc", "to-file": "file", "to-beside": "../beside", "to-sub": "sub", "loop": "loop",
        "dangling": "nowhere",
    }.items():  # fmt: skip
        (home / name).symlink_to(leads_to)
    os.mkfifo(home / "fifo")
    os.mknod(home / "socket", 0o140600)
    if os.geteuid() == 0:
        os.mknod(home / "null", 0o020666, os.makedev(1, 3))
    answer = await raw(port, path.encode(), cookie_of(owner))

    allowed = {"/files/file/": b"HTTP/1.1 200 "}
    assert answer.startswith(allowed.get(path, b"HTTP/1.1 404 ")), answer[:80]
    for secret in (b"nobody may see", b"root:"):
        assert secret not in answer


async def test_what_is_not_shown_is_named_and_leads_nowhere(owner: httpx.AsyncClient, home: Path) -> None:
    (home / "link").symlink_to("/etc/passwd")
    os.mkfifo(home / "fifo")
    page = (await owner.get("/files/")).text

    assert names_in(page) == ["fifo (special file, not shown)", "link (link, not shown)"]
    assert 'href="/files/link' not in page
    assert 'href="/files/fifo' not in page


async def test_a_target_that_is_a_link_is_not_followed(owner: httpx.AsyncClient, home: Path) -> None:
    shutil.move(home, home.with_name("moved"))
    link_to_etc(home)

    assert "Nothing was restored yet." in (await owner.get("/files/")).text
    assert (await owner.get("/files/passwd")).status_code == 404


@pytest.mark.parametrize("path", ["/files/sub/passwd", "/files/passwd"])
async def test_what_becomes_a_link_after_it_was_looked_at_leads_nowhere(
    owner: httpx.AsyncClient, home: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (home / "sub").mkdir()
    (home / "sub" / "passwd").write_text("restored")
    (home / "passwd").write_text("restored")
    look = page_files._is_shown

    def look_and_swap(found: os.stat_result) -> bool:
        shown = look(found)
        monkeypatch.setattr(page_files, "_is_shown", look)
        shutil.move(home / "sub", home / "moved")
        (home / "sub").symlink_to("/etc")
        (home / "passwd").unlink()
        (home / "passwd").symlink_to("/etc/passwd")
        return shown

    monkeypatch.setattr(page_files, "_is_shown", look_and_swap)
    answer = await owner.get(path)

    assert (home / "sub").is_symlink()
    assert answer.status_code == 404
    assert "root:" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "PATCH"])
async def test_files_are_only_read(owner: httpx.AsyncClient, home: Path, method: str) -> None:
    (home / "file").write_text("as it was")
    answer = await owner.request(method, "/files/file")

    assert answer.status_code == 404
    assert (home / "file").read_text() == "as it was"


async def test_what_cannot_be_read_is_said(
    owner: httpx.AsyncClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    (home / "file").touch()
    monkeypatch.setattr("agent.instance.page_files._open", fail)
    answer = await owner.get("/files/file")

    assert (answer.status_code, "This cannot be read: Permission denied." in answer.text) == (500, True)


# Sending.


async def test_a_large_file_is_sent_in_pieces_and_counted(
    told: dict[str, Any], double: ProvisioningDouble, home: Path
) -> None:
    size = 50 * MB
    with (home / "large").open("wb") as file:
        for number in range(50):
            file.write(bytes([number]) * MB)
    async with visiting(told, double) as browser:
        await come_in(browser, double)
        before = double.heartbeats[-1]["traffic_bytes"]
        highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        received = wrong = 0
        async with browser.stream("GET", "/files/large") as answer:
            assert answer.headers["Content-Length"] == str(size)
            async for chunk in answer.aiter_raw(MB):
                wrong += chunk != bytes([received // MB]) * MB
                received += len(chunk)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - highest

        assert (received, wrong) == (size, 0)
        assert grown < 16 * 1024
        await until(lambda: double.heartbeats[-1]["traffic_bytes"] >= before + size)
        assert double.heartbeats[-1]["traffic_bytes"] < before + size + 100_000


async def test_who_does_not_take_a_file_holds_up_nothing_and_is_let_go(
    owner: httpx.AsyncClient, home: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.instance.page.SEND_SECONDS", 0.5)
    with (home / "large").open("wb") as file:
        file.truncate(200 * MB)
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    writer.write(f"GET /files/large HTTP/1.1\r\nCookie: {cookie_of(owner)}\r\n\r\n".encode())
    await until(lambda: home / "large" in opened())

    assert (await owner.get("/healthz")).status_code == 200
    await until(lambda: home / "large" not in opened(), 60)
    writer.close()


async def test_a_file_that_shrinks_meanwhile_is_not_taken_for_whole(owner: httpx.AsyncClient, home: Path) -> None:
    with (home / "large").open("wb") as file:
        file.truncate(100 * MB)
    with pytest.raises(httpx.RemoteProtocolError):
        async with owner.stream("GET", "/files/large") as answer:
            assert answer.status_code == 200
            os.truncate(home / "large", MB)
            async for _ in answer.aiter_raw(MB):
                pass

    assert (await owner.get("/healthz")).status_code == 200


async def test_no_descriptor_is_left_open(owner: httpx.AsyncClient, home: Path) -> None:
    (home / "sub").mkdir()
    (home / "sub" / "file").write_text("x")
    (home / "link").symlink_to("sub")
    await owner.get("/files/sub/file")
    before = len(opened())
    for _ in range(20):
        for path in (
            "/files/",
            "/files/sub/",
            "/files/sub/file",
            "/files/link/x",
            "/files/sub/none",
            "/files/sub/file/x",
        ):
            await owner.get(path)

    assert len(opened()) <= before + 2


async def test_the_only_style_is_the_one_that_the_policy_names(owner: httpx.AsyncClient) -> None:
    answer = await owner.get("/files/")
    policy = answer.headers["Content-Security-Policy"]

    assert f"<style>{STYLE}</style>" in answer.text
    assert answer.text.count("<style") == 1
    assert "style=" not in answer.text
    assert re.search(r"style-src 'sha256-[A-Za-z0-9+/]{43}='", policy)
    assert "unsafe" not in policy
    assert "form-action 'self'" in policy
