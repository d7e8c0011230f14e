"""Room for write keys: asked of billing before a key is issued, given back when there is no key or it ends."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, text, update

from catalog import jobs, queries
from catalog.models import Backup, OwnerSpace, Reservation, StorageKey
from catalog.operations.remove import begin_due_removal
from catalog.operations.reservations import ABANDONED, LEASE
from shared.errors import ServiceUnavailable
from tests.support.billing_double import GB, BillingDouble
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer


@dataclass(frozen=True)
class Device:
    """An owner with a backup, whose folder in the store is there."""

    catalog: Running
    owner: Owner
    headers: dict[str, str]
    backup_id: UUID

    async def ask(
        self, scope: str = "write", declared_bytes: int | None = None, backup_id: UUID | None = None
    ) -> httpx.Response:
        body = {"backup_id": str(backup_id or self.backup_id), "scope": scope, "declared_bytes": declared_bytes}
        return await self.catalog.api.post("/api/v1/storage-keys", json=body, headers=self.headers)

    async def another_backup(self) -> UUID:
        body = {"name": f"music {uuid4()}", "source": {"kind": "path", "path": "/music"}}
        made = await self.catalog.api.post("/api/v1/backups", json=body, headers=self.headers)
        return UUID(made.json()["backup_id"])

    async def revoke(self, access_key_id: str = "") -> None:
        """End one key, or all."""
        path = f"/api/v1/storage-keys/{access_key_id}".rstrip("/")
        answer = await self.catalog.api.delete(path, headers=self.headers)
        assert answer.status_code == 204, answer.text

    async def keys(self) -> list[str]:
        async with self.catalog.runtime.database.reading() as session:
            mine = select(StorageKey.access_key_id).where(StorageKey.owner_id == self.owner.owner_id)
            return list(await session.scalars(mine))

    async def intents(self) -> list[Reservation]:
        async with self.catalog.runtime.database.reading() as session:
            return list(await session.scalars(select(Reservation).where(Reservation.owner_id == self.owner.owner_id)))

    async def change(self, **values: Any) -> None:
        """Set columns of the owner's folder."""
        async with self.catalog.runtime.database.transaction() as session:
            mine = update(OwnerSpace).where(OwnerSpace.owner_id == self.owner.owner_id)
            await session.execute(mine.values(**values))

    async def give_back(self, later: timedelta = timedelta(0)) -> int:
        """Give back all that is due; how many."""
        runtime = self.catalog.runtime
        count, now = 0, datetime.now(UTC) + later
        while await jobs.give_back_room(runtime, now):
            count += 1
        return count


@pytest.fixture
async def device(catalog: Running, issuer: TokenIssuer) -> Device:
    owner = Owner()
    headers = issuer.headers(owner)
    body = {"name": "photos", "source": {"kind": "path", "path": "/data"}}
    made = await catalog.api.post("/api/v1/backups", json=body, headers=headers)
    device = Device(catalog, owner, headers, UUID(made.json()["backup_id"]))
    await device.change(prepared=True)
    return device


def counted(answer: str) -> float:
    return REGISTRY.get_sample_value("space_catalog_quota_answers_total", {"answer": answer}) or 0.0


def none(_: object) -> None:
    """Nothing, after that was done."""


def on_loop(act: Callable[[], Awaitable[object]]) -> Callable[[], None]:
    """For the double's thread: do this on the test's loop and wait until it is done."""
    loop = asyncio.get_running_loop()

    async def do() -> None:
        await act()

    return lambda: asyncio.run_coroutine_threadsafe(do(), loop).result(5)


async def test_the_gate_knows_that_room_lifts_a_restriction_before_its_key_is_used(
    device: Device, billing: BillingDouble
) -> None:
    await device.change(restriction="over_limit", quota_number=3)
    billing.account(device.owner.owner_id).number = 4
    assert (await device.ask()).status_code == 201
    async with device.catalog.runtime.database.reading() as session:
        space = await session.get_one(OwnerSpace, device.owner.owner_id)
    assert (space.restriction, space.quota_number) == (None, 4)


