"""Alembic's environment: the connection is handed in by ``fireline.store.migrate``; there is no
alembic.ini."""

from alembic import context

from fireline.store.migrate import VERSION_TABLE
from fireline.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
context.run_migrations()
