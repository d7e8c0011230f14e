"""What an owner who gives up pays for: the time until then, however late restore learns of it."""

from datetime import UTC, datetime, timedelta

from restore.domain.order import LIMITS, State
from tests.restore.cloud import Cloud

CAPTURE = "restore.capture_wanted"


async def used_until(cloud: Cloud, restore_id: str) -> datetime:
    return datetime.fromisoformat(dict(await cloud.wanted(restore_id))[CAPTURE]["ended_at"])


async def test_nothing_is_charged_after_the_last_day_however_late_that_is_seen(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AWAITING_PASSWORD)
    until = datetime.fromisoformat((await cloud.read(restore_id))["cloud"]["password"]["until"])
    late = timedelta(hours=30)
    await cloud.let_pass(restore_id, LIMITS[State.AWAITING_PASSWORD] + late)
    assert await cloud.state(restore_id) == "undoing"
    # Its own time was moved back, in place of ours on.
    assert await used_until(cloud, restore_id) == until - LIMITS[State.AWAITING_PASSWORD] - late


async def test_nothing_is_charged_after_the_owner_has_returned_the_instance(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AWAITING_PASSWORD)
    await cloud.let_pass(restore_id, timedelta(hours=5))
    returned_at = datetime.now(UTC) - timedelta(hours=3)
    await cloud.gone(restore_id, cause="owner", returned_at=returned_at)
    assert await used_until(cloud, restore_id) == returned_at
    # A word that comes after the end was decided changes nothing of it.
    await cloud.gone(restore_id, cause="owner", returned_at=returned_at - timedelta(hours=1))
    await cloud.let_pass(restore_id, timedelta(minutes=5))
    assert await used_until(cloud, restore_id) == returned_at


async def test_who_gives_up_in_time_pays_until_then(cloud: Cloud) -> None:
    restore_id, _ = await cloud.to(State.AWAITING_PASSWORD)
    before = datetime.now(UTC)
    await cloud.cancel(restore_id)
    assert before <= await used_until(cloud, restore_id) <= datetime.now(UTC)
