"""Which price holds when and where, and what keeps a book from being used."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.price_checks import check_prices, check_whole
from billing.domain.price_words import in_words, money, size
from billing.domain.prices import (
    GB,
    NoPrice,
    Plan,
    PriceBook,
    Region,
    Tier,
    Version,
    per_gb_hour,
    slices,
    storage_minor,
    traffic_minor,
)
from tests.billing.histories import PLACE, version

JANUARY, MARCH, MAY = (datetime(2026, each, 1, tzinfo=UTC) for each in (1, 3, 5))
WINTER = version("winter", JANUARY, 10 * GB, 3, [(0, "0.08"), (100 * GB, "0.07")])
SPRING = version("spring", MARCH, 10 * GB, 3, [(0, "0.09")])
BOOK = PriceBook((WINTER, SPRING))
SECOND = timedelta(seconds=1)


def test_a_version_holds_from_its_moment_until_the_next() -> None:
    assert BOOK.in_force(JANUARY) is WINTER
    assert BOOK.in_force(MARCH - timedelta(microseconds=1)) is WINTER
    assert BOOK.in_force(MARCH) is SPRING
    assert BOOK.in_force(MARCH + timedelta(days=9999)) is SPRING


def test_before_the_first_version_there_is_no_price() -> None:
    with pytest.raises(NoPrice):
        BOOK.in_force(JANUARY - SECOND)
    with pytest.raises(NoPrice):
        BOOK.segments(JANUARY - SECOND, MARCH)


def test_the_next_change_is_after_the_moment() -> None:
    assert BOOK.next_change(JANUARY) == MARCH
    assert BOOK.next_change(MARCH) is None


def test_a_stretch_is_cut_where_prices_change() -> None:
    assert BOOK.segments(JANUARY, MAY) == [(JANUARY, MARCH, WINTER), (MARCH, MAY, SPRING)]
    assert BOOK.segments(JANUARY, MARCH) == [(JANUARY, MARCH, WINTER)]
    assert BOOK.segments(MARCH, MARCH) == []


def test_what_is_not_in_the_book_has_no_price() -> None:
    with pytest.raises(NoPrice, match="summer"):
        BOOK.named("summer")
    with pytest.raises(NoPrice, match="aws/nowhere"):
        WINTER.region(("aws", "nowhere"))


def test_bytes_are_cut_at_the_bounds_of_tiers() -> None:
    tiers = WINTER.region(PLACE).backup_storage
    assert slices(tiers, 10 * GB, 120 * GB) == [(0, 90 * GB), (1, 20 * GB)]
    assert slices(tiers, 0, 100 * GB) == [(0, 100 * GB)]
    assert slices(tiers, 100 * GB, 101 * GB) == [(1, GB)]
    assert slices(tiers, 5, 5) == []
    assert slices(tiers, 9, 5) == []


@given(st.integers(0, 12), st.integers(0, 12))
def test_the_slices_are_all_that_lies_between(low: int, high: int) -> None:
    tiers = (Tier(0, 5, Decimal(1)), Tier(5, 6, Decimal(2)), Tier(6, None, Decimal(3)))
    assert sum(part for _, part in slices(tiers, low, high)) == max(0, high - low)


def test_a_gigabyte_for_a_month_costs_its_price() -> None:
    assert storage_minor(GB * 730 * 3600, Decimal("0.08")) == 8
    assert storage_minor(1, Decimal("0.07")) == Fraction(7, GB * 730 * 3600)
    assert traffic_minor(3 * GB, Decimal("0.08")) == 24


def test_the_price_of_an_hour_is_shown_to_eight_places() -> None:
    assert str(per_gb_hour(Tier(0, None, Decimal("0.08")))) == "0.00010959"


def said(book: PriceBook) -> list[tuple[str, str]]:
    return [("/".join(map(str, problem.path)), problem.message) for problem in check_prices(book)]


def with_storage(*tiers: Tier) -> PriceBook:
    regions = {PLACE: replace(WINTER.region(PLACE), backup_storage=tiers)}
    return PriceBook((replace(WINTER, regions=regions),))


def tier(start: int, end: int | None, price: str = "0.08") -> Tier:
    return Tier(start * GB, None if end is None else end * GB, Decimal(price))


def test_a_sound_book_has_no_problems() -> None:
    assert check_prices(BOOK) == []
    assert check_whole(BOOK) == []


@pytest.mark.parametrize(
    ("tiers", "where", "message"),
    [
        ((), "", "no price at all"),
        ((tier(1, None),), "/0/from_gb", "below 1 GB has no price"),
        ((tier(0, 5),), "/0/to_gb", "above 5 GB has no price"),
        ((tier(0, 5), tier(6, None)), "/1/from_gb", "5 GB to 6 GB have no price"),
        ((tier(0, 7), tier(6, None)), "/1/from_gb", "begins at 6 GB and overlaps the one before, which ends at 7 GB"),
        ((tier(0, None), tier(6, None)), "/1/from_gb", "overlaps the one before, which has no end"),
        ((tier(0, 0), tier(0, None)), "/0/to_gb", "ends at 0 GB and begins at 0 GB"),
        ((tier(0, None, "-0.01"),), "/0/price", "-0.01 is negative"),
    ],
)
def test_tiers_that_leave_something_out_or_say_it_twice_are_refused(
    tiers: tuple[Tier, ...], where: str, message: str
) -> None:
    [(path, found)] = said(with_storage(*tiers))
    assert path == f"versions/0/regions/0/backup_storage{where}"
    assert message in found


@pytest.mark.parametrize(
    ("versions", "where", "message"),
    [
        ((SPRING, WINTER), "versions/1/effective_from", "winter overlaps spring"),
        ((WINTER, replace(SPRING, effective_from=JANUARY)), "versions/1/effective_from", "not after it"),
        ((replace(WINTER, effective_until=MAY), SPRING), "versions/1/effective_from", "ends at 2026-05-01T00:00:00Z"),
        (
            (replace(WINTER, effective_until=MARCH - SECOND), SPRING),
            "versions/1/effective_from",
            "no prices between 2026-02-28T23:59:59Z, when winter ends, and 2026-03-01T00:00:00Z",
        ),
        ((WINTER, replace(SPRING, effective_until=MAY)), "versions/1/effective_until", "the last version has no end"),
        ((WINTER, replace(SPRING, name="winter")), "versions/1/name", "two versions of the name winter"),
        ((WINTER, replace(SPRING, currency="EUR")), "versions/1/currency", "this book began in USD"),
        ((replace(WINTER, currency="XAU"),), "versions/0/currency", "XAU is not a currency known here"),
        ((replace(WINTER, effective_from=JANUARY + SECOND / 2),), "versions/0/effective_from", "whole second"),
        ((replace(WINTER, free_bytes_per_terminus=-1),), "versions/0/free_backup_storage/gb_per_terminus", "negative"),
        ((replace(WINTER, max_free_terminus=0),), "versions/0/free_backup_storage/max_terminus", "at least"),
    ],
)
def test_versions_that_do_not_fit_together_are_refused(versions: tuple[Version, ...], where: str, message: str) -> None:
    [(path, found)] = said(PriceBook(versions))
    assert path == where
    assert message in found


def test_an_end_that_meets_the_next_beginning_is_fine() -> None:
    assert check_prices(PriceBook((replace(WINTER, effective_until=MARCH), SPRING))) == []


def test_plans_rates_and_limits_are_not_negative() -> None:
    plan = Plan("small", -1, -1, -1)
    regions = {PLACE: replace(WINTER.region(PLACE), plans={"small": plan})}
    book = PriceBook(
        (replace(WINTER, regions=regions),),
        default_spend_limit_minor=-1,
        tax_rates={"DE": Decimal(19), "FR": Decimal("-0.1")},
    )
    assert [path for path, _ in said(book)] == [
        "default_spend_limit",
        "tax_rates/DE",
        "tax_rates/FR",
        "versions/0/regions/0/plans/0/monthly_price",
        "versions/0/regions/0/plans/0/included_traffic_gb",
        "versions/0/regions/0/plans/0/included_storage_gb",
    ]


def test_the_place_of_backup_storage_has_prices_in_every_version() -> None:
    elsewhere = replace(SPRING, regions={("aws", "us-east-1"): SPRING.region(PLACE)})
    [problem] = check_whole(PriceBook((WINTER, elsewhere)))
    assert problem.path == ("versions", 1, "regions")
    assert "local/local" in problem.message


def test_a_book_says_something() -> None:
    assert [problem.message for problem in check_whole(PriceBook(()))] == ["a price book has at least one version"]


def test_an_owner_is_told_in_words() -> None:
    tiers = (tier(0, 10_240), tier(10_240, None, "0.07"))
    plan = Plan("small", 2900, 100 * GB, 200 * GB)
    region = Region("aws", "us-east-1", tiers, tiers, (tier(0, None, "0.0125"),), {"small": plan})
    assert in_words(WINTER, region, MARCH) == [
        "10 GB of backup storage are free for each Terminus that has a backup, for 3 of them at most (30 GB), "
        "shared by all your backups.",
        "Backup storage above that costs 0.08 USD per GB and month up to 10,240 GB, then 0.07 USD. "
        "It is counted by the second; a GB is 2^30 bytes and a month 730 hours.",
        "An instance of the plan small costs 29.00 USD a month, paid in advance, with 100 GB of traffic and 200 GB of "
        "storage.",
        "Storage of an instance above what is included costs 0.08 USD per GB and month up to 10,240 GB, then 0.07 USD.",
        "Traffic of an instance above what is included costs 0.0125 USD per GB.",
        "These prices hold since 1 January 2026, 00:00 UTC and change on 1 March 2026, 00:00 UTC; "
        "an instance keeps its price to the end of its month.",
    ]


def test_where_nothing_is_free_or_sold_the_words_say_so() -> None:
    nothing = replace(WINTER, free_bytes_per_terminus=0)
    words = in_words(nothing, nothing.region(PLACE))
    assert words[0] == "No backup storage is free."
    assert words[-1] == "These prices hold since 1 January 2026, 00:00 UTC; no change is planned."
    assert len(words) == 3
    assert in_words(replace(WINTER, max_free_terminus=1), WINTER.region(PLACE))[0] == (
        "10 GB of backup storage are free, shared by all your backups."
    )


def test_amounts_are_written_as_they_are_read() -> None:
    assert [money(each, "USD") for each in (2900, 5, 0, -45, 123_456_789)] == [
        "29.00 USD",
        "0.05 USD",
        "0.00 USD",
        "-0.45 USD",
        "1,234,567.89 USD",
    ]
    assert [size(each) for each in (10_240 * GB, 32 * 2**20, GB + 1, 0)] == [
        "10,240 GB",
        "32 MB",
        "1,073,741,825 bytes",
        "0 bytes",
    ]
