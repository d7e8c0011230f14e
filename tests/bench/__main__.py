"""`make bench`: measures, prints the table, writes .space/bench.json; `KEEP=1` also renews docs/benchmarks.md."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
import uvloop

from tests.bench import billing, events, gate, lists, reads, restores, sagas, store
from tests.bench.figures import FULL, Figure, Scale, table, write
from tests.bench.servers import Servers, servers
from tests.support.store import PROJECT

SCENARIOS: dict[str, Callable[[Servers, Scale], Coroutine[None, None, list[Figure]]]] = {
    "store": store.measure,
    "lists": lists.measure,
    "events": events.measure,
    "gate": gate.measure,
    "billing": billing.measure,
    "restores": restores.measure,
    "sagas": sagas.measure,
    "reads": reads.measure,
}
RESULT = PROJECT / ".space" / "bench.json"
PAGE = PROJECT / "docs" / "benchmarks.md"
START, END = "<!-- figures -->\n", "<!-- /figures -->"


async def measure(names: list[str], scale: Scale) -> list[Figure]:
    """Each scenario in turn; nothing else of ours runs meanwhile."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="space-bench-") as home:
        async with servers(Path(home)) as running:
            for name in names:
                print(f"measuring: {name}", file=sys.stderr, flush=True)
                figures += await SCENARIOS[name](running, scale)
    return figures


def conditions(load_before: float, scale: Scale) -> str:
    """When and on what, as far as it matters to the ratios."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} on {platform.machine()}, {os.cpu_count()} cores, "
        f"{memory_gb:.0f} GB of memory, Python {platform.python_version()}; {scale.rounds} pairs each "
        f"({scale.restore_rounds} of restores of {scale.restore_bytes / 1e9:.3g} GB); "
        f"load of the machine before: {load_before:.1f}."
    )


def keep(text: str, page: Path = PAGE) -> None:
    """Put the text between the page's marks."""
    before, _, rest = page.read_text().partition(START)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"{page} has not the marks {START.strip()} and {END}.")
    page.write_text(f"{before}{START}{text}\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help=f"which of {', '.join(SCENARIOS)}; all when none is named")
    parser.add_argument("--keep", action="store_true", help="write the figures into docs/benchmarks.md too")
    parser.add_argument("--gigabytes", type=float, help="what a restore to the cloud brings back, instead of 2")
    parser.add_argument("--rounds", type=int, help="how often each is measured, instead of 5 times (3 for restores)")
    chosen = parser.parse_args()
    unknown = set(chosen.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}")
    structlog.configure(processors=[structlog.dev.ConsoleRenderer(colors=False)])
    load_before = os.getloadavg()[0]
    scale = FULL
    if chosen.gigabytes is not None:
        scale = replace(scale, restore_bytes=round(chosen.gigabytes * 1e9))
    if chosen.rounds is not None:
        scale = replace(scale, rounds=chosen.rounds, restore_rounds=chosen.rounds)
    figures = uvloop.run(measure(chosen.scenarios or list(SCENARIOS), scale))
    text = f"{conditions(load_before, scale)}\n\n{table(figures)}"
    print(text)
    write(figures, RESULT)
    if chosen.keep:
        keep(text)


if __name__ == "__main__":
    main()
