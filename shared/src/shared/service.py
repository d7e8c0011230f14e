"""Builds a service's HTTP applications and worker from its declarations, and runs them."""

import argparse
import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
import uvicorn
import uvloop
from aio_pika.exceptions import AMQPException, ChannelInvalidStateError
from alembic import command
from alembic.config import Config
from fastapi import APIRouter, Depends, FastAPI
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import MetaData, delete

from shared import broker, http
from shared.auth import TokenVerifier, require_internal
from shared.db import Database, is_timeout, is_unavailable
from shared.errors import ServiceError
from shared.inbox import Inbox, Subscription
from shared.messaging import IdempotentResponse, InboxMessage, MessagingBase
from shared.outbox import Doorbell, Relay, measure_outbox
from shared.settings import ServiceSettings, address
from shared.telemetry import (
    JOB_ITEMS,
    JOB_RUNS,
    JOB_SECONDS,
    QUEUE_MESSAGES,
    configure_logging,
    open_tracer,
)

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
AdaptersT = TypeVar("AdaptersT")

ROLES = frozenset({"api", "worker"})
RECONNECT_SECONDS = 1.0
GRACE_SECONDS = 20
KEEP_ALIVE_SECONDS = 75
"""Longer than the edge and our own clients keep an idle connection: who closes first must be the one who asks, or a
request that is sent in that moment is lost."""
GAUGE_SECONDS = 10.0
JOB_PAUSE = timedelta(seconds=5)
"""How long a job that failed waits at least before its next turn."""
KEEP_INBOX = timedelta(days=30)
KEEP_RESPONSES = timedelta(days=2)

log = structlog.get_logger(__name__)


