"""What an owner sees of their bill, and what paying by hand does."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent import billing_answers as golden
from tests.agent.shell import called, converse, error_of, space

CARD = golden.CARD


def refusal(status: int, code: str, **members: Any) -> tuple[int, dict[str, Any]]:
    return status, {"status": status, "code": code, "detail": "No.", **members}


@pytest.fixture
def billing(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Billing as it answers an owner with one open invoice, which a payment by hand pays."""
    monkeypatch.setenv("SPACE_ORIGIN", scripted.origin)
    monkeypatch.setenv("SPACE_API_TOKEN", "t")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    invoice = f"/invoices/{golden.INVOICE_ID}"

    def pay(_: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        scripted.answers["GET", invoice] = lambda _: (200, golden.PAID)
        return 202, golden.INVOICE

    scripted.answers = {
        ("POST", "/auth/exchange"): lambda _: (200, {"access_token": "t", "expires_in": 600}),
        ("GET", "/quotas"): lambda _: (200, golden.QUOTA),
        ("PUT", "/quotas/spend-limit"): lambda sent: (200, golden.QUOTA | sent),
        ("GET", "/usage"): lambda _: (200, golden.USAGE),
        ("GET", "/usage/days"): lambda _: (200, golden.DAYS),
        ("GET", "/payment-methods"): lambda _: (200, golden.METHODS),
        ("POST", "/payment-methods"): lambda _: (201, golden.METHOD),
        ("PUT", f"/payment-methods/{golden.OTHER_METHOD_ID}/default"): lambda _: (200, golden.OTHER_METHOD),
        ("DELETE", f"/payment-methods/{golden.METHOD_ID}"): lambda _: (204, b""),
        ("GET", "/invoices"): lambda _: (200, golden.INVOICES),
        ("GET", "/invoices/SP-2026-000001"): lambda _: (200, golden.INVOICE),
        ("GET", invoice): lambda _: (200, golden.INVOICE),
        ("GET", f"{invoice}/pdf"): lambda _: (200, golden.PDF),
        ("POST", f"{invoice}/pay"): pay,
        ("GET", "/balance"): lambda _: (200, golden.BALANCE),
        ("POST", "/balance/top-ups"): lambda _: (202, golden.TOP_UP),
        ("GET", f"/payments/{golden.PAYMENT_ID}"): lambda _: (200, golden.TOP_UP | {"state": "captured"}),
        ("GET", "/price-book"): lambda _: (200, golden.PRICE_BOOK),
    }
    yield scripted
    monkeypatch.undo()
    time.tzset()


def sent(billing: Any, method: str, path: str) -> list[dict[str, Any]]:
    return [body for verb, where, body, _ in billing.requests if (verb, where) == (method, path)]


def seen(*arguments: str) -> str:
    done = called(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def document(*arguments: str) -> Any:
    done = called(*arguments, "--json")
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


def test_quota_says_what_is_left_and_what_happens_at_the_limit(billing: Any) -> None:
    told = seen("quota")

    for words in ("12.00 GB", "10.00 GB for 1 Terminus", "47.00 GB", "5.00 USD a month, of which 0.32 USD is spent"):
        assert words in told
    assert golden.QUOTA["explanation"] in told
    assert "at the spend limit uploads stop" in told
    assert "Nothing is deleted at the limit" in told
    assert "To back up again" not in told
    assert document("quota") == golden.QUOTA


@pytest.mark.parametrize(
    ("answer", "command"), [(golden.FULL, "space payment-method add"), (golden.IN_ARREARS, "space pay NUMBER")]
)
def test_a_full_quota_says_what_to_do(billing: Any, answer: dict[str, Any], command: str) -> None:
    billing.answers["GET", "/quotas"] = lambda _: (200, answer)

    assert command in seen("quota").split("To back up again:")[1]


@pytest.mark.parametrize(("typed", "minor"), [("7.50", 750), ("7.5", 750), ("0", 0), ("8 usd", 800)])
def test_a_spend_limit_is_sent_in_minor_units(billing: Any, typed: str, minor: int) -> None:
    assert f"{minor // 100}.{minor % 100:02} USD" in seen("quota", "--spend-limit", typed)

    assert sent(billing, "PUT", "/quotas/spend-limit") == [{"spend_limit": golden.usd(minor)}]


@pytest.mark.parametrize("option", [["quota", "--spend-limit"], ["balance", "--top-up"]], ids=" ".join)
@pytest.mark.parametrize("amount", ["5,00", "-5", "1.234", "five", "", "\u0661", "1e3", "5 EUR", "NaN"])
def test_an_amount_that_makes_no_sense_is_refused_before_anything_is_changed(
    billing: Any, option: list[str], amount: str
) -> None:
    done = called(option[0], f"{option[1]}={amount}", "--json")

    assert done.returncode == 2
    assert error_of(done)["code"] in ("amount_invalid", "currency_invalid")
    assert all(method == "GET" or path == "/auth/exchange" for method, path, *_ in billing.requests)


def test_usage_is_by_backup_and_by_instance_with_a_forecast_in_words(billing: Any) -> None:
    told = seen("usage")

    assert "2026-11-01 18:30 to 2026-12-01 18:30" in told
    for words in ("1440.00 GB-hours: 0.16 USD", "8640.00", "25.0 %", "-0.04 USD", "3.00 GB of 100.00 GB", "29.12 USD"):
        assert words in told
    assert told.rstrip().endswith(golden.USAGE["forecast_in_words"])
    assert document("usage") == golden.USAGE


def test_usage_by_day_is_added_when_asked_for(billing: Any) -> None:
    assert "13.00 GB" in seen("usage", "--days")
    assert document("usage", "--days") == golden.USAGE | {"days": golden.DAYS["items"]}


def test_invoices_are_listed_with_what_is_due(billing: Any) -> None:
    told = seen("invoices")

    assert "SP-2026-000001" in told
    assert told.count("24.32 USD") == 2
    assert "1.05 USD" in told
    assert document("invoices", "--state", "finalised") == golden.INVOICES["items"]


@pytest.mark.parametrize("named", ["SP-2026-000001", golden.INVOICE_ID, "33333333"])
def test_an_invoice_is_found_by_its_number_its_id_or_the_ids_beginning(billing: Any, named: str) -> None:
    told = seen("invoice", named)

    for words in ("home, small, 26 of 31 days", "29.00", "24.32 USD", "visa ending in 4242", "failed", "declined"):
        assert words in told
    assert document("invoice", named) == golden.INVOICE


@pytest.mark.parametrize("named", ["SP-2026-000009", "abcdef12", "../quotas", "a/b?c", "ff" * 16])
def test_an_invoice_that_is_not_there_is_code_8(billing: Any, named: str) -> None:
    done = called("invoice", named, "--json")

    assert done.returncode == 8
    assert not [path for _, path, *_ in billing.requests if path == "/quotas"]


@pytest.mark.parametrize("named", ["", " ", ".", ".."])
def test_what_cannot_be_an_invoice_is_usage(billing: Any, named: str) -> None:
    assert called("invoice", named, "--json").returncode == 2


def test_a_pdf_is_written_for_the_owner_alone_and_never_over_another_file(billing: Any, tmp_path: Path) -> None:
    bill = tmp_path / "bill.pdf"

    assert document("invoice", "SP-2026-000001", "--pdf", str(bill))["pdf"] == str(bill)
    assert bill.read_bytes() == golden.PDF
    assert stat.S_IMODE(bill.stat().st_mode) == 0o600

    bill.write_text("precious")
    billing.requests.clear()
    refused = called("invoice", "SP-2026-000001", "--pdf", str(bill), "--json")
    assert (refused.returncode, error_of(refused)["code"]) == (2, "file_exists")
    assert (bill.read_text(), billing.requests) == ("precious", [])

    seen("invoice", "SP-2026-000001", "--pdf", str(bill), "--force")
    assert bill.read_bytes() == golden.PDF
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bill.pdf", "config"]


def test_a_file_that_appears_during_the_download_is_not_replaced(billing: Any, tmp_path: Path) -> None:
    bill = tmp_path / "bill.pdf"

    def appear(_: dict[str, Any]) -> tuple[int, bytes]:
        bill.write_text("precious")
        return 200, golden.PDF

    billing.answers["GET", f"/invoices/{golden.INVOICE_ID}/pdf"] = appear
    done = called("invoice", "SP-2026-000001", "--pdf", str(bill), "--json")

    assert (done.returncode, error_of(done)["code"]) == (2, "file_exists")
    assert bill.read_text() == "precious"


def test_a_link_is_not_followed_by_a_pdf(billing: Any, tmp_path: Path) -> None:
    link, elsewhere = tmp_path / "bill.pdf", tmp_path / "elsewhere"
    link.symlink_to(elsewhere)

    assert called("invoice", "SP-2026-000001", "--pdf", str(link)).returncode == 2
    assert not elsewhere.exists()

    elsewhere.write_text("precious")
    seen("invoice", "SP-2026-000001", "--pdf", str(link), "--force")
    assert elsewhere.read_text() == "precious"
    assert link.read_bytes() == golden.PDF


def test_a_pdf_that_cannot_be_made_leaves_no_file(billing: Any, tmp_path: Path) -> None:
    billing.answers["GET", f"/invoices/{golden.INVOICE_ID}/pdf"] = lambda _: refusal(409, "invoice_not_payable")
    assert called("invoice", "SP-2026-000001", "--pdf", str(tmp_path / "bill.pdf")).returncode == 6

    billing.answers["GET", f"/invoices/{golden.INVOICE_ID}/pdf"] = lambda _: (200, {"not": "a pdf"})
    assert called("invoice", "SP-2026-000001", "--pdf", str(tmp_path / "bill.pdf")).returncode == 1
    for unusable in (tmp_path, tmp_path / "missing" / "bill.pdf"):
        assert called("invoice", "SP-2026-000001", "--pdf", str(unusable)).returncode == 2
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "config"])


