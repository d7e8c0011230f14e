"""An instance in words: its status, how long it has run, and what its owner can do next."""

from urllib.parse import urlsplit

from agent.output import size_text
from agent.provisioning_wire import Instance

OVER = frozenset({"destroyed", "canceled"})
# As the original product writes it; the others have a capital at their beginning only.
_TITLED = {"pending_activation": "Pending Activation"}
_SHOWN_IN = frozenset({"pending_activation", "running"})
_UNITS = ("day", "hour", "minute")
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
    if seconds is None:
        return "-"
    counts = [seconds // 86_400, seconds % 86_400 // 3_600, seconds % 3_600 // 60]
    first = next((place for place, count in enumerate(counts) if count), None)
    if first is None:
        return "less than a minute"
    shown = list(zip(counts, _UNITS, strict=True))[first : first + 2]
    return " ".join(_counted(count, unit) for count, unit in shown if count)


def place_text(found: Instance) -> str:
    names = dict.fromkeys((found.provider_name, found.region_name))
    return ", ".join(names)


def plan_text(found: Instance) -> str:
    """The plan with its hardware, where it is still known."""
    if found.vcpu is None:
        return found.plan
    memory, disk = size_text(found.memory_bytes), size_text(found.plan_disk_bytes)
    return f"{found.plan}: {found.vcpu} vCPU, {memory} memory, {disk} disk"


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
    if found.status in _SHOWN_IN and _has_page(found.address):
        steps.append(f"`space instance open {found.name}`: see what was restored on it")
    steps += [
        f"`space instance {action} {found.name}`: {_ACTIONS[action]}" for action in found.actions if action in _ACTIONS
    ]
    if found.status == "destroying":
        steps.append(f"It is being returned; `space instance return {found.name}` waits until that is done.")
    return steps or ["Nothing has to be done now: it goes on by itself."]


def _has_page(address: str | None) -> bool:
    """Whether the instance shows a page of its own: an address without a port is the home cloud's."""
    try:
        return urlsplit(f"//{address or ''}").port is not None
    except ValueError:
        return False


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
