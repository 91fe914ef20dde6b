"""The lead: of all processes on one database one takes in, answers and wakes; the others wait (docs/decisions/0024).

Whoever has it loses it by ending, however that comes: it hangs on an open file or on a session of the server's, and
both end with the process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from circles.errors import LeadLost

if TYPE_CHECKING:
    import psycopg

LOCK: Final = (0x43495243, 1)
"""The advisory lock of whoever leads: the letters CIRC, and a number of ours; see also `dialects.WRITER_LOCK`."""
SILENCE: Final = "8s"
"""A session that says nothing for so long is ended by the server: its process stands still, or its host is gone."""
SILENT: Final = ("idle_session_timeout", "idle_in_transaction_session_timeout")
"""Between two units of work, and in the middle of one."""
TERM: Final = "SELECT token FROM positions WHERE name = 'lead'"
"""Who led last: whoever begins to lead writes a name of its own there."""


class Lead(Protocol):
    """Held by one process at a time."""

    def take(self) -> bool:
        """Take it if nobody has it; return whether it is ours."""
        ...

    def begin(self, term: str) -> None:
        """Say what stands in the database as the name of whoever leads, from now on."""
        ...

    def keep(self) -> None:
        """Show that we are alive.

        Raises:
            LeadLost: another process leads, or did meanwhile.
        """
        ...

    def let_go(self) -> None:
        """Let another process take it."""
        ...


class FileLead:
    """A lock on a file beside the database (SQLite). The file stays; the lock on it ends with the process."""

    def __init__(self, database: str | None) -> None:
        """Take the database's path; one in memory is nobody else's anyway."""
        self._path = Path(f"{Path(database).resolve()}.lock") if database and database != ":memory:" else None
        self._handle: int | None = None

    def take(self) -> bool:
        """Lock the file."""
        if self._path is None or self._handle is not None:
            return True
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def begin(self, term: str) -> None:
        """Do nothing: nobody can take it from us."""

    def keep(self) -> None:
        """Do nothing: nobody can take it from us."""

    def let_go(self) -> None:
        """Close the file, which unlocks it."""
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None


class SessionLead:
    """An advisory lock of the very session that writes (PostgreSQL), so that whoever lost it cannot write either."""

    def __init__(self, writer: Engine) -> None:
        """Take the writing engine, which has one connection."""
        self._writer = writer
        self._is_ours = False
        self._term: str | None = None
        event.listen(writer, "connect", self._connected)

    def take(self) -> bool:
        """Take the lock in the session that there is, or in a new one."""
        with self._session() as session:
            if not self._is_ours:
                self._is_ours = _lock(session)
        return self._is_ours

    def begin(self, term: str) -> None:
        """Remember the name, to see by it later whether anybody led between two sessions of ours."""
        self._term = term

    def keep(self) -> None:
        """Let the pool look at its connection, and make a new one where the server ended it."""
        with self._session():
            return

    @contextmanager
    def _session(self) -> Generator[Any]:
        """Give the driver's connection; what the driver raises becomes SQLAlchemy's, as everywhere."""
        driver: Any = self._writer.dialect.loaded_dbapi
        try:
            with self._writer.connect() as connection:
                yield connection.connection.driver_connection
        except driver.Error as error:
            raise OperationalError(None, None, error) from error

    def let_go(self) -> None:
        """End the session."""
        self._is_ours, self._term = False, None
        self._writer.dispose()

    def _connected(self, connection: psycopg.Connection[Any], _record: object) -> None:
        """A new session in the place of one that led must lead as well before anything is written in it.

        Raises:
            LeadLost: another process leads, or did meanwhile; what we know is old.
        """
        if not self._is_ours:
            return
        if not _lock(connection) or (self._term is not None and _term(connection) != self._term):
            connection.close()
            raise LeadLost


def _lock(connection: Any) -> bool:
    locked = bool(connection.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK).fetchone()[0])
    if locked:
        for name in SILENT:
            connection.execute("SELECT set_config(%s, %s, false)", (name, SILENCE))
    connection.commit()
    return locked


def _term(connection: Any) -> str | None:
    row = connection.execute(TERM).fetchone()
    connection.commit()
    return row[0] if row else None