@dataclass
class Runtime(Generic[SettingsT, AdaptersT]):
    """What a running service has: given to endpoints through dependencies and to jobs as their first argument."""

    settings: SettingsT
    database: Database
    verifier: TokenVerifier
    adapters: AdaptersT
    tracing: TracerProvider
    broker_reachable: bool = field(default=False)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the listeners close; an answer without an end of its own, such as a stream, ends then."""


@dataclass(frozen=True)
class Job:
    """Work that time brings.

    Args:
        run: Takes the runtime and the current instant; returns how many things it dealt with. Called again at once
            while that is not zero, else after ``every``. It must be safe on several replicas at once.
    """

    name: str
    run: Callable[[Any, datetime], Awaitable[int]]
    every: timedelta


@asynccontextmanager
async def _no_adapters(_: ServiceSettings) -> AsyncIterator[None]:
    yield None


@dataclass(frozen=True)
class Service:
    """A service as its ``app.py`` declares it.

    Order of start: migrations are a step of their own; the worker declares the topology before its relay sends
    anything; the listeners open; readiness says yes once the database and the broker have answered. Order of stop:
    the listeners close and finish what they answer, then consumers and jobs end, then connections. A process that
    is killed instead loses nothing: rows stay locked by nobody, messages unacknowledged, timers due.
    """

    name: str
    settings: type[ServiceSettings]
    routers: Sequence[APIRouter]
    migrations: Path
    metadata: MetaData
    internal_routers: Sequence[APIRouter] = ()
    subscriptions: Sequence[Subscription] = ()
    jobs: Sequence[Job] = ()
    adapters: Callable[[Any], AbstractAsyncContextManager[Any]] = _no_adapters
    description: str = ""

    @property
    def queues(self) -> list[broker.Queue]:
        """One queue per group of subscriptions."""
        groups: dict[str, list[str]] = {}
        for subscription in self.subscriptions:
            groups.setdefault(subscription.group, []).append(subscription.event.name)
        return [broker.Queue(f"{self.name}.{group}", tuple(sorted(events))) for group, events in groups.items()]

    def create_api(self, runtime: Runtime[Any, Any] | None = None) -> FastAPI:
        """The public application; without a runtime it serves only for its OpenAPI document."""
        return http.public_app(self.name, self.description, self.routers, runtime)

    def create_internal(self, runtime: Runtime[Any, Any], roles: frozenset[str]) -> FastAPI:
        """Internal paths, health and metrics, on a listener that the edge does not know."""
        routers = list(self.internal_routers) if "api" in roles else []
        return http.internal_app(self.name, [*routers, self._operator_router()], runtime)

    @asynccontextmanager
    async def open_runtime(self, settings: ServiceSettings) -> AsyncIterator[Runtime[Any, Any]]:
        tracing = open_tracer(self.name, str(settings.otlp_endpoint) if settings.otlp_endpoint else None)
        database = Database(
            settings.async_database_url, service=self.name, pool_size=settings.database_pool_size, tracing=tracing
        )
        try:
            async with self.adapters(settings) as adapters:
                yield Runtime(
                    settings=settings,
                    database=database,
                    verifier=TokenVerifier(settings.issuer, str(settings.jwks_url)),
                    adapters=adapters,
                    tracing=tracing,
                )
        finally:
            await database.close()
            tracing.shutdown()

    async def run(self, settings: ServiceSettings, roles: frozenset[str], stop: asyncio.Event) -> None:
        """Run until ``stop`` is set; everything that was being answered is answered first."""
        async with self.open_runtime(settings) as runtime:
            servers = [_server(self.create_internal(runtime, roles), settings.internal_listen, settings.edge_addresses)]
            if "api" in roles:
                servers.append(_server(self.create_api(runtime), settings.api_listen, settings.edge_addresses))
            doorbell = Doorbell(runtime.database.url)
            runtime.database.on_published = doorbell.ring
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(doorbell.run()),
                    group.create_task(self._stay_connected(runtime, worker="worker" in roles)),
                ]
                if "worker" in roles:
                    background += [group.create_task(self._run_job(runtime, job)) for job in self._all_jobs()]
                serving = [group.create_task(server.serve()) for server in servers]
                gc.collect()
                gc.freeze()
                await stop.wait()
                runtime.stopping.set()
                for server in servers:
                    server.should_exit = True
                await asyncio.wait(serving)
                for task in background:
                    task.cancel()

    def migrate(self, settings: ServiceSettings) -> None:
        """Bring the database to the newest revision. Starts an event loop of its own."""
        command.upgrade(self._alembic(settings), "head")

    def revise(self, settings: ServiceSettings, message: str) -> None:
        """Write a new revision from what the models have and the database has not."""
        command.revision(self._alembic(settings), message, autogenerate=True)

    def _alembic(self, settings: ServiceSettings) -> Config:
        config = Config()
        config.set_main_option("script_location", str(self.migrations))
        config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
        config.attributes["url"] = settings.async_database_url
        config.attributes["metadata"] = [self.metadata, MessagingBase.metadata]
        return config

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """The command line of a service: ``python -m <service> api | worker | all | migrate | revise MESSAGE``."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.name}")
        parser.add_argument("role", choices=["api", "worker", "all", "migrate", "revise"])
        parser.add_argument("message", nargs="?", default="", help="of a revision: `pre …` expands, `post …` contracts")
        chosen = parser.parse_args(arguments)
        role = chosen.role
        settings = self.settings()
        configure_logging(settings.log_level)
        if role == "migrate":
            self.migrate(settings)
        elif role == "revise":
            self.revise(settings, chosen.message)
        else:
            uvloop.run(self._main(settings, ROLES if role == "all" else frozenset({role})))

    async def _main(self, settings: ServiceSettings, roles: frozenset[str]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await self.run(settings, roles, stop)

    async def _stay_connected(self, runtime: Runtime[Any, Any], *, worker: bool) -> None:
        """Keep a broker connection; what the worker does over it starts anew with each connection."""
        while True:
            try:
                async with broker.connect(str(runtime.settings.broker_url), f"space {self.name}") as connection:
                    await self._use(connection, runtime, worker=worker)
            except* (AMQPException, ChannelInvalidStateError, OSError, TimeoutError) as group:
                log.warning("the broker does not answer; trying again", reason=str(group.exceptions[0]))
            except* Exception as group:
                # The database may be away while the relay runs; anything else is a fault to be seen.
                _raise_unless_unavailable(group)
            runtime.broker_reachable = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _use(self, connection: Any, runtime: Runtime[Any, Any], *, worker: bool) -> None:
        if worker:
            async with asyncio.timeout(broker.SETUP_SECONDS):
                await broker.declare_over(connection, self.queues)
        runtime.broker_reachable = True
        tracer = runtime.tracing.get_tracer("shared.inbox")
        async with asyncio.TaskGroup() as group:
            group.create_task(_until_closed(connection))
            if worker:
                publisher = await broker.Publisher.open(connection)
                group.create_task(Relay(runtime.database, self.name, publisher.send).run())
                group.create_task(self._gauge(connection))
                for queue in self.queues:
                    subscriptions = [item for item in self.subscriptions if item.event.name in queue.events]
                    inbox = Inbox(runtime.database, self.name, queue.name, subscriptions, tracer)
                    group.create_task(broker.Consumer(connection, queue, inbox).run())

    async def _gauge(self, connection: Any) -> None:
        names = [broker.UNROUTED, *(name for queue in self.queues for name in (queue.name, queue.dead))]
        while True:
            for name, count in (await broker.count_messages(connection, names)).items():
                QUEUE_MESSAGES.labels(name).set(count)
            await asyncio.sleep(GAUGE_SECONDS)

    def _all_jobs(self) -> list[Job]:
        async def measure(runtime: Runtime[Any, Any], _: datetime) -> int:
            await measure_outbox(runtime.database, self.name)
            return 0

        return [
            *self.jobs,
            Job("forget_old_messages", _forget_old_messages, timedelta(hours=1)),
            Job("measure_outbox", measure, timedelta(seconds=5)),
        ]

    async def _run_job(self, runtime: Runtime[Any, Any], job: Job) -> None:
        while True:
            done, pause = 0, job.every
            started = time.perf_counter()
            try:
                done = await job.run(runtime, datetime.now(UTC))
                JOB_RUNS.labels(self.name, job.name, "done").inc()
                JOB_ITEMS.labels(self.name, job.name).inc(done)
            except Exception as error:
                outcome = "unavailable" if _is_passing(error) else "failed"
                JOB_RUNS.labels(self.name, job.name, outcome).inc()
                log.warning("a job did not finish", job=job.name, reason=str(error), exc_info=outcome == "failed")
                pause = max(job.every, JOB_PAUSE)
            JOB_SECONDS.labels(self.name, job.name).observe(time.perf_counter() - started)
            await asyncio.sleep(0 if done else pause.total_seconds())

    def _operator_router(self) -> APIRouter:
        """Dead letters, for an operator."""
        router = APIRouter(prefix="/internal/dead-letters", dependencies=[Depends(require_internal("operator"))])
        queues = self.queues

        @router.get("")
        async def list_dead_letters(runtime: http.RuntimeOf) -> list[broker.DeadLetter]:
            async with broker.connect(str(runtime.settings.broker_url), f"space {self.name} operator") as connection:
                return [item for queue in queues for item in await broker.list_dead_letters(connection, queue)]

        @router.post("/redrive")
        async def redrive_dead_letters(runtime: http.RuntimeOf, event_id: str | None = None) -> dict[str, int]:
            async with broker.connect(str(runtime.settings.broker_url), f"space {self.name} operator") as connection:
                counts = [await broker.redrive_dead_letters(connection, queue, event_id) for queue in queues]
            return {"given_back": sum(counts)}

        return router


class _Server(uvicorn.Server):
    """A server among others in one process: signals are for the process, not for it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: FastAPI, listen: str, edge_addresses: str) -> _Server:
    host, port = address(listen)
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=edge_addresses,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            lifespan="off",
        )
    )


async def _until_closed(connection: Any) -> None:
    await connection.closed()
    raise ConnectionError("the broker closed the connection")


async def _forget_old_messages(runtime: Runtime[Any, Any], now: datetime) -> int:
    async with runtime.database.transaction() as session:
        await session.execute(delete(InboxMessage).where(InboxMessage.received_at < now - KEEP_INBOX))
        await session.execute(delete(IdempotentResponse).where(IdempotentResponse.created_at < now - KEEP_RESPONSES))
    return 0


def _is_passing(error: Exception) -> bool:
    return is_unavailable(error) or is_timeout(error) or isinstance(error, ServiceError | OSError | TimeoutError)


def _raise_unless_unavailable(group: BaseExceptionGroup[Exception]) -> None:
    serious = group.split(lambda error: isinstance(error, Exception) and _is_passing(error))[1]
    if serious is not None:
        log.error("messaging stopped on a fault; starting again", exc_info=serious)
