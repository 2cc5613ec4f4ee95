"""Alembic's entry: runs the steps on the connection that :func:`usnet.store.migrate.upgrade` opened."""

from __future__ import annotations

from alembic import context

from usnet.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=False
)
context.run_migrations()
