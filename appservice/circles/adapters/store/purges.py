"""The purge list: ids of what was deleted, taken back or restricted, to be done again on a backup that is restored.

Triggers write it in the commit of the change itself, whoever makes it, so nothing has to be remembered by the code
that deletes.  It holds ids, instants and codes, never words.  Each host copies it into a file beside the database,
which outlives the database: see `circles.entrypoints.purge_list`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    String,
    Table,
    and_,
    delete,
    func,
    select,
    update,
)

from circles.adapters.store import journal, kept, outbox, positions
from circles.adapters.store.tables import outbox as outbox_table
from circles.adapters.store.tables import positions as rows
from circles.core.ids import EventID
from circles.dialects import Serial, insert
from circles.facts.tables import metadata, posts

purges: Final = Table(
    "purges",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("place", String, nullable=False),
    Column("verb", String, nullable=False),
    Column("what", JSON, nullable=False),
    Index(None, "at"),
)
"""One row a change. `place` is a table; `verb` gone: the row with these keys is no more; is: the row is this now."""

GONE, IS = "gone", "is"
KEEP_DAYS: Final = 100
"""So old may a backup be that is restored: changes before that are not listed any more."""

DELETED: Final = {
    "messages": ("event_id",),
    "notes": ("id",),
    "reminders": ("id",),
    "reminder_pending": ("id",),
    "digests": ("room_id",),
}
"""Tables of what people said or asked for, and by which columns a row that was deleted is known."""

REMADE: Final = ("messages", "digests")
"""Of these the ids do come again: an edited message is kept anew, a room may have another digest."""

FOLLOWED: Final = ("members", "policies", "marks", "off_record")
"""Tables of what the AI may do: every change is listed, for what was forbidden must stay so."""

BECAUSE: Final = {"members": "because", "policies": "authority", "marks": "reaction", "off_record": "event_id"}
"""The event that a row of these came from: as the row is here again, the event need not be obeyed again."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the list."""

    seq: int
    at: int
    place: str
    verb: str
    what: Mapping[str, Any]


# --- writing: triggers ------------------------------------------------------------------------------------------------


def watch(connection: Connection) -> None:
    """Make the triggers, unless they are those of this program already. Tables must be the newest."""
    statements = list(_sqlite() if connection.dialect.name == "sqlite" else _postgresql())
    digest = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    known = positions.token_of(connection, positions.TRIGGERS)
    # A table that SQLite makes anew in a migration loses its triggers, and nothing else says so.
    if known == digest and _trigger_count(connection) == sum(each.startswith("CREATE TRIGGER") for each in statements):
        return
    for statement in statements:
        connection.exec_driver_sql(statement)
    positions.note(connection, positions.TRIGGERS, digest, 0)


def _trigger_count(connection: Connection) -> int:
    query = (
        "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'purges_*'"
        if connection.dialect.name == "sqlite"
        else "SELECT count(*) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE starts_with(tgname::text, 'purges_') AND relnamespace = current_schema()::regnamespace"
    )
    return int(connection.exec_driver_sql(query).scalar_one())


def _triggers() -> Generator[tuple[str, str, str, tuple[str, ...]]]:
    """Give for each trigger its table, its event, its verb and the columns it lists."""
    for name, keys in DELETED.items():
        yield name, "DELETE", GONE, keys
    yield "posts", "UPDATE", GONE, ("effect_id",)
    for name in FOLLOWED:
        columns = tuple(column.name for column in metadata.tables[name].columns)
        yield name, "INSERT", IS, columns
        yield name, "UPDATE", IS, columns
        yield name, "DELETE", GONE, tuple(column.name for column in metadata.tables[name].primary_key.columns)


def _sqlite() -> Generator[str]:
    now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    for name, event, verb, columns in _triggers():
        side = "OLD" if event == "DELETE" else "NEW"
        types = metadata.tables[name].columns
        values = [
            f'json({side}."{column}")' if isinstance(types[column].type, JSON) else f'{side}."{column}"'
            for column in columns
        ]
        pairs = ", ".join(f"'{column}', {value}" for column, value in zip(columns, values, strict=True))
        when = " WHEN NEW.state = 'gone' AND OLD.state <> 'gone'" if name == "posts" else ""
        yield f"DROP TRIGGER IF EXISTS purges_{name}_{event.lower()}"
        into = "INSERT INTO purges (at, place, verb, what) VALUES"
        noted = f"{into} ({now}, '{name}', '{verb}', json_object({pairs}))"
        yield f"CREATE TRIGGER purges_{name}_{event.lower()} AFTER {event} ON {name}{when} BEGIN {noted}; END"


