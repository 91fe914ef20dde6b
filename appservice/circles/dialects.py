"""SQLite and PostgreSQL: all that differs between them, so that everything else is SQLAlchemy Core that both speak.

Knows no table but the index of words, which SQLAlchemy cannot describe: `messages_text`, one row a kept message,
`rowid` the message's `seq` and `terms` its words as `core.extract.tokens` cuts them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Integer,
    NullPool,
    TextClause,
    bindparam,
    create_engine,
    event,
    text,
)

# SQLAlchemy compiles PostgreSQL's INSERT … ON CONFLICT for SQLite too (which took the clause over), though not the
# other way round: so one import serves both, and the contract tests hold it to that.
from sqlalchemy.dialects.postgresql import insert as insert
from sqlalchemy.exc import IntegrityError

if TYPE_CHECKING:
    import psycopg

Serial: Final = BigInteger().with_variant(Integer(), "sqlite")
"""The type of a key that counts up: 64 bits on both. SQLite counts by itself only where the type is INTEGER."""

PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "wal_autocheckpoint=8000",
)
"""`temp_store`, so that no sort and no savepoint writes words into a temporary file. `wal_autocheckpoint`, in pages of
4 KiB: a page that changes in every commit is carried into the file once in a while, and in any case when it is wiped.
"""
STALE: Final = "words of messages that are gone may be in the index"
"""Noted with the connection that writes (SQLite). Of a new connection it is not known, so it may."""
REWRITING: Final = "the index of words is being rewritten"
"""Noted likewise, until the last step of it is done."""

OLDEST_SQLITE: Final = (3, 35)
"""Has RETURNING."""
OLDEST_POSTGRESQL: Final = 15
"""Has pg_stat_force_next_flush."""
WRITER_LOCK: Final = (0x43495243, 0)
"""The advisory lock of the one unit of work that writes (PostgreSQL): the letters CIRC, and a number of ours."""
POSTGRESQL_READERS: Final = 4
SETTINGS: Final = """
    SELECT set_config(name, value, false) FROM (VALUES
        ('lock_timeout', '30s'),
        ('idle_in_transaction_session_timeout', '30s'),
        ('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' END)
    ) AS settings (name, value) WHERE value IS NOT NULL
"""
"""A process that stands still in the middle must not keep the others from writing for ever; and what the homeserver
was told that we have must be on the disk.
"""
MERGED_PAGES: Final = 200
"""So much of the index of words is rewritten in one commit (SQLite): about 40 ms."""
REBUILD_SHARE: Final = 1 / 50
"""Building the index of words anew takes at most so much of the time: a large one is built more seldom."""
LONGEST_TERM: Final = 255
"""PostgreSQL takes no word of over 2,046 bytes into an index; longer ones are found by their beginning."""


COUNTED: Final = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%%'
"""
HALF_BUILT: Final = """
    SELECT relname FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
    WHERE NOT indisvalid AND relname ~ '^ix_messages_text_terms_cc'
"""
"""What a rebuilding that broke off leaves behind (PostgreSQL, "REINDEX", "Rebuilding Indexes Concurrently")."""


@dataclass
class Seen:
    """What a database was like when it was wiped last."""

    changes: dict[str, int] = field(default_factory=dict[str, int])
    """For each table, how many of its rows were ever changed or deleted."""
    stale: bool = False
    """Whether the index of words may hold words of messages that are gone."""
    rebuild_from: float = 0
    """Not built anew before this instant (of the monotonic clock)."""


