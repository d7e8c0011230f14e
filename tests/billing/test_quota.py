"""Quota: what is free, what is reserved, where uploads stop, and who is told."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from billing.domain.prices import GB
from billing.models import Account, Reservation
from billing.operations import accounts, methods, quota
from billing.operations.quota import Wanted
from shared.events.base import Envelope
from shared.messaging import OutboxMessage
from tests.billing.support.asking import Asking
from tests.billing.support.world import World
from tests.support.running import Running
from tests.support.tokens import TokenIssuer

HOUR = timedelta(hours=1)


@dataclass
class Keys:
    """Write keys as catalog asks for them."""

    world: World
    terminus_id: UUID | None = field(default_factory=uuid4)

    def wanted(self, declared_gb: float | None = None, **others: Any) -> Wanted:
        return Wanted(
            **{
                "reservation_id": uuid4(),
                "owner_id": self.world.owner_id,
                "backup_id": uuid4(),
                "terminus_id": self.terminus_id,
                "declared_bytes": None if declared_gb is None else int(declared_gb * GB),
                "expires_at": self.world.now + HOUR,
                **others,
            }
        )

    async def ask(self, wanted: Wanted) -> str | None:
        """None when the key may be issued, else why not."""
        async with self.world.database.transaction() as session:
            return (await quota.reserve(session, wanted, self.world.now)).reason

    async def give_back(self, wanted: Wanted) -> None:
        async with self.world.database.transaction() as session:
            await quota.give_back(session, wanted.reservation_id, self.world.now)


async def look(world: World) -> quota.Assessment:
    async with world.database.transaction() as session:
        account = await accounts.lock(session, world.owner_id, world.now)
        return await quota.look(session, account, world.now)


async def left_gb(world: World) -> float:
    return (await look(world)).quota.left_bytes / GB


async def told(world: World) -> list[tuple[str, int, str | None]]:
    """What was said of the quota: exceeded or cleared, with its number and reason."""
    async with world.database.reading() as session:
        rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
        found = [Envelope.model_validate_json(row.envelope) for row in rows]
    return [
        (each.type.split(".")[2], each.data["number"], each.data.get("reason"))
        for each in found
        if each.type.startswith("billing.quota") and each.data["owner_id"] == str(world.owner_id)
    ]


async def reassess(world: World) -> None:
    while await quota.reassess_due(world.database, world.now):
        pass


async def test_each_terminus_with_a_snapshot_brings_ten_gb_up_to_three(world: World) -> None:
    assert (await look(world)).quota.allowance_bytes == 10 * GB
    for count, free in ((1, 10), (2, 20), (3, 30), (4, 30)):
        await world.measure(uuid4(), 1, terminus_id=uuid4())
        found = await look(world)
        assert (found.counted_terminus, found.free_bytes, found.quota.used_bytes) == (count, free * GB, count * GB)
    world.now += HOUR
    await world.measure(uuid4(), 1, terminus_id=uuid4(), snapshots=0)
    assert (await look(world)).counted_terminus == 4


async def test_what_is_not_declared_reserves_a_gb_or_what_is_left_of_it(world: World) -> None:
    keys = Keys(world)
    assert await keys.ask(keys.wanted(8.5)) is None
    assert await keys.ask(keys.wanted()) is None
    assert await left_gb(world) == 0.5
    assert await keys.ask(keys.wanted()) is None
    assert await left_gb(world) == 0
    assert await keys.ask(keys.wanted()) == "over_limit"


async def test_what_is_declared_is_reserved_whole_or_not_at_all(world: World) -> None:
    keys = Keys(world)
    assert await keys.ask(keys.wanted(10.1)) == "over_limit"
    assert await keys.ask(keys.wanted(6)) is None
    assert await keys.ask(keys.wanted(4.1)) == "over_limit"
    assert await keys.ask(keys.wanted(4)) is None
    assert len(await world.every(Reservation)) == 2


async def test_two_keys_at_once_do_not_both_get_the_last_room(world: World) -> None:
    keys = Keys(world)
    await look(world)
    async with world.database.transaction() as session:
        first = await quota.reserve(session, keys.wanted(6), world.now)
        contender = asyncio.create_task(keys.ask(keys.wanted(6)))
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert (first.reason, await contender) == (None, "over_limit")


async def test_the_same_reservation_is_made_once(world: World) -> None:
    keys = Keys(world)
    wanted = keys.wanted(6)
    assert [await keys.ask(wanted) for _ in range(3)] == [None] * 3
    assert await left_gb(world) == 4


async def test_a_new_key_of_a_backup_takes_the_place_of_its_last(world: World) -> None:
    keys = Keys(world)
    backup_id = uuid4()
    assert await keys.ask(keys.wanted(6, backup_id=backup_id)) is None
    assert await keys.ask(keys.wanted(8, backup_id=backup_id)) is None
    assert await left_gb(world) == 2


async def test_what_is_measured_is_no_longer_reserved(world: World) -> None:
    keys = Keys(world)
    declared, guessed = keys.wanted(6), keys.wanted()
    await world.measure(declared.backup_id, 1, terminus_id=keys.terminus_id)
    assert [await keys.ask(declared), await keys.ask(guessed)] == [None, None]
    assert await left_gb(world) == 2
    world.now += timedelta(minutes=1)
    await world.measure(declared.backup_id, 4, terminus_id=keys.terminus_id)
    found = (await look(world)).quota
    assert (found.used_bytes, found.reserved_bytes) == (4 * GB, 3 * GB + GB)
    await world.measure(guessed.backup_id, 0.25, terminus_id=keys.terminus_id)
    found = (await look(world)).quota
    assert (found.used_bytes, found.reserved_bytes) == (4.25 * GB, 3 * GB)
    world.now += timedelta(minutes=1)
    await world.measure(declared.backup_id, 8, terminus_id=keys.terminus_id)
    assert (await look(world)).quota.reserved_bytes == 0


async def test_a_measurement_from_before_the_key_settles_nothing(world: World) -> None:
    keys = Keys(world)
    guessed = keys.wanted()
    await keys.ask(guessed)
    await world.measure(guessed.backup_id, 0.25, at=world.now - timedelta(seconds=1), terminus_id=keys.terminus_id)
    assert (await look(world)).quota.reserved_bytes == 0.75 * GB


async def test_room_is_free_again_when_its_key_is_given_back_or_ends(world: World) -> None:
    keys = Keys(world)
    given, ended = keys.wanted(3), keys.wanted(4)
    assert [await keys.ask(given), await keys.ask(ended)] == [None, None]
    for _ in range(2):
        await keys.give_back(given)
    await keys.give_back(keys.wanted())
    assert await left_gb(world) == 6
    world.now = ended.expires_at - timedelta(seconds=1)
    assert await left_gb(world) == 6
    world.now = ended.expires_at
    assert await left_gb(world) == 10


async def test_the_first_backup_of_a_second_terminus_may_be_finished(world: World) -> None:
    await world.measure(uuid4(), 9, terminus_id=uuid4())
    second = Keys(world)
    first_key = second.wanted(8)
    assert await second.ask(first_key) is None
    world.now += timedelta(minutes=1)
    await world.measure(first_key.backup_id, 7, terminus_id=second.terminus_id, snapshots=0)
    found = await look(world)
    assert (found.free_bytes, found.quota.limit_bytes, found.quota.is_exceeded) == (10 * GB, 20 * GB, False)
    world.now += timedelta(minutes=1)
    await world.measure(first_key.backup_id, 8, terminus_id=second.terminus_id)
    await second.give_back(first_key)
    assert (await look(world)).free_bytes == 20 * GB
    assert await told(world) == []


async def test_who_may_write_no_more_is_told_once_for_each_change_with_a_higher_number(world: World) -> None:
    backup = uuid4()
    for size in (9, 10, 11, 12, 9.5, 9, 10, 3):
        world.now += timedelta(minutes=1)
        await world.measure(backup, size)
        await reassess(world)
    assert await told(world) == [
        ("exceeded", 1, "over_limit"), ("cleared", 2, None), ("exceeded", 3, "over_limit"), ("cleared", 4, None),
    ]  # fmt: skip


async def test_a_card_opens_what_a_spend_limit_buys_and_its_removal_closes_it(world: World) -> None:
    backup = uuid4()
    await world.measure(backup, 20)
    assert await told(world) == [("exceeded", 1, "over_limit")]
    card = await world.add_card()
    # 10.00 at 0.08 keep 125 GB for a month.
    assert (await look(world)).quota.limit_bytes == 135 * GB
    await set_limit(world, 80)
    assert (await look(world)).quota.limit_bytes == 20 * GB
    await set_limit(world, 160)
    async with world.database.transaction() as session:
        await methods.remove(session, world.owner_id, card, world.now)
    assert [each[:2] for each in await told(world)] == [
        ("exceeded", 1), ("cleared", 2), ("exceeded", 3), ("cleared", 4), ("exceeded", 5),
    ]  # fmt: skip


async def set_limit(world: World, minor: int) -> None:
    async with world.database.transaction() as session:
        await quota.set_spend_limit(session, world.owner_id, minor, world.now)


async def test_a_spend_limit_is_used_up_by_time_alone_and_free_again_after_the_invoice(world: World) -> None:
    await world.add_card()
    await set_limit(world, 1000)
    await world.measure(uuid4(), 110)
    for _ in range(4 * 5):
        world.now += 6 * HOUR
        await reassess(world)
    assert await told(world) == []
    # After a quarter of 730 hours, 2.00 of the 10.00 are spent: the rest keeps no 100 GB for a month.
    for _ in range(4 * 4):
        world.now += 6 * HOUR
        await reassess(world)
    assert await told(world) == [("exceeded", 1, "over_limit")]
    spent = (await look(world)).spent_minor
    assert spent == round(100 * 8 * 24 * 9 / 730)
    await world.travel(datetime(2026, 2, 1, 2, tzinfo=UTC))
    await reassess(world)
    assert [each[0] for each in await told(world)] == ["exceeded", "cleared"]


async def test_a_measurement_every_minute_does_not_keep_time_from_counting(world: World) -> None:
    await world.add_card()
    backup = uuid4()
    await world.measure(backup, 20)
    first = (await world.account()).assess_due_at
    for _ in range(5):
        world.now += timedelta(minutes=1)
        await world.measure(backup, 20)
    assert (await world.account()).assess_due_at == first


async def test_in_arrears_what_is_free_stays_open_and_nothing_above_it(world: World) -> None:
    await world.add_card("declines")
    backup = uuid4()
    await world.measure(backup, 110)
    await world.travel(datetime(2026, 2, 6, tzinfo=UTC))
    assert (await world.account()).standing == "restricted"
    assert (await told(world))[-1] == ("exceeded", 1, "arrears")
    keys = Keys(world, None)
    assert await keys.ask(keys.wanted(1)) == "arrears"
    await world.measure(backup, 5)
    assert (await told(world))[-1] == ("cleared", 2, None)
    assert await keys.ask(keys.wanted(5)) is None
    assert await keys.ask(keys.wanted(1)) == "arrears"


# ---- over HTTP


@pytest.fixture
def asking(billing: Running, world: World, issuer: TokenIssuer) -> Asking:
    world.now = datetime.now(UTC)
    return Asking(billing, issuer, world.owner_id)


async def test_an_owner_sees_and_sets_what_they_may_use(world: World, asking: Asking) -> None:
    new = (await asking.get("/quotas")).json()
    assert (new["allowance_bytes"], new["used_bytes"], new["can_backup"], new["spend_limit"]) == (
        10 * GB,
        0,
        True,
        None,
    )
    await world.measure(uuid4(), 12, terminus_id=uuid4())
    full = (await asking.get("/quotas")).json()
    assert (full["can_backup"], full["reason"], full["limit_bytes"], full["left_bytes"]) == (
        False,
        "over_limit",
        12 * GB,
        0,
    )
    assert full["standing"] == "current"
    assert "add a payment method" in full["explanation"]
    await world.add_card()
    wanted = {"spend_limit": {"amount_minor": 800, "currency": "USD"}}
    raised = await asking.put("/quotas/spend-limit", wanted)
    assert raised.status_code == 200
    assert (raised.json()["limit_bytes"], raised.json()["spend_limit"]) == (110 * GB, wanted["spend_limit"])
    assert raised.json() == (await asking.get("/quotas")).json()
    stranger = Asking(asking.billing, asking.issuer, uuid4())
    assert (await stranger.get("/quotas")).json()["used_bytes"] == 0


@pytest.mark.parametrize(
    "amount",
    [-1, 1.5, 1.0, "800", True, None, 10**9, 2**70],
    ids=str,
)
async def test_a_spend_limit_is_a_sensible_amount(asking: Asking, amount: Any) -> None:
    answer = await asking.put("/quotas/spend-limit", {"spend_limit": {"amount_minor": amount, "currency": "USD"}})
    assert answer.status_code == 422


async def test_a_spend_limit_is_in_the_accounts_currency_and_set_by_who_may(world: World, asking: Asking) -> None:
    for currency in ("EUR", "usd", "", "DOLLAR", None):
        body = {"spend_limit": {"amount_minor": 800, "currency": currency}}
        assert (await asking.put("/quotas/spend-limit", body)).status_code == 422
    body = {"spend_limit": {"amount_minor": 800, "currency": "USD"}}
    assert (await asking.put("/quotas/spend-limit", body, "account:read")).status_code == 403
    assert (await asking.get("/quotas", "backups:read")).status_code == 403
    assert (await asking.billing.api.get("/api/v1/quotas")).status_code == 401
    assert (await asking.put("/quotas/spend-limit", {**body, "more": 1})).status_code == 422
    assert not any(account.spend_limit_minor for account in await world.every(Account))


async def test_catalog_asks_for_room_and_gives_it_back(world: World, asking: Asking) -> None:
    body = {
        "reservation_id": str(uuid4()), "owner_id": str(world.owner_id), "backup_id": str(uuid4()),
        "terminus_id": str(uuid4()), "declared_bytes": 6 * GB, "expires_at": (world.now + HOUR).isoformat(),
    }  # fmt: skip
    for _ in range(2):
        answer = (await asking.internal("POST", "/reservations", body, "catalog-secret")).json()
        assert (answer["allowed"], answer["reason"], answer["limit_bytes"]) == (True, None, 10 * GB)
    more = {**body, "reservation_id": str(uuid4()), "backup_id": str(uuid4())}
    refused = (await asking.internal("POST", "/reservations", more, "catalog-secret")).json()
    assert (refused["allowed"], refused["reason"], refused["left_bytes"]) == (False, "over_limit", 4 * GB)
    assert "6 GB are reserved" in refused["detail"]
    path = f"/reservations/{body['reservation_id']}"
    for _ in range(2):
        assert (await asking.internal("DELETE", path, credential="catalog-secret")).status_code == 204
    assert (await asking.internal("POST", "/reservations", more, "catalog-secret")).json()["allowed"]
    for credential in ("restore-secret", "wrong", ""):
        assert (await asking.internal("POST", "/reservations", more, credential)).status_code == 401
    for wrong in (
        {"declared_bytes": 0},
        {"declared_bytes": -1},
        {"expires_at": "2026-01-01T00:00:00"},
        {"owner_id": 1},
    ):
        answer = await asking.internal("POST", "/reservations", {**more, **wrong}, "catalog-secret")
        assert answer.status_code == 422
