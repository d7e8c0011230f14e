"""The README says what the code does."""

import re
from pathlib import Path

from restore import models
from restore.consumers import SUBSCRIPTIONS
from restore.domain.lifecycle import TERMINAL, TRANSITIONS, State
from shared.events.base import REGISTRY

README = (Path(__file__).parents[2] / "services" / "restore" / "README.md").read_text()


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    moves = [f"    {source} --> {target}: {trigger}" for (source, trigger), target in TRANSITIONS.items()]
    ends = [f"    {state} --> [*]" for state in State if state in TERMINAL]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {State.READY}", *moves, *ends])


def test_the_diagram_is_the_table() -> None:
    drawn = re.findall(r"```mermaid\n(stateDiagram.*?)\n```", README, re.DOTALL)
    assert drawn == [diagram()]


def test_every_table_and_event_is_named() -> None:
    assert {f"`{name}`" for name in models.Base.metadata.tables} <= set(re.findall(r"`[^`\n]+`", README))
    published = {name for name in REGISTRY if name.startswith("restore.")}
    consumed = {subscription.event.name for subscription in SUBSCRIPTIONS}
    assert published | consumed == set(re.findall(r"`([a-z]+\.[a-z_.]+\.v\d+)`", README))
