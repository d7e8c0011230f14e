"""An instance in words: its status, how long it has run, and what its owner can do next."""

from agent.output import size_text
from agent.provisioning_wire import Instance

OVER = frozenset({"destroyed", "canceled"})
# As the original product writes it; the others have a capital at their beginning only.
_TITLED = {"pending_activation": "Pending Activation"}
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_ACTIONS = {
    "restart": "turn it off and on again",
    "stop": "turn it off; its disk stays, and so does its price",
    "start": "turn it on again",
    "return": "give it back for good, with everything on it",
}


def status_text(status: str) -> str:
    """A status as the original product writes it: `pending_activation` is `Pending Activation`."""
    return _TITLED.get(status) or status.replace("_", " ").capitalize()


def duration_text(seconds: int | None) -> str:
    """A time in its two largest units, `3 days 4 hours`; a dash when there is none."""
    if seconds is None or seconds < 0:
        return "-"
    for place, (_, size) in enumerate(_UNITS):
        if seconds >= size:
            counts = [(seconds // size, place), (seconds % size // _UNITS[place + 1][1] if size > 1 else 0, place + 1)]
            return " ".join(_counted(count, _UNITS[unit][0]) for count, unit in counts if count)
    return "0 seconds"


def place_text(found: Instance) -> str:
    return f"{found.provider_name}, {found.region_name}"


def used_text(used_bytes: int, included_bytes: int | None) -> str:
    """What was used, `1.00 GB of 100.00 GB included`."""
    used = size_text(used_bytes)
    return used if included_bytes is None else f"{used} of {size_text(included_bytes)} included"


def next_steps(found: Instance) -> list[str]:
    """What can be done with an instance, a line each."""
    if found.status in OVER:
        return [f"It is over. What it wrote is kept: `space instance log {found.instance_id}`."]
    steps = []
    if found.needs_operator:
        steps.append("An operator has to look at it before it goes on.")
    if found.status in ("errored", "restore_error"):
        steps.append(f"`space instance log {found.name}` shows what happened.")
    steps += [
        f"`space instance {action} {found.name}`: {_ACTIONS[action]}" for action in found.actions if action in _ACTIONS
    ]
    if found.status == "destroying":
        steps.append(f"It is being returned; `space instance return {found.name}` waits until that is done.")
    return steps or ["Nothing has to be done now: it goes on by itself."]


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
