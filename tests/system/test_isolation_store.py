"""The store refuses what a key is not for, in S3's own words, and reads the very path that its gate has read."""

import hashlib
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest

from catalog.domain.layout import catalog_key_id
from tests.support.devices import Device
from tests.support.folders import contents, fill
from tests.support.s3 import S3, Key
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import PASSWORD, Kept, NewDevice

NAME = "ab" * 32
DATA = f"data/ab/{NAME}"


@pytest.fixture
def open_key(whole: WholeSystem) -> Callable[..., S3]:
    """A client with a key of a device's owner for one of its backups."""

    def issue(device: Device, backup_id: str, scope: str) -> S3:
        with device.api() as api:
            answer = api.post("/storage-keys", json={"backup_id": backup_id, "scope": scope}).raise_for_status().json()
        return S3(Key.of(answer), str(whole.system.ca_file))

    return issue


@pytest.fixture
def writer(kept: Kept, open_key: Callable[..., S3]) -> S3:
    """A write key for the backup that nobody changes."""
    return open_key(kept.device, kept.backup["backup_id"], "write")


@pytest.fixture
def reader(kept: Kept, open_key: Callable[..., S3]) -> S3:
    return open_key(kept.device, kept.backup["backup_id"], "read")


@pytest.fixture
def by_ticket(whole: WholeSystem, kept: Kept) -> S3:
    """The key that a redeemed ticket gives."""
    with kept.device.api() as api:
        body = {"ticket": kept.ticket()["ticket"], "redeemer_secret": "r" * 32}
        return S3(Key.of(api.post("/tickets/redeem", json=body).raise_for_status().json()), str(whole.system.ca_file))


@pytest.fixture
def untouched(whole: WholeSystem, kept: Kept) -> Iterator[Path]:
    """The folder of the backup in the store, which is to the byte the same afterwards."""
    folder = whole.repository_folder(kept.backup["repository"])
    before = {path: entry.content for path, entry in contents(folder).items() if entry.kind == "file"}
    yield folder
    after = {path: entry.content for path, entry in contents(folder).items() if entry.kind == "file"}
    assert after == before


def listing(root: str, **more: str) -> str:
    bucket, _, prefix = root.removeprefix("/").partition("/")
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in {"prefix": prefix, **more}.items())
    return f"/{bucket}?list-type=2&{query}"


def an_object(folder: Path, kind: str) -> tuple[str, bytes]:
    """The name and content of one object of a repository."""
    path = next(path for path in sorted((folder / kind).rglob("*")) if path.is_file())
    return str(path.relative_to(folder)), path.read_bytes()


def test_a_key_reads_lists_and_writes_where_it_is_meant_to(
    reader: S3, writer: S3, by_ticket: S3, untouched: Path
) -> None:
    name, content = an_object(untouched, "data")
    for client in (reader, writer, by_ticket):
        answer = client.get(f"{client.key.root}/{name}")
        assert (answer.status, answer.body) == (200, content)
        listed = client.get(listing(f"{client.key.root}/snapshots/"))
        assert listed.status == 200
        assert an_object(untouched, "snapshots")[0].encode() in listed.body
    assert writer.put(f"{writer.key.root}/{DATA}", b"pack").status == 200
    assert (untouched / DATA).read_bytes() == b"pack"
    assert writer.delete(f"{writer.key.root}/{DATA}").status in (200, 204)
    assert not (untouched / DATA).exists()


def test_another_owners_objects_are_out_of_reach_of_every_key(
    whole: WholeSystem, bob: Device, open_key: Callable[..., S3], writer: S3, tmp_path: Path, untouched: Path
) -> None:
    bob.back_up(fill(tmp_path / "b", files=1), "bobs", PASSWORD)
    backup_id = bob.backup("bobs")["backup_id"]
    name, _ = an_object(untouched, "data")
    for scope in ("read", "write"):
        foreign = open_key(bob, backup_id, scope)
        root = writer.key.root
        for attempt in (
            foreign.get(f"{root}/{name}"),
            foreign.get(f"{root}/config"),
            foreign.get(listing(f"{root}/")),
            foreign.get(listing("/vault/")),
            foreign.get("/vault?list-type=2"),
            foreign.put(f"{root}/{DATA}"),
            foreign.delete(f"{root}/{name}"),
            foreign.send("POST", f"{root}/{DATA}?uploads"),
            foreign.send("POST", "/vault?delete", b"<Delete/>"),
            foreign.put("/elsewhere"),
            foreign.delete("/vault"),
        ):
            assert attempt.refusal == (403, "AccessDenied"), attempt
        assert foreign.get("/").refusal == (400, "InvalidURI")
        copied = foreign.put(f"{foreign.key.root}/{DATA}", b"", x_amz_copy_source=f"{root}/{name}")
        assert copied.refusal == (403, "AccessDenied")
        head = foreign.send("HEAD", f"{root}/{name}")
        assert (head.status, head.body) == (403, b"")


