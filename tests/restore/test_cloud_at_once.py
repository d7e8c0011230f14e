"""Two orders with one Idempotency-Key at the same moment, each for something else."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from restore.operations import ordering
from restore.operations.ordering import Wanted
from restore.provisioning_client import Place
from shared.idempotency import Once
from tests.restore.cloud import PLACE, Cloud

CHECKS = "/internal/instances/checks"
OTHER = "bob@olares.com"


async def test_an_order_is_not_answered_with_another_that_came_at_the_same_moment(cloud: Cloud) -> None:
    key, loop, runtime = str(uuid4()), asyncio.get_running_loop(), cloud.restore.runtime
    owner_id, backup_id = cloud.snapshot.owner_id, cloud.snapshot.backup_id
    restore_id = Once(key, str(owner_id), b"").same_id()
    wanted = Wanted(owner_id, restore_id, backup_id, None, Place(OTHER, **PLACE))

    def overtake(path: str) -> None:
        if path == CHECKS:
            cloud.orders.after = lambda _: None
            order = ordering.order_restore(
                runtime.database, runtime.adapters, runtime.settings, wanted, datetime.now(UTC)
            )
            asyncio.run_coroutine_threadsafe(order, loop).result(10)

    cloud.orders.after = overtake
    cloud.headers = cloud.headers | {"Idempotency-Key": key}
    refused = await cloud.ask()
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert (await cloud.read(str(restore_id)))["cloud"]["instance_name"] == OTHER
    answer = await cloud.ask(OTHER)
    assert (answer.status_code, answer.json()["restore_id"]) == (201, str(restore_id))
