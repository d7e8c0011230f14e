"""What every issuer of storage keys must do: the vault for real, and a store that speaks STS (moto, over HTTP)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aioboto3
import pytest
import pytest_asyncio

from catalog.adapters.aws import AwsIssuer
from catalog.domain.gate import Access
from catalog.operations.measure import measure_due_backup
from catalog.ports import OlaresAddress, Place
from space_local.rabbitmq import RabbitMQ
from tests.support.databases import Databases
from tests.support.store import Store, store_at_work, tree_hash
from tests.support.sts_store import BUCKET, sts_store_at_work
from tests.support.tokens import Owner, TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASH = "ab" * 32


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["vault", "aws"])
async def store(
    request: pytest.FixtureRequest,
    databases: Databases,
    issuer: TokenIssuer,
    rabbitmq: RabbitMQ,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Store]:
    home = tmp_path_factory.mktemp("store")
    if request.param == "vault":
        async with store_at_work(databases, issuer, rabbitmq.url, home) as store:
            yield store
        return
    async with sts_store_at_work(databases, issuer, rabbitmq.url, home) as store:
        yield store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(5):
        (folder / f"file {number}").write_bytes(bytes([number]) * 30_000)
    return folder


async def test_restic_backs_up_and_restores_with_the_keys_and_catalog_sees_it(
    store: Store, source: Path, tmp_path: Path
) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    key = await store.key(owner, backup_id, "write")
    for arguments in (("init",), ("backup", str(source))):
        code, said = await store.restic(key, *arguments)
        assert code == 0, said
    runtime = store.runtime
    later = datetime.now(UTC) + timedelta(minutes=2)
    while await measure_due_backup(runtime.database, runtime.adapters, runtime.settings, later):
        pass
    backup = await store.get(owner, f"/api/v1/backups/{backup_id}")
    assert backup["snapshot_count"] == 1
    assert backup["storage_bytes"] > 0
    reading = await store.key(owner, backup_id, "read")
    code, said = await store.restic(reading, "restore", "latest", "--no-lock", "--target", str(tmp_path / "out"))
    assert code == 0, said
    assert tree_hash(tmp_path / "out" / str(source).lstrip("/")) == tree_hash(source)


async def test_a_key_ends_when_it_was_asked_to(store: Store) -> None:
    owner = Owner()
    key = await store.key(owner, await store.register_backup(owner))
    lifetime = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < lifetime <= timedelta(hours=12)


async def test_each_key_is_another(store: Store) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    keys = [await store.key(owner, backup_id) for _ in range(3)]
    for part in ("access_key_id", "secret_access_key", "session_token"):
        assert len({key[part] for key in keys}) == 3


async def test_the_address_names_the_owner_and_the_backup_in_the_clients_form(store: Store) -> None:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    key = await store.key(owner, backup_id)
    prefix, folder, repository = key["repository_url"].rsplit("/", 3)[1:]
    assert prefix.startswith(f"{owner.did}-")
    assert prefix.count("-") == 1
    assert folder == "olares-backups"
    assert repository.endswith(f"-{backup_id}")


async def test_olares_devices_are_told_an_address_that_leads_to_the_same_place_or_none(store: Store) -> None:
    """They build ``https://s3.<host>.amazonaws.com/<bucket>/<prefix>``; what is before an ``@`` is no host."""
    issuer, settings = store.runtime.adapters.issuer, store.runtime.settings
    address = issuer.olares_address()
    if store.runtime.adapters.vault is None:
        assert address is None
        assert AwsIssuer(settings.model_copy(update={"aws_endpoint_url": None, "aws_region": "eu-central-1"}),
                         aioboto3.Session()).olares_address() == OlaresAddress(
            cloud="aws", region_id="eu-central-1", host="eu-central-1", bucket=BUCKET
        )  # fmt: skip
        return
    assert address is not None
    port = str(settings.vault_endpoint).rstrip("/").rpartition(":")[2]
    assert address == OlaresAddress(
        cloud="aws", region_id="space", host=f"space@127.0.0.1:{port}/vault/p1", bucket="backups"
    )
    place = Place("did:key:z6MkX-0123456789ab", "demo")
    built = f"https://s3.{address.host}.amazonaws.com/{address.bucket}/{place.prefix}/olares-backups/demo"
    assert issuer.repository_url(place) == "s3:https://" + built.partition("@")[2]


async def test_where_older_clients_wrote_has_an_address_of_its_own(store: Store) -> None:
    issuer = store.runtime.adapters.issuer
    url = issuer.repository_url(Place("did:key:z6MkX-0123456789ab", "/restic/plan"))
    assert url.endswith("/did:key:z6MkX-0123456789ab/restic/plan")
    assert issuer.location("did:key:z6MkX-0123456789ab").root.endswith("did:key:z6MkX-0123456789ab/")


async def test_a_store_that_is_away_gives_no_keys_and_says_so(store: Store, issuer: TokenIssuer) -> None:
    """The vault derives its keys, so only the other needs its store for this."""
    runtime = store.runtime
    if runtime.adapters.vault is not None:
        issued = await runtime.adapters.issuer.issue(Place("did:x-1", "r"), Access.READ, datetime.now(UTC))
        assert issued.access_key_id
        return
    settings = runtime.settings.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:1"})
    away = AwsIssuer(settings, aioboto3.Session())
    with pytest.raises(Exception, match="gives out no keys") as failure:
        await away.issue(Place("did:x-1", "r"), Access.READ, datetime.now(UTC) + timedelta(hours=1))
    assert getattr(failure.value, "code", "") == "store_unavailable"


