"""`circles backup` and `circles restore`: into one file, and back into an empty database of either kind."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from circles.adapters.clock import SystemClock
from circles.adapters.store import backup, purges
from circles.adapters.store.backup import Manifest
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import head, standing
from circles.config import Config
from circles.dialects import Seen
from circles.entrypoints import purge_list
from circles.entrypoints.checks import our_version
from circles.errors import NotAlone, NotFound

STDOUT: Final = "-"


def make(config: Config, output: str, *, force: bool) -> str:
    """Write a backup to a file, readable by its owner alone, or to the standard output; return what it holds.

    Raises:
        NotFound: there is no database of this program's, or a file in the way.
    """
    config.storage.prepare()
    database = SqlDatabase(config.storage.url)
    try:
        if standing(database).revision != head():
            raise NotFound("There is no database of this version here: start the service once.")
        with database.writer.begin() as connection:
            purges.identity(connection)
        if output == STDOUT:
            return told(_write(database, config, os.dup(sys.stdout.fileno())))
        return told(_into(database, config, Path(output), force=force))
    finally:
        database.dispose()


def _into(database: SqlDatabase, config: Config, path: Path, *, force: bool) -> Manifest:
    if path.exists() and not force:
        raise NotFound(f"{path} is there already: name another file, or replace it with --force.")
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    try:
        manifest = _write(database, config, os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    new.replace(path)
    return manifest


def _write(database: SqlDatabase, config: Config, handle: int) -> Manifest:
    now = int(SystemClock().now().timestamp() * 1000)
    with os.fdopen(handle, "wb") as file, database.reader.connect() as connection:
        manifest = backup.write(connection, file, version=our_version(), now=now, crypto_dir=config.storage.crypto_dir)
        file.flush()
        with contextlib.suppress(OSError):  # a pipe cannot be synced
            os.fsync(file.fileno())
    return manifest


def restore(config: Config, path: Path, lists: Sequence[Path], *, without_purges: bool) -> str:
    """Bring a backup into an empty database, and do again what was taken back since; return what that was.

    Raises:
        NotFound: it is no backup, there are rows already, or what was taken back since is not known.
        NotAlone: the service runs.
    """
    config.storage.prepare()
    own = config.storage.data_dir / purge_list.FILE
    segments = [purge_list.read(file) for file in (lists or (own,))]
    with backup.opened(path) as (manifest, archive):
        changes = [] if without_purges else _changes(segments, manifest)
        if any(config.storage.crypto_dir.rglob("*.db")):
            raise NotFound(f"{config.storage.crypto_dir} holds encryption keys: move them away.")
        database = SqlDatabase(config.storage.url)
        try:
            if not database.lead.take():
                raise NotAlone("The service runs on this database: stop it first.")
            if not backup.is_empty(database):
                raise NotFound("The database is not empty: move it away or name a new one.")
            backup.load(database, manifest, archive)
            now = int(SystemClock().now().timestamp() * 1000)
            with database.writer.begin() as connection:
                count = backup.finish(connection, manifest, changes, now)
            backup.restore_keys(archive, manifest, config.storage.crypto_dir)
            # What reads the keys is slow to import, and nothing else here needs it.
            from circles.adapters.matrix.crypto import device

            device.came_back(config.storage.crypto_dir)
            if lists and not own.exists():
                purge_list.write(own, [segment for each in segments for segment in each])
            while database.dialect.rewrite(database.writer, begin=True):
                pass
            database.dialect.wipe(database.writer, Seen())
        finally:
            database.dispose()
    return (
        f"{told(manifest)}; {count} changes since then were made again. "
        "Start the service: it reads from the rooms what else was said."
    )


def _changes(segments: Sequence[Sequence[purge_list.Segment]], manifest: Manifest) -> list[purges.Change]:
    try:
        return purge_list.since(segments, manifest.database, manifest.purges)
    except NotFound as problem:
        raise NotFound(
            f"{problem} Name it with --purged, or restore --without-purges: "
            "then what was taken back since the backup, and forbidden, may come back."
        ) from None


def told(manifest: Manifest) -> str:
    """Return what a backup holds, in a line: counts only."""
    rows, keys = sum(manifest.rows.values()), len(manifest.keys)
    return f"{rows} rows of schema {manifest.revision}, {keys} files of encryption keys"
