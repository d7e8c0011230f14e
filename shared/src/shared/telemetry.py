"""Traces, metrics and logs for every service, and the trace context that messages carry."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import Engine, event

SECRET_NAMES = re.compile(
    r"passw|secret|token|authorization|credential|cookie|proof|ticket|invite|private|api_key|enrolment_code", re.I
)
REDACTED = "[redacted]"

HTTP_REQUESTS = Counter("space_http_requests_total", "Requests answered.", ["service", "method", "route", "status"])
HTTP_SECONDS = Histogram(
    "space_http_request_seconds",
    "Time to answer a request.",
    ["service", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
EVENTS_PUBLISHED = Counter("space_events_published_total", "Events confirmed by the broker.", ["service", "event"])
EVENTS_CONSUMED = Counter(
    "space_events_consumed_total", "Messages by what became of them.", ["service", "event", "outcome"]
)
INBOX_BATCH = Histogram(
    "space_inbox_batch_messages", "Messages per transaction.", ["service"], buckets=(1, 2, 5, 10, 20, 50, 100)
)
OUTBOX_PENDING = Gauge("space_outbox_pending_messages", "Events not yet confirmed by the broker.", ["service"])
OUTBOX_AGE = Gauge("space_outbox_oldest_seconds", "Age of the oldest event not yet confirmed.", ["service"])
QUEUE_MESSAGES = Gauge("space_queue_messages", "Messages ready in a queue.", ["queue"])
JOB_RUNS = Counter("space_job_runs_total", "Job ticks by outcome.", ["service", "job", "outcome"])
JOB_ITEMS = Counter("space_job_items_total", "Things a job dealt with.", ["service", "job"])
JOB_SECONDS = Histogram("space_job_seconds", "Time of a job tick.", ["service", "job"])


def open_tracer(service: str, otlp_endpoint: str | None) -> TracerProvider:
    """A tracer of this service's own, so that services in one process stay distinguishable."""
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.namespace": "space"}))
    if otlp_endpoint:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint)))
    return provider


def trace_statements(engine: Engine, tracing: TracerProvider) -> None:
    """A client span per SQL statement, with its text and without its parameters.

    The instrumentation package for SQLAlchemy does not know SQLAlchemy 2.1 yet.
    """
    tracer = tracing.get_tracer("shared.db")

    @event.listens_for(engine, "before_cursor_execute")
    def begin(_: Any, __: Any, statement: str, ___: Any, context: Any, ____: bool) -> None:
        if trace.get_current_span().is_recording():
            span = tracer.start_span(statement.split(maxsplit=1)[0].upper(), kind=trace.SpanKind.CLIENT)
            span.set_attributes({"db.system.name": "postgresql", "db.query.text": statement})
            context._space_span = span

    @event.listens_for(engine, "after_cursor_execute")
    def end(_: Any, __: Any, ___: str, ____: Any, context: Any, _____: bool) -> None:
        _end_span(context)

    @event.listens_for(engine, "handle_error")
    def fail(context: Any) -> None:
        _end_span(context.execution_context, failed=True)


def _end_span(context: Any, *, failed: bool = False) -> None:
    span = getattr(context, "_space_span", None)
    if span is not None:
        if failed:
            span.set_status(trace.StatusCode.ERROR)
        span.end()
        context._space_span = None


def current_traceparent() -> str | None:
    """The W3C ``traceparent`` of the current span, or None outside a trace."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent")


def message_span(tracer: Tracer, name: str, traceparent: str | None) -> Any:
    """A consumer span that continues the trace of whoever published the message."""
    context = propagate.extract({"traceparent": traceparent} if traceparent else {})
    return tracer.start_as_current_span(name, context=context, kind=trace.SpanKind.CONSUMER)


def redact(value: Any) -> Any:
    """The value with everything named like a secret replaced, at any depth."""
    if isinstance(value, MutableMapping):
        return {key: REDACTED if SECRET_NAMES.search(str(key)) else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def _redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: REDACTED if SECRET_NAMES.search(key) else redact(item) for key, item in event.items()}


def _add_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def configure_logging(level: str) -> None:
    """JSON lines on standard error, for our logs and for those of libraries alike."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # It logs each failed connection attempt with its trace; we say the same in one line.
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)
    for noisy in ("httpx", "httpcore", "aio_pika", "aiobotocore", "botocore", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    instrumentor = HTTPXClientInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument()
