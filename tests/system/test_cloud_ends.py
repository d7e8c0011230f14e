"""Restores to the cloud that end otherwise, or nearly do: what is paid then, and what is left."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.folders import Entry, contents, fill
from tests.support.whole_system import WholeSystem, eventually
from tests.system.cloud.customer import Customer, assert_undone, axes
from tests.system.cloud.machines import silent
from tests.system.cloud.steps import complete, give_back, hasten, invoices_of, machine
from tests.system.conftest import PASSWORD, NewCustomer

OFFERS = """
providers:
  - provider: local
    name: This machine
    driver: sandbox
    regions:
      - region: local
        name: This machine
        plans:
          - {plan: small, name: Small, vcpu: 2, memory_gb: 4, disk_gb: 40, size: refused}
          - {plan: medium, name: Medium, vcpu: 4, memory_gb: 8, disk_gb: 80, size: times-out-after-creating}
          - {plan: large, name: Large, vcpu: 8, memory_gb: 16, disk_gb: 160, size: out-of-capacity}
"""


# The card.


def test_a_declined_card_leaves_the_order_quoted_and_another_card_pays(
    whole: WholeSystem, new_customer: NewCustomer, tmp_path: Path, name: str
) -> None:
    customer = new_customer("declines")
    source = fill(tmp_path / "photos", files=2)
    backup_id = customer.device.back_up(source, "photos", PASSWORD)["backup_id"]
    visa = customer.add_card("visa")
    restore_id = customer.quoted(backup_id, name)
    customer.confirm(restore_id).raise_for_status()

    refused = eventually(lambda: (found := customer.look(restore_id))["code"] and found)

    assert (refused["state"], refused["code"]) == ("quoted", "card_declined")
    assert refused["reason"]
    assert customer.held_minor() == 0
    assert not machine(whole, customer, restore_id).exists()
    customer.confirm(restore_id, visa).raise_for_status()
    found = complete(customer, restore_id, contents(source))
    assert found["code"] is None
    (invoice,) = customer.invoices()
    assert (invoice["state"], invoice["total"]) == ("paid", found["cloud"]["quote"]["total"])
    give_back(customer, found)


@pytest.mark.parametrize("card", ["authorise_answer_lost", "authorise_lost", "late"])
def test_a_card_whose_answer_is_late_or_lost_is_asked_again_and_charged_once(
    whole: WholeSystem, new_customer: NewCustomer, customer: Customer, backup_id: str, name: str, card: str
) -> None:
    method_id = customer.add_card(card)
    restore_id = customer.quoted(backup_id, name)
    customer.confirm(restore_id, method_id).raise_for_status()

    found = customer.asked(restore_id)

    assert customer.held_minor() == found["cloud"]["quote"]["total"]["amount_minor"]
    customer.cancel(restore_id).raise_for_status()
    customer.wait(restore_id, "returned")
    assert_undone(whole, customer, restore_id)


def test_a_card_that_never_answers_is_let_go_when_the_order_is_cancelled(
    whole: WholeSystem, customer: Customer, backup_id: str, name: str
) -> None:
    method_id = customer.add_card("unreachable")
    restore_id = customer.quoted(backup_id, name)
    customer.confirm(restore_id, method_id).raise_for_status()
    assert customer.wait(restore_id, "authorising")["cloud"]["payment"] == "asked"
    folder = machine(whole, customer, restore_id)

    customer.cancel(restore_id).raise_for_status()

    # Whether it holds anything is not known, and it is not said to be over before that is.
    assert customer.look(restore_id)["state"] == "undoing"
    assert not folder.exists()
    # The card is found again, says that it heard of nothing, and is asked for nothing more.
    whole.sql("billing", "UPDATE sandbox_methods SET card = 'visa' WHERE token = (SELECT token FROM payment_methods"
              " WHERE id = $1)", UUID(method_id))  # fmt: skip
    customer.wait(restore_id, "cancelled", seconds=180)
    assert_undone(whole, customer, restore_id)


# The order.


def test_a_quote_that_has_expired_is_not_taken_and_its_order_ends(
    whole: WholeSystem, customer: Customer, backup_id: str, name: str
) -> None:
    restore_id = customer.quoted(backup_id, name)
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    whole.sql(
        "restore",
        "UPDATE cloud_restores SET quote = jsonb_set(quote, '{expires_at}', to_jsonb($2::text)) WHERE restore_id = $1",
        UUID(restore_id),
        past,
    )

    refused = customer.confirm(restore_id)

    assert (refused.status_code, refused.json()["code"]) == (410, "quote_expired")
    hasten(whole, restore_id)
    assert customer.wait(restore_id, "expired")["code"] == "quote_expired"
    assert_undone(whole, customer, restore_id)


def test_of_two_orders_of_one_name_at_once_one_is_refused_and_the_other_goes_on(
    whole: WholeSystem, customer: Customer, backup_id: str, name: str
) -> None:
    restores = [customer.quoted(backup_id, name) for _ in range(2)]
    customer.device.token()
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(customer.confirm, restores))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (refused,) = (answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "name_in_use"
    (winner,) = (restore for restore, answer in zip(restores, answers, strict=True) if answer.status_code == 200)
    (loser,) = set(restores) - {winner}
    assert refused.json()["instance_id"] == customer.look(winner)["cloud"]["instance_id"]
    assert customer.look(loser)["state"] == "quoted"
    third = customer.ask(backup_id, name)
    assert (third.status_code, third.json()["code"]) == (409, "name_in_use")

    customer.asked(winner)
    for restore_id, end in ((winner, "returned"), (loser, "cancelled")):
        customer.cancel(restore_id).raise_for_status()
        customer.wait(restore_id, end)
        assert_undone(whole, customer, restore_id)
    # The name is free again.
    fourth = customer.ordered(backup_id, name)
    customer.cancel(fourth).raise_for_status()
    customer.wait(fourth, "cancelled", "returned")


def test_what_a_provider_cannot_or_may_have_made(
    whole: WholeSystem, customer: Customer, backup_id: str, files: dict[str, Entry], tmp_path: Path
) -> None:
    offers = tmp_path / "offers.yaml"
    offers.write_text(OFFERS)
    before = customer.invoices()
    with whole.told(PROVISIONING_OFFERS=str(offers)):
        full = customer.ordered(backup_id, "full@olares.com", plan="large")
        refused = customer.ordered(backup_id, "refused@olares.com", plan="small")
        # Made, and the answer lost: it is looked for and not made again.
        lost = customer.ordered(backup_id, "lost@olares.com", plan="medium")
        found = complete(customer, lost, files)
        machines = whole.sql("provisioning", "SELECT id FROM instances WHERE restore_id = $1", UUID(lost))
        assert [row["id"] for row in machines] == [UUID(found["cloud"]["instance_id"])]
        # A quarter of an hour is asked in vain, for one machine and then for another.
        eventually(lambda: hasten_queue(whole, full) == "failed", 120, every=1)
        for restore_id in (full, refused):
            failed = customer.wait(restore_id, "failed", seconds=180)
            assert failed["code"]
            assert failed["reason"]
            assert failed["cloud"]["payment"] == "released"
            assert_undone(whole, customer, restore_id)
        assert customer.look(full)["code"] == "out_of_capacity"
        assert customer.ask(backup_id, "again@olares.com", plan="large").json()["code"] == "offer_unavailable"
        give_back(customer, found)
    assert [invoice["total"] for invoice in invoices_of(customer, before)] == [found["cloud"]["quote"]["total"]]


def hasten_queue(whole: WholeSystem, restore_id: str) -> str:
    """Let the time be over in which a provider is asked for a machine; the restore's state."""
    whole.sql(
        "provisioning",
        "UPDATE instances SET requested_at = requested_at - interval '1 hour', due_at = now()"
        " WHERE restore_id = $1 AND status = 'queuing' AND calls > 0",
        UUID(restore_id),
    )
    (row,) = whole.sql("restore", "SELECT state FROM restores WHERE id = $1", UUID(restore_id))
    return str(row["state"])


