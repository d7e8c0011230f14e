"""Calls to providers of machines are counted by what came of them."""

import pytest
from prometheus_client import REGISTRY

from provisioning.metrics import machine_call
from provisioning.ports import CredentialsRefused, OrderRefused, OutOfCapacity, Unanswered


class LateAnswer(Unanswered):
    """A driver may tell more precisely what it means."""


def counted(outcome: str) -> float:
    labels = {"provider": "tests", "call": "create", "outcome": outcome}
    return REGISTRY.get_sample_value("space_provisioning_machine_calls_total", labels) or 0


def timed() -> float:
    name = "space_provisioning_machine_call_seconds_count"
    return REGISTRY.get_sample_value(name, {"provider": "tests", "call": "create"}) or 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "done"),
        (Unanswered(), "unanswered"),
        (LateAnswer(), "unanswered"),
        (OutOfCapacity(), "out_of_capacity"),
        (CredentialsRefused(), "credentials_refused"),
        (OrderRefused(), "refused"),
        (ValueError(), "broken_off"),
        (KeyboardInterrupt(), "broken_off"),
    ],
)
def test_a_call_is_counted_once_by_what_came_of_it(error: BaseException | None, outcome: str) -> None:
    before = {name: counted(name) for name in ("done", "unanswered", "broken_off", outcome)}
    calls = timed()
    if error is None:
        with machine_call("tests", "create"):
            pass
    else:
        with pytest.raises(type(error)), machine_call("tests", "create"):
            raise error
    assert {name: counted(name) - was for name, was in before.items()} == {name: name == outcome for name in before}
    assert timed() == calls + 1
