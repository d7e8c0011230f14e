"""What provisioning counts for its dashboards and alerts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType

from prometheus_client import Counter, Gauge, Histogram

from provisioning.ports import CredentialsRefused, OrderRefused, OutOfCapacity, Unanswered

INSTANCES = Gauge("space_provisioning_instances", "Instances that are not over, by status.", ["status"])
STUCK = Gauge("space_provisioning_instances_stuck", "Instances that wait for an operator.")
UNKNOWN = Gauge(
    "space_provisioning_machines_unknown",
    "Instances of which it is not certain whether a machine was made for them, though the call for it is over.",
)
SILENT = Gauge("space_provisioning_agents_silent", "Instances whose agent should be heard and has not been for long.")
ORPHANS = Gauge(
    "space_provisioning_orphans", "Machines of this installation that no live instance is known for.", ["provider"]
)
MACHINE_CALLS = Counter(
    "space_provisioning_machine_calls_total",
    "Calls to providers of machines, by what came of them.",
    ["provider", "call", "outcome"],
)
MACHINE_CALL_SECONDS = Histogram(
    "space_provisioning_machine_call_seconds",
    "How long calls to providers of machines take.",
    ["provider", "call"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60),
)

OUTCOMES = MappingProxyType(
    {
        Unanswered: "unanswered",
        OutOfCapacity: "out_of_capacity",
        CredentialsRefused: "credentials_refused",
        OrderRefused: "refused",
    }
)
DONE = "done"
BROKEN_OFF = "broken_off"
"""A fault of ours, or the process was told to end meanwhile: nothing is known of the call."""


@contextmanager
def machine_call(provider: str, call: str) -> Iterator[None]:
    """Count and time one call to a driver; ``call`` is the name of its method."""
    started = time.perf_counter()
    outcome = BROKEN_OFF
    try:
        yield
        outcome = DONE
    except tuple(OUTCOMES) as error:
        outcome = next(name for kind, name in OUTCOMES.items() if isinstance(error, kind))
        raise
    finally:
        MACHINE_CALLS.labels(provider, call, outcome).inc()
        MACHINE_CALL_SECONDS.labels(provider, call).observe(time.perf_counter() - started)
