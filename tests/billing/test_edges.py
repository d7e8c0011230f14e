"""Requests at the edge of what makes sense."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from billing.domain.prices import GB
from billing.models import Reservation
from billing.operations import quota
from tests.billing.support.world import World
from tests.support.running import OPERATOR, Running
from tests.support.tokens import Owner, TokenIssuer


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("from=9999-12-31&to=9999-12-31", 0),
        ("from=0001-01-01&to=0001-01-01", 0),
        ("to=0001-01-01", 0),
        ("to=9999-12-31", 1),
        ("from=9999-12-31", 0),
        ("from=0001-01-01", 367),
    ],
)
async def test_days_of_the_calendars_ends_are_answered(
    billing: Running, issuer: TokenIssuer, query: str, days: int
) -> None:
    owner = Owner()
    noon = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    await World(billing, owner_id=owner.owner_id, now=datetime.now(UTC)).measure(uuid4(), 20, at=noon)
    answer = await billing.api.get(f"/api/v1/usage/days?{query}", headers=issuer.headers(owner))
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["items"]) == days


async def test_a_reason_that_cannot_be_stored_is_refused(billing: Running) -> None:
    grant = {"grant_id": str(uuid4()), "amount": {"amount_minor": 1, "currency": "USD"}, "reason": "a\0b"}
    answer = await billing.internal.post(
        f"/internal/owners/{uuid4()}/credits", json=grant, headers={"Authorization": f"Bearer {OPERATOR}"}
    )
    assert answer.status_code == 422, answer.text


async def test_a_backup_that_shrinks_while_its_key_lives_keeps_no_more_room_than_it_asked_for(world: World) -> None:
    pruned, other = uuid4(), uuid4()
    await world.measure(pruned, 8)

    async def ask(backup_id: UUID, size: int) -> quota.Answer:
        wanted = quota.Wanted(uuid4(), world.owner_id, backup_id, None, size, world.now + timedelta(hours=1))
        async with world.database.transaction() as session:
            return await quota.reserve(session, wanted, world.now)

    assert (await ask(pruned, GB)).reason is None
    await world.measure(pruned, 2, at=world.now + timedelta(minutes=1))
    answer = await ask(other, 4 * GB)
    assert (answer.quota.reserved_bytes, answer.reason) == (GB, None)


async def test_who_gets_room_for_another_terminus_reads_with_it_that_uploads_are_open_again(billing: Running) -> None:
    owner_id, known = uuid4(), uuid4()
    await World(billing, owner_id=owner_id, now=datetime.now(UTC)).measure(uuid4(), 11, terminus_id=known)
    answers = []
    for terminus_id in (known, uuid4()):
        wanted = {
            "reservation_id": str(uuid4()), "owner_id": str(owner_id), "backup_id": str(uuid4()),
            "terminus_id": str(terminus_id), "declared_bytes": None,
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }  # fmt: skip
        answer = await billing.internal.post(
            "/internal/reservations", json=wanted, headers={"Authorization": "Bearer catalog-secret"}
        )
        assert answer.status_code == 200, answer.text
        answers.append([answer.json()[name] for name in ("allowed", "number", "restriction")])
    assert answers == [[False, 1, "over_limit"], [True, 2, None]]


async def test_reservations_are_forgotten_a_day_after_their_keys(world: World) -> None:
    for hours in (1, 48):
        wanted = quota.Wanted(uuid4(), world.owner_id, uuid4(), None, None, world.now + timedelta(hours=hours))
        async with world.database.transaction() as session:
            await quota.reserve(session, wanted, world.now)
    assert await quota.forget_ended(world.database, world.now + timedelta(hours=24)) == 0
    assert await quota.forget_ended(world.database, world.now + timedelta(hours=26)) == 1
    [kept] = await world.every(Reservation)
    assert kept.expires_at == world.now + timedelta(hours=48)
