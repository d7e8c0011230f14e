"""What owners see of their restores, and nobody else."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from restore.domain.order import State as CloudState
from restore.schemas.restores import RestoreRead, TimelineEntryRead
from shared.paging import Page
from tests.restore.cloud import PLACE, SEALED, Cloud
from tests.restore.conftest import Client
from tests.support.catalog_double import CatalogDouble
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

Outbox = Callable[[], Awaitable[list[str]]]


async def test_a_list_holds_what_its_document_says(client: Client) -> None:
    await client.report(await client.begin(), "failed", reason="no")
    await client.issue()
    answer = await client.restore.api.get("/api/v1/restores", headers=client.headers)
    page = Page[RestoreRead].model_validate(answer.json())
    assert [item.state for item in page.items] == ["ready", "failed"]
    assert set(answer.json()["items"][0]) == set(RestoreRead.model_fields)
    assert answer.json()["items"][0] == await client.read(str(page.items[0].restore_id))


async def test_a_timeline_holds_what_its_document_says(client: Client) -> None:
    restore_id = await client.begin()
    entries = await client.timeline(restore_id)
    assert [TimelineEntryRead.model_validate(entry).number for entry in entries] == [1, 2, 3]
    assert set(entries[0]) == set(TimelineEntryRead.model_fields)


async def test_a_list_is_paged_newest_first(client: Client) -> None:
    made = [(await client.issue())["restore_id"] for _ in range(5)]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.restore.api.get("/api/v1/restores", headers=client.headers, params=params)).json()
        seen += [item["restore_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == made[::-1]


async def test_a_list_is_filtered_by_state_and_by_backup(client: Client, catalog: CatalogDouble, owner: Owner) -> None:
    mine = await client.begin()
    client.snapshot = catalog.snapshot_of(owner.owner_id)
    other = (await client.issue())["restore_id"]

    async def listed(**params: str) -> list[str]:
        answer = await client.restore.api.get("/api/v1/restores", headers=client.headers, params=params)
        return [item["restore_id"] for item in answer.json()["items"]]

    assert await listed(state="redeemed") == [mine]
    assert await listed(state="completed") == []
    assert await listed(backup_id=str(client.snapshot.backup_id)) == [other]
    assert await listed(backup_id=str(uuid4())) == []
    refused = await client.restore.api.get("/api/v1/restores", headers=client.headers, params={"state": "done"})
    assert refused.status_code == 422


async def test_a_list_is_of_those_that_go_on_or_of_those_that_are_over(client: Client, cloud: Cloud) -> None:
    going = [await client.begin(), (await cloud.to(CloudState.RESTORING))[0]]
    over = [await client.begin(), (await cloud.to(CloudState.COMPLETED, "b@olares.com"))[0]]
    await client.report(over[0], "failed", reason="no")

    async def listed(**params: Any) -> set[str]:
        answer = await client.restore.api.get("/api/v1/restores", headers=client.headers, params=params)
        return {item["restore_id"] for item in answer.json()["items"]}

    assert await listed(live=True) == set(going)
    assert await listed(live=False) == set(over)
    assert await listed() == {*going, *over}


async def test_a_list_that_did_not_change_is_not_sent_again(client: Client) -> None:
    restore_id = await client.begin()
    first = await client.restore.api.get("/api/v1/restores", headers=client.headers)
    known = client.headers | {"If-None-Match": first.headers["etag"]}
    assert (await client.restore.api.get("/api/v1/restores", headers=known)).status_code == 304
    await client.report(restore_id, "restoring")
    assert (await client.restore.api.get("/api/v1/restores", headers=known)).status_code == 200


async def test_a_timeline_is_paged_oldest_first(client: Client) -> None:
    restore_id = await client.begin()
    path = f"/api/v1/restores/{restore_id}/timeline"
    first = (await client.restore.api.get(path, headers=client.headers, params={"limit": 2})).json()
    assert [entry["number"] for entry in first["items"]] == [1, 2]
    params = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await client.restore.api.get(path, headers=client.headers, params=params)).json()
    assert ([entry["number"] for entry in second["items"]], second["next_cursor"]) == ([3], None)
    refused = await client.restore.api.get(path, headers=client.headers, params={"cursor": "x"})
    assert (refused.status_code, refused.json()["code"]) == (422, "cursor_invalid")


async def test_cancelling_ends_a_restore_once(client: Client, outbox: Outbox) -> None:
    restore_id = await client.begin()
    first = await client.cancel(restore_id)
    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert first.json() == await client.read(restore_id)
    second = await client.cancel(restore_id)
    assert (second.status_code, second.json()) == (200, first.json())
    assert await outbox() == ["restore.cancelled.v1"]


async def test_a_failed_restore_can_be_cancelled_so_that_it_cannot_go_on(client: Client) -> None:
    issued = await client.issue()
    await client.redeem(issued["ticket"])
    await client.report(issued["restore_id"], "failed")
    assert (await client.cancel(issued["restore_id"])).status_code == 200
    assert (await client.redeem(issued["ticket"])).status_code == 410


async def test_a_completed_restore_cannot_be_cancelled(client: Client, outbox: Outbox) -> None:
    restore_id = await client.begin()
    await client.report(restore_id, "completed")
    before = await client.read(restore_id)
    answer = await client.cancel(restore_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "restore_over")
    assert await client.read(restore_id) == before
    assert await outbox() == ["restore.completed.v1"]


BODIES: dict[str, Any] = {
    "confirm": {},
    "password": {"round": 1, "sealed": SEALED},
    "restores": {**PLACE, "instance_name": "bob@olares.com"},
}
"""What a path takes, by its last word."""
PATHS: list[tuple[str, str, Any]] = [
    ("GET", "/api/v1/restores/{id}", None),
    ("POST", "/api/v1/restores/{id}/cancel", None),
    ("POST", "/api/v1/restores/{id}/confirm", {}),
    ("POST", "/api/v1/restores/{id}/password", {"round": 1, "sealed": SEALED}),
    ("GET", "/api/v1/restores/{id}/timeline", None),
]


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
async def test_another_owners_restore_is_not_found(
    client: Client, cloud: Cloud, issuer: TokenIssuer, method: str, path: str, body: Any
) -> None:
    restore_id = await client.begin()
    theirs = issuer.headers(Owner())
    found = await client.restore.api.request(method, path.format(id=restore_id), headers=theirs, json=body)
    never = await client.restore.api.request(method, path.format(id=uuid4()), headers=theirs, json=body)
    to_cloud = await cloud.quoted()
    quoted = await client.restore.api.request(method, path.format(id=to_cloud), headers=theirs, json=body)
    assert (quoted.status_code, quoted.content) == (never.status_code, never.content)
    assert await cloud.state(to_cloud) == "quoted"
    assert (found.status_code, found.json()["code"]) == (404, "restore_not_found")
    assert (found.status_code, found.content) == (never.status_code, never.content)
    streamed = await client.restore.api.request(
        method, path.format(id=restore_id), headers=theirs | {"Accept": "text/event-stream"}, json=body
    )
    assert streamed.status_code == 404
    assert (await client.read(restore_id))["state"] == "redeemed"


async def test_another_owners_list_is_empty(client: Client, issuer: TokenIssuer) -> None:
    await client.begin()
    params = {"backup_id": str(client.snapshot.backup_id)}
    for given in ({}, params):
        answer = await client.restore.api.get("/api/v1/restores", headers=issuer.headers(Owner()), params=given)
        assert answer.json()["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("POST", "/api/v1/tickets", {"restores:write"}),
        ("GET", "/api/v1/restores", {"restores:read"}),
        ("GET", "/api/v1/restores/{id}", {"restores:read"}),
        ("POST", "/api/v1/restores/{id}/cancel", {"restores:write"}),
        ("GET", "/api/v1/restores/{id}/timeline", {"restores:read"}),
        ("POST", "/api/v1/restores", {"restores:write"}),
        ("POST", "/api/v1/restores/{cloud}/confirm", {"restores:write", "account:write"}),
        ("POST", "/api/v1/restores/{cloud}/password", {"restores:write"}),
    ],
)
async def test_scopes_open_their_own_paths_only(
    client: Client, cloud: Cloud, issuer: TokenIssuer, owner: Owner, method: str, path: str, scopes: set[str]
) -> None:
    restore_id = await client.begin()
    to_cloud, _ = await cloud.to(CloudState.AWAITING_PASSWORD if path.endswith("password") else CloudState.QUOTED)
    every = {"restores:read", "restores:write", "backups:read", "account:write"}
    body = BODIES.get(path.rpartition("/")[2]) if method == "POST" else None
    if method == "POST" and path in ("/api/v1/restores", "/api/v1/tickets"):
        body = {"snapshot_id": str(client.snapshot.snapshot_id), **(body or {})}
    path = path.format(id=restore_id, cloud=to_cloud)

    async def answer(headers: dict[str, str]) -> int:
        asked = await client.restore.api.request(method, path, headers=headers, json=body)
        return asked.status_code

    assert await answer({}) == 401
    for scope in scopes:
        assert await answer(issuer.headers(owner, *(every - {scope}))) == 403
    assert await answer(issuer.headers(owner, *scopes)) in (200, 201)


async def test_no_public_path_is_missing_from_these_tests(restore: Running) -> None:
    document = (await restore.api.get("/api/v1/openapi/restore.json")).json()
    assert set(document["paths"]) == {
        "/api/v1/tickets",
        "/api/v1/tickets/redeem",
        "/api/v1/restores",
        "/api/v1/restores/{restore_id}",
        "/api/v1/restores/{restore_id}/agent/keys",
        "/api/v1/restores/{restore_id}/agent/reports",
        "/api/v1/restores/{restore_id}/agent/rounds",
        "/api/v1/restores/{restore_id}/agent/rounds/{number}",
        "/api/v1/restores/{restore_id}/cancel",
        "/api/v1/restores/{restore_id}/confirm",
        "/api/v1/restores/{restore_id}/password",
        "/api/v1/restores/{restore_id}/reports",
        "/api/v1/restores/{restore_id}/timeline",
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert "For " in operation["description"], (path, method)


async def test_an_id_that_is_none_is_refused(client: Client) -> None:
    for path in ("/api/v1/restores/x", "/api/v1/restores/x/timeline"):
        assert (await client.restore.api.get(path, headers=client.headers)).status_code == 422
