"""Loading price books: by settings or the operator, all problems at once, and never a change of what has been."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from billing import jobs
from billing.errors import PriceBookInvalid
from billing.models import PriceBookDocument
from billing.operations import price_books
from billing.settings import PACKAGED_PRICE_BOOK
from shared.errors import ServiceUnavailable
from tests.billing.support.asking import Asking
from tests.billing.support.price_lists import packaged, with_version
from tests.billing.support.world import World
from tests.support.running import Running
from tests.support.tokens import TokenIssuer

PACKAGED = PACKAGED_PRICE_BOOK.read_text()
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
LATER = SOON + timedelta(days=2)
DEARER = {'"29.00"': '"39.00"'}


@pytest.fixture
def asking(billing: Running, issuer: TokenIssuer) -> Asking:
    return Asking(billing, issuer, uuid4())


async def load(asking: Asking, document: str) -> tuple[int, list[str]]:
    answer = await asking.internal("POST", "/price-book", {"yaml": document, "file": "new.yaml"})
    return answer.status_code, [] if answer.status_code == 204 else answer.json()["problems"]


async def shown(asking: Asking) -> dict[str, Any]:
    found: dict[str, Any] = (await asking.billing.api.get("/api/v1/price-book")).json()
    return found


async def test_an_operator_announces_prices_and_the_book_says_when(asking: Asking, world: World) -> None:
    assert (await shown(asking))["next_change_at"] is None
    assert await load(asking, with_version("dearer", SOON, DEARER)) == (204, [])
    found = await shown(asking)
    assert (found["version"], datetime.fromisoformat(found["next_change_at"])) == ("2020-01", SOON)
    assert await load(asking, with_version("dearer", SOON, DEARER)) == (204, [])
    assert len(await world.every(PriceBookDocument)) == 2
    # What has not come into force yet may be put off, changed, or taken back.
    assert (await load(asking, with_version("dearer", LATER, {'"29.00"': '"35.00"'})))[0] == 204
    assert (await load(asking, PACKAGED))[0] == 204
    assert (await shown(asking))["next_change_at"] is None


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (PACKAGED.replace('monthly_price: "29.00"', 'monthly_price: "30.00"', 1), "does not change"),
        (PACKAGED.replace("gb_per_terminus: 10", "gb_per_terminus: 5"), "does not change"),
        (PACKAGED.replace("2020-01-01T", "2020-01-02T"), "does not change"),
        (PACKAGED.replace('"2020-01"', '"2020-02"'), "is missing"),
        (with_version("sooner", datetime(2026, 1, 1, tzinfo=UTC), DEARER), "would begin in the past"),
        (PACKAGED.replace("{provider: local, region: local}", "{provider: aws, region: us-east-1}"), "does not move"),
    ],
    ids=["price", "allowance", "date", "name", "in the past", "place"],
)
async def test_what_has_been_is_not_changed(asking: Asking, world: World, document: str, problem: str) -> None:
    assert document != PACKAGED
    status, problems = await load(asking, document)
    assert status == 422
    assert any(problem in each for each in problems), problems
    assert len(await world.every(PriceBookDocument)) == 1


async def test_what_was_announced_is_not_brought_forward_into_the_past(asking: Asking) -> None:
    assert (await load(asking, with_version("dearer", SOON, DEARER)))[0] == 204
    status, problems = await load(asking, with_version("dearer", datetime(2026, 1, 1, tzinfo=UTC), DEARER))
    assert (status, len(problems)) == (422, 1)
    assert "would begin in the past" in problems[0]
    assert (await shown(asking))["version"] == "2020-01"


async def test_all_problems_are_told_with_their_lines_and_nothing_is_changed(asking: Asking, world: World) -> None:
    lines = PACKAGED.splitlines()
    price = next(number for number, line in enumerate(lines, 1) if 'monthly_price: "29.00"' in line)
    currency = next(number for number, line in enumerate(lines, 1) if "currency: USD" in line)
    broken = PACKAGED.replace('monthly_price: "29.00"', 'monthly_price: "-29.00"', 1).replace("USD", "DUCATS", 1)
    status, problems = await load(asking, broken)
    assert status == 422
    assert {problem.partition(" ")[0] for problem in problems} == {f"new.yaml:{price}:", f"new.yaml:{currency}:"}
    for nonsense in ("", "[]", "a: [", "\t", "versions: 1", "&a [*a]"):
        assert (await load(asking, nonsense))[0] == 422, nonsense
    assert len(await world.every(PriceBookDocument)) == 1


async def test_only_the_operator_loads_prices(asking: Asking) -> None:
    for credential in ("catalog-secret", "restore-secret", "", "x"):
        body = {"yaml": PACKAGED, "file": "new.yaml"}
        assert (await asking.internal("POST", "/price-book", body, credential)).status_code == 401


async def test_the_settings_book_is_loaded_when_it_has_changed_and_not_over_the_operators(
    billing: Running, world: World, asking: Asking, tmp_path: Path
) -> None:
    file = tmp_path / "prices.yaml"
    settings = billing.runtime.settings.model_copy(update={"price_book": file})
    runtime = replace(billing.runtime, settings=settings)
    file.write_text(PACKAGED)
    await jobs.load_price_book(runtime, datetime.now(UTC))
    assert len(await world.every(PriceBookDocument)) == 1
    file.write_text(with_version("dearer", SOON, DEARER))
    for _ in range(2):
        await jobs.load_price_book(runtime, datetime.now(UTC))
    assert len(await world.every(PriceBookDocument)) == 2
    assert (await load(asking, PACKAGED))[0] == 204
    await jobs.load_price_book(runtime, datetime.now(UTC))
    assert (await shown(asking))["next_change_at"] is None
    file.write_text("nonsense")
    with pytest.raises(PriceBookInvalid, match=r"prices\.yaml"):
        await jobs.load_price_book(runtime, datetime.now(UTC))
    file.unlink()
    with pytest.raises(PriceBookInvalid, match="cannot be read"):
        await jobs.load_price_book(runtime, datetime.now(UTC))
    assert (await shown(asking))["version"] == "2020-01"


async def test_until_prices_are_loaded_nothing_is_promised(billing: Running, world: World, asking: Asking) -> None:
    async with world.database.transaction() as session:
        for row in await world.every(PriceBookDocument):
            await session.delete(row)
    async with world.database.reading() as session:
        with pytest.raises(ServiceUnavailable):
            await price_books.current(session)
    answer = await billing.api.get("/api/v1/price-book")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_tax_and_the_spend_limit_nobody_chose_may_change_at_any_time(asking: Asking, world: World) -> None:
    changed = packaged(tax='DE: "0.19"', **{'default_spend_limit: "10.00"': 'default_spend_limit: "25.00"'})
    assert (await load(asking, changed))[0] == 204
    async with world.database.reading() as session:
        book = await price_books.current(session)
    assert (str(book.tax_rates["DE"]), book.default_spend_limit_minor) == ("0.19", 2500)
