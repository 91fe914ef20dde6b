"""What every Database promises: units of work that are whole or nothing. The real one and the fake are held to it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, insert, make_url, select
from sqlalchemy.exc import IntegrityError

from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import migrate
from circles.facts.tables import metadata, people
from circles.ports import Database
from circles.testing import MemoryDatabase
from circles_harness.postgresql import PostgreSQL


class Broken(Exception):
    """What a test's own work raises."""


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Each implementation, with all tables."""
    if request.param == "memory":
        yield MemoryDatabase()
        return
    url = f"sqlite:///{tmp_path / 'circles.db'}"
    real = SqlDatabase(request.getfixturevalue("postgresql_url") if request.param == "postgresql" else url)
    await real.write(lambda connection: metadata.create_all(connection))
    yield real
    await real.close()


def add(name: str) -> "Add":
    return Add(name)


class Add:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, connection: Connection) -> str:
        connection.execute(insert(people).values(user_id=self.name))
        return self.name


def names(connection: Connection) -> list[str]:
    return sorted(connection.execute(select(people.c.user_id)).scalars())


async def test_what_was_written_is_read(database: Database) -> None:
    """And the work's own result comes back."""
    assert await database.write(add("mei")) == "mei"
    assert await database.read(names) == ["mei"]


async def test_work_that_raises_leaves_nothing(database: Database) -> None:
    """Not the part before the error either; and the next work goes on."""

    def work(connection: Connection) -> None:
        add("mei")(connection)
        raise Broken

    with pytest.raises(Broken):
        await database.write(work)
    with pytest.raises(IntegrityError):
        await database.write(lambda connection: [add("li")(connection), add("li")(connection)])

    assert await database.read(names) == []
    assert await database.write(add("li")) == "li"


async def test_a_read_leaves_nothing_behind(database: Database) -> None:
    """Even if it wrote, and even if it raised."""

    def work(connection: Connection) -> None:
        add("mei")(connection)
        raise Broken

    with pytest.raises(Broken):
        await database.read(work)
    await database.read(add("li"))

    assert await database.read(names) == []


async def test_a_savepoint_inside_is_part_of_the_whole(database: Database) -> None:
    """A poison event is rolled back alone; a work that fails takes its savepoints with it."""

    def one_bad(connection: Connection) -> None:
        for name in ("mei", "li", "mei"):
            try:
                with connection.begin_nested():
                    add(name)(connection)
            except IntegrityError:
                continue

    def all_bad(connection: Connection) -> None:
        with connection.begin_nested():
            add("uncle")(connection)
        raise Broken

    await database.write(one_bad)
    with pytest.raises(Broken):
        await database.write(all_bad)

    assert await database.read(names) == ["li", "mei"]


async def test_many_at_once_are_one_after_the_other(database: Database) -> None:
    """No two works see each other half done."""

    def count(connection: Connection) -> int:
        found = len(names(connection))
        add(f"p{found:03}")(connection)
        return found

    found = await asyncio.gather(*(database.write(count) for _ in range(50)))

    assert sorted(found) == list(range(50))


async def test_a_cancelled_write_is_whole_or_nothing(store_url: str) -> None:
    """Whoever stops waiting does not stop it in the middle."""
    database = SqlDatabase(store_url)
    await database.write(lambda connection: metadata.create_all(connection))
    waiting = [asyncio.ensure_future(database.write(add(f"p{number:03}"))) for number in range(20)]
    for task in waiting[::2]:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    found = await database.read(names)
    await database.close()
    assert len(found) >= 10


async def test_the_file_is_for_its_owner_alone_and_safe_against_a_power_cut(tmp_path: Path) -> None:
    """Mode 0600; WAL, synchronous FULL, secure_delete, and no temporary files."""
    path = tmp_path / "circles.db"
    database = SqlDatabase(f"sqlite:///{path}")

    def pragmas(connection: Connection) -> list[object]:
        asked = ("journal_mode", "synchronous", "secure_delete", "foreign_keys", "temp_store")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]

    expected: list[object] = ["wal", 2, 1, 1, 2]
    assert await database.write(pragmas) == expected
    assert await database.read(pragmas) == expected
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}  # noqa: ASYNC240  # a test
    await database.close()

    assert set(modes.values()) == {0o600}, cast("object", modes)


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


async def test_two_processes_write_one_after_the_other(postgresql_url: str) -> None:
    """What one read in its unit of work, no other changes before it commits: nobody counts to the same number twice."""
    databases = [SqlDatabase(postgresql_url) for _ in range(3)]

    def count(connection: Connection) -> int:
        found = len(names(connection))
        add(f"p{found:03}")(connection)
        return found

    found = await asyncio.gather(*(databases[number % 3].write(count) for number in range(60)))
    for database in databases:
        await database.close()

    assert sorted(found) == list(range(60))


async def test_a_read_sees_one_instant(postgresql_url: str) -> None:
    """Whatever another process commits meanwhile."""
    here, there = SqlDatabase(postgresql_url), SqlDatabase(postgresql_url)
    loop = asyncio.get_running_loop()

    def twice(connection: Connection) -> tuple[list[str], list[str]]:
        before = names(connection)
        asyncio.run_coroutine_threadsafe(there.write(add("mei")), loop).result(10)
        return before, names(connection)

    assert await here.read(twice) == ([], [])
    assert await here.read(names) == ["mei"]
    for database in (here, there):
        await database.close()


async def test_a_server_that_came_back_is_written_to_again(postgresql_server: PostgreSQL, postgresql_url: str) -> None:
    """A connection that died between two units of work is noticed before the next."""
    database = SqlDatabase(postgresql_url)
    await database.write(add("mei"))
    await database.read(names)
    postgresql_server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'circles%'")

    assert await database.write(add("li")) == "li"
    assert await database.read(names) == ["li", "mei"]
    await database.close()


async def test_what_was_told_to_the_homeserver_is_on_the_disk(
    postgresql_server: PostgreSQL, postgresql_url: str
) -> None:
    """A server that answers before it has written is asked not to; none waits for another for ever."""
    name = str(make_url(postgresql_url).database)
    postgresql_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = SqlDatabase(postgresql_url)

    def settings(connection: Connection) -> list[object]:
        asked = ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout")
        return [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in asked]

    assert await database.write(settings) == ["on", "30s", "30s"]
    assert await database.read(settings) == ["on", "30s", "30s"]
    await database.close()


async def test_a_character_zero_is_taken_and_found(store_url: str) -> None:
    """JSON knows it, PostgreSQL's texts do not: neither a message nor a name is refused for it."""
    database = SqlDatabase(store_url)
    migrate(database)
    odd = "nul\0here"

    def both(connection: Connection) -> int:
        connection.execute(insert(people).values(user_id=odd))
        return len(connection.execute(select(people).where(people.c.user_id == odd)).all())

    assert await database.write(both) == 1
    await database.close()
