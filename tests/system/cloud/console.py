"""A stand-in for consoles that are open: it goes on with every order, whatever answers or does not."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.support.folders import Entry, contents
from tests.support.whole_system import WholeSystem
from tests.system.cloud.customer import HERE, OVER, restored_in, seal
from tests.system.cloud.orders import CARDS, WAITING, Order
from tests.system.conftest import PASSWORD

LOOK_SECONDS = 0.3
# Answers that only say that somebody is down just now, identity among them, who would give another token.
PASSING = frozenset({401, 429, 502, 503, 504})


@dataclass(frozen=True)
class Owner:
    """Who orders, of what, and what has to be there in the end."""

    owner_id: UUID
    token: Callable[[], str]
    backup_id: str
    cards: dict[str, str]
    files: dict[str, Entry]


@dataclass
class Case:
    """An order on its way."""

    order: Order
    restore_id: str | None = None
    found: dict[str, Any] | None = None
    sent_round: int = 0
    wrong_sent: int = 0
    is_declined: bool = False
    is_over: bool = False
    is_whole: bool | None = None
    said: list[str] = field(default_factory=list)

    @property
    def state(self) -> str | None:
        return None if self.found is None else str(self.found["state"])


class Console:
    """Works in a thread of its own on so many orders at once.

    ``strange`` are answers that no trouble explains.
    """

    def __init__(self, whole: WholeSystem, owners: Sequence[Owner], orders: Sequence[Order], at_once: int) -> None:
        self.cases = [Case(order) for order in orders]
        self.strange: list[str] = []
        self.answers: Counter[int] = Counter()
        self._whole = whole
        self._owners = owners
        self._at_once = at_once
        self._stop = threading.Event()
        self._client = httpx.Client(base_url=f"{whole.origin}/api/v1", timeout=10, trust_env=False)

    @property
    def open(self) -> list[Case]:
        return [case for case in self.cases if not case.is_over]

    @contextmanager
    def working(self) -> Any:
        thread = threading.Thread(target=self._work, name="console")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            self._client.close()

    def _work(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for case in self.open[: self._at_once]:
                try:
                    self._go_on(case)
                except httpx.TransportError as error:
                    self._note(case, type(error).__name__)
                except _Passing as error:
                    self._note(case, str(error))
                except Exception as error:
                    self.strange.append(f"{case.order}: {error!r}")
                    case.is_over = True

    def _go_on(self, case: Case) -> None:
        if case.restore_id is None:
            self._order(case)
            return
        case.found = self._ask(case, "GET", "").json()
        state = case.state
        assert state is not None
        if state in OVER:
            self._end(case)
        elif case.order.fate == "cancelled" and state in WAITING[WAITING.index(case.order.cancelled_in) :]:
            self._ask(case, "POST", "/cancel", takes=(200, 409))
        elif state == "quoted":
            self._confirm(case)
        elif state == "awaiting_password":
            self._enter(case)
        elif case.order.fate == "returned while it restores" and state == "restoring":
            self._return(case)

    def _order(self, case: Case) -> None:
        order, owner = case.order, self._owner(case)
        wanted = {"backup_id": owner.backup_id, "instance_name": order.name, **HERE}
        answer = self._send(case, "POST", "/restores", wanted, str(order.key))
        if answer.status_code in (201, 202):
            case.restore_id = answer.json()["restore_id"]
            self._note(case, f"is {case.restore_id}")
        elif answer.status_code == 409 and answer.json()["code"] in ("offer_unavailable", "request_in_flight"):
            raise _Passing(answer.text)
        elif answer.status_code == 409 and answer.json()["code"] == "name_in_use":
            case.is_over = True
        else:
            raise AssertionError(f"{answer.status_code} {answer.text}")

    def _confirm(self, case: Case) -> None:
        assert case.found is not None
        card = case.order.card
        case.is_declined = case.is_declined or case.found["code"] is not None
        if case.is_declined:
            card = CARDS[0]
        body = {"payment_method_id": self._owner(case).cards[card]}
        answer = self._ask(case, "POST", "/confirm", body, takes=(200, 409))
        if answer.status_code == 409 and answer.json()["code"] in ("name_in_use", "offer_unavailable"):
            # Somebody else has it by now: this owner wants it no more.
            self._ask(case, "POST", "/cancel", takes=(200, 409))

    def _enter(self, case: Case) -> None:
        assert case.found is not None
        wanted = case.found["cloud"]["password"]
        if not wanted["public_key"] or not _is_past(wanted["not_before"]):
            return
        if case.order.fate == "given up" and wanted["wrong_passwords"] >= case.order.wrong_passwords:
            self._ask(case, "POST", "/cancel", takes=(200, 409))
            return
        is_right = wanted["wrong_passwords"] >= case.order.wrong_passwords
        sealed = seal(case.found, PASSWORD if is_right else f"wrong {case.order.key}")
        answer = self._ask(
            case, "POST", "/password", {"round": wanted["round"], "sealed": sealed}, takes=(200, 409, 429)
        )
        self._note(case, f"{'right' if is_right else 'wrong'} for round {wanted['round']}: {answer.status_code}")

    def _return(self, case: Case) -> None:
        assert case.found is not None
        path = f"/instances/{case.found['cloud']['instance_id']}/return"
        answer = self._send(case, "POST", path, None, str(uuid4()))
        assert answer.status_code in (202, 404, 409, 410), answer.text
        self._note(case, f"returned: {answer.status_code}")

    def _end(self, case: Case) -> None:
        if case.state == "completed" and case.is_whole is None:
            assert case.found is not None
            home = self._whole.machine_folder(UUID(case.found["cloud"]["instance_id"])) / "home"
            case.is_whole = contents(restored_in(home)) == self._owner(case).files
        if case.state == "completed" and not case.order.is_kept:
            self._return(case)
        self._note(case, f"is over: {case.state}")
        case.is_over = True

    def _owner(self, case: Case) -> Owner:
        return self._owners[case.order.owner]

    def _ask(
        self, case: Case, method: str, path: str, body: dict[str, Any] | None = None, takes: Sequence[int] = (200,)
    ) -> httpx.Response:
        answer = self._send(case, method, f"/restores/{case.restore_id}{path}", body, str(uuid4()))
        assert answer.status_code in takes, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def _send(self, case: Case, method: str, path: str, body: dict[str, Any] | None, key: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._owner(case).token()}", "Idempotency-Key": key}
        answer = self._client.request(method, path, json=body, headers=headers)
        self.answers[answer.status_code] += 1
        if answer.status_code in PASSING and "too_soon" not in answer.text:
            raise _Passing(f"{method} {path}: {answer.status_code}")
        return answer

    def _note(self, case: Case, text: str) -> None:
        case.said.append(f"{time.time():.3f} {text}")


class _Passing(Exception):
    """Somebody is down: it is tried again."""


def _is_past(moment: str | None) -> bool:
    return moment is None or datetime.fromisoformat(moment) <= datetime.now(UTC)
