"""Links to instances' pages: made for owners alone, used once, in their minute, by the agent of that very instance."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select

from provisioning.domain import links as rules
from provisioning.domain.lifecycle import TERMINAL, Status
from provisioning.jobs import JOBS, forget_links
from provisioning.models import InstanceLink, LogLine
from provisioning.operations import links
from shared.auth import Scope
from tests.support.agent_double import AgentDouble
from tests.support.instances import change, put_agent
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

ADDRESS = "127.0.0.1:18123"


def code(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


async def put_page(running: Running, owner: Owner, status: Status = Status.RUNNING, **values: Any) -> AgentDouble:
    """The agent of an instance that shows a page."""
    return await put_agent(running, status, owner.owner_id, **{"address": ADDRESS, **values})


async def make(running: Running, instance_id: UUID, headers: dict[str, str]) -> httpx.Response:
    return await running.api.post(f"/api/v1/instances/{instance_id}/links", headers=headers)


def in_link(url: str) -> str:
    return parse_qs(urlsplit(url).query)["link"][0]


async def link(running: Running, instance_id: UUID, headers: dict[str, str]) -> str:
    """What is in a new link."""
    answer = await make(running, instance_id, headers)
    assert answer.status_code == 201, answer.text
    return in_link(answer.json()["url"])


async def redeem(agent: AgentDouble, given: str, headers: dict[str, str] | None = None) -> httpx.Response:
    path = f"/api/v1/instances/{agent.instance_id}/links/redeem"
    return await agent.api.post(path, json={"link": given}, headers=headers or agent.headers)


async def kept(running: Running) -> int:
    async with running.runtime.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(InstanceLink)) or 0


async def age(running: Running, instance_id: UUID, by: timedelta) -> None:
    """Let an instance's links be older than they are."""
    async with running.runtime.database.transaction() as session:
        for each in await session.scalars(select(InstanceLink).where(InstanceLink.instance_id == instance_id)):
            each.created_at -= by
            each.expires_at -= by


async def test_a_link_leads_to_the_instance_and_works_once(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    agent = await put_page(provisioning, owner)
    answer = await make(provisioning, agent.instance_id, headers)

    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert set(body) == {"url", "expires_at"}
    left = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)
    url = urlsplit(body["url"])
    assert (url.scheme, url.netloc, url.path) == ("http", ADDRESS, "/open")
    given = in_link(body["url"])
    assert len(given) == 43

    first = await redeem(agent, given)
    assert (first.status_code, first.content) == (204, b"")
    assert code(await redeem(agent, given)) == (410, "link_over")
    assert await kept(provisioning) == 0