class Dialect(Protocol):
    """What is done differently."""

    readers: int
    """How many threads may read at a time."""
    alone: bool
    """Whether no other process writes, and the files are our own to wipe."""

    def objection(self, connection: Connection) -> str | None:
        """Return why this database will not do, with what to do about it; None: it will."""
        ...

    def version(self, connection: Connection) -> str:
        """Return what runs there, for people."""
        ...

    def is_whole(self, connection: Connection) -> bool:
        """Return whether the database finds no damage in its files. Raises whatever the driver does on finding some."""
        ...

    def rows_written(self, connection: Connection) -> int | None:
        """Return how many rows this connection has written so far; None: the database does not say."""
        ...

    def engines(self, url: URL) -> tuple[Engine, Engine]:
        """Return the engine that writes, one unit of work after the other, and the one that only reads."""
        ...

    def migrating(self, writer: Engine) -> AbstractContextManager[Connection]:
        """Return the one transaction in which the tables may be changed."""
        ...

    def count_on(self, connection: Connection) -> None:
        """Let keys that count up go on behind the rows that are there."""
        ...

    def index(self, connection: Connection, rowid: int, terms: str) -> None:
        """Add one message's terms, separated by spaces, to the index of words."""
        ...

    def unindex(self, connection: Connection, rowids: Sequence[int]) -> None:
        """Take messages out of the index of words."""
        ...

    def matching(self, terms: Iterable[str]) -> TextClause:
        """Return the query for the rowids of the messages that hold every one of these terms."""
        ...

    def rewrite(self, writer: Engine, *, begin: bool) -> bool:
        """Rewrite a part of the index, if it holds words of messages that are gone; return whether more is to do.

        `begin`: also begin with it; else go on with what was begun.
        """
        ...

    def wipe(self, writer: Engine, seen: Seen) -> bool:
        """Take what was deleted out of the database's own files as well, as far as the database lets us.

        Args:
            writer: the engine that writes.
            seen: what this noted the last time.

        Returns:
            False: somebody was in the way, it must be done again.
        """
        ...


class Sqlite:
    """One file with its write-ahead log; one connection writes, another reads beside it."""

    readers = 1
    alone = True

    def objection(self, connection: Connection) -> str | None:
        """Ask for the clauses and the index that we use."""
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            return "this Python brings SQLite {}: one with {}.{} or newer is needed".format(
                sqlite3.sqlite_version, *OLDEST_SQLITE
            )
        return None if _has_fts5(connection) else "this Python's SQLite has no FTS5: install another Python"

    def version(self, connection: Connection) -> str:  # it is in this very process
        """Return the library's version."""
        return f"SQLite {sqlite3.sqlite_version}"

    def is_whole(self, connection: Connection) -> bool:
        """Let SQLite look at each page."""
        return bool(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() == "ok")

    def rows_written(self, connection: Connection) -> int | None:
        """Return what SQLite counted (sqlite3_total_changes)."""
        return cast("sqlite3.Connection", connection.connection.dbapi_connection).total_changes

    def engines(self, url: URL) -> tuple[Engine, Engine]:
        """Return the engines. The file is made with mode 0600; its folder is the caller's to make."""
        if url.database:
            Path(url.database).touch(mode=0o600)
        return self._engine(url, "BEGIN IMMEDIATE"), self._engine(url, "BEGIN")

    def _engine(self, url: URL, begin: str) -> Engine:
        waits = {"check_same_thread": False, "timeout": 10}
        engine = create_engine(url, pool_size=1, max_overflow=0, connect_args=waits)

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: object) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves, below
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    @contextmanager
    def migrating(self, writer: Engine) -> Generator[Connection]:
        """Give a transaction without foreign keys: a table that is made anew must not take other rows with it.

        Raises:
            IntegrityError: a row refers to one that is not there any more; nothing was changed.
        """
        self._keys(writer, "OFF")
        try:
            with writer.begin() as connection:
                yield connection
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    missing = sqlite3.IntegrityError("A row refers to one that the migration left out.")
                    raise IntegrityError("PRAGMA foreign_key_check", None, missing)
        finally:
            self._keys(writer, "ON")

    def _keys(self, writer: Engine, value: str) -> None:
        raw = writer.raw_connection()  # there is one connection only; inside a transaction this would do nothing
        try:
            raw.cursor().execute(f"PRAGMA foreign_keys={value}")
        finally:
            raw.close()

    def count_on(self, connection: Connection) -> None:
        """Do nothing: it always counts from the largest."""

    def index(self, connection: Connection, rowid: int, terms: str) -> None:
        """Add a row to the FTS5 table."""
        row = {"rowid": rowid, "terms": terms}
        connection.execute(text("INSERT INTO messages_text(rowid, terms) VALUES (:rowid, :terms)"), row)

    def unindex(self, connection: Connection, rowids: Sequence[int]) -> None:
        """Delete rows of the FTS5 table."""
        connection.info[STALE] = True
        rows = [{"rowid": rowid} for rowid in rowids]
        connection.execute(text("DELETE FROM messages_text WHERE rowid = :rowid"), rows)

    def matching(self, terms: Iterable[str]) -> TextClause:
        """Ask FTS5: quoted terms, all of which must be there."""
        match = " ".join('"' + term.replace('"', '""') + '"' for term in terms)
        query = text("SELECT rowid FROM messages_text WHERE messages_text MATCH :match ORDER BY rowid")
        return query.bindparams(match=match)

    def rewrite(self, writer: Engine, *, begin: bool) -> bool:
        """Do a step of FTS5's `optimize`: it keeps deleted words until then (before 3.42).

        As its documentation says under "merge": a negative number of pages begins, and the steps end with one that
        changes fewer than two rows. In one go it takes seconds of a million messages, in which nobody could write.
        """
        with writer.begin() as connection:
            noted = connection.info
            begins = begin and bool(noted.get(STALE, True))
            if not begins and not noted.get(REWRITING, False):
                return False
            if begins:
                noted[STALE] = False
            noted[REWRITING] = True  # also if it breaks off
            before = self.rows_written(connection)
            merge = text("INSERT INTO messages_text(messages_text, rank) VALUES ('merge', :pages)")
            connection.execute(merge, {"pages": -MERGED_PAGES if begins else MERGED_PAGES})
            more = (self.rows_written(connection) or 0) - (before or 0) >= 2
        noted[REWRITING] = more
        return more

    def wipe(self, writer: Engine, seen: Seen) -> bool:  # a file is wiped as a whole
        """Empty the write-ahead log: emptied payloads live on in it until then (300 of them left 1,650 copies)."""
        raw = writer.raw_connection()
        try:
            busy = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            raw.close()
        return not busy


