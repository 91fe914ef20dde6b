"""A migrated database and short ways to write and read the spine's rows, for tests of the store and the spine."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, inspect, select

from circles.adapters.store import journal, kept, outbox
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import migrate
from circles.adapters.store.tables import journal as journal_table
from circles.adapters.store.tables import outbox as outbox_table
from circles.core import effects as fx
from circles.core.ids import EffectID, EventID, RoomID, Source, UserID
from circles.entrypoints.performing import Aftermath, Performer, VoiceRules
from circles.entrypoints.waker import Waker
from circles.facts import rooms
from circles.facts.tables import posts, wakes
from circles.feature import Feature
from circles.testing import AI, NOON, ROOM
from circles_harness import Service
from circles_harness.client import WAIT_SECONDS

T = TypeVar("T")

NOW = int(NOON.timestamp() * 1000)
MEI, LI = UserID("@mei:home.example"), UserID("@li:far.example")
_numbers = itertools.count(1)


def message(text: str = "hello", *, sender: str = MEI, event_id: str | None = None, at: int = NOW) -> dict[str, Any]:
    """Return an event as the homeserver pushes it."""
    return {
        "type": "m.room.message",
        "event_id": event_id or f"$m{next(_numbers)}",
        "room_id": ROOM,
        "sender": sender,
        "origin_server_ts": at,
        "content": {"msgtype": "m.text", "body": text},
    }


def an_edit(event_id: str, text: str, *, sender: str = MEI, room_id: str = ROOM) -> dict[str, Any]:
    """Return an edit as the homeserver pushes it."""
    relation = {"rel_type": "m.replace", "event_id": event_id}
    new = {"msgtype": "m.text", "body": text}
    content = {"msgtype": "m.text", "body": f"* {text}", "m.new_content": new, "m.relates_to": relation}
    return message(sender=sender) | {"room_id": room_id, "content": content}


def a_post(text: str = "an answer", *, rests_on: Iterable[str] = (), sender: UserID = MEI, **changes: Any) -> fx.Post:
    """Return a post in the room."""
    sources = tuple(Source(EventID(event_id), sender) for event_id in rests_on)
    given: dict[str, Any] = {"kind": "answer", "feature": "fake", "sources": sources, **changes}
    return fx.Post(ROOM, fx.Words(text, f"<b>{text}</b>"), **given)


@dataclass
class Rows:
    """The store and what writes to it."""

    database: SqlDatabase
    path: Path
    performer: Performer = field(default_factory=lambda: Performer(VoiceRules()))

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Run a unit of work."""
        return await self.database.write(work)

    async def perform(self, *effects: fx.Effect, now: int = NOW) -> Aftermath:
        """Carry effects into rows."""
        return await self.do(lambda c: self.performer.perform(c, effects, now))

    async def ask(self, text: str = "a question", *, sender: UserID = MEI) -> EventID:
        """Write a pending event and return its id."""
        event = message(text, sender=sender)
        await self.do(lambda c: journal.add(c, event, at=NOW, received_at=NOW, pending=True))
        return EventID(event["event_id"])

    async def post(self, post: fx.Post, *, sent: bool = True) -> tuple[EffectID, EventID]:
        """Write a post, and carry it out unless told otherwise; return its ids."""
        await self.perform(post)
        row = (await self.waiting())[-1]
        event_id = EventID(f"$e{row.id}")
        if sent:
            await self.carry_out()
        return row.id, event_id

    async def carry_out(self) -> list[outbox.Row]:
        """Do as the sender does when the homeserver takes everything."""
        done: list[outbox.Row] = []
        for lane in await self.do(outbox.lanes_waiting):
            while row := await self.do(lambda c, lane=lane: outbox.next_of(c, lane)):  # type: ignore[misc]
                await self.sent(row)
                done.append(row)
        return done

    async def sent(self, row: outbox.Row) -> None:
        """Note one row as sent."""
        event_id = EventID(f"$e{row.id}") if row.kind in ("post", "edit", "react", "redact") else None
        room_id = ROOM if row.lane.startswith("@") else RoomID(row.lane)
        await self.do(lambda c: outbox.sent(c, row, room_id, event_id, NOW))

    async def waiting(self) -> list[outbox.Row]:
        """Return every pending row, in order."""

        query = select(outbox_table).where(outbox_table.c.state == outbox.PENDING).order_by(outbox_table.c.seq)
        found = await self.database.read(lambda c: c.execute(query).all())
        return [
            outbox.Row(
                row.seq, row.id, row.lane, row.kind, orjson.loads(row.payload), row.target, row.attempts, row.created_at
            )
            for row in found
        ]

    async def redacted(self) -> set[str]:
        """Return the events whose redaction waits."""
        return {row.payload["event_id"] for row in await self.waiting() if row.kind == "redact"}

    async def reactions(self) -> set[str]:
        """Return the states of the reactions that were written."""
        query = select(outbox_table.c.state).where(outbox_table.c.kind == "react")
        return set(await self.database.read(lambda c: c.execute(query).scalars().all()))

    async def state_of(self, effect_id: str) -> str | None:
        """Return a post's state."""
        query = select(posts.c.state).where(posts.c.effect_id == effect_id)
        return await self.database.read(lambda c: c.execute(query).scalar())

    async def journal_of(self, event_id: str) -> tuple[str, bytes | None] | None:
        """Return an event's state and payload."""
        query = select(journal_table.c.state, journal_table.c.payload).where(journal_table.c.event_id == event_id)
        row = await self.database.read(lambda c: c.execute(query).first())
        return (row[0], row[1]) if row is not None else None

    async def wakes(self) -> dict[str, int]:
        """Return every wake's due time by its key."""
        query = select(wakes.c.key, wakes.c.due)
        found = await self.database.read(lambda c: c.execute(query).all())
        return {row.key: row.due for row in found}

    async def keep(self, text: str, *, sender: UserID = MEI, until: int | None = None) -> EventID:
        """Keep a message."""
        event_id = EventID(f"$k{next(_numbers)}")
        await self.do(
            lambda c: kept.keep(
                c,
                event_id=event_id,
                room_id=ROOM,
                sender=sender,
                at=NOW,
                until=until,
                body=text,
                thread=None,
                reply_to=None,
            )
        )
        return event_id

    async def bytes(self) -> bytes:
        """Return all bytes of the database, its log and its index of the log; of PostgreSQL all that a query can show.

        What its files may hold beyond that is not promised (docs/explanation/privacy.md).
        """
        if self.database.url.database != str(self.path):
            return await self.database.read(every_value)
        return b"".join(path.read_bytes() for path in sorted(self.path.parent.glob(self.path.name + "*")))

    async def clean(self) -> None:
        """Do what the service does every minute."""
        assert await self.database.wipe()


