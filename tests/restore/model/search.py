"""Everything that can be reached from a beginning, by breadth first, and how it is left again."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.restore.model.checks import check, is_quiet
from tests.restore.model.steps import steps
from tests.restore.model.world import Broken, World


@dataclass
class Reached:
    """All states by their number, and who comes to each by a fair step."""

    worlds: list[World] = field(default_factory=list)
    numbers: dict[World, int] = field(default_factory=dict)
    came_from: list[tuple[int, str]] = field(default_factory=list)
    fairly_from: list[list[int]] = field(default_factory=list)

    def story(self, number: int) -> str:
        """How a state is reached."""
        lines = [repr(self.worlds[number])]
        while number:
            number, name = self.came_from[number]
            lines.append(name)
        return "\n".join(reversed(lines))

    def endless(self) -> Iterator[int]:
        """States that fair steps alone do not lead to an end at which all is quiet."""
        ends = [number for number, world in enumerate(self.worlds) if world.is_over and is_quiet(world)]
        leads, todo = set(ends), deque(ends)
        while todo:
            for number in self.fairly_from[todo.popleft()]:
                if number not in leads:
                    leads.add(number)
                    todo.append(number)
        return (number for number in range(len(self.worlds)) if number not in leads)


def explore(beginning: World) -> Reached:
    """All that can come of it.

    Raises:
        Broken: With the shortest story, when something does that must not.
    """
    reached = Reached()
    _enter(reached, beginning, 0, "", is_fair=False)
    number = 0
    while number < len(reached.worlds):
        world = reached.worlds[number]
        try:
            check(world)
            for name, is_fair, after in steps(world):
                if after is not world:
                    _enter(reached, after, number, name, is_fair=is_fair)
        except AssertionError as broken:
            raise Broken(f"{broken}\n{reached.story(number)}") from broken
        number += 1
    return reached


def _enter(reached: Reached, world: World, source: int, name: str, *, is_fair: bool) -> None:
    number = reached.numbers.setdefault(world, len(reached.worlds))
    if number == len(reached.worlds):
        reached.worlds.append(world)
        reached.came_from.append((source, name))
        reached.fairly_from.append([])
    if is_fair:
        reached.fairly_from[number].append(source)
