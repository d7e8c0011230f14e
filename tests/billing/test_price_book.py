"""Loading a price book: what it says, and everything that is refused, with its line."""

import random
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.prices import GB, Plan, PriceBook
from billing.price_book import PriceBookProblems, load, parse
from billing.settings import PACKAGED_PRICE_BOOK

SOUND = """\
backup_storage_place: {provider: local, region: local}
default_spend_limit: "10.00"
tax_rates: {DE: "0.19"}
versions:
  - name: "2026-01"
    effective_from: 2026-01-01T00:00:00Z
    effective_until: 2026-03-01T00:00:00Z
    currency: USD
    free_backup_storage: {gb_per_terminus: 10, max_terminus: 3}
    regions:
      - provider: local
        region: local
        backup_storage:
          - {from_gb: 0, to_gb: 100, price: "0.08"}
          - {from_gb: 100, price: "0.07"}
        cloud_storage:
          - {from_gb: 0, price: "0.08"}
        traffic:
          - {from_gb: 0, to_gb: 1024, price: "0.08"}
          - {from_gb: 1024, to_gb: null, price: "0.07"}
        plans:
          - {name: small, monthly_price: "29.00", included_traffic_gb: 100, included_storage_gb: 200}
          - {name: large, monthly_price: "99", included_traffic_gb: 100, included_storage_gb: 200}
  - name: spring
    effective_from: 2026-03-01T09:00:00+09:00
    currency: USD
    free_backup_storage: {gb_per_terminus: "0.03125", max_terminus: 1}
    regions:
      - provider: local
        region: local
        backup_storage: [{from_gb: 0, price: "0.1"}]
        cloud_storage: [{from_gb: 0, price: "0.1"}]
        traffic: [{from_gb: 0, price: "0"}]
        plans: []
"""


def problems(text: str) -> list[str]:
    """Without the file's name, which every one begins with."""
    with pytest.raises(PriceBookProblems) as caught:
        parse(text, "book.yaml")
    assert all(str(each).startswith("book.yaml:") for each in caught.value.problems)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(each).removeprefix("book.yaml:") for each in caught.value.problems]


def changed(before: str, after: str) -> str:
    assert before in SOUND
    return SOUND.replace(before, after, 1)


def test_a_book_is_read_as_it_is_written() -> None:
    book = parse(SOUND, "book.yaml")
    winter, spring = book.versions
    region = winter.region(("local", "local"))
    assert (book.place, book.default_spend_limit_minor, book.tax_rates) == (
        ("local", "local"),
        1000,
        {"DE": Decimal("0.19")},
    )
    assert (winter.name, winter.effective_from, winter.currency) == ("2026-01", datetime(2026, 1, 1, tzinfo=UTC), "USD")
    assert (winter.free_bytes_per_terminus, winter.max_free_terminus) == (10 * GB, 3)
    assert [(tier.from_bytes, tier.to_bytes, str(tier.per_gb_month)) for tier in region.backup_storage] == [
        (0, 100 * GB, "0.08"),
        (100 * GB, None, "0.07"),
    ]
    assert [tier.to_bytes for tier in region.traffic] == [1024 * GB, None]
    assert region.plans["small"] == Plan("small", 2900, 100 * GB, 200 * GB)
    assert region.plans["large"].monthly_minor == 9900
    assert spring.effective_from == datetime(2026, 3, 1, tzinfo=UTC)
    assert spring.free_bytes_per_terminus == 32 * 2**20
    assert spring.region(("local", "local")).plans == {}


