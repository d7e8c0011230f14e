"""The HTTP side of every service: errors as problem+json, request limits, health, metrics and documents."""

import html
import time
from collections.abc import Sequence
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.db import is_timeout, is_unavailable
from shared.errors import (
    STATUS,
    BodyTooLarge,
    MethodNotAllowed,
    PathNotFound,
    RequestInvalid,
    ServiceError,
    ServiceUnavailable,
    Unexpected,
)
from shared.telemetry import HTTP_REQUESTS, HTTP_SECONDS

MAX_BODY_BYTES = 1_000_000
PROBLEM = "application/problem+json"

log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """RFC 9457: what went wrong and what to do next. ``code`` is stable; some codes add members of their own."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    code: str = Field(examples=["backup_name_taken"])
    detail: str = Field(examples=["You already have a backup of that name. Choose another name or use that one."])


# Asynchronous, though it waits for nothing: FastAPI runs other dependencies in its thread pool.
async def _runtime(request: Request) -> Any:
    return request.app.state.runtime


RuntimeOf = Annotated[Any, Depends(_runtime)]
"""The running service: settings, adapters, database."""


def public_app(name: str, description: str, routers: Sequence[APIRouter], runtime: Any) -> FastAPI:
    """The application behind the edge."""
    app = FastAPI(
        title=f"Space {name}",
        description=description,
        version="1",
        openapi_url=f"/api/v1/openapi/{name}.json",
        docs_url=None,
        redoc_url=None,
        responses={"4XX": {"description": "What went wrong and what to do next.", "content": _problem_content()}},
    )
    for router in routers:
        app.include_router(router)
    app.add_api_route(f"/api/v1/docs/{name}", _documentation, include_in_schema=False)
    _finish(app, name, runtime)
    return app


def internal_app(name: str, routers: Sequence[APIRouter], runtime: Any) -> FastAPI:
    """Internal paths and metrics; never reachable through the edge."""
    app = FastAPI(title=f"Space {name}, internal", openapi_url=None, docs_url=None, redoc_url=None)
    for router in routers:
        app.include_router(router)
    app.add_api_route("/metrics", _metrics, include_in_schema=False)
    _finish(app, name, runtime)
    return app


def problem(error: ServiceError) -> JSONResponse:
    """The error as its caller sees it."""
    status = STATUS[error.kind] if not isinstance(error, MethodNotAllowed) else 405
    headers = {"Cache-Control": "no-store"}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    content = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "code": error.code,
        "detail": error.detail,
        **error.members,
    }
    return JSONResponse(content, status_code=status, headers=headers, media_type=PROBLEM)


_TITLES = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def _finish(app: FastAPI, name: str, runtime: Any) -> None:
    app.state.runtime = runtime
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    app.add_api_route("/readyz", _readyz, include_in_schema=False)
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(_Guard, service=name)
    if runtime is not None:
        FastAPIInstrumentor.instrument_app(
            app, tracer_provider=runtime.tracing, excluded_urls="healthz,readyz,metrics,internal/store/gate"
        )


async def _on_service_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return problem(error)


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # The input itself is left out: it may be a secret in the wrong field.
    found = [
        {"location": [str(part) for part in item["loc"]], "message": item["msg"], "type": item["type"]}
        for item in error.errors()
    ]
    where = ", ".join(sorted({".".join(item["location"]) for item in found}))
    return problem(
        RequestInvalid(f"This request is not valid at: {where}. Correct it and send it again.", errors=found)
    )


async def _on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem(PathNotFound("There is nothing at this path. The paths are listed at /api/v1/docs."))
    if error.status_code == 413:
        return problem(BodyTooLarge(f"The request body is larger than {MAX_BODY_BYTES} bytes. Send less."))
    if error.status_code == 405:
        return problem(MethodNotAllowed("This path does not answer that method. See /api/v1/docs."))
    return problem(RequestInvalid("This request cannot be read. Send JSON in UTF-8, as the API document says."))


class _Guard:
    """Outermost: limits the body, counts the request, and turns what nobody expected into a problem document."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0
        taken = 0

        async def limited_receive() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY_BYTES:
                # FastAPI lets only its own exception through while it reads a body.
                raise HTTPException(413)
            return message

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, limited_receive, watched_send)
        except Exception as error:
            if status:
                raise
            await self._explain(error)(scope, receive, watched_send)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            HTTP_REQUESTS.labels(self._service, scope["method"], route, str(status)).inc()
            HTTP_SECONDS.labels(self._service, route).observe(time.perf_counter() - started)

    def _explain(self, error: Exception) -> Response:
        if isinstance(error, ServiceError):
            return problem(error)
        if is_unavailable(error) or is_timeout(error):
            log.warning("the database does not answer", service=self._service, reason=str(error))
            return problem(
                ServiceUnavailable("This is not available just now. Try again in a moment.", retry_after_seconds=2)
            )
        log.error("a request failed unexpectedly", service=self._service, exc_info=error)
        return problem(Unexpected("Something went wrong on our side; it was recorded. Try again later."))


async def _healthz() -> dict[str, str]:
    return {"status": "ok"}


async def _readyz(runtime: RuntimeOf) -> Response:
    """Whether the database and the broker answer."""
    database = True
    try:
        async with runtime.database.reading() as session:
            await session.execute(text("SELECT 1"))
    except Exception as error:
        if not is_unavailable(error):
            raise
        database = False
    ready = database and runtime.broker_reachable
    content = {"database": database, "broker": runtime.broker_reachable}
    return JSONResponse(content, status_code=200 if ready else 503)


async def _metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _problem_content() -> dict[str, Any]:
    return {PROBLEM: {"schema": Problem.model_json_schema()}}


async def _documentation(request: Request) -> HTMLResponse:
    """The OpenAPI document as a plain page, without scripts."""
    document = request.app.openapi()
    parts = [f"<h1>{html.escape(document['info']['title'])}</h1>"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts.append(
                f"<section><h2><code>{method.upper()} {html.escape(path)}</code></h2>"
                f"<p><strong>{html.escape(operation.get('summary', ''))}</strong></p>"
                f"<p>{html.escape(operation.get('description', ''))}</p></section>"
            )
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(document['info']['title'])}</title>"
        f"<main>{''.join(parts)}<p>The whole document: <a href='{request.app.openapi_url}'>OpenAPI</a>.</p></main>"
    )