class Postgresql:
    """A server. Whoever writes holds one advisory lock meanwhile, so that there is one writer here too."""

    readers = POSTGRESQL_READERS
    alone = False

    def objection(self, connection: Connection) -> str | None:
        """Ask for all of Unicode, and for a server that is still looked after."""
        number, encoding = connection.exec_driver_sql(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')"
        ).one()
        if number < OLDEST_POSTGRESQL * 10_000:
            return f"{self.version(connection)} runs there: {OLDEST_POSTGRESQL} or newer is needed"
        if encoding != "UTF8":
            return f"its encoding is {encoding}: make the database with ENCODING 'UTF8' TEMPLATE template0"
        return None

    def version(self, connection: Connection) -> str:
        """Return the server's version."""
        found = connection.exec_driver_sql("SELECT current_setting('server_version')").scalar()
        return f"PostgreSQL {str(found).partition(' ')[0]}"

    def is_whole(self, connection: Connection) -> bool:  # its own tool, amcheck, is a superuser's
        """Trust the server, which looks at the checksum of a page when it reads it."""
        return True

    def rows_written(self, connection: Connection) -> int | None:
        """Return nothing: a server counts for all who write."""
        return None

    def engines(self, url: URL) -> tuple[Engine, Engine]:
        """Return the engines. A read sees one instant; a write waits for the writer before it, in any process."""
        url = url.set(drivername="postgresql+psycopg")
        writer = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
        reader = create_engine(
            url, pool_size=self.readers, max_overflow=0, pool_pre_ping=True, isolation_level="REPEATABLE READ"
        )
        for engine in (writer, reader):
            event.listen(engine, "connect", _prepare)

        @event.listens_for(writer, "begin")
        def _begin(connection: Connection) -> None:
            # Before the first query: under READ COMMITTED each query then sees all that was committed before.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock({}, {})".format(*WRITER_LOCK))

        return writer, reader

    def migrating(self, writer: Engine) -> AbstractContextManager[Connection]:
        """Give a transaction: of two processes that start at once, one changes the tables and the other waits."""
        return writer.begin()

    def count_on(self, connection: Connection) -> None:
        """Set the sequences, which know nothing of rows that were written with their keys."""
        for table, column in connection.exec_driver_sql(COUNTED).all():
            query = (
                f'SELECT setval(pg_get_serial_sequence(%s, %s), coalesce(max("{column}"), 0) + 1, false) FROM "{table}"'  # noqa: S608  # names of our own
            )
            connection.exec_driver_sql(query, (table, column))

    def index(self, connection: Connection, rowid: int, terms: str) -> None:
        """Add a row. The terms are words already: no parser of PostgreSQL's, which depends on the locale, cuts them."""
        query = text(
            "INSERT INTO messages_text (rowid, terms) SELECT :rowid, array_to_tsvector(CAST(:terms AS text[]))"
        )
        connection.execute(query, {"rowid": rowid, "terms": [term[:LONGEST_TERM] for term in terms.split()]})

    def unindex(self, connection: Connection, rowids: Sequence[int]) -> None:
        """Delete rows."""
        query = text("DELETE FROM messages_text WHERE rowid = ANY(CAST(:rowids AS bigint[]))")
        connection.execute(query, {"rowids": list(rowids)})

    def matching(self, terms: Iterable[str]) -> TextClause:
        """Ask the GIN index: quoted lexemes, all of which must be there."""
        match = " & ".join(_quoted(term[:LONGEST_TERM]) for term in terms)
        query = text("SELECT rowid FROM messages_text WHERE terms @@ CAST(:match AS tsquery) ORDER BY rowid")
        return query.bindparams(bindparam("match", match))

    def rewrite(self, writer: Engine, *, begin: bool) -> bool:  # `wipe` does it, beside those who write
        """Do nothing."""
        return False

    def wipe(self, writer: Engine, seen: Seen) -> bool:
        """VACUUM the tables in which rows were changed or deleted since the last time, by whichever process.

        The index of words is built anew where messages went: a GIN index never lets go of a word it once held.
        """
        with writer.begin() as connection:
            connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        engine = create_engine(writer.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        event.listen(engine, "connect", _prepare)
        query = "SELECT relname, n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE schemaname = current_schema()"
        with engine.connect() as connection:
            changed = {str(name): int(count) for name, count in connection.exec_driver_sql(query)}
            for name, count in changed.items():
                if seen.changes.get(name) != count:
                    connection.exec_driver_sql(f'VACUUM "{name}"')
                    seen.stale = seen.stale or name == "messages_text"
                    seen.changes[name] = count
            if not seen.stale or time.monotonic() < seen.rebuild_from:
                return True
            begun = time.monotonic()
            for (name,) in connection.exec_driver_sql(HALF_BUILT).all():
                connection.exec_driver_sql(f'DROP INDEX CONCURRENTLY "{name}"')
            connection.exec_driver_sql("REINDEX INDEX CONCURRENTLY ix_messages_text_terms")
            seen.rebuild_from = begun + (time.monotonic() - begun) / REBUILD_SHARE
            seen.stale = False
        return True


SQLITE: Final = Sqlite()
POSTGRESQL: Final = Postgresql()


def dialect_of(name: str) -> Dialect:
    """Return what SQLAlchemy's name of a dialect, or the driver in a URL, is to us."""
    return POSTGRESQL if name.startswith("postgresql") else SQLITE


def _prepare(connection: psycopg.Connection[Any], _record: object) -> None:
    """Set what must hold on every connection to PostgreSQL, whatever the server's own settings are."""
    from psycopg.types.string import StrDumper  # the driver is there only with the extra [postgresql]

    class WithoutNul(StrDumper):
        """PostgreSQL knows no character 0 in a text, JSON does: a message is not refused for one."""

        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    connection.adapters.register_dumper(str, WithoutNul)
    before = connection.autocommit
    connection.autocommit = True
    connection.execute(SETTINGS)
    connection.autocommit = before


def _has_fts5(connection: Connection) -> bool:
    return connection.exec_driver_sql("SELECT sqlite_compileoption_used('ENABLE_FTS5')").scalar() == 1


def _quoted(term: str) -> str:
    escaped = term.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
