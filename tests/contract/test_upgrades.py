"""Every released schema comes up to the newest one with all its rows, on both databases.

`tests/data/released/NNNN.json` holds rows of every table as the program of that release wrote them.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, func, inspect, select, table, text
from sqlalchemy.exc import IntegrityError

from circles.adapters.store import journal, kept, outbox
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import alembic_config, head, migrate, standing
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.facts import posts, rooms
from circles.features.digest import store as digests
from circles.features.notes import store as notes
from circles.features.reminders import store as reminders
from circles_harness.postgresql import PostgreSQL
from released import RELEASED, fill

ROOM, MEI, LI = RoomID("!garden:home.example"), UserID("@mei:home.example"), UserID("@li:far.example")
SCHEMAS_ON_SQLITE = {"0001": "0edbf74c7d8f0037"}
"""What each release's schema was on SQLite: its migration may learn another database, and change nothing here."""


def bring_to(database: SqlDatabase, revision: str) -> None:
    with database.dialect.migrating(database.writer) as connection:
        command.upgrade(alembic_config(connection), revision)


def count(connection: Connection, name: str) -> int:
    """Return how many rows a table has."""
    return int(connection.execute(select(func.count()).select_from(table(name))).scalar_one())


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlDatabase]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        opened = SqlDatabase(f"sqlite:///{tmp_path / 'circles.db'}")
        yield opened
        opened.writer.dispose()
        return
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    url = server.create()
    opened = SqlDatabase(url)
    yield opened
    opened.writer.dispose()
    server.drop(url)


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_no_row_is_lost_on_the_way_up(database: SqlDatabase, released: Path) -> None:
    """Nor of those that refer to a row of a table that is made anew."""
    bring_to(database, released.stem)
    with database.writer.connect() as connection:
        tables = {name for name in inspect(connection).get_table_names() if not name.startswith("messages_text_")}
    before = fill(database, released)
    assert set(before) | {"alembic_version", "messages_text"} == tables | {"messages_text"}, "rows of every table"

    migrate(database)

    assert standing(database).revision == head()
    with database.writer.connect() as connection:
        after = {name: count(connection, name) for name in before if name != "messages_text"}
        reads = (
            connection.execute(text("SELECT room_id FROM wakes WHERE key LIKE 'reread:%' ORDER BY due")).scalars().all()
        )
    after["wakes"] -= len(reads)
    assert after == {name: rows for name, rows in before.items() if name != "messages_text"}
    assert reads == [ROOM, "!private:home.example"], "what they say about retention was not listened to before"


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
async def test_what_an_older_release_wrote_is_understood(database: SqlDatabase, released: Path) -> None:
    """What waits is done, what was chosen holds, what is kept is found, and the next row gets a number of its own."""
    bring_to(database, released.stem)
    fill(database, released)
    migrate(database)

    def look(connection: Connection) -> None:
        facts = rooms.room_facts(connection, ROOM)
        assert facts is not None
        assert (facts.version, facts.names, facts.number, facts.generation) == ("10", ("小圈",), 7, 3)
        assert facts.power.may_set_policy(MEI)
        assert not facts.power.may_set_policy(LI)
        assert rooms.current_policy(connection, ROOM) is not None
        assert {user: each.level.value for user, each in rooms.all_members(connection, ROOM).items()} == {
            MEI: "in",
            LI: "out",
            "@circle:home.example": "none",
        }
        entry = journal.next_of(connection, ROOM, ())
        assert entry is not None
        assert (entry.event_id, entry.attempts, entry.event["content"]["body"]) == ("$waits", 1, "!circle reminders")
        row = outbox.next_of(connection, ROOM)
        assert row is not None
        assert (row.id, row.payload["body"]) == ("p2", "倒垃圾")
        said = posts.said(connection, "$p1")
        assert said is not None
        assert said.remake == {"window": "day"}
        assert posts.resting_on(connection, [EventID("$kept")]) == (EffectID("p1"),)
        assert kept.matching(connection, "雨伞") == kept.matching(connection, "umbrellas") == [9]
        (note,) = notes.in_room(connection, ROOM)
        assert note.text == "the keys are with Mei"
        reminder = reminders.reminder(connection, "r1")
        assert reminder is not None
        assert reminder.rule.weekdays == {6}
        assert len(reminders.pending_of(connection, LI)) == 1
        digest = digests.digest(connection, ROOM)
        assert digest is not None
        assert digest.rule.zone == "Europe/Berlin"
        kept.keep(
            connection,
            event_id=EventID("$new"),
            room_id=ROOM,
            sender=MEI,
            at=1,
            until=None,
            body="new words",
            thread=None,
            reply_to=None,
        )
        assert len(kept.matching(connection, "new words")) == 1

    await database.write(look)


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_a_released_schema_is_never_changed(tmp_path: Path, released: Path) -> None:
    """On SQLite it is byte for byte what people have."""
    database = SqlDatabase(f"sqlite:///{tmp_path / 'circles.db'}")
    bring_to(database, released.stem)
    with database.writer.connect() as connection:
        query = text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'messages_text_%' ORDER BY 1, 2")
        schema = "\n".join(str(tuple(row)) for row in connection.execute(query))
    database.writer.dispose()

    assert hashlib.sha256(schema.encode()).hexdigest()[:16] == SCHEMAS_ON_SQLITE[released.stem]


def test_a_migration_that_loses_a_row_others_refer_to_changes_nothing(tmp_path: Path) -> None:
    """Foreign keys are off while tables are made anew, and are looked at before the commit."""
    database = SqlDatabase(f"sqlite:///{tmp_path / 'circles.db'}")
    migrate(database)
    fill(database, RELEASED[-1])

    def lose() -> None:
        with database.dialect.migrating(database.writer) as connection:
            connection.execute(text("DELETE FROM posts WHERE effect_id = 'p1'"))
            assert count(connection, "sources") == 1, "not taken along"

    with pytest.raises(IntegrityError):
        lose()
    with database.writer.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert count(connection, "sources") == 1
        assert count(connection, "posts") == 2
    database.writer.dispose()
