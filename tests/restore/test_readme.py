"""The README says what the code does."""

import re
from collections.abc import Container, Iterable
from pathlib import Path

from restore import models
from restore.consumers import SUBSCRIPTIONS
from restore.domain import lifecycle, order
from shared.events.base import REGISTRY

README = (Path(__file__).parents[2] / "services" / "restore" / "README.md").read_text()


def diagram(moves: Iterable[tuple[tuple[str, str], str]], states: Iterable[str], ends: Container[str]) -> str:
    """A table as a Mermaid state diagram; the first state is where things begin."""
    arrows = [f"    {source} --> {target}: {trigger}" for (source, trigger), target in moves]
    first, *_ = states
    over = [f"    {state} --> [*]" for state in states if state in ends]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {first}", *arrows, *over])


def test_the_diagrams_are_the_tables() -> None:
    drawn = re.findall(r"```mermaid\n(stateDiagram.*?)\n```", README, re.DOTALL)
    assert drawn == [
        diagram(lifecycle.TRANSITIONS.items(), lifecycle.State, lifecycle.TERMINAL),
        diagram(order.TRANSITIONS.items(), order.State, order.TERMINAL),
    ]


def test_the_waits_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| [^|]+ \| [^|]+ \| [^|]+ \|$", README, re.MULTILINE)
    assert {state for row in rows for state in re.findall(r"[a-z_]+", row)} == set(order.LIMITS)


def test_every_table_and_event_is_named() -> None:
    assert {f"`{name}`" for name in models.Base.metadata.tables} <= set(re.findall(r"`[^`\n]+`", README))
    published = {name for name in REGISTRY if name.startswith("restore.")}
    consumed = {subscription.event.name for subscription in SUBSCRIPTIONS}
    assert published | consumed == set(re.findall(r"`([a-z]+\.[a-z_.]+\.v\d+)`", README))
