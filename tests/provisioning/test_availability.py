"""Whether plans can be had: what drivers say when they are asked, when they do not, and what a refused call tells."""

import asyncio
from collections import deque
from datetime import timedelta
from itertools import permutations

import pytest

from provisioning.domain.offers import SOLD_OUT_FOR, State
from provisioning.operations.availability import mark_sold_out, survey
from provisioning.queries import offers as queries
from tests.provisioning.shelves import SINCE, Choosy, rows, shelf, states
from tests.provisioning.support import World

MINUTE = timedelta(minutes=1)
HERE = ("local", "here", "small")
SHELF = shelf(local={"here": ["small", "large"]}, aws={"east": ["small"], "west": ["small", "huge"]})
FRESH = {
    "local/here/small": "available",
    "local/here/large": "available",
    "aws/east/small": "available",
    "aws/west/small": "available",
    "aws/west/huge": "available",
}


@pytest.fixture
def clouds() -> dict[str, Choosy]:
    return {"local": Choosy("local"), "aws": Choosy("aws")}


async def test_each_place_is_asked_once_in_its_drivers_words(world: World, clouds: dict[str, Choosy]) -> None:
    await survey(world.database, clouds, SHELF, SINCE)
    assert clouds["local"].asked == [("here-1", ("LARGE", "SMALL"))]
    assert clouds["aws"].asked == [("east-1", ("SMALL",)), ("west-1", ("HUGE", "SMALL"))]
    assert await states(world.database) == FRESH


async def test_what_is_sold_out_is_kept_until_the_driver_has_it_again(world: World, clouds: dict[str, Choosy]) -> None:
    clouds["aws"].sold_out_sizes = frozenset({"SMALL"})
    await survey(world.database, clouds, SHELF, SINCE)
    assert await states(world.database) == FRESH | {"aws/east/small": "sold_out", "aws/west/small": "sold_out"}
    clouds["aws"].sold_out_sizes = frozenset()
    await survey(world.database, clouds, SHELF, SINCE + MINUTE)
    assert await states(world.database) == FRESH
    assert {row.checked_at for row in (await rows(world.database)).values()} == {SINCE + MINUTE}


async def test_a_driver_that_does_not_answer_keeps_its_last_word_and_its_time(
    world: World, clouds: dict[str, Choosy]
) -> None:
    clouds["aws"].sold_out_sizes = frozenset({"HUGE"})
    await survey(world.database, clouds, SHELF, SINCE)
    clouds["aws"].sold_out_sizes = frozenset()
    clouds["aws"].script = deque(["sold_out unanswered"])
    await survey(world.database, clouds, SHELF, SINCE + MINUTE)
    assert await states(world.database) == FRESH
    checked = {"/".join(key): row.checked_at for key, row in (await rows(world.database)).items()}
    # Only of the region that did not answer; the others said something new.
    assert {name for name, at in checked.items() if at == SINCE} == {"aws/east/small"}
    clouds["aws"].sold_out_sizes = frozenset({"HUGE"})
    clouds["aws"].script = deque(["sold_out unanswered", "sold_out unanswered"])
    await survey(world.database, clouds, SHELF, SINCE + 2 * MINUTE)
    assert await states(world.database) == FRESH


async def test_a_driver_that_was_never_heard_has_no_word(world: World, clouds: dict[str, Choosy]) -> None:
    clouds["local"].script = deque(["sold_out unanswered"])
    await survey(world.database, clouds, SHELF, SINCE)
    assert {name for name in await states(world.database) if name.startswith("local")} == set()


async def test_a_provider_that_does_not_let_us_in_is_unusable_with_a_reason(
    world: World, clouds: dict[str, Choosy]
) -> None:
    await survey(world.database, clouds, SHELF, SINCE)
    # The first region still answered when the key was taken back.
    clouds["aws"].script = deque(["sold_out done", "sold_out credentials_refused"])
    await survey(world.database, clouds, SHELF, SINCE + MINUTE)
    unusable = {name: "unusable" for name in FRESH if name.startswith("aws")}
    assert await states(world.database) == FRESH | unusable
    reasons = {row.reason for key, row in (await rows(world.database)).items() if key[0] == "aws"}
    assert reasons == {"the script says that sold_out is credentials_refused"}
    await survey(world.database, clouds, SHELF, SINCE + 2 * MINUTE)
    assert await states(world.database) == FRESH
    assert {row.reason for row in (await rows(world.database)).values()} == {None}


