"""What the command reads of a restore to the cloud is what its API document says, and so are the double's answers."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent import cloud_choosing, cloud_words
from agent import cloud_wire as wire
from billing.app import service as billing_service
from restore.app import service
from restore.domain import fitting, order
from tests.agent.api_documents import ApiDocument
from tests.agent.cloud_restores import ORDER, password_file, services
from tests.agent.conftest import Sealed
from tests.agent.shell import called

ONE = "/restores/{restore_id}"


@cache
def restore() -> ApiDocument:
    return ApiDocument(service)


@pytest.mark.parametrize(
    ("method", "path", "status", "model"),
    [
        ("post", "/restores", 201, wire.CloudRestore),
        ("get", ONE, 200, wire.Restore),
        ("post", f"{ONE}/confirm", 200, wire.CloudRestore),
        ("post", f"{ONE}/cancel", 200, wire.Restore),
    ],
)
def test_every_answer_about_a_restore_can_be_read(method: str, path: str, status: int, model: type[BaseModel]) -> None:
    unread = restore().unread(model, restore().answer(method, path, status))
    # Of one to the cloud the command reads more than of the other kind, and asks which it is before.
    assert [each for each in unread if not each.startswith(("CloudRestore.cloud may be", "CloudRestore.target"))] == []


def test_every_entry_of_a_timeline_can_be_read() -> None:
    assert restore().unread(wire.TimelineEntry, restore().item(f"{ONE}/timeline")) == []


def test_an_order_of_billings_can_be_read() -> None:
    billing = ApiDocument(billing_service)

    assert billing.unread(wire.Order, billing.item("/orders")) == []


def test_a_plan_fits_where_the_service_says_so() -> None:
    assert fitting.DISK_SHARE == cloud_choosing.DISK_SHARE


def test_every_state_has_words_and_every_end_is_known() -> None:
    assert {str(state) for state in order.State} - set(cloud_words.STATES) == set()
    assert {str(state) for state in order.TERMINAL} == cloud_words.OVER


def test_the_double_answers_as_the_service_does(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with services(sealed, monkeypatch) as double:
        assert called(*ORDER, "--no-wait", *password_file(tmp_path)).returncode == 0
        double.wait_for("awaiting_password")
        asked: dict[str, Any] = double.only()
        assert restore().faults(restore().answer("get", ONE, 200), asked) == []
        assert called("restore", "--resume", asked["restore_id"], "--yes", *password_file(tmp_path)).returncode == 0
        assert restore().faults(restore().answer("get", ONE, 200), double.only()) == []
        for entry in double.timelines[asked["restore_id"]]:
            assert restore().faults(restore().item(f"{ONE}/timeline"), entry) == []
