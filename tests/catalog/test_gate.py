"""The store gate's rules, without a server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.gate import (
    ARREARS,
    DENIED,
    EXPIRED,
    INVALID_URI,
    OVER_LIMIT,
    UNKNOWN_KEY,
    Access,
    Grant,
    Overwrite,
    Refused,
    Restriction,
    StoreRequest,
    access_key_id,
    decide,
    parse,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OWNER_ROOT = "p1.amazonaws.com/backups/did:key:z6MkA-0123456789ab/olares-backups/"
REPOSITORY = "photos-1b4e28ba-2fa1-11d2-883f-0016d3cca427"
HASH = "ab" * 32
WRITE = Grant(
    access=Access.WRITE,
    bucket="vault",
    root=f"{OWNER_ROOT}{REPOSITORY}/",
    repository=REPOSITORY,
    expires_at=NOW + timedelta(hours=1),
    revoked_at=None,
    restriction=None,
)
READ = replace(WRITE, access=Access.READ)
WHOLE_OWNER = replace(WRITE, root=OWNER_ROOT, repository=None)
DATA, KEY_FILE, SNAPSHOT = f"data/ab/{HASH}", f"keys/{HASH}", f"snapshots/{HASH}"
LOCK, INDEX = f"locks/{HASH}", f"index/{HASH}"


def ask(grant: Grant, method: str, name: str = "", query: str = "", *, copies: bool = False) -> Overwrite | None:
    """Decide about a request for an object of the grant's repository."""
    root = grant.root if grant.repository else f"{grant.root}{REPOSITORY}/"
    path = quote(f"/vault/{root}{name}" if name else "/vault/", safe="/")
    return decide(grant, parse(method, path + query, copies=copies, length=1), NOW)


def refusal(grant: Grant, method: str, name: str = "", query: str = "", **more: bool) -> tuple[int, str, str]:
    with pytest.raises(Refused) as refused:
        ask(grant, method, name, query, **more)
    return refused.value.status, refused.value.code, refused.value.message


@pytest.mark.parametrize("grant", [READ, WRITE, WHOLE_OWNER])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", ["config", KEY_FILE, SNAPSHOT, INDEX, LOCK, DATA])
def test_every_key_reads_its_repository(grant: Grant, method: str, name: str) -> None:
    assert ask(grant, method, name) is None


@pytest.mark.parametrize("grant", [READ, WRITE])
def test_every_key_asks_about_its_bucket_and_lists_its_root(grant: Grant) -> None:
    assert ask(grant, "HEAD") is None
    assert ask(grant, "GET", query="?location=") is None
    listing = f"?delimiter=%2F&encoding-type=url&fetch-owner=true&list-type=2&prefix={quote(grant.root, safe='')}"
    assert ask(grant, "GET", query=listing + "keys%2F") is None
    assert ask(grant, "GET", query=listing) is None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?list-type=2",
        "?list-type=2&prefix=",
        f"?list-type=2&prefix={quote(OWNER_ROOT, safe='')}",
        f"?list-type=2&prefix={quote(WRITE.root.rstrip('/'), safe='')}",
        f"?list-type=2&prefix={quote(WRITE.root.replace('z6MkA', 'z6MkB'), safe='')}",
        "?uploads=",
        "?versions=",
        "?policy=",
        "?acl=",
        "?location=&prefix=x",
    ],
)
@pytest.mark.parametrize("grant", [READ, WRITE])
def test_nothing_else_of_the_bucket_is_shown(grant: Grant, query: str) -> None:
    assert refusal(grant, "GET", query=query) == DENIED


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_nobody_makes_or_removes_a_bucket_or_many_objects_at_once(method: str) -> None:
    assert refusal(WRITE, method) == DENIED
    assert refusal(WRITE, method, query="?delete=") == DENIED


@pytest.mark.parametrize("name", ["config", KEY_FILE, SNAPSHOT, INDEX, LOCK, DATA])
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_a_reading_key_changes_nothing(name: str, method: str) -> None:
    assert refusal(READ, method, name) == DENIED


@pytest.mark.parametrize("name", [INDEX, LOCK, DATA])
@pytest.mark.parametrize("grant", [WRITE, WHOLE_OWNER])
def test_a_writing_key_adds_and_removes_what_restic_prunes(grant: Grant, name: str) -> None:
    assert ask(grant, "PUT", name) is None
    assert ask(grant, "DELETE", name) is None


