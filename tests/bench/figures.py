"""A figure: what we reached, what could be reached, measured side by side, and the ratio of the two."""

import json
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Scale:
    """How much is measured: rounds of each pair, seconds of load per round, sizes, and owners with ten samples each.

    Args:
        restores: How many restores the orchestrator takes from their beginning to their end in a round.
        restore_bytes: What a restore to the cloud brings back, in so many rounds as ``restore_rounds``.
    """

    rounds: int
    seconds: float
    backups: int
    events: int
    folder_bytes: int
    owners: int
    restores: int
    restore_bytes: int
    restore_rounds: int


FULL = Scale(
    rounds=5,
    seconds=3,
    backups=10_000,
    events=3_000,
    folder_bytes=300 * 2**20,
    owners=100_000,
    restores=48,
    restore_bytes=2 * 10**9,
    restore_rounds=3,
)
TINY = Scale(
    rounds=1,
    seconds=0.2,
    backups=60,
    events=120,
    folder_bytes=6 * 2**20,
    owners=200,
    restores=16,
    restore_bytes=6 * 10**6,
    restore_rounds=1,
)


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        limit: The same thing without ours, in the same unit; ``against`` says what it is.
        ratio: 1 is the limit itself and less is slower, for rates and for times alike. The median of the pairs.
        lowest: The lowest ratio of a pair; with ``highest`` it says how far to trust the median.
    """

    name: str
    unit: str
    value: float
    limit: float
    ratio: float
    lowest: float
    highest: float
    against: str


async def alternate(rounds: int, *runs: Callable[[], Awaitable[T]]) -> list[tuple[T, ...]]:
    """Each run once to warm up, then A B A B …, so that whatever else the machine does happens to both."""
    for run in runs:
        await run()
    return [tuple([await run() for run in runs]) for _ in range(rounds)]


def rate(name: str, unit: str, against: str, pairs: Sequence[tuple[float, float]]) -> Figure:
    """A figure from pairs of ours and the limit, where more is better."""
    return _figure(name, unit, against, pairs, [ours / limit for ours, limit in pairs])


def duration(name: str, unit: str, against: str, pairs: Sequence[tuple[float, float]]) -> Figure:
    """A figure from pairs of ours and the limit, where less is better."""
    return _figure(name, unit, against, pairs, [limit / ours for ours, limit in pairs])


def _figure(
    name: str, unit: str, against: str, pairs: Sequence[tuple[float, float]], ratios: Sequence[float]
) -> Figure:
    return Figure(
        name=name,
        unit=unit,
        value=statistics.median(ours for ours, _ in pairs),
        limit=statistics.median(limit for _, limit in pairs),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        against=against,
    )


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [("figure", "unit", "ours", "limit", "ratio", "pairs", "the limit is")]
    rows += [
        (
            figure.name,
            figure.unit,
            _number(figure.value),
            _number(figure.limit),
            f"{figure.ratio:.2f}",
            f"{figure.lowest:.2f} to {figure.highest:.2f}",
            figure.against,
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))


def write(figures: Sequence[Figure], path: Path) -> None:
    """The figures by name, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {figure.name: {key: value for key, value in asdict(figure).items() if key != "name"} for figure in figures}
    path.write_text(json.dumps(named, indent=2) + "\n")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
