"""Signing in by a proof, and becoming an owner by it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.identity.support import Harness, Person, Space, code_of
from tests.support.running import OPERATOR
from tests.support.tokens import EVERY_SCOPE, ORIGIN


async def test_an_unknown_did_that_gives_a_name_becomes_an_owner_and_is_announced(space: Space) -> None:
    alice = Person()
    answer = await space.log_in(alice, olares_name=" Alice@Olares.com ", client_name="laptop")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer"
    assert 595 <= tokens["expires_in"] <= 600
    assert tokens["owner"]["did"] == alice.did
    assert tokens["owner"]["olares_name"] == "alice@olares.com"
    caller = await space.runtime.verifier.verify(tokens["access_token"])
    assert (str(caller.owner_id), caller.did, caller.olares_name) == (
        tokens["owner"]["owner_id"],
        alice.did,
        "alice@olares.com",
    )
    assert caller.scopes == set(EVERY_SCOPE)
    [(name, owner_id)] = await space.rows("SELECT event_name, envelope::json->'data'->>'owner_id' FROM outbox")
    assert (name, owner_id) == ("identity.owner.registered.v1", str(caller.owner_id))


async def test_a_known_did_signs_in_again_as_the_same_owner_and_nothing_more_is_announced(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    again = await space.log_in(alice.person, olares_name="another@olares.com")
    assert again.json()["owner"] == alice.tokens["owner"]
    assert len(await space.rows("SELECT 1 FROM outbox")) == 1


async def test_the_rfc_9864_name_of_the_algorithm_is_accepted(space: Space) -> None:
    proof = await space.proof(Person(), header={"alg": "Ed25519"})
    answer = await space.post("/auth/login", {"proof": proof, "olares_name": "alice@olares.com"})
    assert answer.status_code == 200, answer.text


async def test_an_unknown_did_without_a_name_is_told_to_give_one(space: Space) -> None:
    answer = await space.log_in(Person())
    assert code_of(answer) == "404 owner_unknown"
    assert "name" in answer.json()["detail"]
    assert answer.json()["registration"] == "open"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"aud": "https://evil.example"}, "401 proof_invalid"),
        ({"aud": ORIGIN + "/"}, "401 proof_invalid"),
        ({"aud": None}, "401 proof_invalid"),
        ({"iss": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}, "401 proof_invalid"),
        ({"nonce": "n" * 43}, "401 proof_invalid"),
        ({"nonce": None}, "401 proof_invalid"),
        ({"iat": None}, "401 proof_invalid"),
        ({"header": {"alg": "none"}}, "401 proof_invalid"),
        ({"header": {"alg": "HS256"}}, "401 proof_invalid"),
        ({"header": {"alg": "Ed448"}}, "401 proof_invalid"),
        ({"header": {"kid": None}}, "401 proof_invalid"),
        ({"header": {"jwk": {"kty": "OKP"}}}, "401 proof_invalid"),
        ({"header": {"crit": ["exp"], "exp": 1}}, "401 proof_invalid"),
    ],
    ids=str,
)
async def test_a_proof_that_is_not_for_us_is_refused(space: Space, change: dict[str, Any], code: str) -> None:
    alice = await space.register("alice@olares.com")
    answer = await space.post("/auth/login", {"proof": await space.proof(alice.person, **change)})
    assert code_of(answer) == code
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_proof_signed_by_another_key_than_it_names_is_refused(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    mallory = Person()
    did = alice.person.did
    kid = f"{did}#{did.removeprefix('did:key:')}"
    forged = mallory.prove(await space.nonce(), at=space.clock.now(), iss=did, header={"kid": kid})
    assert code_of(await space.post("/auth/login", {"proof": forged})) == "401 proof_invalid"


async def test_a_proof_with_a_changed_payload_is_refused(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    nonce = await space.nonce()
    head, _, signature = alice.person.prove("x" * 43, at=space.clock.now()).split(".")
    payload = alice.person.prove(nonce, at=space.clock.now()).split(".")[1]
    answer = await space.post("/auth/login", {"proof": f"{head}.{payload}.{signature}"})
    assert code_of(answer) == "401 proof_invalid"


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "e30.e30.e30", "W10.W10.", "MTIz.MTIz.MTIz", "-" * 4000])
async def test_what_is_no_proof_at_all_is_refused(space: Space, text: str) -> None:
    assert code_of(await space.post("/auth/login", {"proof": text})) == "401 proof_invalid"


async def test_a_proof_is_good_once(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    proof = await space.proof(alice.person)
    assert (await space.post("/auth/login", {"proof": proof})).status_code == 200
    assert code_of(await space.post("/auth/login", {"proof": proof})) == "401 nonce_used"


async def test_a_proof_is_spent_also_by_a_sign_in_that_failed(space: Space) -> None:
    proof = await space.proof(Person())
    assert code_of(await space.post("/auth/login", {"proof": proof})) == "404 owner_unknown"
    again = await space.post("/auth/login", {"proof": proof, "olares_name": "alice@olares.com"})
    assert code_of(again) == "401 nonce_used"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-600, "10 minutes behind"), (600, "10 minutes ahead of"), (-90_061, "1 day 1 hour behind"), (33, "33 seconds")],
)
async def test_a_clock_that_is_off_is_told_by_how_much(space: Space, seconds: int, said: str) -> None:
    alice = await space.register("alice@olares.com")
    space.clock.stop()
    proof = alice.person.prove(await space.nonce(), at=space.clock.now() + timedelta(seconds=seconds))
    answer = await space.post("/auth/login", {"proof": proof})
    assert code_of(answer) == "401 proof_expired"
    assert answer.json()["skew_seconds"] == seconds
    assert said in answer.json()["detail"]
    assert "clock" in answer.json()["detail"]


async def test_a_wrong_clock_can_be_corrected_with_the_same_nonce(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    nonce = await space.nonce()
    late = alice.person.prove(nonce, at=space.clock.now() - timedelta(minutes=10))
    assert code_of(await space.post("/auth/login", {"proof": late})) == "401 proof_expired"
    right = alice.person.prove(nonce, at=space.clock.now())
    assert (await space.post("/auth/login", {"proof": right})).status_code == 200


async def test_a_nonce_lives_two_minutes_whatever_the_proof_says(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    nonce = await space.nonce()
    space.clock.move(seconds=121)
    proof = alice.person.prove(nonce, at=space.clock.now())
    answer = await space.post("/auth/login", {"proof": proof})
    assert code_of(answer) == "401 proof_expired"
    assert "nonce" in answer.json()["detail"]


async def test_a_nonce_says_for_whom_and_until_when(space: Space) -> None:
    answer = await space.client().post("/api/v1/auth/nonces")
    assert answer.status_code == 201
    assert answer.json()["audience"] == ORIGIN
    assert answer.headers["cache-control"] == "no-store"


async def test_a_taken_name_is_refused(space: Space) -> None:
    await space.register("alice@olares.com")
    answer = await space.log_in(Person(), olares_name="ALICE@olares.com")
    assert code_of(answer) == "409 olares_name_taken"


@pytest.mark.parametrize(
    "name", ["alice", "alice@", "@olares.com", "al ice@olares.com", "alice@olares", "älice@olares.com", "a\u0000@b.c"]
)
async def test_what_is_no_olares_name_is_refused_before_the_nonce_is_spent(space: Space, name: str) -> None:
    answer = await space.log_in(Person(), olares_name=name)
    assert code_of(answer) == "422 request_invalid"


async def test_unknown_fields_are_refused(space: Space) -> None:
    for path, body in [
        ("/auth/nonces", {"did": "x"}),
        ("/auth/login", {"proof": "x", "scope": "all"}),
        ("/auth/refresh", {"refresh_token": "x", "client_id": "y"}),
        ("/auth/exchange", {"api_token": "x", "scopes": []}),
        ("/auth/logout", {"refresh_token": "x", "all": True}),
        ("/auth/enrol", {"proof": "x", "code": "y", "device_name": "z", "owner_id": "w"}),
    ]:
        assert code_of(await space.post(path, body)) == "422 request_invalid", path


async def test_closed_registration_turns_everybody_unknown_away(open_space: Harness) -> None:
    space = await open_space(registration="closed")
    for body in ({}, {"olares_name": "alice@olares.com"}):
        assert code_of(await space.log_in(Person(), **body)) == "403 registration_closed"


async def test_registration_by_invite_takes_an_invite_once(open_space: Harness) -> None:
    space = await open_space(registration="invite")
    assert code_of(await space.log_in(Person())) == "404 owner_unknown"
    assert code_of(await space.log_in(Person(), olares_name="a@b.com")) == "403 invite_required"
    assert code_of(await space.log_in(Person(), olares_name="a@b.com", invite="spi_x")) == "403 invite_invalid"
    invite = await space.invite()
    assert (await space.log_in(Person(), olares_name="a@b.com", invite=invite)).status_code == 200
    assert code_of(await space.log_in(Person(), olares_name="c@d.com", invite=invite)) == "403 invite_invalid"


async def test_an_invite_expires_and_is_not_spent_by_a_refused_name(open_space: Harness) -> None:
    space = await open_space(registration="invite")
    old, first, second = await space.invite(expires_in_days=1), await space.invite(), await space.invite()
    assert (await space.log_in(Person(), olares_name="a@b.com", invite=first)).status_code == 200
    assert code_of(await space.log_in(Person(), olares_name="a@b.com", invite=second)) == "409 olares_name_taken"
    space.clock.move(days=2)
    assert code_of(await space.log_in(Person(), olares_name="c@d.com", invite=old)) == "403 invite_invalid"
    assert (await space.log_in(Person(), olares_name="c@d.com", invite=second)).status_code == 200


async def test_invites_are_for_the_operator_alone(space: Space) -> None:
    inside = space.client(app=space.inside)
    assert (await inside.post("/internal/invites")).status_code == 401
    wrong = await inside.post("/internal/invites", headers={"Authorization": "Bearer gate-credential"})
    assert wrong.status_code == 401
    right = await inside.post("/internal/invites", headers={"Authorization": f"Bearer {OPERATOR}"})
    assert right.status_code == 201
    assert right.headers["cache-control"] == "no-store"
    public = await space.client().post("/internal/invites", headers={"Authorization": f"Bearer {OPERATOR}"})
    assert public.status_code == 404


@pytest.mark.parametrize(
    ("origin", "policy"),
    [
        ("http://127.0.0.1:8480", "open"),
        ("http://localhost", "open"),
        ("http://[::1]:80", "open"),
        ("https://space.example.com", "invite"),
        ("http://127.0.0.1.example.com", "invite"),
        ("http://192.168.1.4", "invite"),
    ],
)
async def test_registration_is_by_invite_unless_the_origin_is_loopback(
    open_space: Harness, origin: str, policy: str
) -> None:
    space = await open_space(registration=None, origin=origin)
    assert space.runtime.settings.registration_policy == policy


async def test_the_caller_is_told_who_they_are(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    me = (await alice.ask("GET", "/me")).json()
    assert {key: me[key] for key in alice.tokens["owner"]} == alice.tokens["owner"]
    assert me["scopes"] == sorted(EVERY_SCOPE)
    assert UUID(me["session_id"])
    assert code_of(await space.client().get("/api/v1/me")) == "401 sign_in_needed"


async def test_the_key_set_is_public_and_holds_no_private_part(space: Space) -> None:
    answer = await space.client().get("/api/v1/auth/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=300"
    [key] = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
