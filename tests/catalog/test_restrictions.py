"""Why an owner may not upload: billing's words in any order, an operator's beside them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Literal

import pytest
from sqlalchemy import select, update

from catalog import consumers, queries
from catalog.domain.gate import Restriction
from catalog.errors import OwnerNotFound
from catalog.models import Backup, OwnerSpace, StorageKey
from catalog.operations.restrictions import heed_billing
from shared.errors import FATE, Fate
from shared.events.billing import QuotaCleared, QuotaExceeded
from shared.events.identity import OwnerRegistered
from tests.support.running import OPERATOR, Running
from tests.support.tokens import Owner, TokenIssuer

NOW = datetime.now(UTC)
Word = tuple[int, Literal["over_limit", "arrears"] | None]
"""The number of what billing says, and the reason or that there is none."""


async def known(catalog: Running) -> Owner:
    owner = Owner()
    registered = OwnerRegistered(
        owner_id=owner.owner_id, did=owner.did, olares_name=owner.olares_name, registered_at=NOW
    )
    async with catalog.runtime.database.transaction() as session:
        await consumers.make_space(session, registered)
    return owner


async def tell(catalog: Running, owner: Owner, *words: Word) -> None:
    """Each word as an event of its own."""
    for number, reason in words:
        figures = {"owner_id": owner.owner_id, "used_bytes": 5, "limit_bytes": 5, "number": number, "occurred_at": NOW}
        async with catalog.runtime.database.transaction() as session:
            if reason is None:
                await consumers.lift_restriction(session, QuotaCleared.model_validate(figures))
            else:
                await consumers.restrict(session, QuotaExceeded.model_validate(figures | {"reason": reason}))


async def operate(catalog: Running, owner: Owner, restriction: str | None) -> int:
    answer = await catalog.internal.put(
        f"/internal/owners/{owner.owner_id}/restriction",
        json={"restriction": restriction},
        headers={"Authorization": f"Bearer {OPERATOR}"},
    )
    return answer.status_code


async def gate_knows(catalog: Running, owner: Owner) -> str | None:
    """What the gate finds with a key of the owner's."""
    async with catalog.runtime.database.transaction() as session:
        key = StorageKey(
            access_key_id=f"SPK{owner.owner_id.hex.upper()}", owner_id=owner.owner_id, access="write", issuer="vault",
            issued_at=NOW, expires_at=NOW + timedelta(hours=1),
        )  # fmt: skip
        key = await session.merge(key)
    async with catalog.runtime.database.reading() as session:
        found = await queries.storage_keys.find_grant(session, key.access_key_id)
    assert found is not None
    restriction: str | None = found.restriction
    return restriction


async def test_an_exceeded_quota_restricts_and_a_cleared_one_does_not(catalog: Running) -> None:
    owner = await known(catalog)
    assert await gate_knows(catalog, owner) is None
    await tell(catalog, owner, (1, "over_limit"))
    assert await gate_knows(catalog, owner) == "over_limit"
    await tell(catalog, owner, (2, "arrears"))
    assert await gate_knows(catalog, owner) == "arrears"
    await tell(catalog, owner, (3, None))
    assert await gate_knows(catalog, owner) is None


WORDS: tuple[Word, ...] = ((1, "over_limit"), (2, None), (3, "arrears"), (4, None))


@pytest.mark.parametrize("last", [3, 4])
async def test_the_last_word_stands_in_whatever_order_and_however_often_they_come(catalog: Running, last: int) -> None:
    for order in permutations(WORDS[:last]):
        owner = await known(catalog)
        await tell(catalog, owner, *order, *order[::-1])
        assert await gate_knows(catalog, owner) == WORDS[last - 1][1], order


@pytest.mark.parametrize(("first", "second", "stands"), [(2, 1, "over_limit"), (1, 2, None)])
async def test_of_two_words_at_once_the_later_one_stands(
    catalog: Running, first: int, second: int, stands: str | None
) -> None:
    """Forced: the first is being acted on when the second arrives."""
    owner = await known(catalog)
    database = catalog.runtime.database
    async with database.transaction() as session:
        await heed_billing(session, owner.owner_id, first, Restriction.OVER_LIMIT, NOW)
        contender = asyncio.create_task(tell(catalog, owner, (second, None)))
        await asyncio.sleep(0.1)
        assert not contender.done()
    await contender
    assert await gate_knows(catalog, owner) == stands


async def test_a_word_on_an_owner_nobody_has_seen_waits_for_them(catalog: Running) -> None:
    with pytest.raises(OwnerNotFound) as unknown:
        await tell(catalog, Owner(), (1, "over_limit"))
    assert FATE[unknown.value.kind] is Fate.RETRY


@pytest.mark.parametrize("said", [None, "over_limit"])
@pytest.mark.parametrize("operator", [None, "arrears"])
async def test_an_operators_word_and_billings_do_not_undo_each_other(
    catalog: Running, said: Literal["over_limit"] | None, operator: str | None
) -> None:
    words: Sequence[Word] = [(1, "over_limit"), *([(2, None)] if said is None else [])]
    for billing_first in (True, False):
        owner = await known(catalog)
        if billing_first:
            await tell(catalog, owner, *words)
        for restriction in ("arrears", operator):
            assert await operate(catalog, owner, restriction) == 204
        if not billing_first:
            await tell(catalog, owner, *words)
        assert await gate_knows(catalog, owner) == (operator or said)


async def test_an_operator_lifts_what_was_restricted_through_an_older_catalog(catalog: Running) -> None:
    """It knew one column only; once billing has spoken, that is billing's."""
    owner, other = await known(catalog), await known(catalog)
    async with catalog.runtime.database.transaction() as session:
        await session.execute(update(OwnerSpace).values(restriction="arrears"))
    await tell(catalog, other, (1, "over_limit"))
    for one in (owner, other):
        assert await operate(catalog, one, None) == 204
    assert await gate_knows(catalog, owner) is None
    assert await gate_knows(catalog, other) == "over_limit"


async def test_an_operator_cannot_restrict_an_owner_nobody_has_seen(catalog: Running) -> None:
    assert await operate(catalog, Owner(), "arrears") == 404


@pytest.mark.parametrize(("word", "at_once"), [((2, None), True), ((2, "arrears"), False), ((1, None), False)])
async def test_what_is_being_written_is_measured_as_soon_as_a_restriction_is_lifted(
    catalog: Running, issuer: TokenIssuer, word: Word, at_once: bool
) -> None:
    owner = await known(catalog)
    backup_ids = []
    for name in ("written", "quiet"):
        body = {"name": name, "source": {"kind": "path", "path": "/data"}}
        made = await catalog.api.post("/api/v1/backups", json=body, headers=issuer.headers(owner))
        backup_ids.append(made.json()["backup_id"])
    later = NOW + timedelta(hours=1)
    await tell(catalog, owner, (1, "over_limit"))
    async with catalog.runtime.database.transaction() as session:
        await session.execute(update(Backup).values(measure_due_at=later))
        session.add(
            StorageKey(
                access_key_id="SPKWRITES", owner_id=owner.owner_id, backup_id=backup_ids[0], access="write",
                issuer="vault", issued_at=NOW, expires_at=later,
            )
        )  # fmt: skip
    await tell(catalog, owner, word)
    async with catalog.runtime.database.reading() as session:
        due = dict(list(await session.execute(select(Backup.name, Backup.measure_due_at))))
    assert due["quiet"] == later
    assert (due["written"] is not None and due["written"] < later) is at_once
