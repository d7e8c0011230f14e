"""One migrated template per service, one clone of it per test."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import asyncpg

from shared.service import Service
from space_local.postgres import Postgres

PLACEHOLDER = "amqp://nobody:nothing@127.0.0.1:1/"


class Databases:
    """Clones of migrated databases on one server."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._templates: set[str] = set()

    async def clone(self, service: Service, **settings: Any) -> str:
        """The URL of a fresh database of the service; ``settings`` are what its settings class requires."""
        template = f"{service.name}_template"
        if template not in self._templates:
            await self._execute(f'CREATE DATABASE "{template}"')
            complete = service.settings(
                database_url=self._url(template),
                broker_url=PLACEHOLDER,
                origin="http://space.test",
                jwks_url="http://space.test/jwks",
                **settings,
            )
            with ThreadPoolExecutor(1) as thread:
                thread.submit(service.migrate, complete).result()
            self._templates.add(template)
        name = f"{service.name}_{uuid4().hex[:12]}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self._url(name)

    async def create(self) -> str:
        """The URL of an empty database."""
        name = f"empty_{uuid4().hex[:12]}"
        await self._execute(f'CREATE DATABASE "{name}"')
        return self._url(name)

    async def drop(self, url: str) -> None:
        await self._execute(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)')

    def _url(self, name: str) -> str:
        return f"{self._postgres.url.rpartition('/')[0]}/{name}"

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._postgres.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
