"""The store gate at work: Caddy, catalog and rclone, asked with signed requests as any S3 client sends them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import update

from catalog import consumers
from catalog.models import RepositoryClaim, StorageKey
from catalog.operations.measure import measure_due_backup
from catalog.operations.store_gate import REMEMBER_SECONDS
from shared.events.billing import QuotaCleared, QuotaExceeded
from space_local.rabbitmq import RabbitMQ
from tests.support.databases import Databases
from tests.support.running import OPERATOR
from tests.support.store import Store, store_at_work, sum_of_files
from tests.support.tokens import Owner, TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASH, OTHER_HASH = "ab" * 32, "cd" * 32


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(
    databases: Databases, issuer: TokenIssuer, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    async with store_at_work(databases, issuer, rabbitmq.url, tmp_path_factory.mktemp("store")) as store:
        yield store


def path_of(key: dict[str, Any], name: str = "") -> str:
    """The path of an object of the key's repository, as S3 clients escape it."""
    path = key["repository_url"].removeprefix("s3:https://").partition("/")[2]
    return f"/{quote(path, safe='/')}/{name}"


async def put(store: Store, key: dict[str, Any], name: str, content: bytes = b"x") -> httpx.Response:
    return await store.ask(key, "PUT", path_of(key, name), content=content)


