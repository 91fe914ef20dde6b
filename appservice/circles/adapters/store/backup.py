"""A backup: one file with every row of our tables at one instant, and the folder of encryption keys. It holds words.

The rows are written as JSON, one table a member of a ZIP archive, so that a backup of either database can be restored
into either, by this program or a newer one.  The index of words is not in it; it is made anew.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import sqlite3
import tempfile
import uuid
import zipfile
from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

from alembic import command
from sqlalchemy import Connection, LargeBinary, MetaData, Table, insert, inspect, literal, select, table

from circles.adapters.store import egress, journal, kept, positions, purges, tables
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import alembic_config, head, is_ours, migrate
from circles.errors import NotFound
from circles.facts.tables import metadata
from circles.registry import FEATURES

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
BATCH: Final = 500
OWN: Final = ("alembic_version", "positions", "purges")
"""Tables that a service fills by itself, before anybody said anything."""
SQLITE_MAGIC: Final = b"SQLite format 3\0"

DEFINED_IN = (egress, tables, purges, FEATURES)
"""Importing these is what defines the tables."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is.

    Attributes:
        circles: the program's version that made it.
        revision: the schema its rows are of.
        at: when it was made, in ms.
        database, purges: the name of the database and the number of its newest change, see `adapters.store.purges`.
        rows: how many rows each table has.
        keys: the files of the encryption folder.
    """

    circles: str
    revision: str
    at: int
    database: str
    purges: int
    rows: Mapping[str, int] = field(default_factory=dict[str, int])
    keys: tuple[str, ...] = ()
    format: int = FORMAT


# --- writing ----------------------------------------------------------------------------------------------------------


def write(connection: Connection, file: IO[bytes], *, version: str, now: int, crypto_dir: Path) -> Manifest:
    """Write a backup of what one unit of work sees, and of the keys as they are now; the service may run meanwhile."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in metadata.sorted_tables:
            counts[each.name] = _write_table(connection, archive, each)
        keys = tuple(_write_keys(archive, crypto_dir))
        name = positions.token_of(connection, positions.DATABASE) or ""
        manifest = Manifest(version, head(), now, name, purges.last(connection), counts, keys)
        archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))
    return manifest


def _write_table(connection: Connection, archive: zipfile.ZipFile, source: Table) -> int:
    count = 0
    rows = connection.execute(select(source).execution_options(yield_per=BATCH)).mappings()
    with archive.open(f"tables/{source.name}.jsonl", "w", force_zip64=True) as out:
        for row in rows:
            values = {name: _plain(value) for name, value in row.items()}
            out.write(json.dumps(values, ensure_ascii=True).encode() + b"\n")
            count += 1
    return count


def _plain(value: object) -> object:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _write_keys(archive: zipfile.ZipFile, crypto_dir: Path) -> Generator[str]:
    for path in sorted(crypto_dir.rglob("*")) if crypto_dir.is_dir() else ():
        name = path.relative_to(crypto_dir).as_posix()
        if path.is_symlink() or not path.is_file() or name.endswith(("-wal", "-shm", "-journal")):
            continue
        archive.writestr(f"keys/{name}", _whole(path))
        yield name


def _whole(path: Path) -> bytes:
    """Read a file; of a SQLite database what is committed, its log included (SQLite's online backup)."""
    data = path.read_bytes()
    if not data.startswith(SQLITE_MAGIC):
        return data
    with (
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
        contextlib.closing(sqlite3.connect(Path(folder) / "copy")) as copy,
    ):
        source.backup(copy)
        copy.close()
        return (Path(folder) / "copy").read_bytes()


# --- reading ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(path: Path) -> Generator[tuple[Manifest, zipfile.ZipFile]]:
    """Open a backup.

    Raises:
        NotFound: it is none, or one of a newer program.
    """
    try:
        archive = zipfile.ZipFile(path)
        given: dict[str, Any] = json.loads(archive.read(MANIFEST))
        keys = tuple(str(name) for name in given.pop("keys"))
        manifest = Manifest(**given, keys=keys)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        raise NotFound(f"{path} is no backup of Circles.") from None
    if manifest.format != FORMAT or manifest.revision > head():
        raise NotFound(f"{path} was made by Circles {manifest.circles}, which is newer: install that.")
    with archive:
        yield manifest, archive