def test_behind_the_gate_the_store_itself_keeps_owners_apart(
    whole: WholeSystem, bob: Device, open_key: Callable[..., S3], writer: S3, tmp_path: Path, untouched: Path
) -> None:
    bob.back_up(fill(tmp_path / "b", files=1), "bobs", PASSWORD)
    issued = open_key(bob, bob.backup("bobs")["backup_id"], "write").key
    inside = S3(Key(issued.access_key_id, issued.secret_access_key, "", whole.system.vault_url, issued.root))
    assert inside.get(f"{issued.root}/config").status == 200
    name, content = an_object(untouched, "data")
    prefix = writer.key.root.split("/")[4]
    for target in (
        f"{writer.key.root}/{name}",
        f"/../{prefix}{writer.key.root}/{name}",
        f"/vault/../../{prefix}{writer.key.root}/{name}",
        f"/%2e%2e/{prefix}{writer.key.root}/{name}",
        f"/vault/%2e%2e/%2e%2e/{prefix}{writer.key.root}/{name}",
        f"/vault/..%2f..%2f{prefix}{quote(writer.key.root, safe='')}%2f{quote(name, safe='')}",
    ):
        answer = inside.get(target)
        assert answer.status >= 400, answer
        assert content not in answer.body
        assert inside.put(target, b"planted").status >= 400 or not _planted(whole, bob, b"planted")


def _planted(whole: WholeSystem, device: Device, content: bytes) -> bool:
    """Whether the content lies anywhere but in the owner's own folder."""
    own = whole.sql("catalog", "SELECT prefix FROM owner_spaces WHERE owner_id = $1", device.owner_id)[0]["prefix"]
    return any(
        path.read_bytes() == content
        for folder in whole.system.store_folder.iterdir()
        if folder.name != own
        for path in folder.rglob("*")
        if path.is_file()
    )


def test_a_ticket_reads_its_one_repository_and_nothing_else(
    alice: Device, whole: WholeSystem, tmp_path: Path, open_key: Callable[..., S3]
) -> None:
    for name in ("one", "two"):
        alice.back_up(fill(tmp_path / name, files=1), name, PASSWORD)
    with alice.api() as api:
        ticket = api.post("/tickets", json={"backup_id": alice.backup("one")["backup_id"]}).json()["ticket"]
        redeemed = api.post("/tickets/redeem", json={"ticket": ticket, "redeemer_secret": "r" * 32}).json()
    client = S3(Key.of(redeemed), str(whole.system.ca_file))
    other = open_key(alice, alice.backup("two")["backup_id"], "read").key.root
    mine = client.key.root
    assert client.get(f"{mine}/config").status == 200
    name, _ = an_object(whole.repository_folder(alice.backup("one")["repository"]), "data")
    for attempt in (
        client.get(f"{other}/config"),
        client.get(listing(f"{other}/")),
        client.get(listing(mine.rpartition("/")[0] + "/")),
        client.get(listing(mine)),
        client.put(f"{mine}/{DATA}"),
        client.put(f"{mine}/locks/{NAME}"),
        client.delete(f"{mine}/{name}"),
        client.delete(f"{mine}/config"),
        client.send("POST", f"{mine}/{DATA}?uploads"),
    ):
        assert attempt.refusal == (403, "AccessDenied"), attempt


def test_a_stolen_write_key_cannot_remove_or_replace_a_backup(writer: S3, untouched: Path) -> None:
    root = writer.key.root
    for kind in ("keys", "snapshots"):
        name, _ = an_object(untouched, kind)
        assert writer.delete(f"{root}/{name}").refusal == (403, "AccessDenied")
        assert writer.put(f"{root}/{name}", b"garbage").refusal == (403, "AccessDenied")
        assert writer.send("POST", f"{root}/{name}?uploads").refusal == (403, "AccessDenied")
    assert writer.delete(f"{root}/config").refusal == (403, "AccessDenied")
    assert writer.put(f"{root}/config", b"garbage").refusal == (403, "AccessDenied")
    for odd in ("notes.txt", f"data/{NAME}", f"data/cd/{NAME}", "snapshots/short", "data", f"{DATA}/below"):
        assert writer.put(f"{root}/{odd}").refusal == (403, "AccessDenied"), odd
    assert writer.put(f"{root}/locks/").refusal == (400, "InvalidURI")


