"""What an operator is alerted by says how instances and machines really are."""

from datetime import timedelta
from uuid import uuid4

from prometheus_client import REGISTRY

from provisioning.operations import gauges
from tests.provisioning.support import World


async def measured(world: World) -> dict[str, float]:
    await gauges.measure(world.database, world.shop.drivers, world.now)
    by_status = {"status": "pending"}, {"status": "fetching"}
    names = ("instances_stuck", "machines_unknown")
    return {
        "pending": REGISTRY.get_sample_value("space_provisioning_instances", by_status[0]) or 0,
        "fetching": REGISTRY.get_sample_value("space_provisioning_instances", by_status[1]) or 0,
        "orphans": REGISTRY.get_sample_value("space_provisioning_orphans", {"provider": "local"}) or 0,
        **{name: REGISTRY.get_sample_value(f"space_provisioning_{name}") or 0 for name in names},
    }


async def test_gauges_follow_what_there_is(world: World) -> None:
    nothing = {"pending": 0, "fetching": 0, "orphans": 0, "instances_stuck": 0, "machines_unknown": 0}
    assert await measured(world) == nothing
    await world.want()
    await world.work_on(3)
    world.cloud.plant(uuid4())
    await world.sweep()
    assert await measured(world) == nothing | {"pending": 1, "orphans": 1}

    world.cloud.script.extend(["create done_unanswered", *["find unanswered"] * 30])
    await world.want(instance_name="bob@olares.com")
    await world.work_on(3)
    world.now += timedelta(hours=2)
    await world.work()
    uncertain = {"fetching": 1, "instances_stuck": 1, "machines_unknown": 1}
    assert await measured(world) == nothing | uncertain | {"pending": 1, "orphans": 1}
