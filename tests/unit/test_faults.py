"""The machine's faults: each real error has the name that `/health` shows, and ends when the machine works again."""

import errno
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import ClientOSError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from circles.adapters.store import faults
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.faults import Faults, fault_of
from circles.errors import DatabaseDamaged
from circles.facts import rooms
from circles.testing import ROOM, FakeClock
from circles.troubles import ADVICE, Trouble, Troubles, advice_on
from rows import MEI, new_file


def raised(work: Callable[[], object]) -> Exception:
    """Return what something raises."""
    with pytest.raises((sqlite3.Error, OSError, DBAPIError)) as caught:
        work()
    return caught.value


def full(path: Path) -> Exception:
    """Write into a database that may not grow."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE words (word)")
        database.execute("PRAGMA max_page_count = 3")
        return raised(lambda: database.execute("INSERT INTO words VALUES (zeroblob(100000))"))


def read_only(path: Path) -> Exception:
    """Write where only reading is allowed, through SQLAlchemy."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.execute(text("PRAGMA query_only = 1"))
        error = raised(lambda: connection.execute(text("CREATE TABLE words (word)")))
    engine.dispose()
    return error


def locked(path: Path) -> Exception:
    """Write while another does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as one, closing(sqlite3.connect(path, timeout=0)) as two:
        one.execute("BEGIN EXCLUSIVE")
        return raised(lambda: two.execute("CREATE TABLE words (word)"))


def corrupt(path: Path) -> Exception:
    """Read what is no database."""
    path.write_bytes(b"not a database " * 1000)
    with closing(sqlite3.connect(path)) as database:
        return raised(lambda: database.execute("SELECT * FROM sqlite_master"))


def missing(path: Path) -> Exception:
    """Open a file in a folder that is not there."""
    return raised(lambda: sqlite3.connect(path / "gone" / "circles.db"))


@pytest.mark.parametrize(
    ("cause", "trouble"),
    [
        (full, Trouble.DISK_FULL),
        (read_only, Trouble.READ_ONLY),
        (locked, Trouble.LOCKED),
        (corrupt, Trouble.CORRUPT),
        (missing, Trouble.DISK),
    ],
)
def test_each_real_error_has_its_name(tmp_path: Path, cause: Callable[[Path], Exception], trouble: Trouble) -> None:
    """As SQLite raises it, and as SQLAlchemy wraps it."""
    assert fault_of(cause(tmp_path / "circles.db")) is trouble


@pytest.mark.parametrize(
    ("number", "trouble"),
    [(errno.ENOSPC, Trouble.DISK_FULL), (errno.EROFS, Trouble.READ_ONLY), (errno.EMFILE, Trouble.FILES)],
)
def test_an_error_of_the_system_has_its_name(number: int, trouble: Trouble) -> None:
    """Also behind the client's own error."""
    error = ClientOSError(number, "")
    assert fault_of(error) is trouble
    wrapped = RuntimeError()
    wrapped.__cause__ = OSError(number, "")
    assert fault_of(wrapped) is trouble


async def test_a_commit_that_writes_nothing_ends_no_fault(tmp_path: Path) -> None:
    """It goes through on a full disk too."""
    troubles = Troubles(FakeClock())
    watch = Faults(troubles)
    database = SqlDatabase(new_file(tmp_path / "circles.db"), watch)
    watch.met(OSError(errno.ENOSPC, ""))
    await database.write(rooms.whereabouts)
    assert list(troubles.standing) == ["disk_full"]
    await database.write(lambda c: rooms.save_room(c, ROOM))
    assert list(troubles.standing) == []
    await database.close()


async def test_what_is_damaged_is_neither_read_nor_written_any_more(tmp_path: Path) -> None:
    """What its other pages say is not believed."""
    path = tmp_path / "circles.db"
    watch = Faults(Troubles(FakeClock()))
    database = SqlDatabase(new_file(path), watch)
    await database.write(lambda c: rooms.save_room(c, ROOM))
    await database.read(lambda c: rooms.room_facts(c, ROOM))
    assert await database.wipe()
    size = len(path.read_bytes())
    path.write_bytes(path.read_bytes()[:4096] + b"damaged " * (size // 8 - 512))
    await database.write(lambda c: rooms.save_room(c, ROOM, membership="join"))
    with pytest.raises(DBAPIError):
        await database.read(lambda c: rooms.member(c, ROOM, MEI))
    for work in (database.read(rooms.whereabouts), database.write(rooms.whereabouts), database.wipe()):
        with pytest.raises(DatabaseDamaged):
            await work
    await database.close()
    assert watch.damaged.is_set()


def test_what_is_not_the_machines_has_no_name() -> None:
    """A bug of ours is not blamed on the disk."""
    assert fault_of(ZeroDivisionError()) is None
    assert fault_of(OSError(errno.ECONNREFUSED, "")) is None
    assert fault_of(sqlite3.IntegrityError()) is None


def test_a_fault_is_said_once_and_ends_with_a_commit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Damage does not: a page that can be written heals no other. Files may be spent still."""
    caplog.set_level(logging.INFO)
    troubles = Troubles(FakeClock())
    watch = Faults(troubles)
    for number in (errno.ENOSPC, errno.ENOSPC, errno.EMFILE):
        watch.met(OSError(number, ""))
    watch.met(sqlite_corrupt())
    assert list(troubles.standing) == ["database_corrupt", "disk_full", "files_exhausted"]
    monkeypatch.setattr(faults, "files_are_spent", lambda: True)
    watch.wrote()
    assert list(troubles.standing) == ["database_corrupt", "files_exhausted"]
    monkeypatch.setattr(faults, "files_are_spent", lambda: False)
    watch.wrote()
    assert list(troubles.standing) == ["database_corrupt"]
    said = [vars(record)["action"] for record in caplog.records]
    assert said == ["machine_failed"] * 3 + ["machine_works"] * 2


def sqlite_corrupt() -> Exception:
    error = sqlite3.DatabaseError()
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def test_every_trouble_has_advice() -> None:
    """Also one that a newer service names."""
    assert set(ADVICE) == set(Trouble)
    assert advice_on("of_tomorrow") == "its log says of_tomorrow"