def code(answer: httpx.Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


async def measure(store: Store) -> None:
    runtime = store.runtime
    later = datetime.now(UTC) + timedelta(minutes=2)
    while await measure_due_backup(runtime.database, runtime.adapters, runtime.settings, later):
        pass


async def age_claims(store: Store) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with store.runtime.database.transaction() as session:
        await session.execute(update(RepositoryClaim).values(claimed_until=past))


async def test_of_two_keys_that_initialise_at_once_one_does_and_the_other_is_told(store: Store) -> None:
    """restic would overwrite the first one's config with its own, and what was backed up meanwhile would be lost."""
    owner = Owner()
    backup_id = await store.register_backup(owner)
    first, second = await store.key(owner, backup_id), await store.key(owner, backup_id)
    assert (await put(store, first, f"keys/{HASH}")).status_code == 200
    refused = await put(store, second, f"keys/{OTHER_HASH}")
    assert (refused.status_code, code(refused)) == (403, "AccessDenied")
    assert "config file already exists" in refused.text
    assert (await put(store, second, "config")).status_code == 403
    assert (await put(store, first, "config", b"the first one's")).status_code == 200
    read = await store.ask(second, "GET", path_of(second, "config"))
    assert read.content == b"the first one's"


async def test_a_config_is_never_overwritten_even_before_it_was_measured(store: Store) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    first, second = await store.key(owner, backup_id), await store.key(owner, backup_id)
    assert (await put(store, first, "config", b"kept")).status_code == 200
    await age_claims(store)
    for key in (first, second):
        refused = await put(store, key, "config", b"another")
        assert "config file already exists" in refused.text
    assert (await store.ask(first, "GET", path_of(first, "config"))).content == b"kept"


async def test_an_initialisation_that_was_given_up_does_not_stop_the_next(store: Store) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    first, second = await store.key(owner, backup_id), await store.key(owner, backup_id)
    assert (await put(store, first, f"keys/{HASH}")).status_code == 200
    await age_claims(store)
    assert (await put(store, second, f"keys/{OTHER_HASH}")).status_code == 200
    assert (await put(store, second, "config")).status_code == 200


async def test_what_catalog_has_seen_is_not_written_again(store: Store) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    key = await store.key(owner, backup_id)
    for name in (f"keys/{HASH}", "config", f"snapshots/{HASH}"):
        assert (await put(store, key, name, b"first")).status_code == 200
    await measure(store)
    for name in (f"keys/{HASH}", "config", f"snapshots/{HASH}"):
        refused = await put(store, key, name, b"second")
        assert (refused.status_code, code(refused)) == (403, "AccessDenied")
        assert (await store.ask(key, "GET", path_of(key, name))).content == b"first"
    assert (await put(store, key, f"keys/{OTHER_HASH}")).status_code == 200, "another password may be added"
    assert (await put(store, key, f"snapshots/{OTHER_HASH}")).status_code == 200


async def test_two_uploads_of_one_config_at_once_leave_the_first(store: Store) -> None:
    """The race itself: both are under way at the same time."""
    owner = Owner()
    backup_id = await store.register_backup(owner)
    keys = [await store.key(owner, backup_id) for _ in range(4)]
    answers = await asyncio.gather(*(put(store, key, "config", key["access_key_id"].encode()) for key in keys))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
    winner = keys[[answer.status_code for answer in answers].index(200)]
    assert (await store.ask(winner, "GET", path_of(winner, "config"))).content == winner["access_key_id"].encode()


async def test_refusals_are_in_s3s_own_words(store: Store) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    key = await store.key(owner, backup_id)
    forged = {**key, "access_key_id": "SPKAAAAAAAAAAAAAAAAA"}
    assert await refusal(store, forged) == (403, "InvalidAccessKeyId")
    assert await refusal(store, {**key, "session_token": "0" * 64}) == (400, "InvalidToken")
    expired = await store.key(owner, backup_id)
    async with store.runtime.database.transaction() as session:
        ended = update(StorageKey).where(StorageKey.access_key_id == expired["access_key_id"])
        await session.execute(ended.values(expires_at=datetime.now(UTC)))
    assert await refusal(store, expired) == (400, "ExpiredToken")
    wrong_secret = await store.key(owner, backup_id)
    assert await refusal(store, {**wrong_secret, "secret_access_key": "0" * 40}) == (403, "AccessDenied")


async def refusal(store: Store, key: dict[str, Any]) -> tuple[int, str]:
    answer = await store.ask(key, "GET", path_of(key, "config"))
    return answer.status_code, code(answer)


async def test_a_revoked_key_is_refused_within_the_gates_memory(store: Store) -> None:
    assert REMEMBER_SECONDS <= 5, "what is promised; a busy machine is given more below"
    owner = Owner()
    backup_id = await store.register_backup(owner)
    key = await store.key(owner, backup_id)
    assert (await store.ask(key, "HEAD", "/vault/")).status_code == 200
    path = f"/api/v1/storage-keys/{key['access_key_id']}"
    assert (await store.api.delete(path, headers=store.issuer.headers(owner))).status_code == 204
    assert (await store.api.delete(path, headers=store.issuer.headers(Owner()))).status_code == 404
    async with asyncio.timeout(20):
        while (await store.ask(key, "HEAD", "/vault/")).status_code == 200:
            await asyncio.sleep(0.2)
    assert await refusal(store, key) == (403, "InvalidAccessKeyId")


async def test_an_owner_in_arrears_reads_and_deletes_and_is_told_why_they_cannot_upload(store: Store) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    key = await store.key(owner, backup_id)
    assert (await put(store, key, f"data/ab/{HASH}")).status_code == 200
    restricted = await store.internal.put(
        f"/internal/owners/{owner.owner_id}/restriction",
        json={"restriction": "arrears"},
        headers={"Authorization": f"Bearer {OPERATOR}"},
    )
    assert restricted.status_code == 204
    fresh = await store.key(owner, backup_id)
    refused = await put(store, fresh, f"data/cd/{OTHER_HASH}")
    assert (refused.status_code, code(refused)) == (403, "AccessDenied")
    assert "Due to your account is arrears, it is unavailable until you recharge." in refused.text
    assert (await store.ask(fresh, "GET", path_of(fresh, f"data/ab/{HASH}"))).status_code == 200
    assert (await store.ask(fresh, "DELETE", path_of(fresh, f"data/ab/{HASH}"))).status_code == 204


async def test_what_billing_says_is_what_the_gate_does_within_its_memory(store: Store) -> None:
    """With a key that is in use: two devices cannot both slip past the limit for long."""
    owner = Owner()
    key = await store.key(owner, await store.register_backup(owner))
    target = f"data/ab/{HASH}"
    said: dict[str, Any] = {
        "owner_id": owner.owner_id,
        "used_bytes": 5,
        "limit_bytes": 5,
        "occurred_at": datetime.now(UTC),
    }
    assert (await put(store, key, target)).status_code == 200

    async def until(status: int) -> httpx.Response:
        async with asyncio.timeout(20):
            while (answer := await put(store, key, target)).status_code != status:
                await asyncio.sleep(0.2)
        return answer

    async with store.runtime.database.transaction() as session:
        await consumers.restrict(session, QuotaExceeded(**said, reason="over_limit", number=1))
    refused = await until(403)
    assert code(refused) == "AccessDenied"
    assert "Your backup storage is full." in refused.text
    assert (await put(store, key, f"locks/{HASH}")).status_code == 200
    for method in ("GET", "DELETE"):
        assert (await store.ask(key, method, path_of(key, target))).status_code in (200, 204)
    async with store.runtime.database.transaction() as session:
        await consumers.lift_restriction(session, QuotaCleared(**said, number=2))
    await until(200)


@pytest.mark.parametrize("trick", ["../", "./", "/", "%2e%2e/", "%2E/", "..%2f", "a/../", "%5c../"])
async def test_a_path_that_two_could_read_differently_reaches_no_object(store: Store, trick: str) -> None:
    owner = Owner()
    key = await store.key(owner, await store.register_backup(owner))
    before = sum_of_files(store.folder)
    for method in ("GET", "PUT", "DELETE"):
        meant, sent = path_of(key, f"locks/{HASH}"), path_of(key, f"{trick}locks/{HASH}")
        answer = await store.ask(key, method, meant, content=b"x" * (method == "PUT"), sent=sent)
        assert (answer.status_code, code(answer)) == (400, "InvalidURI")
    assert sum_of_files(store.folder) == before


async def test_the_gate_and_the_store_read_the_same_path(store: Store) -> None:
    """What passes the gate is exactly that object, whatever way its name is escaped."""
    owner = Owner()
    key = await store.key(owner, await store.register_backup(owner))
    plain = path_of(key, f"locks/{HASH}")
    escaped = plain.replace("did%3Akey", "%64id%3akey").replace("locks", "%6Coc%6bs")
    assert escaped != plain
    assert (await store.ask(key, "PUT", plain, content=b"one object", sent=escaped)).status_code == 200
    assert (await store.ask(key, "GET", plain)).content == b"one object"
    (file,) = store.folder_of(owner).rglob(HASH)
    assert file.parent.name == "locks"


async def test_an_upload_reaches_the_store_whole(store: Store) -> None:
    owner = Owner()
    key = await store.key(owner, await store.register_backup(owner))
    content = bytes(range(256)) * 80_000
    assert (await put(store, key, f"data/ab/{HASH}", content)).status_code == 200
    assert (await store.ask(key, "GET", path_of(key, f"data/ab/{HASH}"))).content == content


async def test_a_restricted_owner_cannot_store_much_under_the_name_of_a_lock(store: Store) -> None:
    owner = Owner()
    key = await store.key(owner, await store.register_backup(owner))
    refused = await put(store, key, f"locks/{HASH}", b"x" * 100_000)
    assert (refused.status_code, code(refused)) == (400, "EntityTooLarge")
    assert (await put(store, key, f"locks/{HASH}", b"x" * 200)).status_code == 200


async def test_an_upload_in_parts_is_refused(store: Store) -> None:
    owner = Owner()
    key = await store.key(owner, await store.register_backup(owner))
    refused = await store.ask(key, "POST", path_of(key, f"data/ab/{HASH}"), "?uploads=")
    assert (refused.status_code, code(refused)) == (403, "AccessDenied")


async def test_an_owner_sees_their_keys_and_ends_them_all(store: Store) -> None:
    owner, other = Owner(), Owner()
    backup_id = await store.register_backup(owner)
    keys = [await store.key(owner, backup_id, scope) for scope in ("write", "read")]
    others = await store.key(other, await store.register_backup(other))
    listed = (await store.get(owner, "/api/v1/storage-keys"))["items"]
    assert {item["access_key_id"] for item in listed} == {key["access_key_id"] for key in keys}
    assert not {"secret_access_key", "session_token"} & set(listed[0])
    ended = await store.api.delete("/api/v1/storage-keys", headers=store.issuer.headers(owner))
    assert ended.status_code == 204
    assert (await store.get(owner, "/api/v1/storage-keys"))["items"] == []
    for key in keys:
        assert await refusal(store, key) == (403, "InvalidAccessKeyId")
    assert (await store.ask(others, "HEAD", "/vault/")).status_code == 200
