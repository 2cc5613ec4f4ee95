"""Brings a database to this version's tables by alembic's numbered steps."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, text

from usnet.errors import DataError
from usnet.store.database import WRITING


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("usnet.store") / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine) -> str:
    """Run the missing steps, all or none, while other processes that start at the same time wait; returns the revision.

    Raises
    ------
    DataError
        The database was made by a newer usnet.
    """
    config = _config()
    with engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(821476)"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DataError(
                f"database at an unknown revision ({error})",
                source=engine.url.render_as_string(),
                hint="It was made by a newer usnet: use that version, or another database",
            ) from error
        return newest()


def newest() -> str:
    """Revision that this version's code expects."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(engine: Engine) -> str | None:
    """Revision of the database; ``None`` where no step has run."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