SPELLINGS = {
    "parent": "{root}/../{last}/config",
    "encoded parent": "{root}/%2e%2e/{last}/config",
    "half encoded parent": "{root}/.%2E/{last}/config",
    "here": "{root}/./config",
    "encoded here": "{root}/%2e/config",
    "double slash": "{root}//config",
    "leading double slash": "/{root}/config",
    "encoded slash": "{root}%2fconfig",
    "encoded slash in capitals": "{root}%2Fconfig",
    "doubly encoded slash": "{root}%252fconfig",
    "doubly encoded parent": "{root}/%252e%252e/{last}/config",
    "backslash": "{root}\\config",
    "encoded backslash": "{root}%5cconfig",
    "null": "{root}/config%00",
    "newline": "{root}/config%0a",
    "delete": "{root}/config%7f",
    "bad escape": "{root}/config%zz",
    "cut escape": "{root}/config%2",
    "unicode escape": "{root}/%u002e%u002e/config",
    "overlong parent": "{root}/%c0%ae%c0%ae/config",
    "semicolon": "{root};/config",
    "fragment": "{root}/config#x",
    "trailing slash": "{root}/config/",
    "absolute form": "https://elsewhere{root}/config",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_path_that_two_readers_could_read_differently_is_never_answered_with_an_object(
    writer: S3, untouched: Path, spelling: str
) -> None:
    root = writer.key.root
    target = spelling.format(root=root, last=root.rpartition("/")[2])
    config = (untouched / "config").read_bytes()
    for answer in (writer.get(target), writer.put(target, b"garbage"), writer.delete(target)):
        assert answer.status >= 400, answer
        assert config not in answer.body


def test_whatever_spelling_passes_the_gate_reaches_exactly_that_object(
    whole: WholeSystem, writer: S3, untouched: Path
) -> None:
    dice = random.Random(8480)
    root = writer.key.root
    names = [str(path.relative_to(untouched)) for path in sorted(untouched.rglob("*")) if path.is_file()]
    reached = refused = 0
    for _ in range(150):
        target = root + "/" + _respelled(dice, dice.choice(names))
        answer = writer.get(target)
        if answer.status == 200:
            read = unquote_to_bytes(target).decode().removeprefix(root + "/")
            expected = hashlib.sha256((untouched / read).read_bytes()).digest()
            assert hashlib.sha256(answer.body).digest() == expected, target
            reached += 1
        else:
            assert answer.status in (400, 403, 404), (target, answer)
            refused += 1
    assert reached > 20
    assert refused > 20


def _respelled(dice: random.Random, name: str) -> str:
    """The name with some characters escaped and sometimes something odd put in."""
    spelled = "".join(f"%{ord(one):02{dice.choice('xX')}}" if dice.random() < 0.1 else one for one in name)
    if dice.random() < 0.5:
        at = dice.randrange(len(spelled) + 1)
        odd = dice.choice(
            ["/", "//", "/./", "/../", "%2e%2e/", "%2f", "%25", "%2525", "+", "%20", "?", "&", ".", "%C3%A9"]
        )
        spelled = spelled[:at] + odd + spelled[at:]
    return spelled


def test_keys_that_ended_are_refused_in_the_words_that_clients_act_on(
    whole: WholeSystem, writer: S3, reader: S3
) -> None:
    target = f"{reader.key.root}/config"
    whole.sql(
        "catalog",
        "UPDATE storage_keys SET expires_at = now() - interval '1 s' WHERE access_key_id = $1",
        reader.key.access_key_id,
    )
    assert reader.get(target).refusal == (400, "ExpiredToken")
    assert reader.get(target).message == "The provided token has expired."
    ca_file = str(whole.system.ca_file)
    genuine = writer.key
    unknown = Key("SPK" + "A" * 17, "s" * 40, "t" * 64, genuine.endpoint, genuine.root)
    assert S3(unknown, ca_file).get(target).refusal == (403, "InvalidAccessKeyId")
    forged_token = Key(genuine.access_key_id, genuine.secret_access_key, "t" * 64, genuine.endpoint, genuine.root)
    assert S3(forged_token, ca_file).get(target).refusal == (400, "InvalidToken")
    forged_secret = Key(genuine.access_key_id, "s" * 40, genuine.session_token, genuine.endpoint, genuine.root)
    assert S3(forged_secret, ca_file).get(target).refusal == (403, "AccessDenied")
    swapped = Key(genuine.access_key_id, genuine.secret_access_key, reader.key.session_token, genuine.endpoint, "")
    assert S3(swapped, ca_file).get(target).refusal == (400, "InvalidToken")


def test_catalogs_own_key_does_not_pass_the_gate(whole: WholeSystem, writer: S3) -> None:
    prefix = writer.key.root.split("/")[4]
    key_id = catalog_key_id(prefix)
    secret, token = whole.key_secrets(key_id)
    inside = S3(Key(key_id, secret, "", whole.system.vault_url, writer.key.root))
    assert inside.get(f"{writer.key.root}/config").status == 200
    outside = S3(Key(key_id, secret, token, writer.key.endpoint, writer.key.root), str(whole.system.ca_file))
    assert outside.get(f"{writer.key.root}/config").refusal == (403, "InvalidAccessKeyId")


def test_a_revoked_key_is_refused_within_six_seconds(kept: Kept, writer: S3, untouched: Path) -> None:
    target = f"{writer.key.root}/config"
    assert writer.get(target).status == 200
    with kept.device.api() as api:
        assert api.delete(f"/storage-keys/{writer.key.access_key_id}").status_code == 204
    eventually(lambda: writer.get(target).status != 200, seconds=20)
    assert writer.get(target).refusal == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize(
    ("restriction", "code", "words", "told"),
    [
        (
            "arrears",
            "AccessDenied",
            "Due to your account is arrears, it is unavailable until you recharge.",
            "A bill is not paid",
        ),
        ("over_limit", "AccessDenied", "Your backup storage is full. Raise your limit or delete a backup", "storage"),
    ],
)
def test_an_owner_who_may_not_write_still_reads_deletes_and_restores(
    whole: WholeSystem,
    alice: Device,
    open_key: Callable[..., S3],
    tmp_path: Path,
    restriction: str,
    code: str,
    words: str,
    told: str,
) -> None:
    source = fill(tmp_path / "photos", files=3)
    alice.back_up(source, "photos", PASSWORD)
    before = alice.backup("photos")
    client = open_key(alice, before["backup_id"], "write")
    assert client.put(f"{client.key.root}/{DATA}").status == 200

    whole.restrict(alice.owner_id, restriction)

    eventually(lambda: client.put(f"{client.key.root}/{DATA}").status == 403, seconds=20)
    refused = client.put(f"{client.key.root}/{DATA}")
    assert refused.refusal == (403, code)
    assert refused.message.startswith(words)
    assert client.get(f"{client.key.root}/{DATA}").status == 200
    assert client.delete(f"{client.key.root}/{DATA}").status in (200, 204)
    (source / "new").write_bytes(b"new" * 1000)
    stopped = alice.back_up(source, "photos", PASSWORD, expect=6)["error"]
    # The command says it in words of its own where billing tells it the figures, else in the store's.
    assert stopped["code"] == restriction
    assert stopped["detail"].startswith("The backup was stopped on its way. ")
    assert told in stopped["detail"] or words in stopped["detail"]
    assert alice.backup("photos")["snapshot_count"] == 1
    alice.restore("photos", tmp_path / "back", PASSWORD)

    whole.restrict(alice.owner_id, None)
    eventually(lambda: client.put(f"{client.key.root}/{DATA}").status == 200, seconds=20)
    assert client.delete(f"{client.key.root}/{DATA}").status in (200, 204)
    alice.back_up(source, "photos", PASSWORD)
    assert alice.backup("photos")["snapshot_count"] == 2


def test_plain_restic_shows_the_arrears_text_word_for_word(
    whole: WholeSystem, new_device: NewDevice, open_key: Callable[..., S3], tmp_path: Path
) -> None:
    device = new_device("debtor")
    with device.api() as api:
        body = {"name": "photos", "source": {"kind": "path", "path": "/x"}}
        backup = api.post("/backups", json=body).raise_for_status().json()
    key = open_key(device, backup["backup_id"], "write").key
    whole.restrict(device.owner_id, "arrears")
    environment = {
        "PATH": device.environment["PATH"],
        "HOME": str(tmp_path),
        "RESTIC_REPOSITORY": f"s3:{key.endpoint}{key.root}",
        "RESTIC_PASSWORD": PASSWORD,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_SESSION_TOKEN": key.session_token,
        "RESTIC_CACERT": str(whole.system.ca_file),
    }
    running = subprocess.Popen(
        [device.restic, "init"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said, _ = running.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        # restic goes on trying for minutes; what it shows meanwhile is what counts.
        running.kill()
        said, _ = running.communicate()
    assert "Due to your account is arrears, it is unavailable until you recharge." in said
