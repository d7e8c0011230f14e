"""What owners ask of catalog over HTTP."""

from uuid import uuid4

import httpx

from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer


async def register(catalog: Running, headers: dict[str, str], name: str = "photos") -> httpx.Response:
    body = {"name": name, "source": {"kind": "path", "path": "/home/alice/Photos"}}
    return await catalog.api.post("/api/v1/backups", json=body, headers=headers)


async def test_a_new_backup_is_listed_with_its_creation_time_and_no_usage(
    catalog: Running, issuer: TokenIssuer
) -> None:
    headers = issuer.headers(Owner())
    created = await register(catalog, headers)
    assert created.status_code == 201, created.text
    listed = (await catalog.api.get("/api/v1/backups", headers=headers)).json()
    assert [item["name"] for item in listed["items"]] == ["photos"]
    item = listed["items"][0]
    assert item == created.json()
    assert item["storage_bytes"] == 0
    assert item["latest_snapshot_at"] is None
    assert listed["next_cursor"] is None


async def test_a_name_is_taken_once(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    first = (await register(catalog, headers)).json()
    second = await register(catalog, headers)
    assert second.status_code == 409
    assert second.json()["code"] == "backup_name_taken"
    assert second.json()["backup_id"] == first["backup_id"]


async def test_another_owner_has_the_same_name_and_sees_nothing(catalog: Running, issuer: TokenIssuer) -> None:
    mine, theirs = issuer.headers(Owner()), issuer.headers(Owner())
    backup_id = (await register(catalog, mine)).json()["backup_id"]
    assert (await register(catalog, theirs)).status_code == 201
    assert (await catalog.api.get(f"/api/v1/backups/{backup_id}", headers=theirs)).status_code == 404


async def test_a_list_is_paged_in_a_stable_order(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    for number in range(5):
        await register(catalog, headers, f"backup {number}")
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await catalog.api.get("/api/v1/backups", headers=headers, params=params)).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"backup {number}" for number in range(4, -1, -1)]


async def test_a_list_that_did_not_change_is_not_sent_again(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner())
    await register(catalog, headers)
    first = await catalog.api.get("/api/v1/backups", headers=headers)
    again = await catalog.api.get("/api/v1/backups", headers={**headers, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_repeated_request_with_its_key_makes_one_backup(catalog: Running, issuer: TokenIssuer) -> None:
    headers = issuer.headers(Owner()) | {"Idempotency-Key": str(uuid4())}
    first, second = await register(catalog, headers), await register(catalog, headers)
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    other = await register(catalog, headers, "music")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
