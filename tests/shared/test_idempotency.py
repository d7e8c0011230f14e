"""Idempotency-Key: one effect and one answer per key and owner."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from shared.db import Database
from shared.idempotency import IdempotencyKeyReused, Once, RequestInFlight
from shared.messaging import IdempotentResponse
from tests.shared.probe import Note, NoteWrite

BODY = b"body-hash"


def taking(session: Any, words: str) -> Any:
    """An answer that leaves a trace in the database."""

    async def answer() -> tuple[int, NoteWrite]:
        note = NoteWrite(id=uuid4(), words=words)
        session.add(Note(id=note.id, words=note.words))
        return 201, note

    return answer


async def ask(database: Database, once: Once, words: str) -> tuple[int, bytes]:
    async with database.transaction() as session:
        response = await once(session, taking(session, words), NoteWrite)
    return response.status_code, bytes(response.body)


async def notes(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Note)) or 0


async def test_the_same_key_gives_the_same_answer_and_one_effect(database: Database) -> None:
    once = Once("key-12345678", "owner", BODY)
    first, second = await ask(database, once, "one"), await ask(database, once, "one")
    assert first == second
    assert first[0] == 201
    assert await notes(database) == 1


async def test_without_a_key_every_request_counts(database: Database) -> None:
    for words in ("one", "two"):
        await ask(database, Once(None, "owner", BODY), words)
    assert await notes(database) == 2


async def test_another_request_with_the_key_is_refused(database: Database) -> None:
    await ask(database, Once("key-12345678", "owner", BODY), "one")
    with pytest.raises(IdempotencyKeyReused):
        await ask(database, Once("key-12345678", "owner", b"another"), "two")
    assert await notes(database) == 1


async def test_two_owners_may_use_the_same_key(database: Database) -> None:
    await ask(database, Once("key-12345678", "alice", BODY), "one")
    await ask(database, Once("key-12345678", "bob", BODY), "two")
    assert await notes(database) == 2


async def test_a_request_in_flight_is_not_run_again(database: Database) -> None:
    once = Once("key-12345678", "owner", BODY)
    async with database.transaction() as session:
        await once(session, taking(session, "one"), NoteWrite)
        with pytest.raises(RequestInFlight):
            await ask(database, once, "one")
    assert (await ask(database, once, "one"))[0] == 201
    assert await notes(database) == 1


async def test_an_answer_that_did_not_commit_is_not_kept(database: Database) -> None:
    once = Once("key-12345678", "owner", BODY)

    async def fail() -> None:
        async with database.transaction() as session:
            await once(session, taking(session, "one"), NoteWrite)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await ask(database, once, "one")
    assert await notes(database) == 1


async def test_what_is_kept_cannot_be_read_without_the_key(database: Database) -> None:
    await ask(database, Once("key-12345678", "owner", BODY), "planted-secret")
    async with database.reading() as session:
        (kept,) = await session.scalars(select(IdempotentResponse))
    assert b"planted-secret" not in kept.sealed_body
    assert b"key-12345678" not in kept.key_hash + kept.sealed_body
