"""Rate limits: per client, per DID and per owner, the same on every replica."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.identity.support import Harness, Person, Space, code_of


async def _nonce(space: Space, address: str) -> httpx.Response:
    return await space.post("/auth/nonces", {}, address=address)


async def _login(space: Space, address: str) -> httpx.Response:
    return await space.post("/auth/login", {"proof": "forged"}, address=address)


async def _refresh(space: Space, address: str) -> httpx.Response:
    return await space.post("/auth/refresh", {"refresh_token": "x"}, address=address)


async def _exchange(space: Space, address: str) -> httpx.Response:
    return await space.post("/auth/exchange", {"api_token": "x"}, address=address)


async def _enrol(space: Space, address: str) -> httpx.Response:
    return await space.post("/auth/enrol", {"proof": "x", "code": "x", "device_name": "x"}, address=address)


@pytest.mark.parametrize(
    ("limit", "attempt"),
    [
        ("nonces_per_minute", _nonce),
        ("logins_per_minute", _login),
        ("refreshes_per_minute", _refresh),
        ("exchanges_per_minute", _exchange),
        ("enrolments_per_ten_minutes", _enrol),
    ],
)
async def test_too_many_attempts_from_one_address_are_refused_on_every_replica(
    open_space: Harness, limit: str, attempt: Callable[[Space, str], Awaitable[httpx.Response]]
) -> None:
    replicas = [await open_space(limits={limit: 3}) for _ in range(2)]
    for replica in replicas:
        replica.clock.stop()
    for number in range(3):
        assert (await attempt(replicas[number % 2], "192.0.2.9")).status_code != 429
    for replica in replicas:
        refused = await attempt(replica, "192.0.2.9")
        assert code_of(refused) == "429 too_many_attempts"
        assert 1 <= int(refused.headers["retry-after"]) <= 600
        assert refused.headers["retry-after"] in refused.json()["detail"]
    assert (await attempt(replicas[0], "192.0.2.10")).status_code != 429
    replicas[0].clock.move(seconds=int(refused.headers["retry-after"]))
    assert (await attempt(replicas[0], "192.0.2.9")).status_code != 429


async def test_one_customers_ipv6_addresses_count_as_one(open_space: Harness) -> None:
    space = await open_space(limits={"exchanges_per_minute": 2})
    space.clock.stop()
    for last in ("1", "ffff:2"):
        assert code_of(await _exchange(space, f"2001:db8::{last}")) == "401 api_token_invalid"
    assert code_of(await _exchange(space, "2001:db8::3")) == "429 too_many_attempts"
    assert code_of(await _exchange(space, "2001:db8:0:1::3")) == "401 api_token_invalid"


async def test_good_proofs_of_one_did_are_limited_wherever_they_come_from(open_space: Harness) -> None:
    space = await open_space(limits={"logins_per_did_per_minute": 2})
    space.clock.stop()
    alice = await space.register("alice@olares.com")
    assert (await space.log_in(alice.person, address="192.0.2.7")).status_code == 200
    assert code_of(await space.log_in(alice.person, address="192.0.2.8")) == "429 too_many_attempts"


async def test_forged_proofs_lock_nobody_out(open_space: Harness) -> None:
    space = await open_space(limits={"logins_per_did_per_minute": 2})
    space.clock.stop()
    alice, mallory = await space.register("alice@olares.com"), Person()
    did = alice.person.did
    kid = f"{did}#{did.removeprefix('did:key:')}"
    for _ in range(5):
        forged = mallory.prove(await space.nonce(), at=space.clock.now(), iss=did, header={"kid": kid})
        assert code_of(await space.post("/auth/login", {"proof": forged})) == "401 proof_invalid"
    assert (await space.log_in(alice.person)).status_code == 200


async def test_registrations_from_one_address_are_limited_and_sign_ins_are_not(open_space: Harness) -> None:
    space = await open_space(limits={"registrations_per_hour": 1})
    space.clock.stop()
    alice = await space.register("alice@olares.com")
    assert code_of(await space.log_in(Person(), olares_name="bob@olares.com")) == "429 too_many_attempts"
    assert (await space.log_in(alice.person)).status_code == 200


@pytest.mark.parametrize(
    ("limit", "path", "body"),
    [
        ("codes_per_owner_per_hour", "/me/devices/enrolments", None),
        ("links_per_owner_per_hour", "/auth/console/links", {}),
        ("tokens_per_owner_per_hour", "/tokens", {"name": "x", "scopes": ["backups:read"], "expires_in_days": 1}),
    ],
)
async def test_what_an_owner_hands_out_is_limited_per_owner(
    open_space: Harness, limit: str, path: str, body: dict[str, Any] | None
) -> None:
    space = await open_space(limits={limit: 1})
    space.clock.stop()
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    assert (await alice.ask("POST", path, body)).status_code == 201
    assert code_of(await alice.ask("POST", path, body)) == "429 too_many_attempts"
    assert (await bob.ask("POST", path, body)).status_code == 201
