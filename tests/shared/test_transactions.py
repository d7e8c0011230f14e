"""One transaction per request, committed before the answer leaves."""

from uuid import uuid4

from sqlalchemy import func, select

from shared.db import Database
from shared.messaging import OutboxMessage
from tests.shared.probe import Note, Settings, make_service
from tests.support.running import running


async def test_a_commit_that_fails_is_not_answered_with_success(settings: Settings, database: Database) -> None:
    async with running(make_service(), settings) as probe:
        first = await probe.api.post("/api/v1/notes", json={"id": str(uuid4()), "words": "same"})
        # The constraint is deferred: everything but the commit succeeds.
        second = await probe.api.post("/api/v1/notes", json={"id": str(uuid4()), "words": "same"})
    assert (first.status_code, second.status_code) == (201, 500)
    assert second.json()["code"] == "unexpected"
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Note)) == 1
        assert await session.scalar(select(func.count()).select_from(OutboxMessage)) == 1


async def test_a_reading_request_cannot_write(settings: Settings, database: Database) -> None:
    async with running(make_service(), settings) as probe:
        await probe.api.post("/api/v1/notes", json={"id": str(uuid4()), "words": "kept"})
        answer = await probe.api.get("/api/v1/notes/write-in-a-read")
    assert answer.status_code == 500
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Note)) == 1


async def test_a_fault_is_answered_without_its_reason(settings: Settings) -> None:
    async with running(make_service(), settings) as probe:
        answer = await probe.api.get("/api/v1/notes/fault")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret reason" not in answer.text


async def test_a_body_over_the_limit_is_refused(settings: Settings) -> None:
    async with running(make_service(), settings) as probe:
        answer = await probe.api.post("/api/v1/notes", content=b"[" + b"0," * 600_000 + b"0]")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_an_unknown_field_is_refused_and_not_echoed(settings: Settings) -> None:
    async with running(make_service(), settings) as probe:
        body = {"id": str(uuid4()), "words": "x", "password": "hunter2-planted"}
        answer = await probe.api.post("/api/v1/notes", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert "hunter2-planted" not in answer.text


async def test_a_database_that_is_away_is_a_503_with_a_hint_to_retry(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://a:b@127.0.0.1:1/c"})
    async with running(make_service(), away) as probe:
        answer = await probe.api.post("/api/v1/notes", json={"id": str(uuid4()), "words": "x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert int(answer.headers["retry-after"]) > 0