def test_paying_waits_until_the_invoice_is_paid(billing: Any) -> None:
    assert seen("pay", "SP-2026-000001") == "Invoice SP-2026-000001 is paid: 24.32 USD.\n"

    assert sent(billing, "POST", f"/invoices/{golden.INVOICE_ID}/pay") == [{}]


def test_paying_with_another_card_names_it(billing: Any) -> None:
    assert document("pay", "SP-2026-000001", "--method", "666666")["state"] == "paid"

    expected = [{"payment_method_id": golden.OTHER_METHOD_ID}]
    assert sent(billing, "POST", f"/invoices/{golden.INVOICE_ID}/pay") == expected


def test_a_payment_that_is_declined_is_code_6_with_the_reason(billing: Any) -> None:
    declined = golden.FAILED | {"payment_id": golden.PAYMENT_ID}

    def pay(_: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answer = golden.INVOICE | {"payments": [golden.FAILED, declined]}
        billing.answers["GET", f"/invoices/{golden.INVOICE_ID}"] = lambda _: (200, answer)
        return 202, answer

    billing.answers["POST", f"/invoices/{golden.INVOICE_ID}/pay"] = pay
    done = called("pay", "SP-2026-000001", "--json")

    assert done.returncode == 6
    error = error_of(done)
    assert error["code"] == "card_declined"
    assert "24.32 USD could not be taken" in error["detail"]
    assert "payment-method add" in error["hint"]


def test_a_payment_that_takes_long_is_said_to_be_under_way(billing: Any) -> None:
    billing.answers["POST", f"/invoices/{golden.INVOICE_ID}/pay"] = lambda _: (202, golden.INVOICE)

    assert "under way" in seen("pay", "SP-2026-000001", "--wait", "0")


@pytest.mark.parametrize("answer", [golden.PAID, {"state": "void"}, golden.DRAFT])
def test_what_is_not_open_is_not_paid(billing: Any, answer: dict[str, Any]) -> None:
    billing.answers["GET", "/invoices/SP-2026-000001"] = lambda _: (200, golden.INVOICE | answer)

    done = called("pay", "SP-2026-000001", "--json")

    assert (done.returncode, error_of(done)["code"]) == (2, "invoice_not_payable")
    assert not [path for _, path, *_ in billing.requests if path.endswith("/pay")]


def test_a_payment_whose_answer_is_lost_is_not_known_to_be_undone(billing: Any) -> None:
    billing.answers["POST", f"/invoices/{golden.INVOICE_ID}/pay"] = lambda _: refusal(500, "unexpected")

    done = called("pay", "SP-2026-000001", "--json")

    assert done.returncode == 7
    assert "not known whether" in error_of(done)["hint"]


def test_payment_methods_are_listed_with_the_default_one(billing: Any) -> None:
    told = seen("payment-method", "list")

    assert "visa ending in 4242" in told
    assert told.count("default") == 1
    assert "04/2031" in told
    assert document("payment-method", "list") == golden.METHODS["items"]


def test_a_payment_method_is_made_the_default_or_forgotten_by_the_beginning_of_its_id(billing: Any) -> None:
    assert document("payment-method", "default", "666666") == golden.OTHER_METHOD
    assert document("payment-method", "remove", "555555") == {"payment_method_id": golden.METHOD_ID, "removed": True}


def test_a_token_of_stripe_is_sent_as_it_is(billing: Any) -> None:
    assert "visa ending in 4242 was added. It is charged by default." in seen(
        "payment-method", "add", "--token", "pm_1"
    )

    assert sent(billing, "POST", "/payment-methods") == [{"token": "pm_1"}]


def test_a_card_is_read_from_a_file_or_from_standard_input(billing: Any, tmp_path: Path) -> None:
    file = tmp_path / "card.json"
    file.write_text(json.dumps(CARD | {"number": "4242 4242-4242 4242"}))
    command = [sys.executable, "-m", "agent", "payment-method", "add", "--card-from", "-"]

    seen("payment-method", "add", "--card-from", str(file))
    subprocess.run(command, input=file.read_bytes(), env=os.environ, check=True, capture_output=True)

    assert sent(billing, "POST", "/payment-methods") == [{"card": CARD}] * 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "4242424242424242",
        json.dumps(CARD | {"number": "1"}),
        json.dumps(CARD | {"number": "\u0664" * 16}),
        json.dumps(CARD | {"cvc": "12"}),
        json.dumps(CARD | {"exp_month": "4"}),
        json.dumps(CARD | {"name": "Alice"}),
        json.dumps({"number": "4242424242424242"}),
    ],
)
def test_what_is_no_card_is_refused_without_being_shown(billing: Any, tmp_path: Path, content: str) -> None:
    file = tmp_path / "card.json"
    file.write_text(content)

    done = called("payment-method", "add", "--card-from", str(file), "--json")

    assert done.returncode == 2
    assert error_of(done)["code"] == "card_invalid"
    assert "4242424242424242" not in done.stdout + done.stderr
    assert sent(billing, "POST", "/payment-methods") == []


