"""What is drawn and what is alerted on is what the services export."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi.routing import iter_route_contexts
from prometheus_client import REGISTRY as METRICS
from prometheus_client.metrics import MetricWrapperBase

from catalog.app import service as catalog
from provisioning.metrics import BROKEN_OFF, DONE
from provisioning.metrics import OUTCOMES as OF_CALLS
from provisioning.ports import InstanceDriver
from shared import telemetry
from shared.broker import UNROUTED
from shared.events.base import REGISTRY
from shared.service import ROLES
from tests.deploy.support import OBSERVABILITY, ROOT, SERVICES, containers

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
ADDED_LABELS = {"process", "instance", "job"}
"""On every series, by prometheus.yml and by Prometheus itself."""
WORDS = {"unless"}
FUNCTIONS = {"sum", "max", "rate", "increase", "histogram_quantile"}
NO_RUNTIME: Any = None
"""For applications that are looked at, or that fail and are counted."""
OUTCOMES = {"done", "duplicate", "stale", "retried", "dead", "malformed", "unsubscribed", "failed", "unavailable"}


def exported() -> dict[str, set[str]]:
    """Every series there can be, and its labels."""
    series: dict[str, set[str]] = {"up": set()}
    for metric in METRICS._collector_to_names:
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            for suffix in SUFFIXES[family.type]:
                labels = set(metric._labelnames)
                series[family.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    for family in METRICS.collect():
        for sample in family.samples:
            if sample.name.startswith("process_"):
                series[sample.name] = set(sample.labels)
    return series


def alerts() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def dashboards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in (OBSERVABILITY / "dashboards").glob("*.json")}


def expressions() -> list[tuple[str, str]]:
    drawn = [
        (f"{name}: {panel['title']}", target["expr"])
        for name, dashboard in sorted(dashboards().items())
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]
    return drawn + [(alert["alert"], alert["expr"]) for alert in alerts()]


def routes(service: str) -> set[str]:
    found = SERVICES[service]
    apps = (found.create_api(), found.create_internal(NO_RUNTIME, ROLES))
    return {context.path for app in apps for context in iter_route_contexts(app.routes) if context.path}


def values(label: str) -> set[str]:
    """What a label may say."""
    queues = {name for service in SERVICES.values() for queue in service.queues for name in (queue.name, queue.dead)}
    return {
        "service": set(SERVICES),
        "process": set(containers()),
        "provider": {"sandbox", "stripe", "local", "aws"},
        "call": {name for name in vars(InstanceDriver) if inspect.iscoroutinefunction(vars(InstanceDriver)[name])},
        "event": set(REGISTRY),
        "queue": queues | {UNROUTED},
        "job": {job.name for service in SERVICES.values() for job in service._all_jobs()},
        "route": {route for service in SERVICES for route in routes(service)},
        "outcome": OUTCOMES | {DONE, BROKEN_OFF, *OF_CALLS.values()},
        "status": {
            "200",
            "201",
            "202",
            "204",
            "400",
            "401",
            "402",
            "403",
            "404",
            "409",
            "410",
            "422",
            "429",
            "500",
            "503",
        },
        "method": {"GET", "POST", "DELETE"},
    }[label]


@pytest.mark.parametrize(("where", "expression"), expressions())
def test_an_expression_names_what_is_exported(where: str, expression: str) -> None:
    series = exported()
    bare = re.sub(r'"[^"]*"', '""', expression)
    assert bare.count("(") == bare.count(")")
    words = re.findall(r"([a-z_]+)( *\()?", re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on) \([^)]*\)", "", bare))
    assert {word for word, called in words if called} - WORDS <= FUNCTIONS
    named = [word for word, called in words if not called and word not in WORDS]
    assert named, "no series"
    for name in named:
        assert name in series, name
    labels = set.union(*(series[name] for name in named)) | ADDED_LABELS
    grouped = {label.strip() for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", bare) for label in group.split(",")}
    assert grouped <= labels
    for label, operator, value in re.findall(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"', expression):
        assert label in labels
        for part in value.split("|") if operator in ("=~", "!~") else [value]:
            pattern = part if operator in ("=~", "!~") else re.escape(part)
            assert any(re.fullmatch(pattern, known) for known in values(label)), f"nothing has {label} {part}"


def test_the_check_sees_a_name_that_does_not_exist() -> None:
    for wrong in ("sum(space_nothing_total)", 'space_queue_messages{queue="x"}', "sum by (colour) (up)"):
        with pytest.raises(AssertionError):
            test_an_expression_names_what_is_exported("", wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_a_dashboard_of_its_own_requests(service: str) -> None:
    used = [expression for where, expression in expressions() if where.startswith(f"{service}: ")]
    assert len(used) > 5
    assert all(service in expression for expression in used)
    known = routes(service)
    for route in re.findall(r'route=~?"([^"]*)"', "".join(used)):
        assert all(
            any(re.fullmatch(re.escape(part).replace(r"\.\*", ".*"), path) for path in known)
            for part in route.split("|")
        )


def test_messages_have_a_dashboard() -> None:
    assert set(dashboards()) == {*SERVICES, "messages"}
    identifiers = [dashboard["uid"] for dashboard in dashboards().values()]
    assert len(set(identifiers)) == len(identifiers)
    sources = yaml.safe_load((OBSERVABILITY / "grafana" / "datasources.yml").read_text())["datasources"]
    for dashboard in dashboards().values():
        for panel in dashboard["panels"]:
            assert panel["description"]
            assert panel["datasource"]["uid"] in {source["uid"] for source in sources}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_has_a_runbook(alert: dict[str, Any]) -> None:
    page = ROOT / alert["annotations"]["runbook"]
    assert page.is_file()
    assert alert["alert"] in page.read_text()
    assert alert["labels"]["severity"] in ("page", "ticket")


def test_every_runbook_is_for_something() -> None:
    linked = {Path(alert["annotations"]["runbook"]).name for alert in alerts()}
    pages = {path.name for path in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README.md"}
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    assert linked <= pages
    assert all(f"({page})" in index for page in pages)


def test_the_alert_on_lost_events_watches_exactly_those_that_have_readers() -> None:
    (expression,) = [alert["expr"] for alert in alerts() if alert["alert"] == "EventNotDelivered"]
    (watched,) = re.findall(r'event=~"([^"]*)"', expression)
    ours = [event for event in REGISTRY.values() if event.__module__.startswith("shared.events.")]
    assert watched.split("|") == sorted(event.name for event in ours if event.consumers)


def test_prometheus_asks_every_process_of_every_service() -> None:
    (job,) = [
        job
        for job in yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text())["scrape_configs"]
        if job["job_name"] == "space"
    ]
    (discovery,) = job["dns_sd_configs"]
    assert set(discovery["names"]) == {name for service in SERVICES for name in (service, f"{service}-worker")}
    assert discovery["port"] == 9000


async def test_the_store_gate_is_counted_under_its_own_route() -> None:
    app = catalog.create_internal(NO_RUNTIME, ROLES)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://internal.test") as client:
        await client.get("/internal/store/gate")
    counted = {sample.labels["route"] for family in telemetry.HTTP_REQUESTS.collect() for sample in family.samples}
    assert "/internal/store/gate" in counted