REACH = [
    # operation, object below the repository (or another's), whether a reading and a writing key may
    ("s3:GetObject", f"data/ab/{HASH}", True, True),
    ("s3:GetObject", "config", True, True),
    ("s3:PutObject", f"data/ab/{HASH}", False, True),
    ("s3:PutObject", f"locks/{HASH}", False, True),
    ("s3:DeleteObject", f"data/ab/{HASH}", False, True),
    ("s3:DeleteObject", f"index/{HASH}", False, True),
    ("s3:DeleteObject", f"locks/{HASH}", False, True),
    ("s3:DeleteObject", "config", False, False),
    ("s3:DeleteObject", f"keys/{HASH}", False, False),
    ("s3:DeleteObject", f"snapshots/{HASH}", False, False),
    ("s3:ListBucket", "data/", True, True),
]


@pytest.mark.parametrize(("action", "name", "reader", "writer"), REACH)
@pytest.mark.parametrize("mine", [True, False])
@pytest.mark.parametrize("access", ["read", "write"])
async def test_a_key_reaches_its_own_repository_and_no_further(
    store: Store, action: str, name: str, reader: bool, writer: bool, mine: bool, access: str
) -> None:
    """One table for both: asked of the vault's gate, and of the policy that STS is given."""
    allowed = mine and (writer if access == "write" else reader)
    owner, other = await _owners(store)
    place = Place(owner["prefix"], owner["repository"])
    asked = place if mine else Place(other["prefix"], other["repository"])
    if store.runtime.adapters.vault is None:
        policy = AwsIssuer(store.runtime.settings, aioboto3.Session()).policy(place, Access(access))
        root = f"{asked.prefix}/olares-backups/{asked.repository}/"
        assert policy_allows(policy, action, f"{root}{name}") is allowed
        return
    vault = store.runtime.adapters.vault
    name = quote(vault.root(asked) + name, safe="")
    method, path, query = {
        "s3:GetObject": ("GET", name, ""),
        "s3:PutObject": ("PUT", name, ""),
        "s3:DeleteObject": ("DELETE", name, ""),
        "s3:ListBucket": ("GET", "", f"?list-type=2&prefix={name}"),
    }[action]
    answer = await store.ask(owner[access], method, f"/vault/{path.replace('%2F', '/')}", query)
    assert (answer.status_code != 403) is allowed, answer.text
    if not allowed:
        assert "<Code>AccessDenied</Code>" in answer.text


@pytest.mark.parametrize(
    ("action", "path", "reader"),
    [
        ("s3:GetObject", f"photos/data/ab/{HASH}", True),
        ("s3:PutObject", f"photos/locks/{HASH}", True),
        ("s3:DeleteObject", f"photos/locks/{HASH}", True),
        ("s3:PutObject", f"photos/data/ab/{HASH}", False),
        ("s3:DeleteObject", f"photos/data/ab/{HASH}", False),
        ("s3:PutObject", f"photos/snapshots/{HASH}", False),
    ],
)
async def test_of_all_repositories_sts_lets_a_device_without_room_read_and_lock(
    store: Store, action: str, path: str, reader: bool
) -> None:
    settings = store.runtime.settings.model_copy(update={"aws_bucket": BUCKET})
    policy = AwsIssuer(settings, aioboto3.Session()).policy(Place("did:key:z6MkX-0123456789ab"), Access.READ)
    assert policy_allows(policy, action, f"did:key:z6MkX-0123456789ab/olares-backups/{path}") is reader
    assert not policy_allows(policy, action, f"did:key:z6MkX-0123456789ab/restic/{path}")
    assert not policy_allows(policy, action, f"did:key:z6MkY-0123456789ab/olares-backups/{path}")


_kept: dict[int, list[dict[str, Any]]] = {}


async def _owners(store: Store) -> list[dict[str, Any]]:
    """Two owners with a backup and keys each, made once per store."""
    if id(store) not in _kept:
        _kept[id(store)] = [await _make_owner(store) for _ in range(2)]
    return _kept[id(store)]


async def _make_owner(store: Store) -> dict[str, Any]:
    owner = Owner()
    backup_id = await store.register_backup(owner)
    keys = {scope: await store.key(owner, backup_id, scope) for scope in ("read", "write")}
    prefix, _, repository = keys["read"]["repository_url"].rsplit("/", 3)[1:]
    return {**keys, "prefix": prefix, "repository": repository}


def policy_allows(policy: dict[str, Any], action: str, key: str) -> bool:
    """IAM's evaluation of a session policy, as far as ours goes: allow statements, wildcards, a prefix condition."""
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        if statement["Effect"] != "Allow" or action not in actions:
            continue
        if action == "s3:ListBucket":
            pattern = statement["Condition"]["StringLike"]["s3:prefix"]
            if fnmatchcase(key, pattern):
                return True
        elif any(fnmatchcase(f"arn:aws:s3:::{BUCKET}/{key}", resource) for resource in resources):
            return True
    return False
