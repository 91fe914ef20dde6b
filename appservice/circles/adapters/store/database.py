"""The database: SQLite by default, PostgreSQL by URL. Owns connections, threads and durability; knows no table.

All SQL runs synchronously on SQLAlchemy Core inside a worker thread, never on the event loop (docs/decisions/0002).
There is one writer: one thread with one connection, and on PostgreSQL, where other processes may write as well, one
of them at a time (docs/decisions/0013). Others read beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from circles.adapters.store.faults import Faults
from circles.adapters.store.lead import FileLead, Lead, SessionLead
from circles.dialects import Seen, dialect_of
from circles.errors import DatabaseDamaged

T = TypeVar("T")


class SqlDatabase:
    """Implements `ports.Database`. Open it, use it, close it."""

    def __init__(self, url: str, faults: Faults | None = None) -> None:
        """Prepare engines for `url` (an SQLAlchemy URL). Nothing is opened yet.

        A SQLite file is created with mode 0600; its folder is the caller's to create, with mode 0700.

        Args:
            url: where it is.
            faults: told of what fails, and of what is written.

        Raises:
            ModuleNotFoundError: the driver for PostgreSQL is not installed.
        """
        self.url = make_url(url)
        self._faults = faults
        self.dialect = dialect_of(self.url.drivername)
        self._wrote = True  # an earlier run that was killed left its log
        self._seen = Seen()
        self._writer, self._reader = self.dialect.engines(self.url)
        self.lead: Lead = FileLead(self.url.database) if self.dialect.alone else SessionLead(self._writer)
        self._writes = ThreadPoolExecutor(1, "database-write")
        self._reads = ThreadPoolExecutor(self.dialect.readers, "database-read")

    @property
    def is_file(self) -> bool:
        """Whether it is a file of our own, not a server that others may use as well."""
        return self.dialect.alone

    @property
    def writer(self) -> Engine:
        """The writing engine, for migrations before anything else runs."""
        return self._writer

    @property
    def reader(self) -> Engine:
        """The reading engine, for commands that run alone."""
        return self._reader

    def is_whole(self) -> bool:
        """Return whether no page of it is damaged, as far as it can tell by itself. Reads all of a file."""
        with self._reader.connect() as connection:
            return self.dialect.is_whole(connection)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read-only unit of work on a reading thread: all of it sees one instant.

        Raises:
            DatabaseDamaged: a damaged page was met before; nothing is read or written any more.
        """

        def run() -> T:
            with self._reader.connect() as connection:
                try:
                    return work(connection)
                finally:
                    connection.rollback()

        with self._watched():
            return await asyncio.get_running_loop().run_in_executor(self._reads, run)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a unit of work on the writing thread, while nobody else writes.

        A caller that is cancelled meanwhile does not undo it: once begun it commits or fails as a whole.

        Raises:
            DatabaseDamaged: as for `read`.
        """

        def run() -> tuple[T, bool]:
            with self._writer.begin() as connection:
                before = self.dialect.rows_written(connection)
                result = work(connection)
                wrote = before is None or self.dialect.rows_written(connection) != before
            self._wrote = self._wrote or wrote
            return result, wrote

        with self._watched():
            result, wrote = await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writes, run))
        if wrote and self._faults is not None:
            self._faults.wrote()  # A commit of nothing also goes through on a full disk.
        return result

    @contextlib.contextmanager
    def _watched(self) -> Generator[None]:
        if self._is_damaged:
            raise DatabaseDamaged
        try:
            yield
        except Exception as error:
            if self._faults is not None:
                self._faults.met(error)
            raise

    @property
    def _is_damaged(self) -> bool:
        return self._faults is not None and self._faults.damaged.is_set()

    async def keep_lead(self) -> None:
        """Show that we are alive, behind whatever is being written.

        Raises:
            LeadLost: another process leads, or did meanwhile.
        """
        await asyncio.get_running_loop().run_in_executor(self._writes, self.lead.keep)

    async def wipe(self) -> bool:
        """Take what was deleted out of the database's own files too, if anything was written since the last time.

        Returns:
            Whether that was done. False: a reader was in the way; try again.
        """
        if not self._wrote and self.dialect.alone:
            return True

        def run() -> bool:
            self._wrote = False
            wiped = self.dialect.wipe(self._writer, self._seen)
            self._wrote = not wiped
            return wiped

        # On a server this takes as long as the tables are large, and holds up nobody who writes.
        pool = self._writes if self.dialect.alone else None
        with self._watched():
            await self._rewrite()
            return await asyncio.shield(asyncio.get_running_loop().run_in_executor(pool, run))

    async def _rewrite(self) -> None:
        """Rewrite the index of words, if it holds words that are gone; others write between its steps."""
        begin = more = True
        while more:
            work = partial(self.dialect.rewrite, self._writer, begin=begin)
            more = await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writes, work))
            begin = False

    async def close(self) -> None:
        """Let go of the connections; a file of our own is wiped first, unless it is damaged."""
        if self.dialect.alone and not self._is_damaged:
            with contextlib.suppress(SQLAlchemyError, sqlite3.Error):  # what cannot be opened has nothing to wipe
                await self.wipe()
        await asyncio.to_thread(self.dispose)

    def dispose(self) -> None:
        """Let go of the connections, and leave the files as they are: another process may have them open."""
        for pool in (self._reads, self._writes):
            pool.shutdown()
        self._reader.dispose()
        self._writer.dispose()
        self.lead.let_go()