@pytest.mark.parametrize(
    ("name", "folder", "part"), [("config", "config", ""), (KEY_FILE, "keys", HASH), (SNAPSHOT, "snapshots", HASH)]
)
@pytest.mark.parametrize("grant", [WRITE, WHOLE_OWNER])
def test_what_a_backup_stands_on_is_written_once_and_never_removed(
    grant: Grant, name: str, folder: str, part: str
) -> None:
    asked = ask(grant, "PUT", name)
    assert asked is not None
    assert (asked.repository, asked.restic_object.folder, asked.restic_object.name) == (REPOSITORY, folder, part)
    assert refusal(grant, "DELETE", name) == DENIED


@pytest.mark.parametrize("name", ["photo.jpg", "data/photo.jpg", f"data/cd/{HASH}", f"keys/{HASH}.bak", f"x/{DATA}"])
def test_only_what_restic_writes_can_be_written(name: str) -> None:
    assert refusal(WRITE, "PUT", name) == DENIED
    assert refusal(WRITE, "DELETE", name) == DENIED


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("POST", "?uploads="),
        ("PUT", "?partNumber=1&uploadId=x"),
        ("POST", "?uploadId=x"),
        ("DELETE", "?uploadId=x"),
        ("PUT", "?acl="),
    ],
)
def test_nothing_is_uploaded_in_parts_because_parts_lie_in_the_store_unseen(method: str, query: str) -> None:
    for name in (DATA, SNAPSHOT, LOCK):
        assert refusal(WRITE, method, name, query) == DENIED


@pytest.mark.parametrize("name", ["config", KEY_FILE, SNAPSHOT, LOCK])
@pytest.mark.parametrize("length", [None, 20_000_000])
def test_what_is_small_by_nature_is_not_let_in_large(name: str, length: int | None) -> None:
    path = quote(f"/vault/{WRITE.root}{name}")
    with pytest.raises(Refused) as refused:
        decide(WRITE, parse("PUT", path, copies=False, length=length), NOW)
    assert refused.value.code == "EntityTooLarge"


def test_packs_and_indexes_may_be_of_any_size() -> None:
    for name in (DATA, INDEX):
        path = quote(f"/vault/{WRITE.root}{name}")
        assert decide(WRITE, parse("PUT", path, copies=False, length=200_000_000), NOW) is None


def test_a_copy_is_refused_because_its_source_is_not_in_the_path() -> None:
    assert refusal(WRITE, "PUT", DATA, copies=True) == DENIED


@pytest.mark.parametrize("grant", [READ, WRITE])
def test_another_repository_bucket_or_owner_is_out_of_reach(grant: Grant) -> None:
    for path in (
        f"/vault/{OWNER_ROOT}music-{REPOSITORY[-36:]}/{DATA}",
        f"/vault/{grant.root.replace('z6MkA', 'z6MkB')}{DATA}",
        f"/other/{grant.root}{DATA}",
        f"/vault/{grant.root.rstrip('/')}",
    ):
        with pytest.raises(Refused) as refused:
            decide(grant, parse("GET", quote(path), copies=False, length=1), NOW)
        assert (refused.value.status, refused.value.code) == DENIED[:2]


def test_a_key_ends_when_it_expires_and_when_it_is_revoked() -> None:
    assert refusal(replace(WRITE, expires_at=NOW), "GET", "config") == EXPIRED
    assert refusal(replace(WRITE, revoked_at=NOW), "GET", "config") == UNKNOWN_KEY
    assert ask(replace(WRITE, expires_at=NOW + timedelta(seconds=1)), "GET", "config") is None


def test_a_devices_key_that_has_ended_reads_and_locks_as_long_as_it_does_and_no_other_key_does() -> None:
    ended = replace(WHOLE_OWNER, expires_at=NOW - timedelta(hours=2), read_at=NOW - timedelta(minutes=59))
    for method, name in (("GET", DATA), ("HEAD", "config"), ("PUT", LOCK), ("DELETE", LOCK)):
        assert ask(ended, method, name) is None
        for other in (
            replace(ended, read_at=None),
            replace(ended, read_at=NOW - timedelta(minutes=61)),
            replace(ended, expires_at=NOW - timedelta(days=7)),
            replace(WRITE, expires_at=NOW, read_at=NOW),
        ):
            assert refusal(other, method, name) == EXPIRED
    for method, name in (("PUT", DATA), ("DELETE", DATA), ("PUT", "config"), ("DELETE", INDEX), ("PUT", SNAPSHOT)):
        assert refusal(ended, method, name) == EXPIRED
    assert refusal(replace(ended, revoked_at=NOW), "GET", DATA) == UNKNOWN_KEY


