"""An instance's page and provisioning together: the real agent over real sockets, its links in the real database."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from provisioning.domain.lifecycle import Status
from provisioning.domain.links import LASTS
from tests.agent.running_agents import free_port, living
from tests.provisioning.test_links import age, in_link
from tests.provisioning.test_links import make as make_link
from tests.support.agent_double import AgentDouble
from tests.support.instances import put_new_agent, row_of
from tests.support.local_machines import until
from tests.support.running import Running
from tests.support.tokens import ORIGIN, Owner, TokenIssuer


class Home:
    """An instance with its agent, whose page a browser looks at."""

    def __init__(self, running: Running, agent: AgentDouble, browser: httpx.AsyncClient, folder: Path) -> None:
        self.running = running
        self.instance_id = agent.instance_id
        self.browser = browser
        self.folder = folder

    async def link(self, headers: dict[str, str]) -> str:
        """Where a new link leads to, on this instance."""
        answer = await make_link(self.running, self.instance_id, headers)
        assert answer.status_code == 201, answer.text
        url = urlsplit(answer.json()["url"])
        assert f"{url.scheme}://{url.netloc}" == str(self.browser.base_url)
        return f"{url.path}?{url.query}"

    async def come_in(self, path: str) -> httpx.Response:
        """Open a link as a person does: look, and press the button."""
        door = await self.browser.get(path)
        assert "<button>" in door.text
        return await self.browser.post("/open", data={"link": in_link(path)})


@asynccontextmanager
async def home(running: Running, owner: Owner, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Home]:
    """A home cloud that runs, as provisioning has heard from its agent."""
    address = f"127.0.0.1:{free_port()}"
    agent = await put_new_agent(running, Status.PENDING, owner.owner_id, address=address)
    restored = folder / "restored"
    restored.mkdir(parents=True)
    told = {
        "origin": ORIGIN,
        "instance_id": str(agent.instance_id),
        "enrolment_secret": agent.secret,
        "instance_name": "alice@olares.com",
        "restore_id": None,
        "folder": str(folder / "agent"),
        "listen": address,
        "traffic": "own",
        "restore_target": {"path": str(restored), "uid": os.getuid(), "gid": os.getgid()},
    }
    # The agent's calls reach provisioning without a network in between; everything else is as on a machine.
    transport = running.api._transport
    async with AsyncExitStack() as stack:
        with monkeypatch.context() as patched:
            patched.setattr(httpx, "AsyncClient", partial(httpx.AsyncClient, transport=transport))
            await stack.enter_async_context(living(told))
        browser = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://{address}"))

        async def status() -> str:
            return (await row_of(running, agent.instance_id)).status

        await until(status, lambda now: now == Status.RUNNING, 20)
        yield Home(running, agent, browser, restored)


@pytest.fixture
async def alices(
    provisioning: Running, owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Home]:
    async with home(provisioning, owner, tmp_path / "alice", monkeypatch) as found:
        yield found


async def test_an_owner_sees_what_was_restored_by_a_link_that_works_once(alices: Home, headers: dict[str, str]) -> None:
    (alices.folder / "letter.txt").write_text("Dear Bob")
    path = await alices.link(headers)
    assert (await alices.browser.get("/files/letter.txt")).status_code == 403

    assert (await alices.come_in(path)).headers["Location"] == "/files/"
    assert "letter.txt" in (await alices.browser.get("/files/")).text
    assert (await alices.browser.get("/files/letter.txt")).text == "Dear Bob"
    async with httpx.AsyncClient(base_url=alices.browser.base_url) as thief:
        again = await thief.post("/open", data={"link": in_link(path)})
        assert (again.status_code, thief.cookies) == (410, httpx.Cookies())
        assert (await thief.get("/files/letter.txt")).status_code == 403


async def test_a_link_that_is_too_old_opens_nothing(alices: Home, headers: dict[str, str]) -> None:
    path = await alices.link(headers)
    await age(alices.running, alices.instance_id, LASTS)

    assert (await alices.come_in(path)).status_code == 410
    assert (await alices.browser.get("/files/")).status_code == 403


async def test_a_link_of_another_instance_opens_nothing_and_stays_good_for_its_own(
    alices: Home, owner: Owner, headers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home(alices.running, owner, tmp_path / "second", monkeypatch) as second:
        path = await second.link(headers)
        assert (await alices.come_in(path)).status_code == 410
        assert (await second.come_in(path)).status_code == 303
        # Cookies go to every port of a host: one of a neighbour's is no use here.
        alices.browser.cookies.update(second.browser.cookies)
        assert (await alices.browser.get("/files/")).status_code == 403
        assert (await alices.come_in(await alices.link(headers))).status_code == 303
        assert len(alices.browser.cookies) == 2
        assert (await alices.browser.get("/files/")).status_code == 200


async def test_another_owner_gets_no_link(alices: Home, issuer: TokenIssuer) -> None:
    answer = await make_link(alices.running, alices.instance_id, issuer.headers(Owner()))

    assert (answer.status_code, answer.json()["code"]) == (404, "instance_not_found")
