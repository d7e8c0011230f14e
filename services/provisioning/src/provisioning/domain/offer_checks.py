"""What a file of offers must not say twice; found in what could be read of it, whatever else is wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]
Member = tuple[Path, dict[str, object]]
"""A mapping in a list, and where it stands."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: names of fields and positions in lists, as in the file."""

    path: Path
    message: str


def check_repeats(document: object) -> list[Problem]:
    """Providers of one name, regions of one name or place in a provider, plans of one name in a region.

    Args:
        document: As it was read, so of any form at all.
    """
    return list(_repeats(document))


def members(document: object, path: Path, name: str) -> list[Member]:
    """The mappings in a list of the document's; none when it has no such list."""
    found = document.get(name) if isinstance(document, dict) else None
    items = enumerate(found) if isinstance(found, list) else ()
    return [((*path, name, number), each) for number, each in items if isinstance(each, dict)]


def _repeats(document: object) -> Iterator[Problem]:
    providers = members(document, (), "providers")
    yield from _twice(providers, "provider", "the provider {} stands here twice")
    for path, provider in providers:
        regions = members(provider, path, "regions")
        yield from _twice(regions, "region", "the region {} stands here twice")
        yield from _places(regions)
        for place, region in regions:
            yield from _twice(members(region, place, "plans"), "plan", "the plan {} stands here twice")


def _places(regions: Sequence[Member]) -> Iterator[Problem]:
    """Two regions at one place: a machine there would belong to either."""
    placed: dict[object, object] = {}
    for path, region in regions:
        name = region.get("region")
        at = region.get("at", name)
        if isinstance(at, str) and placed.setdefault(at, name) != name:
            yield Problem(path, f"two regions are at {at}: {placed[at]} and {name}")


def _twice(items: Sequence[Member], field: str, message: str) -> Iterator[Problem]:
    seen = set()
    for path, item in items:
        name = item.get(field)
        if not isinstance(name, str):
            continue
        if name in seen:
            yield Problem(path, message.format(name))
        seen.add(name)