def every_value(connection: Connection) -> bytes:
    """Return all that a query can show of a database."""
    names = [name for name in inspect(connection).get_table_names() if not name.startswith("messages_text_")]
    rows = [row for name in names for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')]  # noqa: S608  # the names of our tables
    return b"\0".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


async def every_value_of(service: Service) -> bytes:
    """Return all that a query can show of a running service's database, whichever it is."""
    url = service.config["storage"].get("url") or f"sqlite:///{service.database_path}"
    database = SqlDatabase(url)
    try:
        return await database.read(every_value)
    finally:
        await asyncio.to_thread(database.dispose)


async def rested(waker: Waker) -> None:
    """Wait until a waker has nothing in hand and nothing to look at."""
    parts = vars(waker)
    pending: asyncio.Event = parts["_pending"]
    async with asyncio.timeout(WAIT_SECONDS):
        while parts["_in_hand"] or pending.is_set() or not vars(pending)["_waiters"]:
            await asyncio.to_thread(lambda: None)


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        database = SqlDatabase(f"sqlite:///{path}")
        migrate(database)
        database.writer.dispose()
        return path.read_bytes()


def new_file(path: Path) -> str:
    """Make a SQLite file with the newest schema, if it is not there, and return its URL.

    It is a copy: a migration takes a hundred times as long.
    """
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_migrated())
    return f"sqlite:///{path}"


@asynccontextmanager
async def opened(folder: Path, features: tuple[Feature, ...] = (), url: str | None = None) -> AsyncGenerator[Rows]:
    """Open a migrated database with one room in it: the file in `folder`, new or not, or the one at `url`."""
    path = folder / "circles.db"
    database = SqlDatabase(url or new_file(path))
    rows = Rows(database, path, Performer(VoiceRules(), features) if features else Performer(VoiceRules()))

    def room(connection: Connection) -> None:
        rooms.save_room(connection, ROOM, membership="join", filled=True)
        for user in (AI, MEI, LI):
            rooms.save_member(connection, ROOM, user, membership="join")

    await database.write(room)
    try:
        yield rows
    finally:
        await database.close()