def test_a_card_is_asked_for_in_the_terminal_and_its_security_code_is_not_shown(billing: Any) -> None:
    command = [sys.executable, "-m", "agent", "payment-method", "add"]

    told = converse(command, "4242 4242 4242 4242", "04/31", "123")

    assert "was added" in told
    assert "123" not in told
    assert sent(billing, "POST", "/payment-methods") == [{"card": CARD}]


def test_without_a_terminal_a_card_is_not_asked_for(billing: Any) -> None:
    done = space("payment-method", "add", "--json")

    assert (done.returncode, error_of(done)["code"]) == (2, "card_needed")
    assert "--card-from" in error_of(done)["hint"]


def test_a_card_that_is_refused_is_told_with_the_services_reason(billing: Any, tmp_path: Path) -> None:
    file = tmp_path / "card.json"
    file.write_text(json.dumps(CARD))
    billing.answers["POST", "/payment-methods"] = lambda _: refusal(422, "card_refused")

    done = called("payment-method", "add", "--card-from", str(file), "--json")

    assert (done.returncode, error_of(done)["code"]) == (6, "card_refused")


def test_a_balance_that_is_owed_is_said_so(billing: Any) -> None:
    told = seen("balance")

    assert "-0.37 USD (owed" in told
    assert "10.00 USD" in told
    assert document("balance") == golden.BALANCE


