"""A backup of either database, restored into either, with what was taken back and forbidden since then."""

import asyncio
import json
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from circles.adapters.store import backup, journal, kept, positions, purges
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import head, migrate, standing
from circles.config import Config
from circles.core import effects as fx
from circles.core.ids import EventID, Source
from circles.entrypoints import backups, purge_list
from circles.entrypoints.purge_list import PurgeList, Segment
from circles.errors import NotFound
from circles.facts import rooms
from circles.facts.tables import metadata, posts
from circles.features.consent import store as consent
from circles.features.hiding import store as hiding
from circles.features.notes import store as notes
from circles.features.notes.decide import AddNote, Note
from circles.features.off_record import store as off_record
from circles.features.off_record.decide import Stretch
from circles.testing import NOON, ROOM, FakeClock
from circles_docs.data import TEXT
from circles_harness.postgresql import PostgreSQL
from circles_policies.minimum import Choice
from circles_policies.model import Preset, preset
from released import RELEASED, fill
from rows import LI, MEI, NOW, Rows, a_post, opened

CANARY = "zebraumbrella"
BOTH = ("sqlite", "postgresql")
Empty = Callable[[str], SqlDatabase]


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Make an empty database of a kind."""
    made: list[SqlDatabase] = []

    def new(kind: str) -> SqlDatabase:
        url = f"sqlite:///{tmp_path / f'new{len(made)}.db'}"
        if kind == "postgresql":
            server: PostgreSQL = request.getfixturevalue("postgresql_server")
            url = server.create()
        made.append(SqlDatabase(url))
        return made[-1]

    yield new
    for database in made:
        database.dispose()


@pytest.fixture
async def rows(tmp_path: Path, store_url: str) -> AsyncIterator[Rows]:
    async with opened(tmp_path, url=store_url) as store:
        yield store


def contents(database: SqlDatabase) -> dict[str, list[str]]:
    """Return every row of every table, but for what a database knows of itself."""
    with database.reader.connect() as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
            if table.name not in ("positions", "purges")
        }


def made(database: SqlDatabase, path: Path, crypto_dir: Path | None = None) -> backup.Manifest:
    """Write a backup."""
    with database.writer.begin() as connection:
        purges.identity(connection)
    with database.reader.connect() as connection, path.open("wb") as file:
        return backup.write(connection, file, version="0", now=NOW, crypto_dir=crypto_dir or path.parent / "none")


def restored(into: SqlDatabase, path: Path, changes: list[purges.Change] | None = None) -> int:
    """Load a backup and do again what was changed since."""
    with backup.opened(path) as (manifest, archive):
        backup.load(into, manifest, archive)
        with into.writer.begin() as connection:
            return backup.finish(connection, manifest, changes or [], NOW)


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", BOTH)
@pytest.mark.parametrize("into", BOTH)
def test_every_row_comes_back_in_either_database(empty: Empty, tmp_path: Path, of: str, into: str) -> None:
    """Those of every table, their types included; words are found, and the next row gets a number of its own."""
    source, target = empty(of), empty(into)
    migrate(source)
    fill(source, RELEASED[-1])
    manifest = made(source, tmp_path / "backup")
    assert manifest.rows["messages"] == 1

    assert backup.is_empty(target)
    restored(target, tmp_path / "backup")

    assert contents(target) == contents(source)
    assert standing(target).revision == head()
    assert not backup.is_empty(target)
    with target.writer.begin() as connection:
        assert kept.matching(connection, "雨伞") == [9]
        last = journal.last_seq(connection)
        event = {"event_id": "$n", "room_id": "!r", "sender": "@x:y"}
        journal.add(connection, event, at=1, received_at=1, pending=False)
        assert journal.last_seq(connection) > last


def test_a_backup_of_an_older_schema_comes_up_to_the_newest(empty: Empty, tmp_path: Path) -> None:
    """Its rows are written as they were, and then brought up like any database."""
    released = json.loads(RELEASED[0].read_text(encoding="utf-8"))
    older = backup.Manifest("0", RELEASED[0].stem, NOW, "a name", 0)
    with zipfile.ZipFile(tmp_path / "older", "w") as archive:
        for name, values in released.items():
            archive.writestr(f"tables/{name}.jsonl", "".join(json.dumps(value) + "\n" for value in values))
        archive.writestr("manifest.json", json.dumps(asdict(older)))
    target = empty("sqlite")
    restored(target, tmp_path / "older")

    assert standing(target).revision == head()
    with target.reader.connect() as connection:
        assert kept.matching(connection, "umbrellas") == [9]
    with zipfile.ZipFile(tmp_path / "newer", "w") as archive:
        archive.writestr("manifest.json", json.dumps(asdict(replace(older, revision="9999"))))
    with pytest.raises(NotFound, match="newer"), backup.opened(tmp_path / "newer"):
        pass


async def test_a_backup_is_of_one_instant(rows: Rows, empty: Empty, tmp_path: Path) -> None:
    """What is written while it is made is not in it, nor half of it."""
    await rows.post(a_post("before"))
    beside = SqlDatabase(rows.database.url.render_as_string(hide_password=False))
    with beside.reader.connect() as reader, (tmp_path / "backup").open("wb") as file:
        reader.execute(select(func.count()).select_from(posts))
        await rows.post(a_post("meanwhile"))
        manifest = backup.write(reader, file, version="0", now=NOW, crypto_dir=tmp_path / "none")

    beside.dispose()
    assert (manifest.rows["posts"], manifest.rows["outbox"]) == (1, 1)


async def test_a_backup_holds_no_word_of_what_is_gone(rows: Rows, tmp_path: Path) -> None:
    """Neither of a message that was taken back before, nor of an event whose payload was emptied."""
    message = await rows.keep(f"words {CANARY}", sender=LI)
    await rows.post(a_post(f"said {CANARY}", rests_on=[message], sender=LI))
    await rows.perform(fx.TakeBack(ROOM, (message,)))
    made(rows.database, tmp_path / "backup")

    with zipfile.ZipFile(tmp_path / "backup") as archive:
        assert [name for name in archive.namelist() if CANARY.encode() in archive.read(name)] == []
        assert all(name.startswith(("tables/", "manifest.json")) for name in archive.namelist())


def test_keys_come_back_private_and_whole(empty: Empty, tmp_path: Path) -> None:
    """A SQLite file among them with what only its log holds yet; nothing else than files of the folder."""
    source = empty("sqlite")
    migrate(source)
    folder = tmp_path / "crypto"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "device.json").write_text("{}")
    keys = sqlite3.connect(folder / "DEVICE.db")
    keys.execute("PRAGMA journal_mode=WAL")
    keys.execute("CREATE TABLE sessions (id)")
    keys.execute("INSERT INTO sessions VALUES (7)")
    keys.commit()
    manifest = made(source, tmp_path / "backup", folder)
    keys.close()
    assert manifest.keys == ("DEVICE.db", "sub/device.json")

    with backup.opened(tmp_path / "backup") as (manifest, archive):
        backup.restore_keys(archive, manifest, tmp_path / "again")
        with pytest.raises(NotFound):
            backup.restore_keys(archive, replace(manifest, keys=("../outside",)), tmp_path / "again")
    assert sqlite3.connect(tmp_path / "again" / "DEVICE.db").execute("SELECT id FROM sessions").fetchall() == [(7,)]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "again").rglob("*.*")} == {0o600}


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + b"\0" * 18, b"no archive at all"])
def test_what_is_no_backup_is_not_restored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(NotFound), backup.opened(tmp_path / "file"):
        pass


# --- what was taken back since ----------------------------------------------------------------------------------------


async def test_what_was_taken_back_and_forbidden_since_stays_so(rows: Rows, empty: Empty, tmp_path: Path) -> None:
    """Messages, notes, posts, choices, marks, policies: as at the end, though the rows are of the beginning."""
    message, asked = await rows.keep(f"words {CANARY}", sender=LI), await rows.keep("stays", sender=MEI)
    await rows.post(a_post("rests on it", rests_on=[message], sender=LI))
    waiting = a_post("not sent yet", rests_on=[message], sender=LI)
    await rows.perform(waiting)
    first: dict[str, Any] = {"by": MEI, "authority": EventID("$p1"), "asked_at": 1, "starts_at": 1, "state": "in_force"}
    await rows.do(lambda c: consent.ask(c, ROOM, preset(Preset.NOTEBOOK), **first))
    made(rows.database, tmp_path / "backup")
    listing = PurgeList(rows.database, FakeClock(NOON), tmp_path / "purged.jsonl")
    await listing.copy()

    def later(connection: Connection) -> None:
        consent.choose(connection, ROOM, LI, Choice.OUT, NOW + 5, EventID("$out"))
        consent.choose(connection, rooms.EVERYWHERE, LI, Choice.OUT, NOW + 5, EventID("$out"))
        hiding.hide(connection, ROOM, asked, LI, EventID("$monkey"), NOW + 6)
        off_record.begin(connection, Stretch(EventID("$word"), ROOM, None, MEI, NOW, None))
        second: dict[str, Any] = {**first, "authority": EventID("$p2"), "asked_at": 2, "starts_at": 2}
        consent.ask(connection, ROOM, preset(Preset.ADDRESSED), **second)

    await rows.do(later)
    await rows.perform(fx.TakeBack(ROOM, (message,)))
    await listing.copy()
    text = (tmp_path / "purged.jsonl").read_text(encoding="utf-8")
    assert CANARY not in text

    for kind in BOTH:
        target = empty(kind)
        with backup.opened(tmp_path / "backup") as (manifest, _):
            changes = purge_list.since([purge_list.read(tmp_path / "purged.jsonl")], manifest.database, manifest.purges)
        assert restored(target, tmp_path / "backup", changes) == len(changes) > 0
        before, after = contents(rows.database), contents(target)
        for name in ("members", "policies", "marks", "off_record", "messages"):
            assert after[name] == before[name], name
        with target.reader.connect() as connection:
            assert set(connection.execute(select(posts.c.state)).scalars()) == {"gone"}
            assert kept.matching(connection, CANARY) == []
            assert journal.is_known(connection, "$out")
            assert journal.is_known(connection, "$p2")
            assert positions.restored_from(connection) == NOW
            assert positions.load(connection).broken_seq == 0
        assert await Rows(target, tmp_path / "nowhere").waiting() == []


async def test_a_list_goes_on_in_a_restored_database(rows: Rows, empty: Empty, tmp_path: Path) -> None:
    """Its changes begin a new segment, so that the same backup could be restored once more with all of them."""
    first, second = await rows.keep("one"), await rows.keep("two")
    path = tmp_path / "purged.jsonl"
    await PurgeList(rows.database, FakeClock(NOON), path).copy()
    made(rows.database, tmp_path / "backup")
    await rows.perform(fx.TakeBack(ROOM, (first,)))
    await PurgeList(rows.database, FakeClock(NOON), path).copy()

    def changes() -> list[purges.Change]:
        with backup.opened(tmp_path / "backup") as (manifest, _):
            return purge_list.since([purge_list.read(path)], manifest.database, manifest.purges)

    again = empty("sqlite")
    restored(again, tmp_path / "backup", changes())
    await PurgeList(again, FakeClock(NOON), path).copy()
    await again.write(lambda c: kept.drop(c, (second,)))
    await PurgeList(again, FakeClock(NOON), path).copy()
    once_more = empty("sqlite")
    restored(once_more, tmp_path / "backup", changes())

    with once_more.reader.connect() as connection:
        assert kept.count_from(connection, MEI, None) == 0
    assert len(purge_list.read(path)) == 2
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_list_that_does_not_reach_back_says_so(rows: Rows, tmp_path: Path) -> None:
    """One that begins later, one of another database, one that is not there; old lines go after a hundred days."""
    path = tmp_path / "purged.jsonl"
    one = await rows.keep("one")
    await rows.perform(fx.TakeBack(ROOM, (one,)))
    await PurgeList(rows.database, FakeClock(NOON), path).copy()
    segments = purge_list.read(path)
    name = segments[-1].database
    found = purge_list.since([segments], name, 0)
    assert [change.what for change in found if change.place == "messages"] == [{"event_id": one}]
    none: list[list[list[Segment]]] = [[[Segment(name, 5)]], [[Segment("another", 0)]], [[]], []]
    for lists in none:
        with pytest.raises(NotFound):
            purge_list.since(lists, name, 4)
    with path.open("a") as file:
        file.write('{"seq": 9, "at"')
    assert purge_list.read(path) == segments, "a line that broke off is none"

    await PurgeList(rows.database, FakeClock(NOON + timedelta(days=40_000)), path).copy()
    assert [len(segment.changes) for segment in purge_list.read(path)] == [0]
    with pytest.raises(NotFound):
        purge_list.since([purge_list.read(path)], name, 0)


def test_every_table_of_words_and_of_what_is_allowed_is_watched() -> None:
    """Whoever adds a table that may hold words, or that restricts the AI, adds it to the list."""
    transient = {"journal", "outbox"}  # emptied when handled; what waits in them is judged again
    words = {name.partition(".")[0] for name in TEXT} - transient
    assert words <= set(purges.DELETED)
    assert set(purges.FOLLOWED) == set(purges.BECAUSE)


async def test_what_is_done_once_more_does_not_bring_back_what_was_dropped_after_it(rows: Rows) -> None:
    """A note that was kept and dropped since the backup: the keeping is done again, and the note is gone again."""
    note = Note("n1", ROOM, 1, MEI, "words", Source(EventID("$asked"), MEI), EventID("$asked"), NOON, NOON)
    change = purges.Change(1, NOW, "notes", purges.GONE, {"id": "n1"})

    def do(connection: Connection) -> list[Note]:
        purges.replay(connection, [change], NOW)
        notes.write(connection, AddNote(note))
        purges.bury(connection)
        return list(notes.in_room(connection, ROOM))

    assert await rows.do(do) == []


# --- the commands -----------------------------------------------------------------------------------------------------


def a_config(folder: Path) -> Config:
    return Config.model_validate(
        {"homeserver": {"url": "http://127.0.0.1:1", "server_name": "home.example"}, "storage": {"data_dir": folder}}
    )


def test_a_backup_is_private_and_goes_back_into_nothing_but_an_empty_database(tmp_path: Path) -> None:
    """No file is replaced unasked; without the purge list it says what may come back."""
    here, there = a_config(tmp_path / "here"), a_config(tmp_path / "there")
    output = tmp_path / "backup"
    with pytest.raises(NotFound, match="start the service"):
        backups.make(here, str(output), force=False)
    database = SqlDatabase(here.storage.url)
    migrate(database)
    fill(database, RELEASED[-1])

    assert "rows" in backups.make(here, str(output), force=False)
    assert output.stat().st_mode & 0o777 == 0o600
    with pytest.raises(NotFound, match="--force"):
        backups.make(here, str(output), force=False)
    backups.make(here, str(output), force=True)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["backup"]

    with pytest.raises(NotFound, match="may come back"):
        backups.restore(there, output, [], without_purges=False)
    assert backups.restore(there, output, [], without_purges=True).partition(" ")[0].isdigit()
    with pytest.raises(NotFound, match="not empty"):
        backups.restore(there, output, [], without_purges=True)
    database.dispose()


async def test_a_list_from_the_lost_machine_goes_on_in_the_new_one(tmp_path: Path) -> None:
    """It is copied beside the new database, for the same backup may be needed again."""
    here, there = a_config(tmp_path / "here"), a_config(tmp_path / "there")
    here.storage.prepare()
    database = SqlDatabase(here.storage.url)
    migrate(database)
    fill(database, RELEASED[-1])
    backups.make(here, str(tmp_path / "backup"), force=False)
    await database.write(lambda c: kept.drop(c, (EventID("$kept"),)))
    await PurgeList(database, FakeClock(NOON), tmp_path / "purged").copy()
    database.dispose()

    told = await asyncio.to_thread(
        backups.restore, there, tmp_path / "backup", [tmp_path / "purged"], without_purges=False
    )
    assert "1 changes" in told
    assert len(purge_list.read(there.storage.data_dir / purge_list.FILE)) == 1
