"""Nobody reaches another owner's things through the origin, and nobody at all what is internal."""

import importlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from shared.auth import ALGORITHM, TOKEN_TYPE, Scope
from space_local.members import MEMBERS
from tests.support.devices import Device
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import Kept

SERVICES = [member.name for member in MEMBERS]
METHODS = ("get", "post", "put", "patch", "delete")
PUBLIC = {
    ("post", "/api/v1/auth/nonces"),
    ("post", "/api/v1/auth/login"),
    ("post", "/api/v1/auth/refresh"),
    ("post", "/api/v1/auth/exchange"),
    ("post", "/api/v1/auth/enrol"),
    ("post", "/api/v1/auth/logout"),
    ("get", "/api/v1/auth/jwks.json"),
    # The credential is in the body, or in a cookie that nothing else reads.
    ("post", "/api/v1/auth/console/links/redeem"),
    ("post", "/api/v1/auth/console/qr"),
    ("post", "/api/v1/auth/console/qr/check"),
    ("post", "/api/v1/auth/console/refresh"),
    ("post", "/api/v1/auth/console/logout"),
    # The credential is in the body: the ticket, and the secret that redeemed it.
    ("post", "/api/v1/tickets/redeem"),
    ("post", "/api/v1/restores/{restore_id}/reports"),
    # The credential is in the body: the one-time secret that the machine was given.
    ("post", "/api/v1/instances/{instance_id}/enrolment"),
    ("get", "/api/v1/offers"),
    ("get", "/api/v1/price-book"),
    ("get", "/api/v1/quotes/keys.json"),
    # The credential is a signature.
    ("post", "/api/v1/payments/webhooks/{provider}"),
}
AGENTS = {
    # The credential is a token that the agent of that very instance signs.
    ("post", "/api/v1/instances/{instance_id}/heartbeats"),
    ("post", "/api/v1/instances/{instance_id}/log"),
    ("post", "/api/v1/instances/{instance_id}/links/redeem"),
    ("post", "/api/v1/restores/{restore_id}/agent/rounds"),
    ("get", "/api/v1/restores/{restore_id}/agent/rounds/{number}"),
    ("post", "/api/v1/restores/{restore_id}/agent/keys"),
    ("post", "/api/v1/restores/{restore_id}/agent/reports"),
}
ABOUT_NOBODYS_THING = {
    # What another owner may do as well, with things of their own.
    ("get", "/api/v1/backups"),
    ("post", "/api/v1/backups/discover"),
    ("get", "/api/v1/storage-keys"),
    ("delete", "/api/v1/storage-keys"),
    ("get", "/api/v1/terminus"),
    ("post", "/api/v1/terminus"),
    ("get", "/api/v1/restores"),
    ("get", "/api/v1/instances"),
    ("get", "/api/v1/me"),
    ("get", "/api/v1/me/sessions"),
    ("get", "/api/v1/me/devices"),
    ("post", "/api/v1/auth/olares-tokens"),
    ("post", "/api/v1/auth/console/links"),
    ("put", "/api/v1/me/olares-name"),
    ("post", "/api/v1/me/devices/enrolments"),
    ("get", "/api/v1/tokens"),
    ("post", "/api/v1/tokens"),
    ("get", "/api/v1/quotas"),
    ("put", "/api/v1/quotas/spend-limit"),
    ("get", "/api/v1/usage"),
    ("get", "/api/v1/usage/days"),
    ("post", "/api/v1/quotes"),
    ("get", "/api/v1/orders"),
    ("get", "/api/v1/payment-methods"),
    ("get", "/api/v1/payment-methods/form"),
    ("post", "/api/v1/payment-methods"),
    ("get", "/api/v1/payment-methods/form"),
    ("get", "/api/v1/payments"),
    ("get", "/api/v1/balance"),
    ("get", "/api/v1/balance/history"),
    ("post", "/api/v1/balance/top-ups"),
    ("get", "/api/v1/invoices"),
    ("get", "/api/v1/credit-notes"),
    ("get", "/api/v1/notices"),
    ("get", "/api/v1/billing-details"),
    ("put", "/api/v1/billing-details"),
}
CARD = {"card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}}
QUOTED = {"provider": "local", "region": "local", "plan": "small"}
FIVE = {"amount_minor": 500, "currency": "USD"}

Operation = tuple[str, str]


@pytest.fixture(scope="module")
def things(_keep: Kept, running_system: WholeSystem) -> dict[str, str]:
    """Real things of an owner, by the names that paths and bodies have for them."""
    device = _keep.device
    device.space("terminus", "add", "kept")
    with device.api() as api:
        key = api.post("/storage-keys", json={"backup_id": _keep.backup["backup_id"], "scope": "read"}).json()
        token = api.post("/tokens", json={"name": "n", "scopes": ["backups:read"], "expires_in_days": 1}).json()
        method = api.post("/payment-methods", json=CARD).raise_for_status().json()
        quote = api.post("/quotes", json=QUOTED).raise_for_status().json()
        confirmed = api.post(f"/quotes/{quote['quote_id']}/confirm", json={"token": quote["token"]})
        return {
            "backup_id": _keep.backup["backup_id"],
            "snapshot_id": _keep.made["snapshot_id"],
            "terminus_id": api.get("/terminus").json()["items"][0]["terminus_id"],
            "restore_id": _keep.ticket()["restore_id"],
            "access_key_id": key["access_key_id"],
            "token_id": token["token_id"],
            "session_id": api.get("/me").json()["session_id"],
            "device_id": api.get("/me/devices").json()["items"][0]["device_id"],
            "quote_id": quote["quote_id"],
            "order_id": confirmed.raise_for_status().json()["order_id"],
            "payment_method_id": method["payment_method_id"],
            "payment_id": eventually(lambda: api.get("/payments").json()["items"])[0]["payment_id"],
            "name": issued_invoice(running_system, device.owner_id),
            "instance_id": reserved_instance(running_system, device.owner_id),
            "provider": "sandbox",
            # Of a round of somebody's restore.
            "number": "1",
        }


def issued_invoice(whole: WholeSystem, owner_id: str) -> str:
    """The number of an invoice, which only a month could bring."""
    number = f"SP-2020-{uuid4().int % 10**6:06}"
    whole.sql(
        "billing",
        "INSERT INTO invoices (id, owner_id, number, kind, state, currency, period_start, period_end, net_minor,"
        " tax_minor, total_minor, promotional_minor, balance_minor, card_minor, credited_minor, billed_to, created_at,"
        " finalised_at, attempts) VALUES ($1, $2, $3, 'usage', 'finalised', 'USD', now() - interval '1 month', now(),"
        " 250, 0, 250, 0, 0, 0, 0, '{}', now(), now(), 0)",
        uuid4(),
        owner_id,
        number,
    )
    return number


def reserved_instance(whole: WholeSystem, owner_id: str) -> str:
    """An instance whose name is kept for an order that is being paid."""
    instance_id = str(uuid4())
    wanted = {"instance_id": instance_id, "owner_id": owner_id, "instance_name": "kept@olares.com", **QUOTED}
    with whole.internal("provisioning", "restore") as restore:
        # Until billing has told the prices, nothing is for sale.
        eventually(lambda: restore.post("/internal/instances", json=wanted).status_code == 201)
    return instance_id


@pytest.fixture
def documents(whole: WholeSystem) -> dict[Operation, dict[str, Any]]:
    """Every operation of every service's document at the origin."""
    found: dict[Operation, dict[str, Any]] = {}
    for service in SERVICES:
        document = httpx.get(f"{whole.origin}/api/v1/openapi/{service}.json", trust_env=False).raise_for_status().json()
        for path, operations in document["paths"].items():
            found |= {(method, path): operations[method] for method in METHODS if method in operations}
    return found


def body_of(operation: Operation, things: dict[str, str]) -> Any:
    """A body that would be right for the owner of these things; None where the operation takes none."""
    snapshot = {"restic_id": "ab" * 32, "taken_at": "2026-01-01T00:00:00Z"}
    report = {"redeemer_secret": "s" * 32, "state": "restoring"}
    source = {"kind": "path", "path": "/x"}
    bodies: dict[Operation, Any] = {
        ("post", "/api/v1/backups"): {"name": "x", "terminus_id": things["terminus_id"], "source": source},
        ("post", "/api/v1/backups/{backup_id}/snapshots"): snapshot,
        ("post", "/api/v1/storage-keys"): {"backup_id": things["backup_id"], "scope": "write"},
        ("post", "/api/v1/terminus"): {"name": "t"},
        ("post", "/api/v1/tickets"): {"backup_id": things["backup_id"]},
        ("post", "/api/v1/auth/olares-tokens"): {},
        ("post", "/api/v1/auth/console/links"): {},
        ("post", "/api/v1/tokens"): {"name": "n", "scopes": ["backups:read"], "expires_in_days": 1},
        ("post", "/api/v1/restores/{restore_id}/reports"): report,
        ("post", "/api/v1/restores"): {"backup_id": things["backup_id"], **QUOTED, "instance_name": "b@olares.com"},
        ("post", "/api/v1/restores/{restore_id}/confirm"): {},
        ("post", "/api/v1/restores/{restore_id}/password"): {"round": 1, "sealed": "A" * 80},
        ("post", "/api/v1/restores/{restore_id}/agent/rounds"): {"public_key": "A" * 43},
        ("post", "/api/v1/restores/{restore_id}/agent/reports"): {"round": 1, "state": "usable"},
        ("put", "/api/v1/quotas/spend-limit"): {"spend_limit": FIVE},
        ("post", "/api/v1/quotes"): QUOTED,
        ("post", "/api/v1/quotes/{quote_id}/confirm"): {"token": "x.y.z"},
        ("post", "/api/v1/payment-methods"): CARD,
        ("post", "/api/v1/balance/top-ups"): {"amount": FIVE},
        ("post", "/api/v1/invoices/{name}/pay"): {},
        ("put", "/api/v1/billing-details"): {"name": "Bob"},
    }
    return bodies.get(operation)


def ask(
    whole: WholeSystem, operation: Operation, things: dict[str, str], token: str | None, body: Any = None
) -> httpx.Response:
    method, path = operation
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    body = body if body is not None else body_of(operation, things)
    return httpx.request(
        method, whole.origin + path.format(**things), json=body, headers=headers, trust_env=False, timeout=30
    )


@pytest.fixture
def signing_key(whole: WholeSystem) -> OKPKey:
    """The very key that identity signs with."""
    keys = json.loads((whole.system.state / "identity-keys.json").read_text())["keys"]
    return OKPKey.import_key(keys[-1])


def sign(whole: WholeSystem, device: Device, key: OKPKey, typ: str = TOKEN_TYPE, **claims: Any) -> str:
    """A token like the device's own, with other claims."""
    now = int(time.time())
    session = device.session()
    payload = {
        "iss": whole.origin,
        "aud": whole.origin,
        "sub": device.owner_id,
        "did": session["did"],
        "name": session["olares_name"],
        "scope": " ".join(Scope),
        "sid": str(uuid4()),
        "iat": now,
        "exp": now + 600,
        **claims,
    }
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": typ}
    return jwt.encode(header, payload, key, algorithms=[ALGORITHM])


def test_the_documents_hold_what_this_test_knows(documents: dict[Operation, Any], things: dict[str, str]) -> None:
    assert len(documents) >= 35
    assert documents.keys() >= PUBLIC | AGENTS | ABOUT_NOBODYS_THING
    parameters = {
        item["name"] for operation in documents.values() for item in operation.get("parameters", [])
        if item["in"] == "path"
    }  # fmt: skip
    assert parameters == things.keys()


def test_another_owner_finds_nothing_at_any_path(
    whole: WholeSystem, documents: dict[Operation, Any], things: dict[str, str], bob: Device, kept: Kept
) -> None:
    token = bob.token()
    with bob.api() as api:
        api.post("/payment-methods", json=CARD).raise_for_status()
    private = [value for name, value in things.items() if name not in ("provider", "number")]
    own = {("put", "/api/v1/me/olares-name"): {"olares_name": bob.session()["olares_name"]}}
    nothings = {name: "A" * 20 if name == "access_key_id" else str(uuid4()) for name in things}
    for operation in documents.keys() - PUBLIC - AGENTS:
        answer = ask(whole, operation, things, token, own.get(operation))
        if operation in ABOUT_NOBODYS_THING:
            assert answer.status_code < 300, (operation, answer.text)
        else:
            assert answer.status_code == 404, (operation, answer.status_code, answer.text)
            # No oracle either: what is another's and what does not exist are told apart by nothing.
            absent = ask(whole, operation, nothings, token)
            assert (absent.status_code, absent.json()["code"]) == (404, answer.json()["code"]), operation
            assert absent.json()["detail"] == answer.json()["detail"], operation
        for secret in (*private, kept.made["restic_id"], str(kept.source)):
            assert secret not in answer.text, (operation, answer.text)
    with kept.device.api() as api:
        assert api.get(f"/backups/{things['backup_id']}").json()["state"] == "active"
        assert api.get(f"/restores/{things['restore_id']}").json()["state"] == "ready"
        assert {item["token_id"] for item in api.get("/tokens").json()["items"]} >= {things["token_id"]}
        assert api.get(f"/invoices/{things['name']}").json()["state"] == "finalised"
        assert api.get(f"/orders/{things['order_id']}").json()["state"] != "released"
        assert api.get(f"/instances/{things['instance_id']}").json()["status"] == "unpaid"
        assert [item["is_default"] for item in api.get("/payment-methods").json()["items"]] == [True]


def test_lists_do_not_show_another_owners_things_whatever_is_asked_for(
    whole: WholeSystem, things: dict[str, str], bob: Device
) -> None:
    with bob.api() as api:
        for path in (
            f"/backups?terminus_id={things['terminus_id']}",
            "/backups?name=photos",
            "/backups?state=active",
            f"/restores?backup_id={things['backup_id']}",
            "/terminus?name=kept",
            "/instances?name=kept@olares.com",
            "/instances?status=unpaid",
        ):
            assert api.get(path).raise_for_status().json()["items"] == [], path


def test_without_a_token_only_what_is_listed_as_public_answers(
    whole: WholeSystem, documents: dict[Operation, Any], things: dict[str, str]
) -> None:
    for operation, document in documents.items():
        answer = ask(whole, operation, things, None)
        if operation in PUBLIC:
            assert not document.get("security"), operation
            is_signed = operation[1].startswith("/api/v1/payments/webhooks/")
            assert answer.status_code in ((401,) if is_signed else (200, 201, 404, 422)), (operation, answer.text)
        elif operation in AGENTS:
            assert document["security"] == [{"agent": []}], operation
            assert (answer.status_code, answer.json()["code"]) == (401, "agent_unknown"), (operation, answer.text)
        else:
            assert document.get("security"), operation
            assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_needed"), (operation, answer.text)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("expired", "token_expired"),
        ("forged", "sign_in_needed"),
        ("foreign key", "sign_in_needed"),
        ("other audience", "sign_in_needed"),
        ("other issuer", "sign_in_needed"),
        ("other kind", "sign_in_needed"),
        ("no signature", "sign_in_needed"),
        ("not yet", "sign_in_needed"),
        ("refresh token", "sign_in_needed"),
        ("garbage", "sign_in_needed"),
    ],
)
def test_a_token_that_is_not_good_opens_nothing(
    whole: WholeSystem,
    documents: dict[Operation, Any],
    things: dict[str, str],
    kept: Kept,
    signing_key: OKPKey,
    fault: str,
    code: str,
) -> None:
    device, now = kept.device, int(time.time())
    own = OKPKey.generate_key("Ed25519", {"kid": str(signing_key.kid), "use": "sig"})
    other = OKPKey.generate_key("Ed25519", {"kid": "unknown", "use": "sig"})
    good = sign(whole, device, signing_key)
    assert httpx.get(f"{whole.origin}/api/v1/me", headers={"Authorization": f"Bearer {good}"}).status_code == 200
    head, payload, _ = good.split(".")
    tokens: dict[str, Callable[[], str]] = {
        "expired": lambda: sign(whole, device, signing_key, iat=now - 700, exp=now - 60),
        "forged": lambda: sign(whole, device, own),
        "foreign key": lambda: sign(whole, device, other),
        "other audience": lambda: sign(whole, device, signing_key, aud="https://elsewhere.example"),
        "other issuer": lambda: sign(whole, device, signing_key, iss="https://elsewhere.example"),
        "other kind": lambda: sign(whole, device, signing_key, typ="JWT"),
        "no signature": lambda: f"{head}.{payload}.",
        "not yet": lambda: sign(whole, device, signing_key, nbf=now + 600),
        "refresh token": lambda: str(device.session()["refresh_token"]),
        "garbage": lambda: "garbage",
    }
    token = tokens[fault]()
    for operation in documents.keys() - PUBLIC:
        answer = ask(whole, operation, things, token)
        expected = "agent_unknown" if operation in AGENTS else code
        assert (answer.status_code, answer.json()["code"]) == (401, expected), (operation, answer.text)
    # An owner is not the agent of their own instance.
    for operation in AGENTS:
        answer = ask(whole, operation, things, good)
        assert (answer.status_code, answer.json()["code"]) == (401, "agent_unknown"), (operation, answer.text)


