"""What catalog may expect of whoever keeps quota: billing itself, and the double that stands in for it in tests."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import update

from billing import consumers, jobs
from billing.app import service as billing_service
from billing.models import Account
from billing.settings import Settings as BillingSettings
from catalog.adapters.billing import BillingQuota
from catalog.domain.gate import Restriction
from catalog.ports import Quota, QuotaAnswer, RoomWanted
from shared.errors import ServiceUnavailable
from shared.events.catalog import StorageMeasured
from tests.support.billing_double import CREDENTIAL, GB, BillingDouble
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.running import Running, running
from tests.support.tokens import ORIGIN, TokenIssuer

REQUIRED: dict[str, Any] = {
    "quote_key": "7a" * 32,
    "webhook_secret": "whsec_c2FuZGJveCB3ZWJob29rIHNlY3JldCBmb3IgdGVzdHM=",
}


class Keeper(Protocol):
    quota: Quota
    stranger: Quota
    """The same, asked with a credential that is not catalog's."""

    async def hold(self, owner_id: UUID, used_bytes: int, *, in_arrears: bool = False) -> None:
        """Let an owner, who has no payment method and may store 10 GB, store so much in one backup."""


class DoubleKeeper:
    def __init__(self, double: BillingDouble, quota: Quota, stranger: Quota) -> None:
        self._double, self.quota, self.stranger = double, quota, stranger

    async def hold(self, owner_id: UUID, used_bytes: int, *, in_arrears: bool = False) -> None:
        account = self._double.account(owner_id)
        account.used_bytes, account.reason = used_bytes, "arrears" if in_arrears else "over_limit"
        if used_bytes >= account.limit_bytes:
            account.number, account.restriction = account.number + 1, "over_limit"


class BillingKeeper:
    def __init__(self, billing: Running, quota: Quota, stranger: Quota) -> None:
        self._billing, self.quota, self.stranger = billing, quota, stranger

    async def hold(self, owner_id: UUID, used_bytes: int, *, in_arrears: bool = False) -> None:
        measured = StorageMeasured(
            owner_id=owner_id, backup_id=uuid4(), terminus_id=None, measured_at=datetime.now(UTC),
            storage_bytes=used_bytes, objects=9, snapshots=1,
        )  # fmt: skip
        async with self._billing.runtime.database.transaction() as session:
            await consumers.meter_storage(session, [measured])
            if in_arrears:
                late = update(Account).where(Account.owner_id == owner_id).values(standing="restricted")
                await session.execute(late)


def asking(http: httpx.AsyncClient) -> BillingQuota:
    return BillingQuota(http, 10.0)


@pytest.fixture(params=["billing", "double"])
async def keeper(request: pytest.FixtureRequest, databases: Databases, issuer: TokenIssuer) -> AsyncIterator[Keeper]:
    ours, theirs = ({"Authorization": f"Bearer {secret}"} for secret in (CREDENTIAL, "another's"))
    if request.param == "double":
        double = BillingDouble()
        async with (
            httpx.AsyncClient(base_url=double.url, headers=ours) as http,
            httpx.AsyncClient(base_url=double.url, headers=theirs) as other,
        ):
            yield DoubleKeeper(double, asking(http), asking(other))
        double.close()
        return
    url = await databases.clone(billing_service, **REQUIRED)
    settings = BillingSettings(
        database_url=url,
        broker_url=PLACEHOLDER,
        origin=ORIGIN,
        jwks_url=issuer.jwks_url,
        internal_credentials={"catalog": CREDENTIAL},
        **REQUIRED,
    )
    async with running(billing_service, settings) as billing, running(billing_service, settings) as same:
        await jobs.load_price_book(billing.runtime, datetime.now(UTC))
        billing.internal.headers.update(ours)
        same.internal.headers.update(theirs)
        yield BillingKeeper(billing, asking(billing.internal), asking(same.internal))
    await databases.drop(url)


def room(owner_id: UUID, declared_bytes: int | None = None, **changes: Any) -> RoomWanted:
    """Room for a backup of its own, for twelve hours."""
    usual: dict[str, Any] = {
        "reservation_id": uuid4(),
        "backup_id": uuid4(),
        "terminus_id": None,
        "expires_at": datetime.now(UTC) + timedelta(hours=12),
    }
    return RoomWanted(owner_id=owner_id, declared_bytes=declared_bytes, **usual | changes)


def is_refused(answer: QuotaAnswer, reason: Restriction = Restriction.OVER_LIMIT) -> bool:
    """For that reason, in words; else it must be allowed."""
    if answer.reason is None:
        return False
    assert answer.reason is reason
    assert len(answer.detail) > 20
    return True


async def test_room_is_kept_from_the_owners_other_backups(keeper: Keeper) -> None:
    owner_id = uuid4()
    await keeper.hold(owner_id, 8 * GB)
    answer = await keeper.quota.reserve(room(owner_id, GB))
    assert not is_refused(answer)
    assert (answer.used_bytes, answer.limit_bytes) == (8 * GB, 10 * GB)
    assert not is_refused(await keeper.quota.reserve(room(owner_id, GB)))
    refused = await keeper.quota.reserve(room(owner_id, 1))
    assert is_refused(refused)
    assert (refused.used_bytes, refused.limit_bytes, refused.left_bytes) == (8 * GB, 10 * GB, 0)
    assert not is_refused(await keeper.quota.reserve(room(uuid4(), GB))), "another owner has room of their own"


