"""Brings a database to the newest schema with Alembic. Runs before anything else, in the process that writes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from circles.adapters.store.database import SqlDatabase

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def migrate(database: SqlDatabase) -> None:
    """Upgrade the database to the newest schema."""
    with database.writer.connect() as connection:
        command.upgrade(alembic_config(connection), "head")
        connection.commit()


def revision(database: SqlDatabase) -> str | None:
    """Return the schema revision a database has, None if it is new."""
    with database.writer.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """Return the newest revision this program knows."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def is_ours(name: str | None, _type: str, _names: object) -> bool:
    """Return whether a table is described in `metadata`: not the full-text index and what belongs to it."""
    return not (name or "").startswith("messages_text")


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, for the connection that the migrations run on."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