def _postgresql() -> Generator[str]:
    yield """
        CREATE OR REPLACE FUNCTION purges_note() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            changed json := CASE TG_OP WHEN 'DELETE' THEN to_json(OLD) ELSE to_json(NEW) END;
        BEGIN
            INSERT INTO purges (at, place, verb, what)
            SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, TG_TABLE_NAME, TG_ARGV[0],
                json_object_agg(key, value)
            FROM json_each(changed) WHERE key = ANY (TG_ARGV[1:]);
            RETURN NULL;
        END $$
    """
    for name, event, verb, columns in _triggers():
        when = " WHEN (NEW.state = 'gone' AND OLD.state <> 'gone')" if name == "posts" else ""
        listed = ", ".join(f"'{each}'" for each in (verb, *columns))
        yield f"DROP TRIGGER IF EXISTS purges_{name}_{event.lower()} ON {name}"
        yield (
            f"CREATE TRIGGER purges_{name}_{event.lower()} AFTER {event} ON {name} FOR EACH ROW{when} "
            f"EXECUTE FUNCTION purges_note({listed})"
        )


# --- reading ----------------------------------------------------------------------------------------------------------


def identity(connection: Connection) -> str:
    """Return the name of this database, made when it is first asked for: numbers count within one database."""
    connection.execute(
        insert(rows).values(name=positions.DATABASE, token=uuid.uuid4().hex, at=0).on_conflict_do_nothing()
    )
    return str(positions.token_of(connection, positions.DATABASE))


def last(connection: Connection) -> int:
    """Return the number of the newest change, 0 if there is none."""
    return connection.execute(select(func.max(purges.c.seq))).scalar() or 0


def after(connection: Connection, seq: int, most: int) -> list[Change]:
    """Return the changes behind a number, at most so many, the oldest first."""
    query = select(purges).where(purges.c.seq > seq).order_by(purges.c.seq).limit(most)
    return [
        Change(row["seq"], row["at"], row["place"], row["verb"], row["what"])
        for row in connection.execute(query).mappings()
    ]


def drop_before(connection: Connection, at: int) -> None:
    """Forget the changes of before an instant (ms); the newest stays, so that numbers never come again."""
    connection.execute(delete(purges).where(purges.c.at < at, purges.c.seq < last(connection)))


# --- doing it again ---------------------------------------------------------------------------------------------------


def replay(connection: Connection, changes: Iterable[Change], now: int) -> int:
    """Do what is listed to a database that is older than the list; return how much that was."""
    count = 0
    for change in changes:
        table = metadata.tables.get(change.place)
        if table is None or (change.place not in DELETED and change.place not in (*FOLLOWED, "posts")):
            continue
        if change.verb == GONE:
            # Noted here, too: what made the row may be done once more.
            values = {"at": change.at, "place": change.place, "verb": change.verb, "what": dict(change.what)}
            connection.execute(insert(purges).values(values))
        _once_more(connection, table, change, now)
        count += 1
    return count


def bury(connection: Connection) -> None:
    """Delete again what is listed as gone: its ids never come a second time, unless what made it is done once more."""
    for name, (key, *_) in DELETED.items():
        table = metadata.tables[name]
        listed = select(purges.c.what[key].as_string()).where(purges.c.place == name, purges.c.verb == GONE)
        if name not in REMADE:
            connection.execute(delete(table).where(table.c[key].in_(listed)))


def _once_more(connection: Connection, table: Table, change: Change, now: int) -> None:
    match change.place, change.verb:
        case "messages", _:
            kept.drop(connection, (EventID(str(change.what["event_id"])),))
        case "posts", _:
            _withdrawn(connection, str(change.what["effect_id"]))
        case _, "gone":
            connection.execute(delete(table).where(_these(table, change.what)))
        case _:
            values = {name: _as(table, name, change.what.get(name)) for name in table.columns.keys()}  # noqa: SIM118  # not a dict
            keys = [column.name for column in table.primary_key.columns]
            others = {name: value for name, value in values.items() if name not in keys}
            connection.execute(insert(table).values(values).on_conflict_do_update(index_elements=keys, set_=others))
            because = values.get(BECAUSE[change.place])
            if isinstance(because, str):
                event = {"event_id": because, "room_id": values["room_id"], "sender": ""}
                journal.add(connection, event, at=0, received_at=now, pending=False)


def _withdrawn(connection: Connection, effect_id: str) -> None:
    """A post was taken back, and its redaction was sent then: it is gone, and what waits for it is not sent."""
    this = (posts.c.effect_id == effect_id) | (posts.c.root == effect_id)
    connection.execute(update(posts).where(this).values(state="gone"))
    waiting = (outbox_table.c.state == outbox.PENDING) & (
        (outbox_table.c.id == effect_id) | (outbox_table.c.target == effect_id)
    )
    connection.execute(
        update(outbox_table)
        .where(waiting, outbox_table.c.kind != "redact")
        .values(state=outbox.CANCELLED, payload=None)
    )


def _these(table: Table, what: Mapping[str, Any]) -> ColumnElement[bool]:
    return and_(*(table.c[name] == _as(table, name, value) for name, value in what.items()))


def _as(table: Table, name: str, value: object) -> object:
    """SQLite lists a truth as a number."""
    if isinstance(table.c[name].type, Boolean) and value is not None:
        return bool(value)
    return value