async def test_an_older_word_in_an_answer_changes_nothing(device: Device, billing: BillingDouble) -> None:
    await device.change(restriction="arrears", quota_number=5)
    billing.account(device.owner.owner_id).number = 4
    assert (await device.ask()).status_code == 201
    async with device.catalog.runtime.database.reading() as session:
        space = await session.get_one(OwnerSpace, device.owner.owner_id)
    assert (space.restriction, space.quota_number) == ("arrears", 5)


async def test_room_is_reserved_for_a_write_key_as_it_was_declared(device: Device, billing: BillingDouble) -> None:
    key = await device.ask(declared_bytes=3 * GB)
    assert key.status_code == 201
    (asked,) = billing.asked
    (reservation,) = await device.intents()
    assert asked == {
        "reservation_id": str(reservation.id),
        "owner_id": str(device.owner.owner_id),
        "backup_id": str(device.backup_id),
        "terminus_id": None,
        "declared_bytes": 3 * GB,
        "expires_at": asked["expires_at"],
    }
    assert datetime.fromisoformat(asked["expires_at"]) == datetime.fromisoformat(key.json()["expires_at"])
    assert (reservation.access_key_id, reservation.due_at) == (key.json()["access_key_id"], reservation.expires_at)
    assert billing.kept == {str(reservation.id)}


@pytest.mark.parametrize("declared_bytes", [0, -1, 2**62 + 1, 1.5, "much"])
async def test_a_size_that_makes_no_sense_gets_no_key(
    device: Device, billing: BillingDouble, declared_bytes: object
) -> None:
    """Billing would not understand it, and to be without an answer is no way around the limit."""
    body = {"backup_id": str(device.backup_id), "scope": "write", "declared_bytes": declared_bytes}
    refused = await device.catalog.api.post("/api/v1/storage-keys", json=body, headers=device.headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "request_invalid")
    assert (billing.asked, await device.keys()) == ([], [])


async def test_a_read_key_asks_nobody(device: Device, billing: BillingDouble) -> None:
    billing.account(device.owner.owner_id).limit_bytes = 0
    assert (await device.ask("read")).status_code == 201
    assert billing.asked == []
    assert await device.intents() == []


@pytest.mark.parametrize("reason", ["over_limit", "arrears"])
async def test_without_room_there_is_no_key_and_the_owner_reads_why(
    device: Device, billing: BillingDouble, reason: str
) -> None:
    account = billing.account(device.owner.owner_id)
    account.used_bytes, account.reason = 10 * GB - 5, reason
    before = counted(reason)
    refused = await device.ask(declared_bytes=GB)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (403, reason)
    assert problem["detail"].startswith(f"billing says {reason}")
    assert (problem["used_bytes"], problem["limit_bytes"], problem["left_bytes"]) == (10 * GB - 5, 10 * GB, 5)
    assert await device.keys() == []
    assert counted(reason) == before + 1
    await device.give_back()
    assert (await device.intents(), billing.kept) == ([], set())


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("over_limit", "hold 9.9 GB of the 10.0 GB you may store; the 51 MB that are left are not enough"),
        ("arrears", "bill of yours is overdue, so you may store 10.0 GB; your backups hold 9.9 GB"),
    ],
)
async def test_the_figures_are_said_when_billing_sends_no_words(
    device: Device, billing: BillingDouble, reason: str, words: str
) -> None:
    figures = {"used_bytes": 10 * GB - 54_000_000, "limit_bytes": 10 * GB, "left_bytes": 54_000_000}
    billing.answer = (200, json.dumps({"allowed": False, "reason": reason, "detail": "", **figures}).encode())
    assert words in (await device.ask()).json()["detail"]


