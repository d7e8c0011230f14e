"""A sealed password on its way: who may send one when, what a wrong one costs, and how long one is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from restore.domain.order import State
from restore.domain.passwords import DELAYS_SECONDS
from restore.encoding import encode
from restore.errors import TooSoon
from restore.operations import passwords
from tests.restore.cloud import Agent, Cloud, new_key


async def asked(cloud: Cloud, restore_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await cloud.read(restore_id))["cloud"]["password"]
    return found


async def kept(cloud: Cloud, restore_id: str) -> bytes | None:
    """The sealed password that is in the database."""
    async with cloud.restore.runtime.database.reading() as session:
        found = text("SELECT sealed_password FROM cloud_restores WHERE restore_id = :id")
        sealed: bytes | None = await session.scalar(found, {"id": UUID(restore_id)})
        return sealed


async def waiting(cloud: Cloud, name: str = "alice@olares.com") -> tuple[str, Agent]:
    restore_id, agent = await cloud.to(State.AWAITING_PASSWORD, name)
    assert agent is not None
    return restore_id, agent


async def wrong(cloud: Cloud, restore_id: str, agent: Agent) -> None:
    """One more wrong password, once its time has come."""
    number = await agent.offer()
    await cloud.let_pass(restore_id, timedelta(seconds=DELAYS_SECONDS[-1]))
    assert (await cloud.send(restore_id, number)).status_code == 200
    assert (await agent.report(number, "password_wrong")).status_code == 204


async def test_a_password_goes_from_its_owner_to_the_agent_and_is_gone_after_the_verdict(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    password = await asked(cloud, restore_id)
    assert (password["round"], password["reason"], password["attempts_left"]) == (1, "first", 10)
    assert (password["not_before"], password["wrong_passwords"]) == (None, 0)
    until = datetime.fromisoformat(password["until"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < until <= timedelta(hours=24)
    empty = await agent.call("GET", "rounds/1")
    assert (empty.json()["is_current"], empty.json()["sealed"]) == (True, None)
    assert empty.headers["cache-control"] == "no-store"
    sealed = encode(bytes(range(100)))
    body = (await cloud.send(restore_id, 1, sealed)).json()
    assert (body["state"], body["actions"]) == ("verifying_password", ["give_up"])
    assert (await agent.call("GET", "rounds/1")).json()["sealed"] == sealed
    another = (await agent.call("GET", "rounds/2")).json()
    assert (another["is_current"], another["sealed"]) == (False, None)
    assert await kept(cloud, restore_id) == bytes(range(100))
    await agent.report(1, "restoring")
    assert await kept(cloud, restore_id) is None
    assert (await agent.call("GET", "rounds/1")).json() | {"server_time": None} == {
        "is_current": False,
        "sealed": None,
        "poll_seconds": 2.0,
        "server_time": None,
    }
    assert (await cloud.read(restore_id))["cloud"]["password"] is None


async def test_a_password_that_is_not_waited_for_is_refused(cloud: Cloud) -> None:
    for state in (State.QUOTED, State.AUTHORISING, State.INSTALLING, State.RESTORING, State.VALIDATING):
        restore_id, _ = await cloud.to(state, f"{state.replace('_', '-')}@olares.com")
        refused = await cloud.send(restore_id, 1)
        assert (refused.status_code, refused.json()["code"]) == (409, "password_not_expected"), state
        assert refused.json()["state"] == state
        assert await kept(cloud, restore_id) is None


async def test_a_password_of_another_round_or_without_one_is_refused(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    for number in (2, 7):
        refused = await cloud.send(restore_id, number)
        assert (refused.status_code, refused.json()["code"], refused.json()["round"]) == (409, "round_over", 1)
    assert await agent.offer() == 2
    assert (await cloud.send(restore_id, 1)).json()["round"] == 2
    assert (await cloud.send(restore_id, 2)).status_code == 200
    twice = await cloud.send(restore_id, 2)
    assert (twice.status_code, twice.json()["code"]) == (409, "password_not_expected")
    await agent.report(2, "password_wrong")
    no_key = await cloud.send(restore_id, 2)
    assert (no_key.status_code, no_key.json()["code"]) == (409, "agent_not_ready")
    assert no_key.headers["retry-after"] == "2"
    assert (await asked(cloud, restore_id))["round"] is None
    assert (await asked(cloud, restore_id))["public_key"] is None


async def test_a_password_for_another_restore_is_not_taken_for_this_one(cloud: Cloud) -> None:
    first, first_agent = await waiting(cloud)
    second, second_agent = await waiting(cloud, "bob@olares.com")
    await first_agent.offer()
    assert (await cloud.send(second, 2)).json()["code"] == "round_over"
    assert (await cloud.send(second, 1)).status_code == 200
    assert (await first_agent.call("GET", "rounds/2")).json()["sealed"] is None
    assert await cloud.state(first) == "awaiting_password"
    assert (await second_agent.call("GET", "rounds/1")).json()["sealed"] is not None


async def test_after_wrong_ones_the_next_is_taken_later_and_later(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    for count, delay in enumerate(DELAYS_SECONDS[:5], start=1):
        await wrong(cloud, restore_id, agent)
        password = await asked(cloud, restore_id)
        assert (password["wrong_passwords"], password["attempts_left"]) == (count, 10 - count)
        assert password["reason"] == "wrong"
        # A restarted agent changes nothing about the wait.
        number = await agent.offer()
        if delay == 0:
            assert password["not_before"] is None
            continue
        left = datetime.fromisoformat(password["not_before"]) - datetime.now(UTC)
        assert timedelta(seconds=delay - 3) < left <= timedelta(seconds=delay)
        refused = await cloud.send(restore_id, number)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_soon")
        assert 0 < int(refused.headers["retry-after"]) <= delay
        assert await cloud.state(restore_id) == "awaiting_password"


async def test_whoever_waits_as_long_as_they_are_told_has_waited_long_enough(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    for _ in range(3):
        await wrong(cloud, restore_id, agent)
    number = await agent.offer()
    not_before = datetime.fromisoformat((await asked(cloud, restore_id))["not_before"])
    for left, told in ((timedelta(seconds=3, milliseconds=200), 4), (timedelta(milliseconds=1), 1)):
        async with cloud.restore.runtime.database.transaction() as session:
            with pytest.raises(TooSoon) as refused:
                await passwords.send_password(
                    session, cloud.snapshot.owner_id, UUID(restore_id), number, b"", not_before - left
                )
        assert refused.value.retry_after_seconds == told


async def test_ten_wrong_ones_end_it_as_given_up(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    for _ in range(9):
        await wrong(cloud, restore_id, agent)
    assert (await asked(cloud, restore_id))["attempts_left"] == 1
    await wrong(cloud, restore_id, agent)
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("undoing", "too_many_wrong_passwords")
    assert await kept(cloud, restore_id) is None
    wanted = dict(await cloud.wanted(restore_id))
    assert wanted["restore.capture_wanted"]["ended_at"] is not None
    assert "restore.void_wanted" not in wanted
    assert (await agent.call("POST", "rounds", {"public_key": new_key()})).json()["code"] == "restore_ended"
    await cloud.gone(restore_id)
    await cloud.capture(restore_id)
    assert await cloud.state(restore_id) == "returned"


async def test_a_right_one_ends_the_wait_and_not_the_count(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    for _ in range(3):
        await wrong(cloud, restore_id, agent)
    number = await agent.offer()
    await cloud.let_pass(restore_id, timedelta(minutes=1))
    await cloud.send(restore_id, number)
    await agent.report(number, "restoring")
    number = await agent.offer()
    password = await asked(cloud, restore_id)
    assert (password["reason"], password["wrong_passwords"]) == ("agent_restarted", 3)
    assert password["not_before"] is None
    assert (await cloud.send(restore_id, number)).status_code == 200


async def test_a_verdict_that_never_comes_is_not_counted(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    until = (await asked(cloud, restore_id))["until"]
    await cloud.send(restore_id, 1)
    assert (await asked(cloud, restore_id))["until"] == until
    await cloud.let_pass(restore_id, timedelta(minutes=4))
    assert await cloud.state(restore_id) == "verifying_password"
    await cloud.let_pass(restore_id, timedelta(minutes=1))
    password = await asked(cloud, restore_id)
    assert (password["reason"], password["wrong_passwords"], password["round"]) == ("agent_silent", 0, None)
    assert datetime.fromisoformat(password["until"]) == datetime.fromisoformat(until) - timedelta(minutes=5)
    assert await kept(cloud, restore_id) is None
    assert (await agent.call("GET", "rounds/1")).json()["is_current"] is False
    # Late: wrong says nothing any more, right counts.
    await agent.report(1, "password_wrong")
    assert (await asked(cloud, restore_id))["reason"] == "agent_silent"
    await agent.report(1, "restoring", bytes_restored=1)
    assert await cloud.state(restore_id) == "restoring"


async def test_a_late_right_verdict_of_a_round_before_says_nothing(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    await cloud.send(restore_id, 1)
    await cloud.let_pass(restore_id, timedelta(minutes=5))
    assert await agent.offer() == 2
    assert (await asked(cloud, restore_id))["reason"] == "agent_silent"
    await agent.report(1, "restoring")
    assert await cloud.state(restore_id) == "awaiting_password"


async def test_twenty_four_hours_in_all(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    await cloud.let_pass(restore_id, timedelta(hours=23, minutes=58))
    assert await cloud.state(restore_id) == "awaiting_password"
    assert (await cloud.read(restore_id))["expires_at"] == (await asked(cloud, restore_id))["until"]
    # Neither another key nor a password that nobody judges makes it longer.
    number = await agent.offer()
    await cloud.send(restore_id, number)
    await cloud.let_pass(restore_id, timedelta(minutes=6))
    await cloud.work()
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("undoing", "password_not_entered")
    assert dict(await cloud.wanted(restore_id))["restore.capture_wanted"]["ended_at"] is not None


async def test_an_agent_that_is_restarted_asks_again_in_every_state(cloud: Cloud) -> None:
    for state, reason in (
        (State.INSTALLING, "first"),
        (State.AWAITING_PASSWORD, "first"),
        (State.VERIFYING_PASSWORD, "agent_restarted"),
        (State.RESTORING, "agent_restarted"),
        (State.VALIDATING, "agent_restarted"),
    ):
        restore_id, agent = await cloud.to(state, f"{state.replace('_', '-')}@olares.com")
        assert agent is not None
        key = new_key()
        number = await agent.offer(key)
        password = await asked(cloud, restore_id)
        assert (password["round"], password["public_key"], password["reason"]) == (number, key, reason), state
        assert await kept(cloud, restore_id) is None
        assert await agent.offer(key) == number
        assert await cloud.state(restore_id) == "awaiting_password"
    for state in (State.CAPTURING, State.COMPLETED):
        _, agent = await cloud.to(state, f"{state}@olares.com")
        assert agent is not None
        refused = await agent.call("POST", "rounds", {"public_key": new_key()})
        assert (refused.status_code, refused.json()["code"]) == (409, "password_not_expected")


async def test_of_a_restarted_agent_nobody_is_told_twice(cloud: Cloud) -> None:
    restore_id, agent = await waiting(cloud)
    await agent.offer()
    assert (await cloud.names(restore_id)).count("restore.password_required") == 1
    await cloud.send(restore_id, 2)
    await agent.report(2, "restoring")
    await agent.offer()
    required = [said for name, said in await cloud.wanted(restore_id) if name == "restore.password_required"]
    assert [said["reason"] for said in required] == ["first", "agent_restarted"]
    assert {said["instance_id"] for said in required} == {str(agent.instance_id)}


async def test_nothing_sealed_is_kept_once_it_is_over(cloud: Cloud) -> None:
    given_up, _ = await cloud.to(State.VERIFYING_PASSWORD, "a@olares.com")
    await cloud.cancel(given_up)
    lost, _ = await cloud.to(State.VERIFYING_PASSWORD, "b@olares.com")
    await cloud.gone(lost)
    failed, agent = await cloud.to(State.VERIFYING_PASSWORD, "c@olares.com")
    assert agent is not None
    await agent.report(1, "failed", code="disk_full")
    for restore_id in (given_up, lost, failed):
        assert await cloud.state(restore_id) == "undoing"
        assert await kept(cloud, restore_id) is None
        assert (await cloud.read(restore_id))["cloud"]["password"] is None


async def test_what_no_seal_is_is_refused(cloud: Cloud) -> None:
    restore_id, _ = await waiting(cloud)
    for body in (
        {"round": 1, "sealed": encode(b"\x07" * 47)},
        {"round": 1, "sealed": encode(b"\x07" * (4096 + 49))},
        {"round": 1, "sealed": "%" * 100},
        {"round": 0, "sealed": encode(b"\x07" * 70)},
        {"round": 1, "sealed": encode(b"\x07" * 70), "password": "open"},
    ):
        refused = await cloud._post(restore_id, "password", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "request_invalid"), body
    assert (await cloud.send(restore_id, 1, encode(b"\x07" * (4096 + 48)))).status_code == 200
