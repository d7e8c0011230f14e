"""Writes what the code knows of itself: events, errors, APIs, state diagrams; ``--check`` only says what is stale."""

import importlib
import importlib.metadata
import inspect
import json
import pkgutil
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import shared
import shared.events
from shared.broker import EVENTS
from shared.errors import FATE, STATUS, Fate, MethodNotAllowed, ServiceError
from shared.events.base import REGISTRY, Envelope, Event
from shared.service import Service
from space_local.members import MEMBERS

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "tests" / "contracts" / "events"
GENERATED = "<!-- Written by `make docs`. -->\n"
FIELDS = re.compile(r"<!-- fields of (\S+) -->.*?<!-- /fields -->", re.DOTALL)
STATES = re.compile(r"<!-- states(?: of (\w+))? -->.*?<!-- /states -->", re.DOTALL)
NONE = "\N{EN DASH}"
FATES = {Fate.ACKNOWLEDGE: "acknowledged", Fate.RETRY: "retried with delay, then set aside", Fate.DEAD: "set aside"}


def main() -> int:
    stale = [path for path, content in pages() if not path.exists() or path.read_text() != content]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: make docs")
        return 1 if stale else 0
    for path, content in pages():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return 0


def pages() -> Iterator[tuple[Path, str]]:
    load_everything()
    yield ROOT / "docs" / "events.md", events_page()
    yield ROOT / "docs" / "asyncapi.json", json.dumps(asyncapi(), indent=2) + "\n"
    yield ROOT / "docs" / "errors.md", errors_page()
    provisioner = ROOT / "docs" / "provisioner.md"
    yield provisioner, FIELDS.sub(fields, provisioner.read_text())
    for name, service in sorted(services().items()):
        yield ROOT / "docs" / "openapi" / f"{name}.json", json.dumps(service.create_api().openapi(), indent=2) + "\n"
        readme = ROOT / "services" / name / "README.md"
        if readme.exists() and STATES.search(readme.read_text()):
            yield readme, STATES.sub(partial(drawn, name), readme.read_text())


def drawn(service: str, found: re.Match[str]) -> str:
    """A state diagram between its marks: of the service's lifecycle, or of the domain module that the mark names."""
    lifecycle = importlib.import_module(f"{service}.domain.{found[1] or 'lifecycle'}")
    mark = f"<!-- states of {found[1]} -->" if found[1] else "<!-- states -->"
    return f"{mark}\n```mermaid\n{diagram(lifecycle)}\n```\n<!-- /states -->"


def fields(found: re.Match[str]) -> str:
    """A table of an event's fields between their marks, in the words of its class."""
    schema = REGISTRY[found[1]].model_json_schema()
    lines = ["| Field | Type | Means |", "|---|---|---|"]
    for name, field in schema["properties"].items():
        kinds = " or ".join(kind.get("format", kind["type"]) for kind in field.get("anyOf", [field]))
        optional = "" if name in schema["required"] else "; may be left out"
        lines.append(f"| `{name}` | {kinds}{optional} | {field['description']} |")
    table = "\n".join(lines)
    return f"<!-- fields of {found[1]} -->\n{table}\n<!-- /fields -->"


def load_everything() -> None:
    for name in ("shared", *services()):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__") and ".migrations." not in module.name:
                importlib.import_module(module.name)


def services() -> dict[str, Service]:
    return {member.name: importlib.import_module(f"{member.name}.app").service for member in MEMBERS}


def subscribers() -> Mapping[str, list[str]]:
    """Which services read each event: the union of all SUBSCRIPTIONS."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, service in services().items():
        for subscription in service.subscriptions:
            found[subscription.event.name].add(name)
    return {name: sorted(readers) for name, readers in found.items()}


def published() -> list[type[Event]]:
    """The events of the contract modules, by name; not those that tests make up."""
    found = [event for event in REGISTRY.values() if event.__module__.startswith(f"{shared.events.__name__}.")]
    return sorted(found, key=lambda event: event.name)


def envelope(event: type[Event]) -> dict[str, Any]:
    """The event's golden sample as it goes over the wire."""
    sample = json.loads((SAMPLES / f"{event.name}.json").read_text())["sample"]
    return Envelope.model_validate(
        {
            "id": "0f9c1e8a-7a53-4c39-9d0e-6f2f4f1c2b10",
            "source": f"/{event.publisher()}",
            "type": event.name,
            "time": "2026-03-01T12:00:00Z",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "data": sample,
        }
    ).model_dump(mode="json")