async def test_of_two_devices_that_ask_at_once_for_the_last_room_one_gets_it(
    device: Device, billing: BillingDouble
) -> None:
    """Forced: neither has its answer before both have asked."""
    billing.account(device.owner.owner_id).used_bytes = 9 * GB
    both = threading.Barrier(2, timeout=30)
    billing.before_answer = lambda: none(both.wait())
    music = await device.another_backup()
    answers = await asyncio.gather(device.ask(), device.ask(backup_id=music))
    assert sorted(answer.status_code for answer in answers) == [201, 403]
    assert len(await device.keys()) == 1
    billing.before_answer = lambda: None
    await device.give_back()
    assert len(billing.kept) == 1, "the refused one's room is not the other's"


async def test_no_transaction_is_open_while_billing_answers(device: Device, billing: BillingDouble) -> None:
    seen: list[int] = []

    async def open_transactions() -> None:
        async with device.catalog.runtime.database.engine.connect() as connection:
            count = await connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
                )
            )
        seen.append(int(count or 0))

    billing.before_answer = on_loop(open_transactions)
    key = await device.ask()
    await device.revoke(key.json()["access_key_id"])
    assert await device.give_back() == 1
    assert seen == [0, 0]


async def test_while_billing_is_down_backups_go_on(device: Device, billing: BillingDouble) -> None:
    billing.close()
    before = counted("unanswered")
    assert (await device.ask()).status_code == 201
    assert counted("unanswered") == before + 1


@pytest.mark.parametrize("reason", ["over_limit", "arrears"])
async def test_while_billing_is_down_its_last_word_stands(device: Device, billing: BillingDouble, reason: str) -> None:
    billing.close()
    await device.change(restriction=reason, quota_number=1)
    refused = await device.ask()
    assert (refused.status_code, refused.json()["code"]) == (403, reason)
    assert "when it was last looked at" in refused.json()["detail"]
    assert await device.keys() == []


async def test_what_an_operator_said_is_for_the_gate_and_refuses_no_key(device: Device, billing: BillingDouble) -> None:
    billing.close()
    await device.change(operator_restriction="arrears")
    assert (await device.ask()).status_code == 201


async def test_billings_answer_counts_and_not_what_was_heard_before(device: Device) -> None:
    await device.change(restriction="over_limit", quota_number=1)
    assert (await device.ask()).status_code == 201


@pytest.mark.parametrize("deadline_seconds", [1.0])
@pytest.mark.parametrize("slow", ["delay_seconds", "drip_seconds"])
async def test_a_slow_billing_is_waited_for_until_the_deadline(
    device: Device, billing: BillingDouble, slow: str
) -> None:
    setattr(billing, slow, 20.0 if slow == "delay_seconds" else 0.1)
    before = counted("unanswered")
    started = time.monotonic()
    assert (await device.ask()).status_code == 201
    assert time.monotonic() - started < 15
    assert counted("unanswered") == before + 1
    assert len(billing.kept) == 1, "billing heard it, and its room is given back with the key"
    (reservation,) = await device.intents()
    assert str(reservation.id) in billing.kept


ANSWER: dict[str, Any] = {
    "allowed": False, "reason": "over_limit", "detail": "", "used_bytes": 1, "limit_bytes": 1, "left_bytes": 0
}  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        (200, b""),
        (200, b"{}"),
        (200, b"not json"),
        (200, b"[]"),
        (204, b""),
        (302, b""),
        (401, b'{"code": "sign_in_needed", "detail": "no"}'),
        (404, b'{"code": "path_not_found", "detail": "no"}'),
        (422, b'{"code": "request_invalid", "detail": "no"}'),
        (500, b"<html>"),
        (503, b'{"code": "service_unavailable", "detail": "no"}'),
        (200, json.dumps(ANSWER | {"reason": None}).encode()),
        (200, json.dumps(ANSWER | {"reason": "bored"}).encode()),
        (200, json.dumps(ANSWER | {"allowed": True}).encode()),
        (200, json.dumps(ANSWER | {"used_bytes": -1}).encode()),
        (200, json.dumps(ANSWER | {"left_bytes": "much"}).encode()),
        (200, json.dumps(ANSWER | {"detail": "x" * 5000}).encode()),
    ],
)
async def test_an_answer_that_was_not_agreed_is_none(
    device: Device, billing: BillingDouble, answer: tuple[int, bytes]
) -> None:
    billing.answer = answer
    before = counted("unanswered")
    assert (await device.ask()).status_code == 201
    assert counted("unanswered") == before + 1


