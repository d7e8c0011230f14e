"""What an owner is told of why: of an end, and of nothing that went well."""

import pytest

from restore.domain.order import State
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
