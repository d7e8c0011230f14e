"""What is of no use any more is forgotten, and nothing else."""

import pytest

from identity import queries
from identity.jobs import forget_expired
from tests.identity.support import Space, code_of

TABLES = ("attempt_counts", "nonces", "enrolments", "invites", "api_tokens", "refresh_tokens", "sessions", "owners")


async def _counts(space: Space) -> dict[str, int]:
    return {table: (await space.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in TABLES}


async def _forget(space: Space) -> None:
    while await forget_expired(space.runtime, space.clock.now()):
        pass


async def test_what_lives_is_kept(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    await alice.code()
    await alice.api_token("backups:read")
    await space.invite()
    before = await _counts(space)
    await _forget(space)
    assert await _counts(space) == before


async def test_what_ended_long_ago_is_forgotten_and_owners_stay(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    await alice.code()
    await alice.api_token("backups:read", days=1)
    await space.invite(expires_in_days=1)
    await space.refresh(alice.tokens["refresh_token"])
    space.clock.move(days=61)
    await _forget(space)
    assert await _counts(space) == dict.fromkeys(TABLES, 0) | {"owners": 1}
    assert (await space.log_in(alice.person)).status_code == 200


async def test_a_used_nonce_is_remembered_as_long_as_a_proof_of_it_could_come(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    proof = await space.proof(alice.person)
    await space.post("/auth/login", {"proof": proof})
    space.clock.move(seconds=110)
    await _forget(space)
    assert code_of(await space.post("/auth/login", {"proof": proof})) == "401 nonce_used"


async def test_a_used_refresh_token_is_remembered_while_its_session_lives(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    newest = (await space.refresh(alice.tokens["refresh_token"])).json()["refresh_token"]
    space.clock.move(days=29)
    await _forget(space)
    assert code_of(await space.refresh(alice.tokens["refresh_token"])) == "401 refresh_reused"
    assert code_of(await space.refresh(newest)) == "401 session_ended"


async def test_much_is_forgotten_some_at_a_time(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "FORGET_BATCH", 2)
    for _ in range(5):
        await space.nonce()
    space.clock.move(hours=1)
    assert await forget_expired(space.runtime, space.clock.now()) == 2 + 1
    await _forget(space)
    assert (await _counts(space))["nonces"] == 0
