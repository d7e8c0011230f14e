"""The demonstration's bill: a limit that is met, a card, a month that passes, and an invoice that is computed again."""

import asyncio
import json
import time
from calendar import monthrange
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from space_local.demo_tools import BACKUP, Demo, NotAsItShouldBe, read, size_text, space, step
from space_local.operator_tools import internal, refusal
from space_local.options import Options

TEST_CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
REFUSED = 6
GB = 2**30
SECONDS_PER_MONTH = 730 * 3600
FINAL_AFTER = timedelta(hours=2)
"""An invoice is final an hour after its month has ended, and charged then."""
GROWTH_SECONDS = 3
METERED_SECONDS = 30


def meet_the_limit(demo: Demo, backup: list[str]) -> None:
    """Without a card a backup beyond what is free is refused, and says what to do; then a card is added."""
    used, allowance = _until_metered(demo)["storage"]["used_bytes"], read(demo, "quota")["allowance_bytes"]
    if used > allowance:
        step(
            "More is kept than is free, and there is no payment method: the next backup is refused, and says what to do"
        )
        said = space(demo, *backup, expect=REFUSED)
        if "space payment-method add" not in said:
            raise NotAsItShouldBe("the refusal does not say that a payment method helps.")

    step("A payment method: a test card of the sandbox, which moves no money")
    card = demo.folder / "card.json"
    card.write_text(json.dumps(TEST_CARD))
    card.chmod(0o600)
    space(demo, "payment-method", "add", "--card-from", str(card))
    space(demo, "quota")
    step("With it, the backup goes on")


def look_at_the_bill(demo: Demo, settled_at: datetime) -> None:
    """The use grows by the second; after a month there is an invoice, and it is what we compute ourselves.

    Args:
        settled_at: When the instance was returned: what was used until then is on the bill of its return.
    """
    step("What is used, and what it comes to")
    space(demo, "usage")
    before = _until_metered(demo)
    time.sleep(GROWTH_SECONDS)
    after = read(demo, "usage")
    used = [Fraction(each["storage"]["charged_gb_hours"]) for each in (before, after)]
    print(f"  charged so far, {GROWTH_SECONDS} s apart: {float(used[0]):.6f} and {float(used[1]):.6f} GB-hours")
    samples = read(demo, "backup", "show", BACKUP)["usage"]
    allowance, price = _terms(read(demo, "prices"))
    is_charged = samples[-1]["storage_bytes"] > allowance
    if is_charged and used[1] <= used[0]:
        raise NotAsItShouldBe("the charge did not grow.")

    start = datetime.fromisoformat(samples[0]["measured_at"]).replace(microsecond=0)
    end = month_later(start)
    settled_at = settled_at.replace(microsecond=0)
    settled = [each for each in read(demo, "invoices") if each["kind"] == "settlement"]
    before_return = compute_minor(samples, start, settled_at, allowance, price)
    _expect(sum(each["total"]["amount_minor"] for each in settled), before_return, "minor units until the return")
    step(f"A month passes for this owner, until {end + FINAL_AFTER:%Y-%m-%d %H:%M}")
    numbers = asyncio.run(_travel(demo, end + FINAL_AFTER))
    if not is_charged:
        _expect(numbers, [], "invoices for what is free")
        print(f"  {size_text(samples[-1]['storage_bytes'])} are kept, {size_text(allowance)} are free: no invoice")
        return
    space(demo, "invoices")
    _expect(len(numbers), 1, "invoices after a month")
    pdf = demo.folder / f"invoice-{numbers[0]}.pdf"
    pdf.unlink(missing_ok=True)
    space(demo, "invoice", numbers[0], "--pdf", str(pdf))
    computed = compute_minor(samples, settled_at, end, allowance, price)
    _check_invoice(read(demo, "invoice", numbers[0]), computed, settled_at, end)
    if not pdf.read_bytes().startswith(b"%PDF-"):
        raise NotAsItShouldBe(f"{pdf} is not a PDF.")
    print(f"  the invoice as a document: {pdf}")


def compute_minor(
    samples: list[dict[str, Any]], start: datetime, end: datetime, allowance_bytes: int, price: Fraction
) -> int:
    """What a month costs, in minor units: bytes above the allowance times the seconds they were held, rounded once.

    Args:
        samples: Levels as measured, in order; each holds until the next.
        price: Of a GB held 730 hours, in units of the currency.
    """
    instants = [datetime.fromisoformat(each["measured_at"]).replace(microsecond=0) for each in samples]
    byte_seconds = 0
    for each, (since, until) in zip(samples, pairwise([*instants, end]), strict=True):
        held = max(0, int((min(until, end) - max(since, start)).total_seconds()))
        byte_seconds += max(0, each["storage_bytes"] - allowance_bytes) * held
    return round(price * 100 * byte_seconds / (GB * SECONDS_PER_MONTH))


def month_later(start: datetime) -> datetime:
    """The same day and time of the next month, or the last day of a shorter one."""
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))


def _until_metered(demo: Demo) -> Any:
    """What billing says of the use, once it has heard of the last measurement."""
    deadline = time.monotonic() + METERED_SECONDS
    while True:
        usage = read(demo, "usage")
        last = read(demo, "backup", "show", BACKUP)["usage"][-1]["storage_bytes"]
        if usage["storage"]["used_bytes"] == last:
            return usage
        if time.monotonic() > deadline:
            raise NotAsItShouldBe(f"{last} bytes were measured, billing knows {usage['storage']['used_bytes']}.")
        time.sleep(0.5)


def _terms(prices: Any) -> tuple[int, Fraction]:
    """The allowance of one Terminus, and the one price of backup storage."""
    place = prices["backup_storage_place"]
    (region,) = [each for each in prices["regions"] if place.items() <= each.items()]
    (tier,) = region["backup_storage"]
    return prices["free_backup_storage"]["bytes_per_terminus"], Fraction(tier["per_gb_month"])


async def _travel(demo: Demo, to: datetime) -> list[str]:
    """Let the owner's time pass; the numbers of the invoices that were issued meanwhile."""
    owner_id = read(demo, "whoami")["owner_id"]
    async with internal(Options(home=demo.system), "billing") as client:
        answer = await client.post(f"/internal/owners/{owner_id}/test-clock", json={"now": to.isoformat()})
    if not answer.is_success:
        raise NotAsItShouldBe(refusal(answer))
    found: list[str] = answer.json()["invoices"]
    return found


def _check_invoice(invoice: Any, computed_minor: int, start: datetime, end: datetime) -> None:
    total = invoice["total"]
    print(f"  computed again from the measurements: {computed_minor / 100:.2f} {total['currency']}")
    _expect(total["amount_minor"], computed_minor, "minor units on the invoice")
    _expect(
        sum(line["amount"]["amount_minor"] for line in invoice["lines"]), computed_minor, "minor units in its lines"
    )
    _expect(datetime.fromisoformat(invoice["period_start"]), start, "as its beginning")
    _expect(datetime.fromisoformat(invoice["period_end"]), end, "as its end")
    # Less than one unit is carried to the next bill; anything else the card has paid.
    _expect(invoice["state"], "paid", "as the state of the invoice")


def _expect(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise NotAsItShouldBe(f"{found} {what}, and {expected} was expected.")
