"""What must hold when a story of restores is over and everything is quiet, by what every service has written down."""

import json
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from billing.domain.months import month
from space_local.members import MEMBERS
from tests.support.folders import contents
from tests.support.whole_system import WholeSystem
from tests.system.cloud.console import Case, Owner
from tests.system.cloud.customer import OVER, restored_in
from tests.system.cloud.trouble import RestoreWatcher

RESTORES = """
SELECT restores.*, cloud.payment, cloud.compute, cloud.data, cloud.ending, cloud.instance_id, cloud.quote,
       cloud.used_until, cloud.round_key, cloud.sealed_password
FROM restores JOIN cloud_restores AS cloud ON cloud.restore_id = restores.id
"""
ORDERS = """
SELECT quotes.restore_id, quotes.total_minor, quotes.terms, orders.state, orders.started_at, orders.ended_at,
       invoices.state AS invoice_state, invoices.total_minor AS invoiced_minor,
       orders.promotional_minor + orders.balance_minor - orders.debt_minor + coalesce(
           (SELECT sum(charges.captured_minor)
            FROM sandbox_charges AS charges JOIN payments ON payments.id = charges.payment_id
            WHERE payments.order_id = orders.id), 0)::bigint AS taken_minor
FROM quotes LEFT JOIN orders ON orders.id = quotes.id LEFT JOIN invoices ON invoices.id = orders.invoice_id
"""
UNSETTLED_PAYMENTS = """
SELECT payments.id, payments.order_id, payments.state, charges.standing FROM payments
LEFT JOIN sandbox_charges AS charges ON charges.payment_id = payments.id
WHERE payments.state NOT IN ('captured', 'voided', 'failed', 'expired')
   OR charges.standing IN ('authorised', 'pending')
"""
UNBALANCED = "SELECT transaction_id FROM ledger_entries GROUP BY transaction_id HAVING sum(amount_minor) <> 0"
OPEN_KEYS = """
SELECT DISTINCT restore_id FROM storage_keys
WHERE restore_id IS NOT NULL AND revoked_at IS NULL AND expires_at > now()
"""
LIVE_INSTANCES = "SELECT * FROM instances WHERE status NOT IN ('destroyed', 'canceled')"


def unsettled(whole: WholeSystem, cases: Sequence[Case]) -> list[str]:
    """What is still on its way; nothing, when the story has come to its end."""
    found = [
        f"{row['id']} is {row['state']} since {row['updated_at']}, due {row['due_at']}: "
        f"{row['payment']}, {row['compute']}, {row['data']}"
        for row in whole.sql("restore", RESTORES)
        if row["state"] not in OVER
    ]
    found += [f"{case.order} was never ordered" for case in cases if case.restore_id is None and not case.is_over]
    found += [f"payment {dict(row)}" for row in whole.sql("billing", UNSETTLED_PAYMENTS)]
    found += [f"keys of {row['restore_id']}" for row in whole.sql("catalog", OPEN_KEYS)]
    found += [
        f"pin of {row['restore_id']}"
        for row in whole.sql("catalog", "SELECT restore_id FROM restore_pins WHERE ended_at IS NULL")
    ]
    kept = {case.restore_id for case in cases if case.order.is_kept}
    found += [
        f"instance {row['id']} of {row['restore_id']} is {row['status']}"
        for row in whole.sql("provisioning", LIVE_INSTANCES)
        if str(row["restore_id"]) not in kept or row["status"] != "running"
    ]
    for member in MEMBERS:
        if whole.unsent_messages(member.name):
            found.append(f"{member.name} has something to say")
    return found


