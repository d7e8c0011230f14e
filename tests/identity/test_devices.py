"""Devices: joined by a code, removed with all they handed out."""

import pytest

from tests.identity.support import Person, Space, code_of


async def test_a_second_key_joins_by_a_code_and_signs_in_as_the_owner(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    second = await alice.enrol()
    assert second.tokens["owner"] == alice.tokens["owner"]
    caller = await space.runtime.verifier.verify(second.tokens["access_token"])
    assert caller.did == alice.person.did
    again = await space.log_in(second.person)
    assert again.json()["owner"] == alice.tokens["owner"]
    devices = await second.listed("/me/devices")
    assert [(item["name"], item["did"], item["is_first"]) for item in devices] == [
        ("Desktop", second.person.did, False),
        ("alice@olares.com's laptop", alice.person.did, True),
    ]


@pytest.mark.parametrize(
    "change", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code[:5]}{code[6:]} "]
)
async def test_a_code_may_be_typed_as_people_type(space: Space, change: object) -> None:
    assert callable(change)
    alice, desktop = await space.register("alice@olares.com"), Person()
    body = {"proof": await space.proof(desktop), "code": change(await alice.code()), "device_name": "Desktop"}
    assert (await space.post("/auth/enrol", body)).status_code == 200


async def test_a_code_is_good_once(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    code = await alice.code()
    for expected in (200, 403):
        body = {"proof": await space.proof(Person()), "code": code, "device_name": "Desktop"}
        answer = await space.post("/auth/enrol", body)
        assert answer.status_code == expected
    assert code_of(answer) == "403 enrolment_code_invalid"


async def test_a_code_is_good_for_ten_minutes(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    code = await alice.code()
    space.clock.move(minutes=10)
    body = {"proof": await space.proof(Person()), "code": code, "device_name": "Desktop"}
    assert code_of(await space.post("/auth/enrol", body)) == "403 enrolment_code_invalid"


async def test_a_code_without_a_good_proof_is_not_spent(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    code = await alice.code()
    forged = {"proof": await space.proof(Person(), aud="https://evil.example"), "code": code, "device_name": "Desktop"}
    assert code_of(await space.post("/auth/enrol", forged)) == "401 proof_invalid"
    right = {"proof": await space.proof(Person()), "code": code, "device_name": "Desktop"}
    assert (await space.post("/auth/enrol", right)).status_code == 200


async def test_a_key_that_signs_in_already_cannot_join_and_the_code_stays(space: Space) -> None:
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    code = await alice.code()
    for known in (bob.person, alice.person):
        body = {"proof": await space.proof(known), "code": code, "device_name": "Desktop"}
        assert code_of(await space.post("/auth/enrol", body)) == "409 device_known"
    body = {"proof": await space.proof(Person()), "code": code, "device_name": "Desktop"}
    assert (await space.post("/auth/enrol", body)).status_code == 200


async def test_a_removed_device_loses_its_sessions_its_tokens_and_its_codes(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    second = await alice.enrol()
    made, code = await second.api_token("backups:read"), await second.code()
    kept = await alice.api_token("backups:read")
    [device] = [item for item in await alice.listed("/me/devices") if not item["is_first"]]
    for _ in range(2):
        assert (await alice.ask("DELETE", f"/me/devices/{device['device_id']}")).status_code == 204
    assert code_of(await space.refresh(second.tokens["refresh_token"])) == "401 session_ended"
    assert code_of(await space.log_in(second.person)) == "403 device_removed"
    assert code_of(await space.log_in(second.person, olares_name="new@olares.com")) == "403 device_removed"
    assert code_of(await space.post("/auth/exchange", {"api_token": made["token"]})) == "401 api_token_invalid"
    body = {"proof": await space.proof(Person()), "code": code, "device_name": "Desktop"}
    assert code_of(await space.post("/auth/enrol", body)) == "403 enrolment_code_invalid"
    assert (await space.refresh(alice.tokens["refresh_token"])).status_code == 200
    await alice.exchanged(kept["token"])
    assert [item["is_first"] for item in await alice.listed("/me/devices")] == [True]


async def test_a_removed_device_may_join_again_by_a_new_code(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    second = await alice.enrol()
    [device] = [item for item in await alice.listed("/me/devices") if not item["is_first"]]
    await alice.ask("DELETE", f"/me/devices/{device['device_id']}")
    again = await alice.enrol(second.person)
    assert (await again.ask("GET", "/me")).status_code == 200


async def test_the_first_device_can_be_removed_by_another_and_the_owner_keeps_the_did(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    second = await alice.enrol()
    [first] = [item for item in await second.listed("/me/devices") if item["is_first"]]
    assert (await second.ask("DELETE", f"/me/devices/{first['device_id']}")).status_code == 204
    assert code_of(await space.log_in(alice.person)) == "403 device_removed"
    again = await space.log_in(second.person)
    assert again.json()["owner"]["did"] == alice.person.did
    bob = await space.register("bob@olares.com")
    body = {"proof": await space.proof(alice.person), "code": await bob.code(), "device_name": "stolen"}
    assert code_of(await space.post("/auth/enrol", body)) == "409 device_known"


async def test_the_last_device_cannot_be_removed(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    [device] = await alice.listed("/me/devices")
    assert code_of(await alice.ask("DELETE", f"/me/devices/{device['device_id']}")) == "409 last_device"
    assert (await space.refresh(alice.tokens["refresh_token"])).status_code == 200


async def test_a_device_of_somebody_else_is_not_there(space: Space) -> None:
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    second = await alice.enrol()
    for device in await alice.listed("/me/devices"):
        assert code_of(await bob.ask("DELETE", f"/me/devices/{device['device_id']}")) == "404 device_not_found"
    assert (await space.log_in(second.person)).status_code == 200


async def test_the_same_key_gets_the_same_code(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    key = {"Idempotency-Key": "k" * 36}
    first, second = [await alice.ask("POST", "/me/devices/enrolments", **key) for _ in range(2)]
    assert first.json() == second.json()
    assert first.headers["cache-control"] == second.headers["cache-control"] == "no-store"


async def test_a_device_is_seen_when_it_refreshes(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    space.clock.move(days=3)
    await space.refresh(alice.tokens["refresh_token"])
    [device] = await alice.listed("/me/devices")
    assert device["last_seen_at"][:10] == space.clock.now().isoformat()[:10]
