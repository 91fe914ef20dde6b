"""The database of one host: SQLite by default. Owns connections, threads and durability; knows no table.

All SQL runs synchronously on SQLAlchemy Core inside a worker thread, never on the event loop (docs/decisions/0002).
SQLite has one writer: one thread with one connection. Another thread reads beside it (WAL).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

T = TypeVar("T")

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "temp_store=MEMORY")
"""The last one so that no sort and no savepoint writes words into a temporary file."""


class SqlDatabase:
    """Implements `ports.Database`. Open it, use it, close it."""

    def __init__(self, url: str) -> None:
        """Prepare engines for `url` (an SQLAlchemy URL). Nothing is opened yet.

        A SQLite file is created with mode 0600; its folder is the caller's to create, with mode 0700.
        """
        self.url = make_url(url)
        self._wrote = True  # an earlier run that was killed left its log
        if self.url.database:
            Path(self.url.database).touch(mode=0o600)
        self._writer = _engine(url, "BEGIN IMMEDIATE")
        self._reader = _engine(url, "BEGIN")
        self._writes = ThreadPoolExecutor(1, "database-write")
        self._reads = ThreadPoolExecutor(1, "database-read")

    @property
    def writer(self) -> Engine:
        """The writing engine, for migrations before anything else runs."""
        return self._writer

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read-only unit of work on the reading thread."""

        def run() -> T:
            with self._reader.connect() as connection:
                try:
                    return work(connection)
                finally:
                    connection.rollback()

        return await asyncio.get_running_loop().run_in_executor(self._reads, run)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a unit of work on the writing thread.

        A caller that is cancelled meanwhile does not undo it: once begun it commits or fails as a whole.
        """

        def run() -> T:
            with self._writer.begin() as connection:
                result = work(connection)
            self._wrote = True
            return result

        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writes, run))

    async def truncate_wal(self, before: Callable[[Connection], None] | None = None) -> bool:
        """Move the write-ahead log into the file and empty it, if anything was written since the last time.

        Emptied payloads live on in the log until then (measured: 300 of them left 1,650 copies).

        Args:
            before: run first in a unit of work (the full-text index keeps deleted words until it is optimised).

        Returns:
            Whether the log is now empty. False: a reader was in the way; try again.
        """
        if not self._wrote:
            return True

        def run() -> bool:
            self._wrote = False
            if before is not None:
                with self._writer.begin() as connection:
                    before(connection)
            raw = self._writer.raw_connection()
            try:
                busy = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                raw.close()
            self._wrote = bool(busy)
            return not busy

        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writes, run))

    async def close(self) -> None:
        """Empty the log and let go of the files."""
        with contextlib.suppress(SQLAlchemyError, sqlite3.Error):  # what cannot be opened has no log to empty
            await self.truncate_wal()
        for pool in (self._reads, self._writes):
            await asyncio.to_thread(pool.shutdown)
        self._reader.dispose()
        self._writer.dispose()


def _engine(url: str, begin: str) -> Engine:
    engine = create_engine(url, pool_size=1, max_overflow=0, connect_args={"check_same_thread": False, "timeout": 10})

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
