"""A race that a test forces: one transaction is held open while another wants the same."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from identity.operations import sessions, sign_in
from identity.settings import Registration
from shared.auth import Caller
from shared.errors import ServiceError
from tests.identity.support import Person, Signed, Space

Result = TypeVar("Result")


@asynccontextmanager
async def two_transactions(space: Space) -> AsyncIterator[tuple[AsyncSession, AsyncSession]]:
    async with space.runtime.database.sessions() as first, space.runtime.database.sessions() as second:
        yield first, second


async def contend(first: AsyncSession, second: AsyncSession, wanted: Coroutine[Any, Any, Result]) -> Result:
    """What the second gets when it comes while the first has not committed; it must have had to wait."""
    contender = asyncio.create_task(_committed(second, wanted))
    await asyncio.sleep(0.1)
    assert not contender.done(), "the second did not wait for the first"
    await first.commit()
    return await asyncio.wait_for(contender, 30)


async def _committed(session: AsyncSession, wanted: Coroutine[Any, Any, Result]) -> Result:
    try:
        result = await wanted
    except ServiceError:
        await session.rollback()
        raise
    await session.commit()
    return result


def register(
    space: Space, session: AsyncSession, person: Person, name: str, invite: str | None = None
) -> Coroutine[Any, Any, sessions.Tokens]:
    policy = Registration.OPEN if invite is None else Registration.INVITE
    application = sign_in.Application(name, invite, None)
    return sign_in.register(session, space.runtime.adapters, person.did, name, application, policy, space.clock.now())


async def caller_of(signed: Signed) -> Caller:
    return await signed.space.runtime.verifier.verify(signed.tokens["access_token"])


async def device_id_of(signed: Signed) -> UUID:
    listed = await signed.listed("/me/devices")
    return next(UUID(item["device_id"]) for item in listed if item["did"] == signed.person.did)