def test_a_top_up_is_watched_until_it_is_through(billing: Any) -> None:
    answer = document("balance", "--top-up", "20.00")

    assert answer == golden.BALANCE | {"payment": golden.TOP_UP | {"state": "captured"}}
    assert sent(billing, "POST", "/balance/top-ups") == [{"amount": golden.usd(2000)}]


def test_a_top_up_that_fails_is_code_6(billing: Any) -> None:
    billing.answers["GET", f"/payments/{golden.PAYMENT_ID}"] = lambda _: (200, golden.FAILED)

    done = called("balance", "--top-up", "20", "--json")

    assert (done.returncode, error_of(done)["code"]) == (6, "card_declined")


def test_a_top_up_of_nothing_is_usage(billing: Any) -> None:
    assert called("balance", "--top-up", "0.00").returncode == 2
    assert called("balance", "--method", "666666").returncode == 2


def test_usage_of_an_owner_who_has_used_nothing_is_shown(billing: Any) -> None:
    nothing: dict[str, Any] = {"period_start": None, "period_end": None, "by_backup": [], "instances": []}
    billing.answers["GET", "/usage"] = lambda _: (200, golden.USAGE | nothing)

    assert "none yet" in seen("usage")


def test_a_paid_invoice_says_from_where_it_was_paid_and_what_was_credited(billing: Any) -> None:
    billing.answers["GET", "/invoices/SP-2026-000001"] = lambda _: (200, golden.PAID)

    lines = seen("invoice", "SP-2026-000001").splitlines()

    found = {line.rpartition("  ")[0].strip(): line.rpartition("  ")[2] for line in lines}
    assert (found["Net"], found["Tax"], found["Total"]) == ("20.44 USD", "3.88 USD", "24.32 USD")
    assert (found["Paid from promotional balance"], found["Paid by card"]) == ("10.00 USD", "14.32 USD")
    assert "Still due" not in found
    assert "Credit note CN-2026-000001: 1.19 USD, returned early" in lines


def test_prices_are_in_words_with_the_plans_and_for_everybody(billing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_API_TOKEN")
    told = seen("prices")

    for words in golden.PRICE_BOOK["in_words"]:
        assert words in told
    assert "29.00 USD" in told
    assert document("prices") == golden.PRICE_BOOK


@pytest.mark.parametrize(
    "arguments",
    [
        ["quota"], ["usage"], ["invoices"], ["invoice", "1"], ["pay", "1"], ["balance"],
        ["payment-method", "list"], ["payment-method", "add", "--token", "pm_1"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_without_a_session_every_command_says_so(arguments: list[str]) -> None:
    done = called(*arguments, "--json")

    assert (done.returncode, error_of(done)["code"]) == (5, "not_signed_in")


def test_money_that_is_not_whole_minor_units_is_not_shown_as_money(billing: Any) -> None:
    broken = golden.BALANCE | {"balance": {"amount_minor": 12.5, "currency": "USD"}}
    billing.answers["GET", "/balance"] = lambda _: (200, broken)

    done = called("balance")

    assert done.returncode == 1
    assert "12" not in done.stdout
