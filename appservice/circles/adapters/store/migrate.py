"""Brings a database to the newest schema with Alembic. Runs before anything else, in the process that writes.

Alembic is imported only where there is something to bring: most starts find the newest schema, and it costs 12 MB.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from circles.adapters.store import purges
from circles.adapters.store.database import SqlDatabase
from circles.dialects import dialect_of
from circles.errors import ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS: Final = Path(__file__).parent / "migrations"
NEWER: Final = "a newer version of Circles made this database: install that one, or put the backup from before it back."


def migrate(database: SqlDatabase) -> None:
    """Upgrade the database to the newest schema.

    Raises:
        ConfigurationError: it is a database that will not do.
    """
    found = standing(database)
    if found.objection is not None:
        raise ConfigurationError([("storage.url", found.objection)])
    if found.revision != head():
        from alembic import command

        with dialect_of(database.url.drivername).migrating(database.writer) as connection:
            command.upgrade(alembic_config(connection), "head")
    with database.writer.begin() as connection:
        purges.watch(connection)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database stands. `revision` is that of its schema, None if it is new; `objection` is why it will not do."""

    version: str
    revision: str | None
    objection: str | None


def standing(database: SqlDatabase) -> Standing:
    """Return how a database stands, changing nothing."""
    with database.writer.connect() as connection:
        dialect = dialect_of(connection.dialect.name)
        found = None
        if inspect(connection).has_table("alembic_version"):
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        objection = dialect.objection(connection)
        if objection is None and found is not None and found > head():
            objection = NEWER
        return Standing(dialect.version(connection), found, objection)


def head() -> str:
    """Return the newest revision this program knows: migrations are numbered, and their files begin with it."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def is_ours(name: str | None, _type: str, _names: object) -> bool:
    """Return whether a table is described in `metadata`: not the full-text index and what belongs to it."""
    return not (name or "").startswith("messages_text")


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, for the connection that the migrations run on."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
