"""The benchmark in short: every scenario runs and gives a sensible figure. How fast is for `make bench` to say."""

import json
from pathlib import Path

import pytest
import uvloop

from space_local.rabbitmq import RabbitMQ
from tests.bench import __main__ as bench
from tests.bench.figures import TINY, Figure, duration, rate, table, write
from tests.bench.servers import Servers
from tests.support.databases import Databases
from tests.support.tokens import TokenIssuer

NAMES = {
    "store": {"backup_through_gate", "restore_through_gate", "restore_through_tls", "restore_gate_over_tls"},
    "lists": {"list_page", "list_page_p50", "list_page_p99", "list_page_deep"},
    "events": {"events_batched", "events_single", "inbox_one_by_one"},
    "gate": {"gate_decision", "gate_decision_p99"},
    "billing": {
        "billing_take_in",
        "billing_close",
        "billing_invoices",
        "billing_linear",
        "billing_engine",
        "billing_memory",
    },
    "restores": {"restore_start", "restore_restoring", "restore_whole", "restore_bare"},
    "sagas": {"saga_facts_1", "saga_facts_4", "saga_facts_16", "saga_statements"},
    "reads": {"restores_page", "restores_page_p99", "agent_poll", "agent_poll_p99"},
}


@pytest.fixture
def servers(databases: Databases, rabbitmq: RabbitMQ, issuer: TokenIssuer, tmp_path: Path) -> Servers:
    return Servers(tmp_path, databases, rabbitmq, issuer)


@pytest.mark.parametrize("scenario", sorted(bench.SCENARIOS))
def test_a_scenario_gives_figures_that_make_sense(servers: Servers, scenario: str) -> None:
    figures = uvloop.run(bench.SCENARIOS[scenario](servers, TINY))
    assert {figure.name for figure in figures} == NAMES[scenario]
    for figure in figures:
        assert figure.value > 0, figure
        assert figure.limit > 0, figure
        assert 0.001 < figure.ratio < 100, figure


def test_a_ratio_is_the_median_of_the_pairs_and_one_is_the_limit() -> None:
    assert rate("a", "MB/s", "b", [(50, 100), (90, 100), (10, 100)]).ratio == 0.5
    assert duration("a", "ms", "b", [(20, 10), (10, 10), (40, 10)]).ratio == 0.5


def test_figures_are_written_by_name_and_shown_as_a_table(tmp_path: Path) -> None:
    figure: Figure = rate("a_rate", "MB/s", "the disk", [(50, 100)])
    write([figure], tmp_path / "folder" / "bench.json")
    written = json.loads((tmp_path / "folder" / "bench.json").read_text())
    assert written["a_rate"] == {
        "unit": "MB/s", "value": 50, "limit": 100, "ratio": 0.5, "lowest": 0.5, "highest": 0.5, "against": "the disk",
    }  # fmt: skip
    assert "0.50" in table([figure]).splitlines()[2]


def test_the_page_keeps_what_is_around_the_figures(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{bench.START}old\n{bench.END}\nafter\n")
    bench.keep("new", page)
    assert page.read_text() == f"before\n{bench.START}new\n{bench.END}\nafter\n"