def is_empty(database: SqlDatabase) -> bool:
    """Return whether there is no row of anybody's in a database yet."""
    with database.writer.connect() as connection:
        names = [name for name in inspect(connection).get_table_names() if is_ours(name, "table", None)]
        queries = [select(literal(1)).select_from(table(name)).limit(1) for name in names if name not in OWN]
        return all(connection.execute(query).first() is None for query in queries)


def load(database: SqlDatabase, manifest: Manifest, archive: zipfile.ZipFile) -> dict[str, int]:
    """Bring an empty database to what a backup holds, and its schema to the newest; return the rows of each table."""
    with database.dialect.migrating(database.writer) as connection:
        _clear(connection)
        command.upgrade(alembic_config(connection), manifest.revision)
        counts = {each.name: _read_table(connection, archive, each) for each in _present(connection)}
        database.dialect.count_on(connection)
    migrate(database)
    with database.writer.begin() as connection:
        _index(connection)
    return counts


def _clear(connection: Connection) -> None:
    """Remove the empty tables of a service that began here."""
    cascade = " CASCADE" if connection.dialect.name == "postgresql" else ""
    for name in inspect(connection).get_table_names():
        if not name.startswith("messages_text_"):  # those go with the table they belong to
            connection.exec_driver_sql(f'DROP TABLE "{name}"{cascade}')


def _present(connection: Connection) -> list[Table]:
    """Return the tables of the schema as it is now, each behind those it refers to."""
    here = MetaData()
    here.reflect(connection, only=lambda name, _: is_ours(name, "table", None) and name != "alembic_version")
    return here.sorted_tables


def _read_table(connection: Connection, archive: zipfile.ZipFile, target: Table) -> int:
    name = f"tables/{target.name}.jsonl"
    if name not in archive.namelist():
        return 0
    binary = {column.name for column in target.columns if isinstance(column.type, LargeBinary)}
    count = 0
    with archive.open(name) as lines:
        for batch in _batches(lines):
            connection.execute(insert(target), [_row(line, binary) for line in batch])
            count += len(batch)
    return count


def _batches(lines: Iterable[bytes]) -> Generator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _row(line: bytes, binary: set[str]) -> dict[str, object]:
    row = cast("dict[str, Any]", json.loads(line))
    return {name: _value(value) if name in binary else value for name, value in row.items()}


def _value(value: Any) -> object:
    return base64.b64decode(value["base64"]) if value is not None else None


def _index(connection: Connection) -> None:
    """Make the index of words anew."""
    for rows in connection.execute(select(tables.messages.c.seq, tables.messages.c.text)).partitions(BATCH):
        for seq, words in rows:
            kept.index(connection, seq, words)


def finish(connection: Connection, manifest: Manifest, changes: Iterable[purges.Change], now: int) -> int:
    """Do again what was taken back and forbidden since the backup; return how much that was.

    What else was said since then is read from the rooms at the next start, up to the newest event the backup knows.
    """
    positions.broke(connection, journal.last_seq(connection))
    count = purges.replay(connection, changes, now)
    positions.note(connection, positions.DATABASE, uuid.uuid4().hex, now)
    positions.note(connection, positions.RESTORED, None, manifest.at)
    return count


def restore_keys(archive: zipfile.ZipFile, manifest: Manifest, crypto_dir: Path) -> None:
    """Write the files of the encryption folder. The service finds that they are old, and begins with a new device."""
    root = crypto_dir.resolve()
    for name in manifest.keys:
        target = (root / name).resolve()
        if not target.is_relative_to(root):
            raise NotFound(f"{name} does not belong into a backup.")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with io.FileIO(handle, "w") as file:
            file.write(archive.read(f"keys/{name}"))
