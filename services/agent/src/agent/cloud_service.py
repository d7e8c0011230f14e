"""The calls of a restore to the cloud, each patient while the service is away for a moment."""

import time
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID, uuid4

from agent import api, config
from agent.api import Client
from agent.billing_wire import Invoice, PaymentMethod
from agent.cloud_wire import CloudRestore, Order, Restore, TimelineEntry
from agent.config import JsonObject
from agent.errors import ExitCode, SpaceError, Unreachable, UsageError
from agent.wire import Money

PATIENCE_SECONDS = 300.0
WAIT_SECONDS = 2.0
SHOWN_ORDERS = 100
_KEPT_ORDER = "unanswered-order.json"

AnswerT = TypeVar("AnswerT")


class RestoreService:
    """One owner's restores to the cloud.

    Args:
        on_away: Told once for each time that the service is away.
    """

    def __init__(self, client: Client, on_away: Callable[[str], None]) -> None:
        self.client = client
        self._on_away = on_away

    def order(self, body: JsonObject) -> CloudRestore:
        """A new order, or the same one again where the answer to it was lost, also by a command before this one."""
        key = _kept_key(self.client.origin, body)
        answer = self.client.post("/restores", body, idempotency_key=key)
        found = api.parse(CloudRestore, answer)
        return self.look(found.restore_id)

    def look(self, restore_id: UUID) -> CloudRestore:
        return self.parse(self._patiently(lambda: self.client.get(f"/restores/{restore_id}")))

    def confirm(self, restore_id: UUID, payment_method_id: str | None) -> CloudRestore:
        body: JsonObject = {"payment_method_id": payment_method_id}
        return self.parse(self._patiently(lambda: self.client.post(f"/restores/{restore_id}/confirm", body)))

    def cancel(self, restore_id: UUID) -> CloudRestore:
        return self.parse(self._patiently(lambda: self.client.post(f"/restores/{restore_id}/cancel")))

    def send_password(self, restore_id: UUID, number: int, sealed: str) -> None:
        """Send a sealed password once; where its answer is lost, the restore itself says what became of it."""
        self.client.post(f"/restores/{restore_id}/password", {"round": number, "sealed": sealed}, attempts=1)

    def newest_entry(self, restore_id: UUID) -> TimelineEntry | None:
        """What happened last."""
        listed = self._patiently(lambda: list(self.client.items(f"/restores/{restore_id}/timeline")))
        entries = (api.parse(TimelineEntry, item) for item in listed)
        return max(entries, key=lambda entry: entry.number, default=None)

    def payment_methods(self) -> list[PaymentMethod]:
        return [api.parse(PaymentMethod, item) for item in self.client.items("/payment-methods")]

    def charged(self, restore_id: UUID) -> Money | None:
        """What the bill of a restore comes to; None where there is none yet, or it may not be seen."""
        try:
            listed = self.client.get("/orders", {"limit": SHOWN_ORDERS}).get("items")
            orders = [api.parse(Order, item) for item in listed] if isinstance(listed, list) else []
            bill = next((each.invoice_id for each in orders if each.restore_id == restore_id), None)
            return None if bill is None else api.parse(Invoice, self.client.get(f"/invoices/{bill}")).total
        except SpaceError:
            return None

    @staticmethod
    def parse(answer: JsonObject) -> CloudRestore:
        """A restore to the cloud.

        Raises:
            UsageError: It is one to a machine of the owner's.
        """
        found = api.parse(Restore, answer)
        if found.cloud is None:
            raise UsageError(
                "restore_is_local",
                "This restore goes to a machine of yours, not to the cloud.",
                hint="To go on with it, run its command again on that machine.",
            )
        return api.parse(CloudRestore, answer)

    def _patiently(self, call: Callable[[], AnswerT]) -> AnswerT:
        away_since: float | None = None
        while True:
            try:
                return call()
            except SpaceError as error:
                if error.exit_code is not ExitCode.UNREACHABLE or error.code == "certificate_untrusted":
                    raise
                if away_since is None:
                    away_since = time.monotonic()
                    self._on_away(error.message)
                if time.monotonic() - away_since >= PATIENCE_SECONDS:
                    raise
            time.sleep(WAIT_SECONDS)


def is_away(error: SpaceError) -> bool:
    return error.exit_code is ExitCode.UNREACHABLE


def forget_order() -> None:
    """The order was answered; the same one again would be another."""
    (config.directory() / _KEPT_ORDER).unlink(missing_ok=True)


def in_doubt(error: SpaceError) -> SpaceError:
    """The answer to an order was lost."""
    hint = "It is not known whether the order arrived; nothing is charged for it yet. Run the same command again."
    return Unreachable(error.code, error.message, hint=hint)


def _kept_key(origin: str, body: JsonObject) -> str:
    """The Idempotency-Key of this order, on the disk before it is sent."""
    path = config.directory() / _KEPT_ORDER
    wanted: JsonObject = {"origin": origin, "order": body}
    kept = config.read_private(path) or {}
    if {name: kept.get(name) for name in wanted} == wanted and isinstance(kept.get("key"), str):
        return str(kept["key"])
    key = str(uuid4())
    config.write_private(path, {**wanted, "key": key})
    return key