def violations(
    whole: WholeSystem, cases: Sequence[Case], owners: Sequence[Owner], watcher: RestoreWatcher
) -> list[str]:
    restores = {row["id"]: row for row in whole.sql("restore", RESTORES)}
    orders = {row["restore_id"]: row for row in whole.sql("billing", ORDERS)}
    # The first of each: it was seen again and again.
    found = [f"{which}: {what}" for which, what in dict(reversed(watcher.faults)).items()]
    found += _lost_or_doubled(cases, restores)
    for restore_id, row in restores.items():
        found += [f"{restore_id}: {reason}" for reason in _money(row, orders.get(restore_id))]
        if row["sealed_password"] is not None:
            found.append(f"{restore_id}: a sealed password is kept after the end")
    found += [f"{dict(row)} is out of balance" for row in whole.sql("billing", UNBALANCED)]
    found += _machines(whole, cases, owners, restores, watcher)
    return found + _dead_letters(whole)


def _lost_or_doubled(cases: Sequence[Case], restores: dict[UUID, Any]) -> list[str]:
    known = [UUID(case.restore_id) for case in cases if case.restore_id is not None]
    found = [f"{restore_id} was ordered by nobody" for restore_id in restores.keys() - {*known}]
    found += [f"{restore_id} is lost" for restore_id in {*known} - restores.keys()]
    if len(known) != len({*known}):
        found.append("two orders are one restore")
    for case in cases:
        if case.state == "completed" and case.is_whole is not True:
            found.append(f"{case.restore_id} is completed, and not everything was there")
    return found


def _money(restore: Any, order: Any) -> list[str]:
    """In full if completed, the use if given up, otherwise nothing; and nobody says otherwise."""
    state = restore["state"]
    if order is None:
        return [] if restore["quote"] is None else ["billing knows nothing of its quote"]
    taken, invoiced = order["taken_minor"] or 0, order["invoiced_minor"] or 0
    owed = 0
    if state == "completed":
        owed = order["total_minor"]
    elif state == "returned":
        owed = used_minor(order)
    found = []
    if invoiced != owed:
        found.append(f"it is {state}, {owed} is owed and {invoiced} is invoiced")
    if taken != owed:
        found.append(f"it is {state}, {owed} is owed and {taken} is taken")
    if owed and order["invoice_state"] != "paid":
        found.append(f"its invoice is {order['invoice_state']}")
    is_fulfilled = state in ("completed", "returned")
    if (order["state"] == "fulfilled") != is_fulfilled:
        found.append(f"it is {state} and its order is {order['state']}")
    if restore["payment"] in ("asked", "held", "void_asked", "capture_asked"):
        found.append(f"it is {state} and its money is {restore['payment']}")
    return found


def used_minor(order: Any) -> int:
    """What the time until the owner gave up comes to."""
    started: datetime = order["started_at"]
    whole_month = int((month(started, 1) - started).total_seconds())
    used = max(0, int((order["ended_at"] - started).total_seconds()))
    return round(Fraction(json.loads(order["terms"])["monthly_minor"]) * used / whole_month)


def _machines(
    whole: WholeSystem,
    cases: Sequence[Case],
    owners: Sequence[Owner],
    restores: dict[UUID, Any],
    watcher: RestoreWatcher,
) -> list[str]:
    """What is there is what was kept, and it is whole."""
    kept = {
        restores[UUID(case.restore_id)]["instance_id"]: case
        for case in cases
        if case.order.is_kept and case.state == "completed" and case.restore_id is not None
    }
    root = whole.system.instances_folder / "local"
    there = {UUID(folder.name) for folder in root.glob("*-*")}
    found = [f"{instance_id} is there and should not be" for instance_id in there - kept.keys()]
    found += [f"{instance_id} is gone and should not be" for instance_id in kept.keys() - there]
    found += [f"an agent of {instance_id} is left" for instance_id in watcher.agents().keys() - kept.keys()]
    for instance_id, case in kept.items():
        home = whole.machine_folder(instance_id) / "home"
        if instance_id in there and contents(restored_in(home)) != owners[case.order.owner].files:
            found.append(f"{case.restore_id}: the files are not what was backed up")
    return found


def _dead_letters(whole: WholeSystem) -> list[str]:
    found = []
    for member in MEMBERS:
        with whole.internal(member.name, "operator") as operator:
            letters = operator.get("/internal/dead-letters").raise_for_status().json()
        found += [f"dead letter of {member.name}: {letter}" for letter in letters]
    return found