async def test_a_question_whose_answer_was_lost_is_repeated_and_reserves_once(
    device: Device, billing: BillingDouble
) -> None:
    billing.broken_answers = 1
    before = counted("reserved")
    assert (await device.ask()).status_code == 201
    first, second = billing.asked
    assert first == second
    assert billing.kept == {first["reservation_id"]}
    assert counted("reserved") == before + 1


async def test_a_key_that_could_not_be_made_gives_its_room_back(device: Device, billing: BillingDouble) -> None:
    # The store is asked for the owner's bucket, and there is no store.
    await device.change(prepared=False)
    failed = await device.ask()
    assert (failed.status_code, failed.json()["code"]) == (503, "store_unavailable")
    assert len(billing.kept) == 1
    assert await device.give_back() == 1
    assert (billing.kept, await device.intents(), await device.keys()) == (set(), [], [])


async def test_a_backup_that_is_deleted_while_billing_is_asked_gets_no_key(
    device: Device, billing: BillingDouble
) -> None:
    path = f"/api/v1/backups/{device.backup_id}"
    billing.before_answer = on_loop(lambda: device.catalog.api.delete(path, headers=device.headers))
    refused = await device.ask()
    assert (refused.status_code, refused.json()["code"]) == (409, "backup_deleted")
    billing.before_answer = lambda: None
    assert await device.give_back() == 1
    assert (billing.kept, await device.keys()) == (set(), [])


async def test_the_intent_is_written_before_billing_is_asked(device: Device, billing: BillingDouble) -> None:
    seen: list[list[Reservation]] = []

    async def look() -> None:
        seen.append(await device.intents())

    billing.before_answer = on_loop(look)
    await device.ask()
    ((intent,),) = seen
    assert (str(intent.id), intent.access_key_id) == (billing.asked[0]["reservation_id"], None)


async def test_room_that_a_process_reserved_before_it_died_is_given_back(
    device: Device, billing: BillingDouble
) -> None:
    hold = threading.Event()
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> None:
        loop.call_soon_threadsafe(reached.set)
        hold.wait(5)

    billing.before_answer = wait
    request = asyncio.create_task(device.ask())
    await reached.wait()
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    hold.set()
    billing.before_answer = lambda: None
    assert len(billing.kept) == 1
    assert await device.give_back() == 0, "it may still be on its way"
    assert await device.give_back(ABANDONED) == 1
    assert (billing.kept, await device.intents(), await device.keys()) == (set(), [], [])


async def test_an_intent_that_billing_never_heard_of_goes_the_same_way(device: Device, billing: BillingDouble) -> None:
    """The process died between writing it down and asking."""
    now = datetime.now(UTC)
    async with device.catalog.runtime.database.transaction() as session:
        session.add(
            Reservation(
                id=uuid4(), owner_id=device.owner.owner_id, expires_at=now + timedelta(hours=12), due_at=now + ABANDONED
            )
        )
    assert await device.give_back() == 0
    assert await device.give_back(ABANDONED) == 1
    assert (len(billing.released), await device.intents()) == (1, [])


async def test_a_key_that_took_so_long_that_its_room_went_back_is_not_given_out(
    device: Device, billing: BillingDouble
) -> None:
    async def take_back() -> None:
        billing.before_answer = lambda: None
        await device.give_back(ABANDONED)

    billing.before_answer = on_loop(take_back)
    late = await device.ask()
    assert (late.status_code, late.json()["code"]) == (503, "service_unavailable")
    assert (billing.kept, await device.keys()) == (set(), [])


