"""A stand-in for the services as owners see them who restore to the cloud: real HTTP, and an order that lives."""

import base64
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from tests.support.cloud_restore_answers import (
    CARD,
    FIRST,
    GB,
    GIVEN_UP,
    INVOICE_ID,
    OTHER_CARD,
    SECOND,
    actions,
    backup,
    detail,
    later,
    method,
    quote,
    snapshot,
)  # fmt: skip
from tests.support.cloud_restore_server import pattern, serve
from tests.support.instances_double import OFFERS, Answer, Asked, problem

OVER = frozenset({"completed", "failed", "cancelled", "expired", "returned"})
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class Gone(Exception):
    """The owner called the restore off."""


class Failed(Exception):
    """With a code and a reason."""


class CloudRestoreDouble:
    """Everything goes well unless told otherwise; `asked` says what came in and `opened` which passwords."""

    def __init__(self, key_files: list[tuple[str, bytes]], password: bytes) -> None:
        self.key_files, self.password = key_files, password
        self.backups = [backup()]
        self.snapshots = [snapshot(FIRST, "2026-11-01T09:30:00Z"), snapshot(SECOND, "2026-11-02T09:30:00Z")]
        self.offers: dict[str, Any] = OFFERS
        self.methods = [method(CARD, "4242", is_default=True), method(OTHER_CARD, "4444", is_default=False)]
        self.quote: Callable[[], dict[str, Any]] = quote
        self.invoice: dict[str, Any] = {}
        self.restores: dict[str, dict[str, Any]] = {}
        self.timelines: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.asked: list[Asked] = []
        self.bodies: list[tuple[str, str, dict[str, Any]]] = []
        self.opened: list[bytes] = []
        self.holds: set[str] = set()
        """States that an order does not leave until it is let go."""
        self.declines: dict[str, tuple[str, str]] = {}
        """Cards that are declined: a code and a reason."""
        self.verdicts: deque[str] = deque()
        """What the next passwords come to, whatever they are: wrong, or silent for an agent that says nothing."""
        self.restarts = 0
        """How often the agent is restarted in the middle of restoring."""
        self.failures: dict[str, tuple[str, str]] = {}
        """States in which it fails: a code and a reason."""
        self.delay_seconds = 0.0
        """How long after a wrong password the next is refused."""
        self.attempts = 10
        self.warnings = 0
        self.refusals: dict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        """What the next requests to a path are answered; {id} stands for any restore."""
        self.lost: deque[tuple[str, str]] = deque()
        """Requests that are acted on, and their answers are lost on the way."""
        self.away = 0
        self.breaks: deque[int] = deque()
        """After how many entries the next streams break off, in the middle of another."""
        self.keys: dict[str, tuple[dict[str, Any], str]] = {}
        self.lock = threading.Condition(threading.RLock())
        self._private: dict[tuple[str, int], X25519PrivateKey] = {}
        self._sealed: dict[str, str] = {}
        self._cancelled: set[str] = set()
        self._server = serve(self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def let_go(self, *states: str) -> None:
        with self.lock:
            self.holds -= set(states)
            self.lock.notify_all()

    def is_over(self, restore_id: str) -> bool:
        return self.restores[restore_id]["state"] in OVER

    def only(self) -> dict[str, Any]:
        """The one restore there is."""
        (found,) = self.restores.values()
        return found

    def newest(self) -> dict[str, Any]:
        return list(self.restores.values())[-1]

    def count(self, verb: str, path: str) -> int:
        return sum((asked.method, pattern(asked.path)) == (verb, path) for asked in self.asked)

    def wait_for(self, state: str, seconds: float = 30) -> None:
        with self.lock:
            assert self.lock.wait_for(lambda: self.newest()["state"] == state, seconds), self.newest()["state"]

    # What is asked.

    def answer(self, asked: Asked, body: dict[str, Any]) -> Answer:
        refused = self.refusals[asked.method, pattern(asked.path)]
        if refused:
            return refused.popleft()
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["auth", "exchange"]:
                return 200, {"access_token": "t", "expires_in": 600}
            case "GET", ["offers"]:
                return 200, self.offers
            case "GET", ["backups"]:
                return 200, _page([each for each in self.backups if _matches(each, asked.query, "name", "state")])
            case "GET", ["backups", backup_id]:
                found = [each for each in self.backups if each["backup_id"] == backup_id]
                return (200, found[0]) if found else problem(404, "backup_not_found", "You have no such backup.")
            case "GET", ["backups", _, "snapshots"]:
                return 200, _page(self.snapshots)
            case "GET", ["backups", _, "key-files"]:
                files = [{"name": name, "content": base64.b64encode(file).decode()} for name, file in self.key_files]
                return 200, {"key_files": files}
            case "GET", ["payment-methods"]:
                return 200, _page(self.methods)
            case "GET", ["orders"]:
                return 200, _page([{"restore_id": each, "invoice_id": INVOICE_ID} for each in self.restores])
            case "GET", ["invoices", _]:
                return 200, self.invoice
            case "POST", ["restores"]:
                return self._order(body, asked.headers["idempotency-key"])
            case "GET", ["restores"]:
                return 200, _page([each for each in self.restores.values() if _matches(each, asked.query, "state")])
        return self._about_one(asked, body)

    def _about_one(self, asked: Asked, body: dict[str, Any]) -> Answer:
        _, restore_id, *rest = [*asked.path.strip("/").split("/"), ""]
        found = self.restores.get(restore_id)
        if found is None:
            return problem(404, "restore_not_found", "You have no such restore.")
        match asked.method, rest[0]:
            case "GET", "":
                return 200, found
            case "GET", "timeline":
                return 200, _page(self.timelines[restore_id])
            case "POST", "confirm":
                return self._confirm(found, body["payment_method_id"])
            case "POST", "cancel":
                return self._cancel(found)
            case "POST", "password":
                return self._take_password(found, body)
        return problem(404, "path_not_found", "There is nothing at this path.")

    def _order(self, body: dict[str, Any], key: str) -> Answer:
        if key not in self.keys:
            restore_id = str(uuid4())
            self.keys[key] = (body, restore_id)
            self.restores[restore_id] = detail(restore_id, body, self.quote())
            self._record(restore_id, "moved")
            if self.holds & {"quoting"}:
                threading.Thread(target=self._live, args=(restore_id, self._quote), daemon=True).start()
            else:
                self._quote(restore_id)
        sent, restore_id = self.keys[key]
        assert sent == body, "the same key for another order"
        found = self.restores[restore_id]
        return (202 if found["state"] == "quoting" else 201), found

    def _confirm(self, found: dict[str, Any], method_id: str | None) -> Answer:
        if found["state"] == "quoted":
            if found["cloud"]["quote"]["applied"]["card"]["amount_minor"] and not self.methods:
                return problem(409, "payment_method_needed", "There is nothing to charge.")
            restore_id = found["restore_id"]
            self._move(restore_id, "authorising", payment="asked")
            card = method_id or next((each["payment_method_id"] for each in self.methods if each["is_default"]), "")
            threading.Thread(target=self._live, args=(restore_id, self._walk, card), daemon=True).start()
        return 200, found

    def _cancel(self, found: dict[str, Any]) -> Answer:
        restore_id, state = found["restore_id"], found["state"]
        if state in OVER:
            return problem(409, "restore_over", "This restore is over.")
        if state in ("restoring", "validating", "capturing"):
            return problem(409, "restore_copying", "Its files are being restored already.")
        if state in ("quoting", "quoted"):
            self._move(restore_id, "cancelled")
        else:
            self._cancelled.add(restore_id)
            self._move(restore_id, "undoing")
        return 200, found

    def _take_password(self, found: dict[str, Any], body: dict[str, Any]) -> Answer:
        restore_id, wanted = found["restore_id"], found["cloud"]["password"]
        if found["state"] != "awaiting_password" or wanted is None:
            return problem(409, "password_not_expected", "No password is waited for.")
        if body["round"] != wanted["round"]:
            return 409, {"status": 409, "code": "round_over", "detail": "It is over.", "round": wanted["round"]}
        if wanted["not_before"] and datetime.fromisoformat(wanted["not_before"]) > datetime.now(UTC):
            return problem(429, "too_soon", "Wait a moment before the next password.")
        self._move(restore_id, "verifying_password", password=wanted)
        self._sealed[restore_id] = body["sealed"]
        return 200, found

    # How an order lives.

    def _live(self, restore_id: str, life: Any, *arguments: Any) -> None:
        try:
            life(restore_id, *arguments)
        except Failed as failure:
            self._move(restore_id, "undoing")
            self._fail(restore_id, *failure.args)
        except Gone:
            time.sleep(0.02)
            found = self.restores[restore_id]
            moves = [each["previous_state"] for each in self.timelines[restore_id] if each["kind"] == "moved"]
            is_given_up = moves[-1] in GIVEN_UP
            payment = "captured" if is_given_up else "released"
            self._move(found["restore_id"], "returned" if is_given_up else "cancelled", payment=payment)

    def _quote(self, restore_id: str) -> None:
        self._stay(restore_id)
        if "quoting" in self.failures:
            self._fail(restore_id, *self.failures["quoting"])
        else:
            self._move(restore_id, "quoted")

    def _walk(self, restore_id: str, card: str) -> None:
        self._stay(restore_id)
        if card in self.declines:
            code, reason = self.declines[card]
            self._move(restore_id, "quoted", code=code, reason=reason, payment="refused")
            return
        for state, changes in (("provisioning", {"payment": "held"}), ("installing", {"instance_id": str(uuid4())})):
            self._go(restore_id, state, **changes)
        reason = "first"
        while reason:
            reason = self._give_password(restore_id, reason)
        self._go(restore_id, "validating")
        self._go(restore_id, "capturing")
        with self.lock:
            self.restores[restore_id]["warnings"] = self.warnings
            self._move(restore_id, "completed", payment="captured", address="127.0.0.1:18123")

    def _give_password(self, restore_id: str, reason: str) -> str:
        """One round; why another is needed, or nothing."""
        verdict = self._verify(restore_id, reason)
        if verdict != "right":
            return {"wrong": "wrong", "silent": "agent_silent"}[verdict]
        self._go(restore_id, "restoring")
        for part in range(1, 4):
            self._progress(restore_id, part * GB)
            if part == 2 and self.restarts:
                self.restarts -= 1
                return "agent_restarted"
        return ""

    def _verify(self, restore_id: str, reason: str) -> str:
        number = sum(known == restore_id for known, _ in self._private) + 1
        cloud = self.restores[restore_id]["cloud"]
        wrong = sum(each["reason"] == "wrong" for each in self.timelines[restore_id]) + (reason == "wrong")
        asked = {
            "round": None, "public_key": None, "reason": reason, "wrong_passwords": wrong,
            "attempts_left": self.attempts - wrong, "until": later(hours=24),
            "not_before": later(seconds=self.delay_seconds) if reason == "wrong" and self.delay_seconds else None,
        }  # fmt: skip
        self._move(restore_id, "awaiting_password", reason=reason, password=asked)
        self._stay(restore_id)
        with self.lock:
            private = self._private[restore_id, number] = X25519PrivateKey.generate()
            public = base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).rstrip(b"=").decode()
            cloud["password"] = asked | {"round": number, "public_key": public}
            self._record(restore_id, "password")
            self._until(restore_id, lambda: restore_id in self._sealed)
            sealed = self._sealed.pop(restore_id)
        self._stay(restore_id)
        info = b"space restore password v1\0" + f"{restore_id}/{cloud['instance_id']}/{number}".encode()
        opened = SUITE.decrypt(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)), private, info)
        self.opened.append(opened)
        if self.verdicts:
            return self.verdicts.popleft()
        return "right" if opened == self.password else "wrong"

    def _go(self, restore_id: str, state: str, **changes: Any) -> None:
        self._move(restore_id, state, **changes)
        self._stay(restore_id)
        if state in self.failures:
            raise Failed(*self.failures[state])

    def _fail(self, restore_id: str, code: str, reason: str) -> None:
        self._move(restore_id, "failed", code=code, reason=reason, payment="released")

    def _stay(self, restore_id: str) -> None:
        time.sleep(0.01)
        with self.lock:
            self._until(restore_id, lambda: self.restores[restore_id]["state"] not in self.holds)

    def _until(self, restore_id: str, is_time: Any) -> None:
        self.lock.wait_for(lambda: restore_id in self._cancelled or is_time())
        if restore_id in self._cancelled:
            raise Gone

    def _move(self, restore_id: str, state: str, **changes: Any) -> None:
        with self.lock:
            found = self.restores[restore_id]
            if restore_id in self._cancelled and state not in OVER | {"undoing"}:
                raise Gone
            before, found["state"] = found["state"], state
            found["code"], found["reason"] = changes.pop("code", None), changes.pop("reason", None)
            found["actions"] = actions(state)
            found["cloud"] |= {"password": None, **changes}
            self._record(restore_id, "moved", previous_state=before)
            if state == "awaiting_password":
                found["reason"] = None

    def _progress(self, restore_id: str, size_bytes: int) -> None:
        with self.lock:
            self.restores[restore_id] |= {"bytes_restored": size_bytes, "files_restored": 7, "total_bytes": 3 * GB}
            self._record(restore_id, "progress")
        time.sleep(0.02)

    def _record(self, restore_id: str, kind: str, previous_state: str | None = None) -> None:
        with self.lock:
            found, entries = self.restores[restore_id], self.timelines[restore_id]
            copied = ("state", "code", "reason", "bytes_restored", "files_restored", "total_bytes", "warnings")
            entry = {"number": 2 * len(entries) + 1, "recorded_at": later(), "kind": kind}
            entries.append(entry | {"previous_state": previous_state} | {name: found[name] for name in copied})
            self.lock.notify_all()


def _page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"items": rows, "next_cursor": None}


def _matches(row: dict[str, Any], query: dict[str, str], *names: str) -> bool:
    return all(query.get(name, row[name]) == row[name] for name in names)