def test_an_order_cancelled_while_its_machine_is_installed_costs_nothing(
    whole: WholeSystem, customer: Customer, backup_id: str, name: str
) -> None:
    before = customer.invoices()
    restore_id = customer.ordered(backup_id, name)
    folder = machine(whole, customer, restore_id)
    with silent(folder):
        customer.wait(restore_id, "installing")
        customer.cancel(restore_id).raise_for_status()
        assert customer.look(restore_id)["state"] == "undoing"
    customer.wait(restore_id, "cancelled", seconds=180)
    assert_undone(whole, customer, restore_id)
    assert invoices_of(customer, before) == []
    assert axes(whole, restore_id) == ("released", "gone", "none")


# The password.


def test_who_gives_up_pays_for_the_time_the_machine_ran_to_the_second(
    whole: WholeSystem, customer: Customer, backup_id: str, name: str
) -> None:
    before = customer.invoices()
    restore_id = customer.ordered(backup_id, name)
    quote = customer.asked(restore_id)["cloud"]["quote"]
    # It has waited for ten days.
    running_at = datetime.now(UTC) - timedelta(days=10)
    whole.sql(
        "restore", "UPDATE cloud_restores SET running_at = $2 WHERE restore_id = $1", UUID(restore_id), running_at
    )
    assert quote["if_given_up"]

    customer.cancel(restore_id).raise_for_status()

    found = customer.wait(restore_id, "returned")
    assert found["code"] == "given_up"
    (row,) = whole.sql("restore", "SELECT used_until FROM cloud_restores WHERE restore_id = $1", UUID(restore_id))
    started, until = running_at.replace(microsecond=0), row["used_until"].replace(microsecond=0)
    month_end = (
        started.replace(month=started.month + 1)
        if started.month < 12
        else started.replace(year=started.year + 1, month=1)
    )
    part = Fraction(int((row["used_until"] - started).total_seconds()), int((month_end - started).total_seconds()))
    monthly = next(line["amount"]["amount_minor"] for line in quote["lines"] if line["kind"] == "instance")
    (invoice,) = invoices_of(customer, before)
    assert until > started
    assert invoice["total"]["amount_minor"] == round(monthly * part) > 0
    assert (invoice["state"], invoice["paid"]["card"]) == ("paid", invoice["total"])
    assert_undone(whole, customer, restore_id)
    assert axes(whole, restore_id) == ("captured", "gone", "none")
    assert customer.ask(backup_id, name).status_code == 201
    assert whole.sql("billing", "SELECT sum(amount_minor) AS total FROM ledger_entries")[0]["total"] == 0


def test_after_ten_wrong_passwords_the_order_is_given_up(
    whole: WholeSystem, customer: Customer, backup_id: str, name: str
) -> None:
    restore_id = customer.ordered(backup_id, name)
    for attempt in range(10):
        found = customer.asked(restore_id)
        wanted = found["cloud"]["password"]
        assert (wanted["wrong_passwords"], wanted["attempts_left"]) == (attempt, 10 - attempt)
        customer.send(found, f"wrong {attempt}").raise_for_status()
        if attempt == 9:
            break
        now = customer.asked_again(found)
        if attempt >= 2:
            early = customer.send(now, PASSWORD)
            assert (early.status_code, early.json()["code"]) == (429, "too_soon")
            assert int(early.headers["Retry-After"]) > 0
            whole.sql(
                "restore",
                "UPDATE cloud_restores SET password_not_before = now() WHERE restore_id = $1",
                UUID(restore_id),
            )

    over = customer.wait(restore_id, "returned")

    assert over["code"] == "too_many_wrong_passwords"
    assert_undone(whole, customer, restore_id)