def test_the_packaged_book_is_sound_and_has_the_prices_we_publish() -> None:
    book: PriceBook = load(PACKAGED_PRICE_BOOK)
    version = book.in_force(datetime(2026, 1, 1, tzinfo=UTC))
    assert set(version.regions) == {("local", "local"), ("aws", "us-east-1"), ("aws", "ap-northeast-1")}
    assert version.free_bytes_per_terminus == 10 * GB
    for region in version.regions.values():
        storage = [(tier.from_bytes, tier.to_bytes, str(tier.per_gb_month)) for tier in region.backup_storage]
        assert storage == [(0, 10_240 * GB, "0.08"), (10_240 * GB, None, "0.07")]
        assert region.cloud_storage == region.backup_storage
        assert [(tier.to_bytes, str(tier.per_gb_month)) for tier in region.traffic] == [
            (1024 * GB, "0.08"),
            (None, "0.07"),
        ]
        assert {(p.included_traffic_bytes, p.included_storage_bytes) for p in region.plans.values()} == {
            (100 * GB, 200 * GB)
        }
        assert list(region.plans) == ["small", "medium", "large"]


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ('to_gb: 100, price: "0.08"', "to_gb: 100, price: 0.08", 14, 'write it in quotes: "0.08"'),
        ('price: "0.08"', "price: 8", 14, 'write it in quotes: "8"'),
        ('price: "0.08"', "price: 8e-2", 14, "8e-2' is not an amount"),
        ('price: "0.08"', 'price: "8e-2"', 14, "is not an amount"),
        ('price: "0.08"', 'price: "NaN"', 14, "is not an amount"),
        ('price: "0.08"', 'price: "0.123456789"', 14, "eight decimal places"),
        ('price: "0.08"', 'price: "٣"', 14, "is not an amount"),
        ('price: "0.08"', 'price: "-0.08"', 14, "the price -0.08 is negative"),
        ('price: "0.08"', "price: .inf", 14, "write it in quotes"),
        ('price: "0.08"', "price: ", 14, "is not an amount"),
        ('price: "0.08"', "price: [1]", 14, "one value is to stand here"),
        ('"29.00"', '"29.005"', 22, "more than two decimal places"),
        ('"29.00"', '"-29.00"', 22, "the price of small is negative"),
        ('"10.00"', '"-10.00"', 2, "the spend limit is negative"),
        ("from_gb: 100,", "from_gb: 90,", 15, "overlaps the one before"),
        ("from_gb: 100,", "from_gb: 120,", 15, "100 GB to 120 GB have no price"),
        ("to_gb: 100,", "", 15, "overlaps the one before, which has no end"),
        ("from_gb: 100,", "from_gb: 100, to_gb: 200,", 15, "above 200 GB has no price"),
        ("from_gb: 0, to_gb: 100", "from_gb: 1, to_gb: 100", 14, "below 1 GB has no price"),
        ("to_gb: 100,", "to_gb: 0x64,", 14, "not a whole number as it is written"),
        ("to_gb: 100,", "to_gb: 0144,", 14, "not a whole number as it is written"),
        ("to_gb: 100,", "to_gb: 1_00,", 14, "not a whole number as it is written"),
        ("to_gb: 100,", "to_gb: 1:40,", 14, "not a whole number as it is written"),
        ("to_gb: 100,", 'to_gb: "0.1",', 14, "no whole number of bytes"),
        ("to_gb: 100,", "to_gb: 100.0,", 14, "not a whole number as it is written"),
        ("to_gb: 100,", "to_gb: 1000000000000,", 14, "at most nine"),
        ("gb_per_terminus: 10", "gb_per_terminus: -10", 9, "what is free is negative"),
        ("max_terminus: 3", "max_terminus: 0", 9, "one Terminus at least"),
        ("max_terminus: 3", "max_terminus: true", 9, "not a whole number"),
        ("{gb_per_terminus: 10, max_terminus: 3}", "10", 9, "free_backup_storage is to be a mapping"),
        ("currency: USD", "currency: XAU", 8, "XAU is not a currency known here"),
        ("currency: USD", "currency: usd", 8, "usd is not a currency known here"),
        ('name: "2026-01"', "name: 2026-01-01", 5, 'write it in quotes: "2026-01-01"'),
        ('name: "2026-01"', "name: no", 5, 'write it in quotes: "no"'),
        ('name: "2026-01"', 'name: "a b"', 5, "is not a name"),
        ('name: "2026-01"', "name: spring", 24, "two versions of the name spring"),
        ("effective_until: 2026-03", "effective_until: 2026-04", 25, "overlaps 2026-01, which ends at 2026-04-01"),
        ("effective_until: 2026-03", "effective_until: 2026-02", 25, "no prices between 2026-02-01T00:00:00Z"),
        ("2026-03-01T09:00:00+09:00", "2025-03-01T00:00:00Z", 25, "spring overlaps 2026-01: it begins at 2025-03-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01", 6, "has no time zone"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00", 6, "has no time zone"),
        ("2026-01-01T00:00:00Z", "2026-02-30T00:00:00Z", 6, "is not an instant"),
        ("2026-01-01T00:00:00Z", "soon", 6, "is not an instant"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", 6, "whole second"),
        ("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", 6, "out of reach"),
        ("name: large", "name: small", 23, "the plan small stands here twice"),
        ("plans: []", "plans: none", 34, "plans is to be a list"),
        ("    regions:\n", "    region: eu\n    regions:\n", 10, "region is not a field here; there are currency,"),
        ("    currency: USD\n", "", 5, "currency is missing"),
        ("    currency: USD\n", "    currency: USD\n    currency: USD\n", 9, "stands here twice, first in line 8"),
        ("{DE: ", "{de: ", 3, "de is not a country"),
        ('"0.19"', '"19"', 3, "19 is not a tax rate"),
        ('"0.19"', "0.19", 3, "inexact number"),
        ("    effective_until: 2026-03-01T00:00:00Z\n", "    <<: {currency: EUR}\n", 7, "<< is not a field here"),
        ("    regions:\n", "    ? [a]\n    : b\n    regions:\n", 10, "the name of a field is a word"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_line(before: str, after: str, line: int, message: str) -> None:
    [problem] = problems(changed(before, after))
    assert re.match(rf"{line}: ", problem), problem
    assert message in problem


def test_a_book_has_one_currency() -> None:
    text = changed("USD", "EUR")
    assert problems(text) == ["26: the currency changes: this book began in EUR"]


def test_each_version_has_prices_where_backup_storage_is() -> None:
    message = "backup storage is at aws/local, for which there are no prices here"
    assert problems(changed("{provider: local", "{provider: aws")) == [f"10: {message}", f"28: {message}"]


def test_a_book_without_versions_is_refused() -> None:
    text = SOUND[: SOUND.index("versions:")]
    assert problems(text + "versions: []\n") == ["4: a price book has at least one version"]
    assert problems(text) == ["1: versions is missing"]


def test_a_region_twice_is_refused() -> None:
    region = SOUND[SOUND.index("      - provider") : SOUND.index("  - name: spring")]
    assert problems(SOUND.replace(region, region * 2, 1)) == ["24: local/local stands here twice"]


def test_the_last_version_has_no_end() -> None:
    text = changed("09:00:00+09:00\n", "09:00:00+09:00\n    effective_until: 2027-01-01T00:00:00Z\n")
    assert problems(text) == ["26: there are no prices from 2027-01-01T00:00:00Z on: the last version has no end"]


def test_nothing_is_repeated_by_reference() -> None:
    text = changed('[{from_gb: 0, price: "0.1"}]', '&same [{from_gb: 0, price: "0.1"}]')
    text = text.replace('cloud_storage: [{from_gb: 0, price: "0.1"}]', "cloud_storage: *same").replace(
        "plans: []", "plans: *none"
    )
    assert problems(text) == [
        "31: &same marks something to be repeated; write it out each time",
        "32: *same repeats something; write it out",
        "34: *none repeats something; write it out",
    ]


def test_a_structure_that_holds_itself_is_refused() -> None:
    assert problems("versions: &all [*all]\n") == [
        "1: &all marks something to be repeated; write it out each time",
        "1: *all repeats something; write it out",
        "1: backup_storage_place is missing",
        "1: default_spend_limit is missing",
    ]


@pytest.mark.parametrize("tag", ["!!str", "!!float", "!", "!!python/object/apply:os.getcwd", "!mine"])
def test_a_tag_is_refused_and_runs_nothing(tag: str) -> None:
    found = problems(changed('price: "0.08"', f'price: {tag} "0.08"'))
    assert len(found) == 1
    assert found[0].startswith("14: ")
    assert found[0].endswith("is a tag; write the value without one")


def test_all_mistakes_are_told_at_once_in_order_and_each_once() -> None:
    text = (
        changed('price: "0.08"', "price: 0.08")
        .replace("from_gb: 100,", "from_gb: 120,")
        .replace("currency: USD", "currency: XAU", 1)
        .replace("effective_from: 2026-01-01T00:00:00Z", "effective_from: once")
        .replace('"29.00"', '"-29.00"')
        .replace("tax_rates", "taxes")
    )
    assert [problem.split(":")[0] for problem in problems(text)] == ["3", "6", "8", "14", "15", "22"]


def test_what_cannot_be_read_brings_no_further_complaints() -> None:
    text = changed("from_gb: 0, to_gb: 100", "from_gb: zero, to_gb: 100").replace('name: "2026-01"', "name: 1.0")
    assert [problem.split(":")[0] for problem in problems(text)] == ["5", "14"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: the file is empty"),
        ("# nothing\n", "1: the file is empty"),
        ("just words", "1: a price book is to be a mapping of fields"),
        ("- a\n- b\n", "1: a price book is to be a mapping of fields"),
        ("versions: [\n", "2: this is not YAML"),
        ("a: b\n\tc: d\n", "2: this is not YAML"),
        ("a: 1\n---\nb: 2\n", "2: this is not YAML: expected a single document"),
        ("a: '\nb: 1\n", "3: this is not YAML"),
        ("a: 1\nb: \x07\n", "2: the character U+0007 has no place in YAML"),
        ("a: " + "[" * 500 + "]" * 500, "1: this is not YAML: nested too deeply"),
        ("%YAML 3.0\n---\na: 1\n", "1: this is not YAML"),
        ("a: 1\n" * 250_000, "1: the file is longer than 1,000,000 characters"),
    ],
)  # fmt: skip
def test_what_is_no_price_book_at_all_is_refused_with_its_line(text: str, problem: str) -> None:
    assert problems(text)[0].startswith(problem)


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(PriceBookProblems, match=r"book\.yaml:2: this is not text in UTF-8"):
        load(file)


def test_a_file_is_named_in_its_problems(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(changed('price: "0.08"', "price: 0.08"))
    with pytest.raises(PriceBookProblems, match=re.escape(f"{file}:14: 0.08 would be an inexact number")):
        load(file)


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_mangled_book_is_read_or_refused_and_nothing_else(chance: random.Random) -> None:
    """Lines dropped, doubled and moved, and words swapped: never an error of another kind."""
    lines = SOUND.splitlines()
    for _ in range(chance.randrange(1, 4)):
        line = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                del lines[line]
            case 1:
                lines.insert(line, chance.choice(lines))
            case 2:
                lines[line] = lines[line].replace(
                    chance.choice(':,{}[]"0'), chance.choice([":", "[", "}", "", "*x", "- "]), 1
                )
            case 3:
                lines[line] = "  " + lines[line]
            case _:
                lines[line] = lines[line][: chance.randrange(len(lines[line]) + 1)]
    text = "\n".join(lines)
    assert all(1 <= line <= len(lines) + 1 for line in refused_lines(text))


def refused_lines(text: str) -> list[int]:
    """Where something is wrong; nowhere when the book is read."""
    try:
        parse(text, "book.yaml")
    except PriceBookProblems as error:
        return [problem.line for problem in error.problems]
    return []
