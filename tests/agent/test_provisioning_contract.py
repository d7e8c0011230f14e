"""What the command reads of provisioning is what its API document says, and so are the answers of the tests' double."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel

from agent import provisioning_wire as wire
from agent.api import STREAM_TIMEOUT
from agent.commands.instances import MAX_TAIL
from agent.instance_waiting import RESTART, RETURN, START, STOP, Action
from agent.instance_words import OVER, status_text
from provisioning.app import service
from provisioning.domain import lifecycle
from provisioning.domain.lifecycle import Status, Trigger
from provisioning.streams import PING_SECONDS
from tests.agent.api_documents import ApiDocument
from tests.support.instances_double import Asked, InstancesDouble

INSTANCE_ID = "99999999-0000-4000-8000-000000000009"
ACTIONS = ["restart", "stop", "start", "return"]


@cache
def provisioning() -> ApiDocument:
    return ApiDocument(service)


@pytest.fixture
def double() -> Iterator[InstancesDouble]:
    double = InstancesDouble()
    yield double
    double.close()


def answer_of(double: InstancesDouble, method: str, path: str) -> tuple[int, dict[str, Any]]:
    return double.answer(Asked(method, path, {}, {"authorization": "Bearer t"}))


@pytest.mark.parametrize(
    ("method", "path", "status", "model"),
    [
        ("get", "/offers", 200, wire.Offers),
        ("get", "/instances/{instance_id}", 200, wire.Instance),
        ("post", "/instances/{instance_id}/links", 201, wire.PageLink),
        *(("post", f"/instances/{{instance_id}}/{action}", 202, wire.Instance) for action in ACTIONS),
    ],
)
def test_every_answer_that_provisioning_may_give_can_be_read(
    method: str, path: str, status: int, model: type[BaseModel]
) -> None:
    assert provisioning().unread(model, provisioning().answer(method, path, status)) == []


@pytest.mark.parametrize(
    ("path", "model"), [("/instances", wire.Instance), ("/instances/{instance_id}/log", wire.LogLine)]
)
def test_every_item_of_a_list_can_be_read(path: str, model: type[BaseModel]) -> None:
    assert provisioning().unread(model, provisioning().item(path)) == []


def test_the_double_answers_as_provisioning_does(double: InstancesDouble) -> None:
    double.write(INSTANCE_ID, "installing")
    for status in Status:
        double.instances = []
        double.add(INSTANCE_ID, "alice@olares.com", status)
        for path, where in (
            ("/offers", "/offers"),
            ("/instances", "/instances"),
            (f"/instances/{INSTANCE_ID}", "/instances/{instance_id}"),
            (f"/instances/{INSTANCE_ID}/log", "/instances/{instance_id}/log"),
        ):
            code, answer = answer_of(double, "GET", path)
            assert (code, provisioning().faults(provisioning().answer("get", where, 200), answer)) == (200, [])


def test_what_is_asked_for_in_a_query_or_a_header_is_in_the_document() -> None:
    def known(path: str) -> set[str]:
        return {each["name"] for each in provisioning().operation("get", path)["parameters"]}

    assert known("/offers") >= {"provider", "region"}
    assert known("/instances") >= {"name", "live", "limit", "cursor"}
    assert known("/instances/{instance_id}/log") >= {"tail", "limit", "cursor", "last-event-id", "accept"}


def test_as_many_last_lines_are_asked_for_as_are_given() -> None:
    parameters = provisioning().operation("get", "/instances/{instance_id}/log")["parameters"]
    tail = next(each["schema"] for each in parameters if each["name"] == "tail")

    assert [one["maximum"] for one in tail["anyOf"] if "maximum" in one] == [MAX_TAIL]


@pytest.mark.parametrize("action", [RESTART, STOP, START, RETURN], ids=lambda action: action.name)
def test_what_is_waited_for_is_what_the_table_leads_to(action: Action) -> None:
    asked = Trigger(action.name)
    begun = {target for (_, trigger), target in lifecycle.TRANSITIONS.items() if trigger is asked}
    ends = begun & lifecycle.TERMINAL
    for (source, trigger), target in lifecycle.TRANSITIONS.items():
        if source == action.passes and trigger not in (Trigger.BREAK, Trigger.LOSE, Trigger.RETURN):
            ends = ends | {target}

    assert begun - lifecycle.TERMINAL == {action.passes}
    assert ends == action.ends


def test_the_command_knows_which_statuses_are_ends_and_how_the_original_writes_them() -> None:
    assert OVER == lifecycle.TERMINAL
    assert [status_text(status) for status in Status] == [
        "Unpaid", "Queuing", "Fetching", "Pending", "Installing", "Restoring", "Restore error", "Pending Activation",
        "Running", "Stopping", "Stopped", "Starting", "Restarting", "Errored", "Destroying", "Destroyed", "Canceled",
    ]  # fmt: skip


def test_a_stream_that_is_whole_is_never_taken_for_a_broken_one() -> None:
    assert STREAM_TIMEOUT.read is not None
    assert STREAM_TIMEOUT.read >= 2 * PING_SECONDS