async def test_what_is_asked_again_is_reserved_once(keeper: Keeper) -> None:
    owner_id = uuid4()
    await keeper.hold(owner_id, 8 * GB)
    wanted = room(owner_id, GB)
    for _ in range(3):
        assert not is_refused(await keeper.quota.reserve(wanted))
    assert not is_refused(await keeper.quota.reserve(room(owner_id, GB)))


async def test_the_same_question_twice_at_once_is_reserved_once(keeper: Keeper) -> None:
    owner_id = uuid4()
    await keeper.hold(owner_id, 8 * GB)
    wanted = room(owner_id, GB)
    answers = await asyncio.gather(*(keeper.quota.reserve(wanted) for _ in range(4)))
    assert [answer.reason for answer in answers] == [None] * 4
    assert not is_refused(await keeper.quota.reserve(room(owner_id, GB)))


async def test_of_two_that_ask_at_once_for_the_last_room_one_gets_it(keeper: Keeper) -> None:
    owner_id = uuid4()
    await keeper.hold(owner_id, 9 * GB)
    answers = await asyncio.gather(*(keeper.quota.reserve(room(owner_id, GB)) for _ in range(4)))
    assert sorted(is_refused(answer) for answer in answers) == [False, True, True, True]


async def test_what_is_declared_fits_or_is_refused_and_what_is_not_takes_what_is_left(keeper: Keeper) -> None:
    owner_id = uuid4()
    await keeper.hold(owner_id, 10 * GB - 1000)
    refused = await keeper.quota.reserve(room(owner_id, 1001))
    assert is_refused(refused)
    assert refused.left_bytes == 1000
    assert not is_refused(await keeper.quota.reserve(room(owner_id)))
    assert is_refused(await keeper.quota.reserve(room(owner_id)))


async def test_what_is_given_back_is_there_again(keeper: Keeper) -> None:
    owner_id = uuid4()
    await keeper.hold(owner_id, 9 * GB)
    wanted = room(owner_id, GB)
    assert not is_refused(await keeper.quota.reserve(wanted))
    for _ in range(2):
        await keeper.quota.release(wanted.reservation_id)
    assert not is_refused(await keeper.quota.reserve(room(owner_id, GB)))


async def test_giving_back_what_never_was_harms_nothing(keeper: Keeper) -> None:
    owner_id = uuid4()
    await keeper.hold(owner_id, 10 * GB)
    wanted = room(owner_id)
    assert is_refused(await keeper.quota.reserve(wanted))
    await keeper.quota.release(wanted.reservation_id)
    await keeper.quota.release(uuid4())


async def test_room_ends_by_itself(keeper: Keeper) -> None:
    owner_id = uuid4()
    await keeper.hold(owner_id, 9 * GB)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    assert not is_refused(await keeper.quota.reserve(room(owner_id, GB, expires_at=soon)))
    await asyncio.sleep(1.1)
    assert not is_refused(await keeper.quota.reserve(room(owner_id, GB)))


async def test_another_key_of_the_same_backup_takes_over_its_room(keeper: Keeper) -> None:
    owner_id, backup_id = uuid4(), uuid4()
    await keeper.hold(owner_id, 9 * GB)
    first, second = (room(owner_id, GB, backup_id=backup_id) for _ in range(2))
    for wanted in (first, second):
        assert not is_refused(await keeper.quota.reserve(wanted))
    await keeper.quota.release(first.reservation_id)
    assert is_refused(await keeper.quota.reserve(room(owner_id, GB))), "the second one's is kept"


async def test_an_owner_whose_bill_is_overdue_is_told_so(keeper: Keeper) -> None:
    owner_id = uuid4()
    await keeper.hold(owner_id, 10 * GB, in_arrears=True)
    assert is_refused(await keeper.quota.reserve(room(owner_id)), Restriction.ARREARS)


@pytest.mark.parametrize("terminus_id", [None, UUID(int=7)])
@pytest.mark.parametrize("declared_bytes", [None, 1, 2**62])
async def test_whatever_catalog_lets_in_is_understood(
    keeper: Keeper, terminus_id: UUID | None, declared_bytes: int | None
) -> None:
    answer = await keeper.quota.reserve(room(uuid4(), declared_bytes, terminus_id=terminus_id))
    assert is_refused(answer) is (declared_bytes == 2**62)


async def test_nobody_else_is_answered(keeper: Keeper) -> None:
    with pytest.raises(ServiceUnavailable):
        await keeper.stranger.reserve(room(uuid4()))
    with pytest.raises(ServiceUnavailable):
        await keeper.stranger.release(uuid4())


async def test_an_answer_has_the_last_word_on_the_owner(keeper: Keeper) -> None:
    owner_id = uuid4()
    answer = await keeper.quota.reserve(room(owner_id))
    assert (answer.number, answer.restriction) == (0, None)
    await keeper.hold(owner_id, 10 * GB)
    answer = await keeper.quota.reserve(room(owner_id))
    assert is_refused(answer)
    assert (answer.number, answer.restriction) == (1, Restriction.OVER_LIMIT)