def events_page() -> str:
    readers = subscribers()
    lines = [
        GENERATED,
        "# Events",
        "",
        f"Facts that services tell each other: CloudEvents 1.0 in JSON on RabbitMQ's topic exchange `{EVENTS}`, the",
        "event's name as routing key. An event belongs to its publisher; a change may add optional fields, anything",
        "else is a new version in the name. Delivery is at least once and in no promised order: a reader acts once per",
        "`id` and re-reads what it decides on. The same as a document for programs: [asyncapi.json](asyncapi.json).",
        "",
        "| Event | Publisher | Subscribers | Means |",
        "|---|---|---|---|",
    ]
    for event in published():
        means = inspect.cleandoc(event.__doc__ or "").splitlines()[0]
        who = ", ".join(readers.get(event.name, [])) or NONE
        lines.append(f"| [`{event.name}`](#{anchor(event.name)}) | {event.publisher()} | {who} | {means} |")
    for event in published():
        lines += ["", f"## {event.name}", "", inspect.cleandoc(event.__doc__ or ""), ""]
        lines += ["```json", json.dumps(envelope(event), indent=2), "```"]
    return "\n".join(lines) + "\n"


def anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", heading)


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3: a channel per event, its publisher's operation to send and each subscriber's to receive."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    readers = subscribers()
    for event in published():
        name = event.name
        key = name.replace(".", "_")
        channels[key] = {
            "address": name,
            "messages": {key: {"$ref": f"#/components/messages/{key}"}},
            "bindings": {
                "amqp": {
                    "is": "routingKey",
                    "exchange": {"name": EVENTS, "type": "topic", "durable": True},
                    "bindingVersion": "0.3.0",
                }
            },
        }
        wire = Envelope.model_json_schema()
        data = event.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= data.pop("$defs", {})
        wire["properties"] |= {"type": {"const": name}, "source": {"const": f"/{event.publisher()}"}, "data": data}
        messages[key] = {
            "name": name,
            "title": event.__name__,
            "summary": inspect.cleandoc(event.__doc__ or ""),
            "contentType": "application/cloudevents+json",
            "payload": wire,
            "examples": [{"payload": envelope(event)}],
        }
        parts = {"channel": {"$ref": f"#/channels/{key}"}, "messages": [{"$ref": f"#/channels/{key}/messages/{key}"}]}
        who = inspect.getdoc(sys.modules[event.__module__])
        operations[f"{event.publisher()}_sends_{key}"] = {"action": "send", "description": who, **parts}
        for reader in readers.get(name, []):
            operations[f"{reader}_receives_{key}"] = {"action": "receive", **parts}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Space events",
            "version": importlib.metadata.version("space-shared"),
            "description": "What the services of Space tell each other.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def errors_page() -> str:
    rows: dict[tuple[str, int], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for error in sorted(expected_failures(), key=lambda error: error.__module__):
        row = rows[error.code, 405 if error is MethodNotAllowed else STATUS[error.kind]]
        row["fate"].append(FATES[FATE[error.kind]])
        row["where"].append(error.__module__.partition(".")[0])
        row["means"].append(" ".join(inspect.cleandoc(error.__dict__["__doc__"]).split()).replace("``", "`"))
    for status, code, detail in edge_answers():
        row = rows[code, int(status) if status.isdecimal() else 400]
        row["where"].append("edge")
        row["means"].append(detail)
    lines = [
        GENERATED,
        "# Errors",
        "",
        "Every failure that is expected has a stable `code`, sent in `application/problem+json` (RFC 9457) with a",
        "`detail` for a person. Its kind decides the status of an answer and, where the same failure meets a message",
        "instead of a request, what becomes of the message. The store answers in S3's own XML instead.",
        "",
        "| Code | Status | A message is | Where | Means |",
        "|---|---|---|---|---|",
    ]
    for (code, number), row in sorted(rows.items()):
        fate = row["fate"][0] if row["fate"] else NONE
        lines.append(f"| `{code}` | {number} | {fate} | {', '.join(sorted(set(row['where'])))} | {row['means'][0]} |")
    return "\n".join(lines) + "\n"


def expected_failures(base: type[ServiceError] = ServiceError) -> set[type[ServiceError]]:
    ours = {"shared", *services()}
    direct = set(base.__subclasses__())
    below = {error for subclass in direct for error in expected_failures(subclass)}
    return {error for error in direct | below if hasattr(error, "code") and error.__module__.partition(".")[0] in ours}


def edge_answers() -> list[tuple[str, str, str]]:
    """Status, code and detail of what the edge answers by itself."""
    caddyfile = (ROOT / "deploy" / "edge" / "Caddyfile").read_text()
    return re.findall(r'import problem (\S+) "[^"]*" (\w+) "([^"]*)"', caddyfile)


def diagram(lifecycle: ModuleType) -> str:
    """A transition table as a Mermaid state diagram; the first state is where things begin."""
    moves = [f"    {source} --> {target}: {trigger}" for (source, trigger), target in lifecycle.TRANSITIONS.items()]
    kind: type[StrEnum] = type(next(iter(lifecycle.TRANSITIONS))[0])
    states = list(kind)
    ends = [f"    {state} --> [*]" for state in states if state in lifecycle.TERMINAL]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {states[0]}", *moves, *ends])


if __name__ == "__main__":
    sys.exit(main())
