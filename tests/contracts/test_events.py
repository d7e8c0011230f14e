"""What is published stays readable: a golden sample and a schema per version of an event."""

import copy
from typing import Any

import pytest

from shared.events.base import Event
from tests.contracts.contract_modules import events, readers
from tests.contracts.published import FOLDER, incompatibilities, recorded, shape


@pytest.fixture(params=events(), ids=lambda event: str(event.name))
def event(request: pytest.FixtureRequest) -> type[Event]:
    found: type[Event] = request.param
    return found


def test_the_golden_sample_is_read_and_written_unchanged(event: type[Event]) -> None:
    sample = recorded(event)["sample"]
    assert event.model_validate(sample).model_dump(mode="json") == sample


def test_the_sample_has_every_field(event: type[Event]) -> None:
    assert set(recorded(event)["sample"]) == set(event.model_fields)


def test_the_published_shape_has_not_changed(event: type[Event]) -> None:
    before = recorded(event)["schema"]
    assert incompatibilities(before, shape(event)) == [], "publish a new version beside it instead"
    assert before == shape(event), "take up the new optional field: python -m tests.contracts.published"


def test_a_message_without_its_optional_fields_is_read(event: type[Event]) -> None:
    required = set(shape(event).get("required", []))
    least = {name: value for name, value in recorded(event)["sample"].items() if name in required}
    assert event.model_validate(least)


def test_a_field_that_is_not_known_yet_is_no_obstacle(event: type[Event]) -> None:
    assert event.model_validate(recorded(event)["sample"] | {"added_later": 1})


def test_an_event_names_the_services_that_subscribe_to_it(event: type[Event]) -> None:
    assert set(event.consumers) == readers().get(event.name, set())


def test_an_event_belongs_to_the_module_of_its_publisher(event: type[Event]) -> None:
    assert event.__module__ == f"shared.events.{event.publisher()}"
    assert event.name.startswith(f"{event.publisher()}.")
    assert event.name.rpartition(".v")[2].isdecimal()


def test_nothing_is_recorded_that_is_not_published() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == {event.name for event in events()}


OPTIONAL = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


@pytest.mark.parametrize(
    ("change", "compatible"),
    [
        (lambda schema: schema["properties"].update(note=OPTIONAL), True),
        (
            lambda schema: (schema["properties"].update(note={"type": "string"}), schema["required"].append("note")),
            False,
        ),
        (lambda schema: (schema["properties"].pop("did"), schema["required"].remove("did")), False),
        (lambda schema: schema["properties"].update(did={"type": "integer"}), False),
        (lambda schema: schema["required"].remove("did"), False),
    ],
    ids=["a new optional field", "a new required field", "a field gone", "another type", "no longer required"],
)
def test_which_changes_are_compatible(change: Any, compatible: bool) -> None:
    (event,) = [event for event in events() if event.name == "identity.owner.registered.v1"]
    after = copy.deepcopy(shape(event))
    change(after)
    assert (incompatibilities(shape(event), after) == []) is compatible


@pytest.mark.parametrize(
    ("change", "compatible"),
    [
        (lambda part: part["properties"].update(note=OPTIONAL), True),
        (lambda part: part["properties"].pop("plan"), False),
        (lambda part: part["properties"].update(plan={"type": "integer"}), False),
        (lambda part: part["required"].append("note") or part["properties"].update(note={"type": "string"}), False),
        (lambda part: part.pop("properties"), False),
    ],
    ids=["a new optional field", "a field gone", "another type", "a new required field", "no fields at all"],
)
def test_which_changes_within_a_part_are_compatible(change: Any, compatible: bool) -> None:
    (event,) = [event for event in events() if event.name == "billing.prices.changed.v1"]
    after = copy.deepcopy(shape(event))
    change(after["$defs"]["PlanPrice"])
    assert (incompatibilities(shape(event), after) == []) is compatible
