"""Many rows at a time, past SQLAlchemy: for the few places where its own work would be more than the database's.

Statements are written for both dialects, parameters as `?`; what cannot be written alike is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, cast

import orjson
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql

from circles.dialects import LONGEST_TERM

MOST_KEYS: Final = 512
"""So many keys are asked for in one query."""

_ARRAYS: Final = {
    1: "WITH wanted(a) AS (SELECT * FROM unnest(CAST(%s AS text[])))",
    2: "WITH wanted(a, b) AS (SELECT * FROM unnest(CAST(%s AS text[]), CAST(%s AS text[])))",
}
_INDEX_SQLITE: Final = "INSERT INTO messages_text(rowid, terms) VALUES (?, ?)"
# An array has no rows of different lengths, so the terms are cut again over there.
_INDEX_POSTGRESQL: Final = """
    INSERT INTO messages_text (rowid, terms) SELECT seq, array_to_tsvector(string_to_array(terms, ' '))
    FROM unnest(CAST(%s AS bigint[]), CAST(%s AS text[])) AS made (seq, terms)
"""


def run(connection: Connection, statement: str, *parameters: object) -> Any:
    """Run one statement and return the driver's cursor."""
    cursor = connection.connection.cursor()
    cursor.execute(statement.replace("?", "%s") if _is_server(connection) else statement, parameters)
    return cursor


def run_many(connection: Connection, statement: str, rows: Sequence[Sequence[object]]) -> None:
    """Run one statement for each of many rows."""
    cursor = connection.connection.cursor()
    cursor.executemany(statement.replace("?", "%s") if _is_server(connection) else statement, rows)


def fetch(connection: Connection, query: str, keys: Sequence[Sequence[str]]) -> list[tuple[Any, ...]]:
    """Return the rows of one query for many keys.

    Args:
        query: reads from a table `wanted` with the columns a and, for pairs, b.
        keys: all of one length; without any nothing is asked.
    """
    found: list[tuple[Any, ...]] = []
    cursor = connection.connection.cursor()
    for start in range(0, len(keys), MOST_KEYS):
        some = keys[start : start + MOST_KEYS]
        if _is_server(connection):
            cursor.execute(_ARRAYS[len(some[0])] + query, [list(column) for column in _columns(some)])
        else:
            # Padded to a power of two, so that few statements have to be prepared; NULL is equal to nothing.
            size, width = 1 << (len(some) - 1).bit_length(), len(some[0])
            parts: list[str | None] = [part for key in some for part in key]
            cursor.execute(_values(size, width) + query, parts + [None] * (size * width - len(parts)))
        found += cast("list[tuple[Any, ...]]", cursor.fetchall())
    return found


def loads(text: str) -> Any:
    """Return what a JSON column holds, read as text; for those that are mostly empty."""
    return {} if text == "{}" else orjson.loads(text)


def server_of(connection: Connection, user_id: str) -> str:
    """Return the SQL for the server in a column of user ids."""
    place = "strpos" if _is_server(connection) else "instr"
    return f"substr({user_id}, {place}({user_id}, ':') + 1)"


def numbers(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Return so many fresh values of a table's key `seq`, in order."""
    if _is_server(connection):
        query = "SELECT nextval(pg_get_serial_sequence(?, 'seq')) FROM generate_series(1, ?)"
        return [row[0] for row in run(connection, query, table.name, count).fetchall()]
    # Counting on from the highest: nobody else writes meanwhile.
    last: int = run(connection, f"SELECT coalesce(max(seq), 0) FROM {table.name}").fetchone()[0]  # noqa: S608 - a name of ours
    return range(last + 1, last + 1 + count)


def insert_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Sequence[object]]
) -> bool:
    """Insert rows, except those that are there already; return whether all were new."""
    cursor = connection.connection.cursor()
    if _is_server(connection):
        # Each column as one array: for a hundred rows faster than COPY (measured).
        cursor.execute(_insertion_of_arrays(table, columns), [list(column) for column in _columns(rows)])
    else:
        cursor.executemany(_insertion(table, columns), rows)
    return bool(cursor.rowcount == len(rows))


def index_words(connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Add many messages' terms, separated by spaces, to the index of words."""
    cursor = connection.connection.cursor()
    if _is_server(connection):
        cursor.execute(_INDEX_POSTGRESQL, ([seq for seq, _ in rows], [_shortened(terms) for _, terms in rows]))
    else:
        cursor.executemany(_INDEX_SQLITE, rows)


def _is_server(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


@lru_cache(maxsize=64)
def _values(size: int, width: int) -> str:
    rows = ", ".join([f"({', '.join('?' * width)})"] * size)
    return f"WITH wanted({', '.join('ab'[:width])}) AS (VALUES {rows})"


@lru_cache(maxsize=64)
def _insertion(table: Table, columns: tuple[str, ...]) -> str:
    return f"{_into(table, columns)} VALUES ({', '.join('?' * len(columns))}) ON CONFLICT DO NOTHING"


@lru_cache(maxsize=64)
def _insertion_of_arrays(table: Table, columns: tuple[str, ...]) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves its own constructor untyped
    arrays = ", ".join(f"CAST(%s AS {table.c[name].type.compile(dialect)}[])" for name in columns)
    return f"{_into(table, columns)} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608 - names of ours


def _into(table: Table, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table.name} ({', '.join(columns)})"


def _columns(rows: Sequence[Sequence[object]]) -> Iterable[tuple[object, ...]]:
    return zip(*rows, strict=True)


def _shortened(terms: str) -> str:
    if len(terms) <= LONGEST_TERM:
        return terms
    return " ".join(term[:LONGEST_TERM] for term in terms.split(" "))