async def test_a_size_that_there_never_is_makes_its_plan_unusable_and_no_other(
    world: World, clouds: dict[str, Choosy]
) -> None:
    clouds["aws"].never = frozenset({"HUGE"})
    clouds["aws"].sold_out_sizes = frozenset({"SMALL"})
    await survey(world.database, clouds, SHELF, SINCE)
    assert await states(world.database) == FRESH | {
        "aws/east/small": "sold_out",
        "aws/west/small": "sold_out",
        "aws/west/huge": "unusable",
    }
    assert (await rows(world.database))["aws", "west", "huge"].reason == "there is no HUGE in west-1"


async def test_drivers_are_asked_at_the_same_time_and_outside_any_transaction(
    world: World, clouds: dict[str, Choosy]
) -> None:
    clouds["local"].slow_seconds = clouds["aws"].slow_seconds = 0.3
    surveying = asyncio.create_task(survey(world.database, clouds, SHELF, SINCE))
    await asyncio.sleep(0.15)
    assert [len(cloud.asked) for cloud in clouds.values()] == [1, 1]
    pool = world.database.engine.sync_engine.pool
    assert pool.checkedout() == 0  # type: ignore[attr-defined]  # of the pool that the engine has
    await surveying
    assert await states(world.database) == FRESH


async def test_what_is_not_offered_any_more_is_forgotten(world: World, clouds: dict[str, Choosy]) -> None:
    await survey(world.database, clouds, SHELF, SINCE)
    less = shelf(local={"here": ["large"]})
    await survey(world.database, clouds, less, SINCE + MINUTE)
    assert await states(world.database) == {"local/here/large": "available"}


async def test_what_was_asked_earlier_and_is_told_later_changes_nothing(
    world: World, clouds: dict[str, Choosy]
) -> None:
    await survey(world.database, clouds, SHELF, SINCE + MINUTE)
    clouds["aws"].sold_out_sizes = frozenset({"SMALL"})
    await survey(world.database, clouds, SHELF, SINCE)
    assert await states(world.database) == FRESH


async def mark(world: World, until_after: timedelta, plan: str = "small") -> None:
    async with world.database.transaction() as session:
        await mark_sold_out(session, "local", "here", plan, SINCE + until_after)


async def test_a_refused_call_counts_whatever_the_driver_says(world: World, clouds: dict[str, Choosy]) -> None:
    await mark(world, SOLD_OUT_FOR)
    await survey(world.database, clouds, SHELF, SINCE + MINUTE)
    row = (await rows(world.database))[HERE]
    assert (row.state, row.sold_out_until) == (State.AVAILABLE, SINCE + SOLD_OUT_FOR)


async def test_a_refused_call_does_not_touch_what_the_driver_said(world: World, clouds: dict[str, Choosy]) -> None:
    clouds["local"].sold_out_sizes = frozenset({"SMALL"})
    await survey(world.database, clouds, SHELF, SINCE)
    await mark(world, SOLD_OUT_FOR)
    row = (await rows(world.database))[HERE]
    assert (row.state, row.checked_at, row.sold_out_until) == (State.SOLD_OUT, SINCE, SINCE + SOLD_OUT_FOR)


@pytest.mark.parametrize("order", list(permutations([MINUTE, 2 * MINUTE, 3 * MINUTE])))
async def test_of_several_refused_calls_the_last_counts(world: World, order: tuple[timedelta, ...]) -> None:
    for until_after in order:
        await mark(world, until_after)
    assert (await rows(world.database))[HERE].sold_out_until == SINCE + 3 * MINUTE


async def test_a_refused_call_of_a_plan_that_was_never_asked_about_ends_by_itself(world: World) -> None:
    await mark(world, SOLD_OUT_FOR)
    async with world.database.reading() as session:
        word = (await queries.words(session))[HERE]
    assert (word.state, word.checked_at, word.sold_out_until) == (State.AVAILABLE, SINCE, SINCE + SOLD_OUT_FOR)


async def test_surveys_and_refused_calls_at_once_do_not_stand_in_each_others_way(
    world: World, clouds: dict[str, Choosy]
) -> None:
    """Opposite orders of the same rows would make them wait for each other."""
    backwards = shelf(aws={"west": ["huge", "small"], "east": ["small"]}, local={"here": ["large", "small"]})
    work = [survey(world.database, clouds, each, SINCE) for each in (SHELF, backwards) * 5]
    work += [mark(world, SOLD_OUT_FOR, plan) for plan in ("small", "large") * 5]
    await asyncio.gather(*work)
    assert await states(world.database) == FRESH