def test_a_narrow_api_token_does_no_more_than_it_says(whole: WholeSystem, kept: Kept, things: dict[str, str]) -> None:
    created = kept.device.space("token", "create", "reader", "--scope", "backups:read", "--json").json
    narrow = {"SPACE_API_TOKEN": created["token"]}
    assert [item["name"] for item in kept.device.space("backups", "--json", environment=narrow).json] == ["photos"]
    refused = kept.device.space("delete", "photos", "--yes", "--json", expect=6, environment=narrow).error
    assert refused["code"] == "scope_missing"
    exchanged = httpx.post(f"{whole.origin}/api/v1/auth/exchange", json={"api_token": created["token"]}).json()
    token = exchanged["access_token"]
    for operation in (
        ("get", "/api/v1/backups/{backup_id}/key-files"),
        ("post", "/api/v1/backups/{backup_id}/snapshots"),
        ("delete", "/api/v1/backups/{backup_id}"),
        ("post", "/api/v1/storage-keys"),
        ("post", "/api/v1/tickets"),
        ("get", "/api/v1/restores"),
        ("get", "/api/v1/instances"),
        ("post", "/api/v1/instances/{instance_id}/return"),
        ("post", "/api/v1/tokens"),
        ("get", "/api/v1/me/sessions"),
    ):
        answer = ask(whole, operation, things, token)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), operation
    kept.device.space("token", "remove", created["token_id"])
    gone = httpx.post(f"{whole.origin}/api/v1/auth/exchange", json={"api_token": created["token"]})
    assert gone.status_code == 401