async def test_what_is_kept_of_a_link_does_not_open_anything(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    agent = await put_page(provisioning, owner)
    given = await link(provisioning, agent.instance_id, headers)
    async with provisioning.runtime.database.reading() as session:
        row = (await session.scalars(select(InstanceLink))).one()

    assert row.digest == rules.digest(given)
    assert given.encode() not in row.digest
    assert code(await redeem(agent, row.digest.hex())) == (410, "link_over")


async def test_a_link_works_for_a_minute(provisioning: Running, owner: Owner, headers: dict[str, str]) -> None:
    agent = await put_page(provisioning, owner)
    young = await link(provisioning, agent.instance_id, headers)
    await age(provisioning, agent.instance_id, timedelta(seconds=55))
    assert (await redeem(agent, young)).status_code == 204
    old = await link(provisioning, agent.instance_id, headers)
    await age(provisioning, agent.instance_id, timedelta(seconds=60))
    assert code(await redeem(agent, old)) == (410, "link_over")


async def test_a_link_opens_no_other_instance_of_the_same_owner(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    agent = await put_page(provisioning, owner)
    other = await put_page(provisioning, owner)
    given = await link(provisioning, agent.instance_id, headers)

    assert code(await redeem(other, given)) == (410, "link_over")
    assert (await redeem(agent, given)).status_code == 204


async def test_a_link_that_is_shown_many_times_at_once_lets_in_one(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    agent = await put_page(provisioning, owner)
    given = await link(provisioning, agent.instance_id, headers)
    answers = await asyncio.gather(*(redeem(agent, given) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [204] + 7 * [410]


async def test_nobody_but_the_instances_agent_redeems(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    agent = await put_page(provisioning, owner)
    other = await put_page(provisioning, owner)
    given = await link(provisioning, agent.instance_id, headers)

    for wrong in (headers, other.headers, {"Authorization": "Bearer x"}, {"X-Nothing": "x"}):
        assert code(await redeem(agent, given, wrong)) == (401, "agent_unknown")
    assert (await redeem(agent, given)).status_code == 204


async def test_another_owners_instance_is_not_found(
    provisioning: Running, owner: Owner, issuer: TokenIssuer, headers: dict[str, str]
) -> None:
    agent = await put_page(provisioning, owner)

    assert code(await make(provisioning, agent.instance_id, issuer.headers(Owner()))) == (404, "instance_not_found")
    assert code(await make(provisioning, uuid4(), headers)) == (404, "instance_not_found")
    assert await kept(provisioning) == 0


async def test_reading_about_instances_is_not_reading_what_is_on_them(
    provisioning: Running, owner: Owner, issuer: TokenIssuer
) -> None:
    agent = await put_page(provisioning, owner)
    reader = issuer.headers(owner, Scope.INSTANCES_READ)
    answer = await make(provisioning, agent.instance_id, reader)

    assert code(answer) == (403, "scope_missing")
    assert answer.json()["missing_scopes"] == ["instances:write"]


@pytest.mark.parametrize("status", sorted(Status))
async def test_the_page_is_open_while_there_is_something_to_see(
    provisioning: Running, owner: Owner, headers: dict[str, str], status: Status
) -> None:
    agent = await put_page(provisioning, owner, status)
    answer = await make(provisioning, agent.instance_id, headers)

    if status in {Status.RUNNING, Status.PENDING_ACTIVATION}:
        assert answer.status_code == 201
    else:
        assert code(answer) == (409, "page_unavailable")
        assert await kept(provisioning) == 0


@pytest.mark.parametrize(
    "address", [None, "203.0.113.7", "alice.example", "[2001:db8::7]", "2001:db8::7", "2001:db8::abcd"]
)
async def test_an_instance_without_a_page_of_its_own_says_so(
    provisioning: Running, owner: Owner, headers: dict[str, str], address: str | None
) -> None:
    agent = await put_page(provisioning, owner, address=address)

    assert code(await make(provisioning, agent.instance_id, headers)) == (409, "page_unavailable")


@pytest.mark.parametrize(
    ("address", "begins"),
    [
        ("127.0.0.1:1", "http://127.0.0.1:1/open?link=x"),
        ("localhost:1", "http://localhost:1/open?link=x"),
        ("[::1]:1", "http://[::1]:1/open?link=x"),
        ("203.0.113.7:8443", "https://203.0.113.7:8443/open?link=x"),
        ("alice.example:8443", "https://alice.example:8443/open?link=x"),
    ],
)
def test_a_link_that_leaves_the_machine_is_encrypted_on_its_way(address: str, begins: str) -> None:
    assert rules.page_url(address, "x") == begins


@pytest.mark.parametrize("status", sorted(TERMINAL))
async def test_the_link_of_an_instance_that_has_ended_opens_nothing(
    provisioning: Running, owner: Owner, headers: dict[str, str], status: Status
) -> None:
    agent = await put_page(provisioning, owner)
    given = await link(provisioning, agent.instance_id, headers)
    await change(provisioning, agent.instance_id, status=status)

    assert code(await redeem(agent, given)) == (410, "instance_over")


async def test_of_many_links_the_newest_stand(provisioning: Running, owner: Owner, headers: dict[str, str]) -> None:
    agent = await put_page(provisioning, owner)
    other = await put_page(provisioning, owner)
    apart = await link(provisioning, other.instance_id, headers)
    given = [await link(provisioning, agent.instance_id, headers) for _ in range(rules.MOST_OPEN + 2)]

    assert await kept(provisioning) == rules.MOST_OPEN + 1
    answers = [(await redeem(agent, each)).status_code for each in given]
    assert answers == 2 * [410] + rules.MOST_OPEN * [204]
    assert (await redeem(other, apart)).status_code == 204


async def test_a_visit_is_in_the_instances_log_and_the_link_is_not(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    agent = await put_page(provisioning, owner)
    given = await link(provisioning, agent.instance_id, headers)
    await redeem(agent, given)
    await redeem(agent, given)
    async with provisioning.runtime.database.reading() as session:
        found = select(LogLine.line).where(LogLine.instance_id == agent.instance_id, LogLine.source == "space")
        lines = list(await session.scalars(found.order_by(LogLine.number)))

    assert lines[1:] == ["Its page was opened with a link of its owner."]
    assert given not in "".join(lines)


async def test_links_that_are_over_are_forgotten_by_a_job(
    provisioning: Running, owner: Owner, headers: dict[str, str]
) -> None:
    assert forget_links in [job.run for job in JOBS]
    old, new = await put_page(provisioning, owner), await put_page(provisioning, owner)
    for agent in (old, old, new):
        await link(provisioning, agent.instance_id, headers)
    await age(provisioning, old.instance_id, rules.LASTS)
    async with provisioning.runtime.database.transaction() as session:
        assert await links.forget(session, datetime.now(UTC)) == 2

    assert await kept(provisioning) == 1


@pytest.mark.parametrize(
    "body", [{}, {"link": ""}, {"link": 1}, {"link": "x" * 201}, {"link": "x", "more": 1}], ids=repr
)
async def test_what_is_no_link_is_refused(provisioning: Running, owner: Owner, body: dict[str, Any]) -> None:
    agent = await put_page(provisioning, owner)
    path = f"/api/v1/instances/{agent.instance_id}/links/redeem"
    answer = await provisioning.api.post(path, json=body, headers=agent.headers)

    assert code(answer) == (422, "request_invalid")


async def test_half_a_character_is_a_link_that_nobody_made(provisioning: Running, owner: Owner) -> None:
    agent = await put_page(provisioning, owner)
    path = f"/api/v1/instances/{agent.instance_id}/links/redeem"
    answer = await provisioning.api.post(path, content=b'{"link": "\\ud800"}', headers=agent.headers)

    assert answer.status_code in {410, 422}
