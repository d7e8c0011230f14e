"""What is of no use any more is forgotten, and nothing else."""

import pytest

from identity import queries
from identity.jobs import forget_expired
from tests.identity.browser import Browser, link_secret, scan
from tests.identity.support import Space, code_of
from tests.support.larepass import LarePass
from tests.support.tokens import ORIGIN

ENDING = ("attempt_counts", "nonces", "enrolments", "invites", "api_tokens", "console_links", "qr_sign_ins")
TABLES = (*ENDING, "refresh_tokens", "sessions", "owners")


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
    await link_secret(alice)
    await Browser(space).show_code()
    before = await _counts(space)
    await _forget(space)
    assert await _counts(space) == before


async def test_what_ended_long_ago_is_forgotten_and_owners_stay(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    await alice.code()
    await alice.api_token("backups:read", days=1)
    await space.invite(expires_in_days=1)
    await link_secret(alice)
    await Browser(space).show_code()
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


async def test_a_code_is_remembered_as_long_as_a_login_by_its_secret_could_come(space: Space) -> None:
    content = await Browser(space).show_code()
    for minutes in (2, 57):
        space.clock.move(minutes=minutes)
        await _forget(space)
        assert (await scan(space, LarePass(ORIGIN), content))["code"] == 403
        assert (await _counts(space))["qr_sign_ins"] == 1
    space.clock.move(minutes=4)
    await _forget(space)
    assert (await _counts(space))["qr_sign_ins"] == 0


async def test_a_used_refresh_token_is_remembered_while_its_session_lives(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    newest = (await space.refresh(alice.tokens["refresh_token"])).json()["refresh_token"]
    space.clock.move(days=29)
    await _forget(space)
    assert code_of(await space.refresh(alice.tokens["refresh_token"])) == "401 refresh_reused"
    assert code_of(await space.refresh(newest)) == "401 session_ended"


async def test_much_is_forgotten_some_at_a_time(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries.forgetting, "FORGET_BATCH", 2)
    for _ in range(5):
        await space.nonce()
    space.clock.move(hours=1)
    assert await forget_expired(space.runtime, space.clock.now()) == 2 + 1
    await _forget(space)
    assert (await _counts(space))["nonces"] == 0
