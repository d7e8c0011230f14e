from alembic import context

from shared.db import run_migrations

run_migrations(context.config.attributes["url"], context.config.attributes["metadata"])
