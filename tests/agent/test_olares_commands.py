"""`space olares`, `space backup-url` and `space session`: what Olares devices need, and how it is taken back."""

import json
import shlex

import pytest
from pydantic import BaseModel

from agent import wire
from catalog.app import service as catalog
from identity.app import service as identity
from shared.service import Service
from tests.agent.accounts import BACKUP_ID, SNAPSHOT_ID, Account
from tests.agent.api_documents import ApiDocument
from tests.agent.shell import called, error_of

DID = "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"
TOKEN = "eyJhbGciOiJFZDI1NTE5In0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_"
URL = "aHR0cHM6Ly9zMy5zcGFjZS5hbWF6b25hd3MuY29tL2IvZGlkOmtleTp6LWEvb2xhcmVzLWJhY2t1cHMv"
ENDS = "2030-01-01T00:00:00Z"
SESSION_ID = "33333333-0000-4000-8000-000000000003"


@pytest.fixture(autouse=True)
def _service(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.exists = True
    snapshots = [
        {"snapshot_id": one, "backup_id": BACKUP_ID, "restic_id": digit * 64, "taken_at": at, "status": "successful"}
        for one, digit, at in (
            (SNAPSHOT_ID, "a", "2026-11-20T10:00:00Z"),
            (SNAPSHOT_ID.replace("2", "4"), "b", "2026-11-19T10:00:00Z"),
        )
    ]
    sessions = [
        {"session_id": SESSION_ID, "client_name": "olares-cli", "kind": "olares", "is_current": False}
        | {"last_used_at": "2026-11-20T10:00:00Z", "expires_at": ENDS}
    ]
    account.scripted.answers |= {
        ("POST", "/auth/olares-tokens"): lambda _: (201, {"userid": DID, "token": TOKEN, "expires_at": ENDS}),
        ("GET", f"/backups/{BACKUP_ID}/snapshots"): lambda _: (200, {"items": snapshots, "next_cursor": None}),
        ("GET", f"/snapshots/{SNAPSHOT_ID}/backup-url"): lambda _: (200, {"backup_url": URL}),
        ("GET", "/me/sessions"): lambda _: (200, {"items": sessions, "next_cursor": None}),
        ("DELETE", f"/me/sessions/{SESSION_ID}"): lambda _: (200, {}),
    }
    monkeypatch.setenv("SPACE_ORIGIN", account.scripted.origin)


def test_the_options_of_olares_cli_are_printed_ready_to_copy(account: Account) -> None:
    done = called("olares")

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    words = shlex.split(done.stdout)
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        "--cloud-api-mirror": account.scripted.origin,
        "--olares-did": DID,
        "--access-token": TOKEN,
        "--cluster-id": "CLUSTER_ID",
        "--cloud-name": "aws",
        "--region-id": "space",
    }
    assert TOKEN not in done.stderr
    assert "\\n" not in done.stderr
    for said in ("The token is a secret", "2030-01-01", "space session remove", "bytetrade.io/cluster-id"):
        assert said in done.stderr
    assert account.scripted.requests[-1][:3] == ("POST", "/auth/olares-tokens", {"client_name": "olares-cli"})


def test_the_cluster_and_the_tokens_name_are_taken_as_they_are_given(account: Account) -> None:
    done = called("olares", "--cluster-id", "a b$'", "--client-name", "attic", "--json")

    found = json.loads(done.stdout)
    assert found["options"]["--cluster-id"] == "a b$'"
    assert (found["userid"], found["token"], found["expires_at"]) == (DID, TOKEN, "2030-01-01T00:00:00+00:00")
    assert done.stderr == ""
    assert account.scripted.requests[-1][2] == {"client_name": "attic"}
    words = shlex.split(called("olares", "--cluster-id", "a b$'").stdout)
    assert words[words.index("--cluster-id") + 1] == "a b$'"
    assert "kubectl" not in called("olares", "--cluster-id", "a").stderr
    nothing_found = called("olares", "--cluster-id", "")
    assert "kubectl" in nothing_found.stderr
    assert "--cluster-id CLUSTER_ID " in nothing_found.stdout


def test_who_may_not_make_a_token_is_told_so(account: Account) -> None:
    refusal = {"status": 403, "code": "scope_missing", "detail": "This token may not do that."}
    account.scripted.answers["POST", "/auth/olares-tokens"] = lambda _: (403, refusal)

    done = called("olares", "--json")

    assert done.returncode == 6
    assert error_of(done)["code"] == "scope_missing"


@pytest.mark.parametrize("named", [[], ["latest"], ["aaaaaa"], [SNAPSHOT_ID]], ids=str)
def test_a_backup_url_is_printed_alone(named: list[str]) -> None:
    done = called("backup-url", "docs", *named)

    assert (done.returncode, done.stdout) == (0, f"{URL}\n")
    assert "Settings > Restore" in done.stderr
    assert "\\n" not in done.stderr
    assert json.loads(called("backup-url", "docs", *named, "--json").stdout) == {
        "backup_id": BACKUP_ID,
        "snapshot_id": SNAPSHOT_ID,
        "taken_at": "2026-11-20T10:00:00+00:00",
        "backup_url": URL,
    }


def test_where_there_is_no_backup_url_another_way_is_named(account: Account) -> None:
    refusal = {"status": 409, "code": "backup_url_impossible", "detail": "This backup was made by olares-cli."}
    account.scripted.answers["GET", f"/snapshots/{SNAPSHOT_ID}/backup-url"] = lambda _: (409, refusal)

    done = called("backup-url", "docs", "--json")

    assert done.returncode == 6
    assert error_of(done)["code"] == "backup_url_impossible"
    assert "space restore" in error_of(done)["hint"]
    assert error_of(called("backup-url", "docs", "cccccc", "--json"))["code"] == "snapshot_not_found"


def test_a_devices_session_is_listed_and_ended(account: Account) -> None:
    listed = called("session", "list").stdout
    assert "olares-cli" in listed
    assert "Olares" in listed
    done = called("session", "remove", SESSION_ID[:8], "--json")
    assert json.loads(done.stdout) == {"session_id": SESSION_ID, "removed": True}
    assert account.scripted.count("DELETE", f"/me/sessions/{SESSION_ID}") == 1


@pytest.mark.parametrize(
    ("service", "method", "path", "status", "model"),
    [
        (identity, "post", "/auth/olares-tokens", 201, wire.OlaresToken),
        (catalog, "get", "/snapshots/{snapshot_id}/backup-url", 200, wire.BackupUrl),
    ],
)
def test_what_the_services_answer_can_be_read(
    service: Service, method: str, path: str, status: int, model: type[BaseModel]
) -> None:
    document = ApiDocument(service)
    assert document.unread(model, document.answer(method, path, status)) == []
    assert {"session_id", "client_name", "kind", "last_used_at", "expires_at", "is_current"} <= set(
        ApiDocument(identity).document["components"]["schemas"]["SessionRead"]["properties"]
    )
