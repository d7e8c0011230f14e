"""The shapes of events as they were published: a sample and a schema per version, kept beside this file.

``python -m tests.contracts.published`` takes up what may be taken up: a new event, a new optional field. Anything else
is a new class with a new version in its name.
"""

import json
import sys
from pathlib import Path
from typing import Any

from shared.events.base import Event
from tests.contracts.contract_modules import events

FOLDER = Path(__file__).parent / "events"
WORDS = {"title", "description", "examples"}


def shape(event: type[Event]) -> dict[str, Any]:
    """The event's JSON schema without what is only said about it."""
    return dict(_without_words(event.model_json_schema()))


def _without_words(schema: Any, *, names: bool = False) -> Any:
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if names or key not in WORDS}
        return {key: _without_words(value, names=key == "properties") for key, value in kept.items()}
    if isinstance(schema, list):
        return [_without_words(item) for item in schema]
    return schema


def incompatibilities(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What a reader of one shape would not understand of the other; empty for a new optional field."""
    found = _part_incompatibilities(before.get("$defs", {}), after.get("$defs", {}))
    old, new = before.get("properties", {}), after.get("properties", {})
    for name in old:
        if name not in new:
            found.append(f"{name} is gone")
        elif old[name] != new[name]:
            found.append(f"{name} was {old[name]} and is {new[name]}")
        elif (name in before.get("required", [])) != (name in after.get("required", [])):
            found.append(f"{name} is required now, or was")
    found += [f"{name} is new and required" for name in after.get("required", []) if name not in old]
    return found


def _part_incompatibilities(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The same of the shapes within a shape, by name; one that is gone is found where it was used."""
    found = []
    for name in before.keys() & after.keys():
        if "properties" in before[name] and "properties" in after[name]:
            found += [f"{name}: {what}" for what in incompatibilities(before[name], after[name])]
        elif before[name] != after[name]:
            found.append(f"{name} was {before[name]} and is {after[name]}")
    return found


def recorded(event: type[Event]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{event.name}.json").read_text())
    return loaded


def main() -> int:
    refused = []
    for event in events():
        file = FOLDER / f"{event.name}.json"
        before = json.loads(file.read_text()) if file.exists() else {"sample": {}, "schema": shape(event)}
        found = incompatibilities(before["schema"], shape(event))
        refused += [f"{event.name}: {what}" for what in found]
        if not found:
            file.write_text(json.dumps({"sample": before["sample"], "schema": shape(event)}, indent=2) + "\n")
    print("\n".join(refused), file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
