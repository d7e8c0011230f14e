"""What an owner is told of why: of an end, and of nothing that went well."""

from uuid import UUID

import pytest
from sqlalchemy import text

from restore.domain import words
from restore.domain.order import ASKED_AGAIN, LIMITS, STALLED, State
from shared.events.base import Event
from shared.events.billing import PaymentCaptured, PaymentVoided
from tests.restore.cloud import Cloud


@pytest.mark.parametrize(
    ("kind", "code"), [(PaymentCaptured, "taken_early"), (PaymentVoided, "hold_released")], ids=["captured", "voided"]
)
async def test_money_that_ends_an_order_before_it_begins_is_explained(
    cloud: Cloud, kind: type[Event], code: str
) -> None:
    restore_id, _ = await cloud.to(State.AUTHORISING)
    await cloud.hear(await cloud.money(restore_id, kind))
    await cloud.gone(restore_id, cause="unwanted")
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"]) == ("expired", code)
    assert "Order again" in found["reason"]


@pytest.mark.parametrize("kind", [PaymentCaptured, PaymentVoided], ids=["captured", "voided"])
async def test_a_restore_that_is_done_has_nothing_to_explain(cloud: Cloud, kind: type[Event]) -> None:
    restore_id, _ = await cloud.to(State.CAPTURING)
    await cloud.hear(await cloud.money(restore_id, kind))
    found = await cloud.read(restore_id)
    assert (found["state"], found["code"], found["reason"]) == ("completed", None, None)


async def test_who_pays_for_the_use_is_told_so(cloud: Cloud) -> None:
    forgotten, _ = await cloud.to(State.AWAITING_PASSWORD, "forgotten@olares.com")
    await cloud.let_pass(forgotten, LIMITS[State.AWAITING_PASSWORD])
    given_up, _ = await cloud.to(State.AWAITING_PASSWORD, "given-up@olares.com")
    await cloud.cancel(given_up)
    returned, _ = await cloud.to(State.AWAITING_PASSWORD, "returned@olares.com")
    await cloud.gone(returned, cause="owner")
    for restore_id in (forgotten, given_up, returned):
        assert words.USE_CHARGED in (await cloud.read(restore_id))["reason"], restore_id
    free, _ = await cloud.to(State.RESTORING, "free@olares.com")
    await cloud.gone(free, cause="owner")
    assert (await cloud.read(free))["reason"] == "Its owner returned the instance."


async def test_a_refusal_says_how_the_restore_is(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.RESTORING)
    assert agent is not None
    assert "is being restored: it does not wait" in (await cloud.send(restore_id, 1)).json()["detail"]
    await agent.report(1, "failed", code="disk_full", reason="the disk is full")
    async with cloud.restore.runtime.database.transaction() as session:
        asked = text("UPDATE cloud_restores SET asked = :times WHERE restore_id = :id")
        await session.execute(asked, {"times": ASKED_AGAIN[State.UNDOING], "id": UUID(restore_id)})
    await cloud.let_pass(restore_id, LIMITS[State.UNDOING])
    assert await cloud.state(restore_id) == "needs_operator"
    for answer in (await cloud.cancel(restore_id), await cloud.confirm(restore_id)):
        assert "is waiting for an operator and cannot be" in answer.json()["detail"]


async def test_what_counts_nothing_is_not_called_stalled(cloud: Cloud) -> None:
    restore_id, agent = await cloud.to(State.VALIDATING)
    assert agent is not None
    await cloud.let_pass(restore_id, STALLED * 10)
    assert (await agent.report(1, "validating", bytes_restored=100)).status_code == 204
    assert not (await cloud.read(restore_id))["cloud"]["stalled"]
