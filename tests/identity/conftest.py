"""Identity in the test's process, over a fresh database, with a clock that a test can move."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from identity.app import service
from identity.settings import Settings
from shared.service import ROLES
from tests.identity.support import Clock, Harness, Space
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.running import OPERATOR
from tests.support.tokens import ORIGIN, TokenIssuer


@pytest.fixture(autouse=True, scope="session")
def _plain_tracebacks() -> Iterator[None]:
    """Rich ones, with every local variable, take seconds each."""
    structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])
    yield
    structlog.reset_defaults()


@pytest.fixture
async def open_space(databases: Databases, issuer: TokenIssuer, tmp_path: Path) -> AsyncIterator[Harness]:
    """Opens identity with settings of the test's own choice."""
    key_file = tmp_path / "keys.json"
    key_file.write_text(json.dumps({"keys": [issuer.key.as_dict(private=True)]}))
    url = await databases.clone(service, signing_key_file=key_file)
    async with AsyncExitStack() as stack:

        async def open_with(**changed: Any) -> Space:
            settings = Settings(
                **{
                    "database_url": url,
                    "broker_url": PLACEHOLDER,
                    "origin": ORIGIN,
                    "jwks_url": issuer.jwks_url,
                    "signing_key_file": key_file,
                    "registration": "open",
                    "internal_credentials": {"operator": OPERATOR, "gate": "gate-credential"},
                    **changed,
                }
            )
            runtime = await stack.enter_async_context(service.open_runtime(settings))
            clock = Clock()
            app = service.create_api(runtime)
            inside = service.create_internal(runtime, ROLES)
            clock.rule(app, inside)
            space = Space(runtime, app, inside, clock)
            stack.push_async_callback(space.close)
            return space

        yield open_with
    await databases.drop(url)


@pytest.fixture
async def space(open_space: Harness) -> Space:
    """Identity with open registration."""
    return await open_space()