async def test_a_key_is_not_tied_to_room_that_is_just_being_given_back(device: Device) -> None:
    """Forced: giving back has claimed the room and not committed when the key arrives."""
    database = device.catalog.runtime.database
    now, reservation_id = datetime.now(UTC), uuid4()
    async with database.transaction() as session:
        session.add(
            Reservation(
                id=reservation_id, owner_id=device.owner.owner_id, expires_at=now + timedelta(hours=12), due_at=now
            )
        )

    async def bind() -> bool:
        async with database.transaction() as session:
            return await queries.reservations.bind(session, reservation_id, now, "SPKNEVER")

    async with database.transaction() as session:
        assert await queries.reservations.claim(session, now, now + LEASE) is not None
        contender = asyncio.create_task(bind())
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert await contender is False


async def test_two_workers_never_give_back_the_same_room(device: Device) -> None:
    database = device.catalog.runtime.database
    await device.ask()
    await device.revoke()
    now = datetime.now(UTC)
    async with database.transaction() as first, database.transaction() as second:
        assert await queries.reservations.claim(first, now, now + LEASE) is not None
        assert await queries.reservations.claim(second, now, now + LEASE) is None


@pytest.mark.parametrize("how", ["one", "all"])
async def test_a_revoked_key_gives_its_room_back_and_the_others_keep_theirs(
    device: Device, billing: BillingDouble, how: str
) -> None:
    music = await device.another_backup()
    key, other = (await device.ask()).json(), (await device.ask(backup_id=music)).json()
    await device.revoke(key["access_key_id"] if how == "one" else "")
    await device.give_back()
    assert len(billing.kept) == (1 if how == "one" else 0)
    if how == "one":
        (kept,) = await device.intents()
        assert kept.access_key_id == other["access_key_id"]
        await device.revoke(key["access_key_id"])
        assert await device.give_back() == 0, "it was given back already"


async def test_the_keys_of_a_removed_backup_give_their_room_back(device: Device, billing: BillingDouble) -> None:
    await device.ask()
    runtime = device.catalog.runtime
    now = datetime.now(UTC)
    async with runtime.database.transaction() as session:
        gone = update(Backup).where(Backup.id == device.backup_id)
        await session.execute(gone.values(state="deleting", delete_due_at=now))
    assert await begin_due_removal(runtime.database, runtime.settings, now) == 1
    assert await device.give_back() == 1
    assert billing.kept == set()


async def test_a_key_that_cannot_be_revoked_keeps_its_room_until_it_ends(device: Device) -> None:
    """A session of STS works to its end, whatever our rows say."""
    await device.ask()
    async with device.catalog.runtime.database.transaction() as session:
        await session.execute(update(StorageKey).values(issuer="aws"))
    await device.revoke()
    assert await device.give_back() == 0
    assert len(await device.intents()) == 1


async def test_room_ends_with_its_key_and_nobody_is_told(device: Device, billing: BillingDouble) -> None:
    await device.ask()
    billing.close()
    assert await device.give_back(timedelta(hours=12)) == 0
    assert await device.intents() == []


async def test_room_is_given_back_again_and_again_until_billing_has_said_so(
    device: Device, billing: BillingDouble
) -> None:
    await device.ask()
    await device.revoke()
    billing.broken_answers = 2
    with pytest.raises(ServiceUnavailable):
        await device.give_back()
    assert len(await device.intents()) == 1
    assert await device.give_back() == 0, "others may be at it"
    assert await device.give_back(LEASE) == 1
    assert len(set(billing.released)) == 1
    assert (billing.kept, await device.intents()) == (set(), [])


async def test_an_owner_without_room_is_still_measured_soon(device: Device, billing: BillingDouble) -> None:
    """What they removed is seen before they ask again."""
    billing.account(device.owner.owner_id).limit_bytes = 0
    await device.ask()
    async with device.catalog.runtime.database.reading() as session:
        due_at = await session.scalar(select(Backup.measure_due_at).where(Backup.id == device.backup_id))
    assert due_at is not None
    assert due_at <= datetime.now(UTC) + timedelta(seconds=60)