def test_where_older_clients_wrote_nothing_is_written() -> None:
    old = replace(WRITE, root=OWNER_ROOT.replace("olares-backups", "restic/plan"), repository="/restic/plan")
    assert ask(old, "GET", DATA) is None
    for method, name in (("PUT", DATA), ("PUT", LOCK), ("DELETE", DATA)):
        assert refusal(old, method, name) == DENIED


@pytest.mark.parametrize(
    ("restriction", "words"), [(Restriction.ARREARS, ARREARS), (Restriction.OVER_LIMIT, OVER_LIMIT)]
)
def test_a_restricted_owner_reads_and_deletes_and_does_not_upload(
    restriction: Restriction, words: tuple[int, str, str]
) -> None:
    grant = replace(WRITE, restriction=restriction)
    for name in ("config", KEY_FILE, SNAPSHOT, INDEX, DATA):
        assert refusal(grant, "PUT", name) == words
        assert ask(grant, "GET", name) is None
    for name in (LOCK, INDEX, DATA):
        assert ask(grant, "DELETE", name) is None
    # restic locks before it prunes, and pruning is how an owner makes room.
    assert ask(grant, "PUT", LOCK) is None


@pytest.mark.parametrize(
    "uri",
    [
        "/vault/a/../b",
        "/vault/./a",
        "/vault//a",
        "/vault/a/",
        "//vault/a",
        "/vault/%2e%2e/b",
        "/vault/.%2E/b",
        "/vault/a%2Fb",
        "/vault/a%2fb",
        "/vault/a%5Cb",
        "/vault/a\\b",
        "/vault/a%00b",
        "/vault/a%0ab",
        "/vault/a%7f",
        "/vault/a%zz",
        "/vault/a%2",
        "/vault/a%",
        "/vault/a b",
        "/vault/a;b",
        "/vault/a?x=1;y=2",
        "/vault/a#b",
        "/vault/a\u00e9",
        "/vault/%ff",
        "/vault/%e2%80%9Bb",
        "/vault/a?prefix=x&prefix=y",
        "/vault/a?prefix=%ff",
        "vault/a",
        "http://elsewhere/vault/a",
        "",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(uri: str) -> None:
    with pytest.raises(Refused) as refused:
        parse("GET", uri, copies=False, length=1)
    assert (refused.value.status, refused.value.code) == INVALID_URI[:2]


def test_escapes_are_read_once() -> None:
    assert parse("GET", "/vault/did%3Akey/a%20b%252e", copies=False, length=1).key == "did:key/a b%2e"
    assert parse("GET", "/vault/?prefix=a+b%2Fc", copies=False, length=1).query == {"prefix": "a b/c"}


segment = st.text(st.characters(exclude_characters="/\u201b", exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda text: text not in (".", "..") and "\\" not in text
)


@given(st.lists(segment, min_size=1, max_size=5))
def test_a_path_that_passes_is_the_path_that_was_meant(segments: list[str]) -> None:
    path = "/".join(segments)
    assert parse("GET", "/vault/" + quote(path, safe="/"), copies=False, length=1).key == path


@given(st.text(), st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", ""]), st.booleans())
def test_whatever_is_asked_it_is_decided(uri: str, method: str, copies: bool) -> None:
    """Never an error of ours, and never more than a read key may: nothing outside its root."""
    try:
        request = parse(method, uri, copies=copies, length=1)
        decide(READ, request, NOW)
    except Refused:
        return
    assert request.bucket == "vault"
    assert method in ("GET", "HEAD")


@given(st.sampled_from([READ, WRITE, WHOLE_OWNER]), segment, st.sampled_from(["GET", "PUT", "DELETE"]))
def test_no_key_reaches_outside_its_root(grant: Grant, stray: str, method: str) -> None:
    request = StoreRequest(method, "vault", f"p1.amazonaws.com/backups/{stray}/{DATA}", {}, copies=False, length=1)
    with pytest.raises(Refused):
        decide(grant, request, NOW)


def test_the_key_is_read_from_the_signature() -> None:
    header = (
        "AWS4-HMAC-SHA256 Credential=SPKABCDEFGH23/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=f"
    )
    assert access_key_id(header) == "SPKABCDEFGH23"


TWICE = "AWS4-HMAC-SHA256 Credential=SPKABCDEFGH23/20261123/us-east-1/s3/aws4_request, S=x,"


@pytest.mark.parametrize(
    "header", ["", f"{TWICE}{TWICE}", "Bearer x", "AWS SPK:sig", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, S=x"]
)
def test_what_is_not_signed_is_refused(header: str) -> None:
    with pytest.raises(Refused) as refused:
        access_key_id(header)
    assert refused.value.code == "AccessDenied"
