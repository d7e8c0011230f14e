"""Who is let in: access tokens verified offline, internal callers by their own credential."""

import time
from typing import Any
from uuid import UUID

import pytest
from joserfc.jwk import OKPKey

from shared.auth import Scope, ScopeMissing, SignInNeeded, TokenExpired, TokenVerifier
from shared.errors import ServiceUnavailable
from tests.shared.probe import Settings, make_service
from tests.support.running import running
from tests.support.tokens import ORIGIN, Owner, TokenIssuer


@pytest.fixture
def verifier(issuer: TokenIssuer) -> TokenVerifier:
    return TokenVerifier(ORIGIN, issuer.jwks_url)


async def test_a_token_says_who_and_what_for(verifier: TokenVerifier, issuer: TokenIssuer) -> None:
    owner = Owner()
    ends = int(time.time()) + 300
    caller = await verifier.verify(issuer.token(owner, Scope.BACKUPS_READ, Scope.BACKUPS_WRITE, exp=ends))
    assert (caller.owner_id, caller.did, caller.olares_name) == (owner.owner_id, owner.did, owner.olares_name)
    assert caller.scopes == {"backups:read", "backups:write"}
    assert isinstance(caller.session_id, UUID)
    assert caller.expires_at.timestamp() == ends


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "http://elsewhere.test"},
        {"iss": "http://elsewhere.test"},
        {"aud": None},
        {"sub": "not-an-owner"},
        {"sid": None},
        {"scope": None, "did": None, "exp": None},
        {"nbf": int(time.time()) + 3600},
    ],
)
async def test_a_token_for_somebody_else_is_refused(
    verifier: TokenVerifier, issuer: TokenIssuer, claims: dict[str, Any]
) -> None:
    with pytest.raises(SignInNeeded):
        await verifier.verify(issuer.token(Owner(), **claims))


async def test_an_expired_token_says_so_and_a_small_skew_is_forgiven(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    now = int(time.time())
    with pytest.raises(TokenExpired):
        await verifier.verify(issuer.token(Owner(), exp=now - 60))
    await verifier.verify(issuer.token(Owner(), exp=now - 10))


async def test_a_token_of_another_kind_is_refused(verifier: TokenVerifier, issuer: TokenIssuer) -> None:
    with pytest.raises(SignInNeeded):
        await verifier.verify(issuer.token(Owner(), typ="space-login+jwt"))


async def test_a_token_signed_by_another_key_is_refused_whatever_it_calls_it(
    verifier: TokenVerifier, issuer: TokenIssuer
) -> None:
    for key_id in ("test-key", "another-key"):
        forged = OKPKey.generate_key("Ed25519", {"kid": key_id})
        with pytest.raises(SignInNeeded):
            await verifier.verify(issuer.token(Owner(), key=forged))


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "....", "\u00e9.b.c", "eyJhbGciOiJub25lIiwia2lkIjoidGVzdC1rZXkifQ.e30.", "e30.e30.e30"]
)
async def test_what_is_not_a_token_is_refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(SignInNeeded):
        await verifier.verify(token)


async def test_keys_that_cannot_be_had_are_not_a_refusal(issuer: TokenIssuer) -> None:
    with pytest.raises(ServiceUnavailable):
        await TokenVerifier(ORIGIN, "http://127.0.0.1:1/jwks.json").verify(issuer.token(Owner()))


async def test_a_scope_that_is_missing_is_named(settings: Settings, issuer: TokenIssuer) -> None:
    from shared.auth import require

    dependency = require(Scope.BACKUPS_DELETE)
    async with running(make_service(), settings) as probe:
        token = issuer.token(Owner(), Scope.BACKUPS_READ)
        with pytest.raises(ScopeMissing, match="backups:delete"):
            await dependency(_request(probe.runtime), _credentials(token))
        found = await dependency(_request(probe.runtime), _credentials(issuer.token(Owner())))
    assert Scope.BACKUPS_DELETE in found.scopes


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer wrong", "operator-credential ", "Basic b3BlcmF0b3I="])
async def test_an_internal_path_is_for_its_caller(settings: Settings, header: str | None) -> None:
    async with running(make_service(), settings) as probe:
        headers = {"Authorization": header} if header is not None else {}
        answer = await probe.internal.get("/internal/dead-letters", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_needed")


async def test_internal_paths_are_not_public(settings: Settings) -> None:
    async with running(make_service(), settings) as probe:
        for path in ("/internal/dead-letters", "/metrics"):
            answer = await probe.api.get(path, headers={"Authorization": "Bearer operator-credential"})
            assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found")


def _request(runtime: Any) -> Any:
    from fastapi import FastAPI
    from starlette.requests import Request

    app = FastAPI()
    app.state.runtime = runtime
    return Request({"type": "http", "app": app, "headers": [], "method": "GET", "path": "/", "state": {}})


def _credentials(token: str) -> Any:
    from fastapi.security import HTTPAuthorizationCredentials

    return HTTPAuthorizationCredentials(scheme="Bearer", credentials=token)