def test_a_session_that_was_ended_cannot_be_refreshed(whole: WholeSystem, alice: Device) -> None:
    refresh_token = alice.session()["refresh_token"]
    alice.space("logout")
    answer = httpx.post(f"{whole.origin}/api/v1/auth/refresh", json={"refresh_token": refresh_token}, trust_env=False)
    assert answer.status_code == 401


def internal_paths() -> Iterator[tuple[str, str]]:
    for name in SERVICES:
        for router in importlib.import_module(f"{name}.app").service.internal_routers:
            for route in router.routes:
                for method in route.methods or ():
                    yield method, re.sub(r"\{\w+\}", str(uuid4()), route.path)
    yield from (("GET", "/internal/dead-letters"), ("POST", "/internal/dead-letters/redrive"))
    yield from (("GET", "/metrics"), ("GET", "/internal"), ("GET", "/internal/"), ("GET", "/openapi.json"))


@pytest.mark.parametrize("credential", ["none", "operator", "gate"])
def test_every_internal_path_is_nothing_at_the_origin(whole: WholeSystem, credential: str) -> None:
    paths = set(internal_paths())
    assert {path for _, path in paths} >= {
        "/internal/store/gate",
        "/internal/store/keys",
        "/internal/restores/keys",
        "/internal/invites",
        "/internal/reservations",
        "/internal/price-book",
        "/internal/instances/checks",
        "/internal/orphans",
    }
    secrets = {
        "none": [""],
        "operator": [whole.system.credential(name, "operator") for name in SERVICES],
        "gate": [whole.system.credential("catalog", "gate")],
    }[credential]
    for method, path in paths:
        for secret in secrets:
            headers = {"Authorization": f"Bearer {secret}"} if secret else {}
            answer = httpx.request(method, whole.origin + path, headers=headers, trust_env=False)
            assert answer.status_code == 404, (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert method == "HEAD" or answer.json()["code"] == "path_not_found"


def test_no_spelling_of_an_internal_path_gets_through_the_edge(whole: WholeSystem) -> None:
    address = urlsplit(whole.origin)
    credential = whole.system.credential("catalog", "vault")
    for target in (
        "//internal/store/keys",
        "/internal//store/keys",
        "/./internal/store/keys",
        "/api/v1/../../internal/store/keys",
        "/api/v1/backups/../../../internal/store/keys",
        "/api/v1/backups/%2e%2e/%2e%2e/%2e%2e/internal/store/keys",
        "/api/v1/backups/..%2f..%2f..%2finternal/store/keys",
        "/api/v1/backups%2f..%2f..%2f..%2finternal%2fstore%2fkeys",
        "/%69nternal/store/keys",
        "/internal%2fstore%2fkeys",
        "/INTERNAL/store/keys",
        "/api/v1/backups/../../../metrics",
        "/space/internal/store/keys",
        "/space/space/internal/store/keys",
        "/space/api/v1/../../internal/store/keys",
        "/space/../internal/store/keys",
        "/space//internal/store/keys",
        "/space%2finternal/store/keys",
        "/v1/resource/stsToken/../../../internal/store/keys",
        "/space/v1/resource/stsToken/%2e%2e/%2e%2e/%2e%2e/internal/store/keys",
        "/v2/user/..%2f..%2finternal/store/keys",
        "/space/v2/user/../../internal/store/keys",
        "/api/v1/resource/backup/../../../../internal/store/keys",
        "/%6detrics",
        f"http://{address.netloc}/internal/store/keys",
    ):
        for method in ("GET", "POST"):
            with socket.create_connection((str(address.hostname), address.port or 80), timeout=10) as connection:
                body = b'{"access_key_id": "SPKAAAAAAAAAAAAAAAAA"}' if method == "POST" else b""
                lines = (
                    f"{method} {target} HTTP/1.1",
                    f"Host: {address.netloc}",
                    f"Authorization: Bearer {credential}",
                    "Content-Type: application/json",
                    f"Content-Length: {len(body)}",
                    "Connection: close",
                    "",
                    "",
                )
                connection.sendall("\r\n".join(lines).encode() + body)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            status = int(answer.split(b" ", 2)[1])
            assert status in (308, 400, 401, 404, 405), (method, target, answer)
            assert b"storage_key_not_found" not in answer
            assert b"# HELP" not in answer


def test_the_public_listeners_know_no_internal_path_and_the_internal_ones_no_stranger(whole: WholeSystem) -> None:
    for method, path in set(internal_paths()):
        for name in SERVICES:
            public = httpx.request(method, whole.system.api_url(name) + path, trust_env=False)
            assert public.status_code == 404, (name, method, path)
    strangers = [
        "nobody",
        whole.system.credential("restore", "operator"),
        whole.system.credential("identity", "operator"),
    ]
    for name, callers in (("store/keys", ("gate", "restore", "operator")), ("store/gate", ("vault", "operator")),
                          ("restores/keys", ("gate", "vault", "operator"))):  # fmt: skip
        method = "GET" if name == "store/gate" else "POST"
        known = [whole.system.credential("catalog", caller) for caller in callers]
        for secret in strangers + known:
            answer = httpx.request(
                method,
                f"{whole.system.internal_url('catalog')}/internal/{name}",
                json={} if method == "POST" else None,
                headers={"Authorization": f"Bearer {secret}"},
                trust_env=False,
            )
            assert answer.status_code == 401, (name, answer.text)


@pytest.mark.parametrize(
    ("caller", "method", "path"),
    [
        ("operator", "POST", "/internal/instances/checks"),
        ("operator", "POST", "/internal/instances"),
        ("restore", "GET", "/internal/instances/stuck"),
        ("restore", "GET", "/internal/orphans"),
        ("restore", "POST", "/internal/orphans/local/x/return"),
        ("restore", "POST", "/internal/instances/00000000-0000-4000-8000-000000000000/redrive"),
    ],
)
def test_provisionings_callers_have_paths_of_their_own(whole: WholeSystem, caller: str, method: str, path: str) -> None:
    with whole.internal("provisioning", caller) as client:
        assert client.request(method, path, json={}).status_code == 401


def test_a_ticket_works_once_and_a_forged_or_expired_one_not_at_all(whole: WholeSystem, kept: Kept) -> None:
    issued, late = kept.ticket(), kept.ticket()

    def redeem(ticket: str, secret: str) -> tuple[int, str]:
        body = {"ticket": ticket, "redeemer_secret": secret}
        answer = httpx.post(f"{whole.origin}/api/v1/tickets/redeem", json=body, trust_env=False)
        return answer.status_code, answer.json().get("code", "")

    assert redeem("srt_" + "A" * 43, "a" * 32) == (404, "ticket_unknown")
    assert redeem(issued["ticket"][:-1] + ("A" if issued["ticket"][-1] != "A" else "B"), "a" * 32)[0] == 404
    assert redeem(issued["ticket"], "a" * 32) == (200, "")
    assert redeem(issued["ticket"], "b" * 32) == (410, "ticket_spent")
    assert redeem(issued["ticket"], "a" * 32) == (200, "")

    past = "UPDATE tickets SET expires_at = now() - interval '1 s' WHERE restore_id = $1"
    whole.sql("restore", past, late["restore_id"])
    assert redeem(late["ticket"], "a" * 32) == (410, "ticket_expired")

    report = {"redeemer_secret": "b" * 32, "state": "completed"}
    foreign = httpx.post(f"{whole.origin}/api/v1/restores/{issued['restore_id']}/reports", json=report, trust_env=False)
    assert foreign.status_code == 404
    kept.device.space("restore", "cancel", issued["restore_id"])
    assert redeem(issued["ticket"], "a" * 32)[0] == 410
