"""The rows of what is off the record (`facts.tables.off_record`). Synchronous; a connection is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from circles.core.effects import Effect
from circles.core.ids import EventID, RoomID, UserID
from circles.facts.tables import off_record
from circles.features.off_record.decide import EndStretches, Stretch


def begin(connection: Connection, stretch: Stretch) -> None:
    """Write a stretch that begins."""
    connection.execute(
        insert(off_record).values(
            event_id=stretch.event_id,
            room_id=stretch.room_id,
            thread=stretch.thread,
            by=stretch.by,
            since=stretch.since,
            until=stretch.until,
        )
    )


def stretch(connection: Connection, event_id: EventID) -> Stretch | None:
    """Return the stretch that a word began, None if it began none."""
    found = _many(connection, off_record.c.event_id == event_id)
    return found[0] if found else None


def running(connection: Connection, room_id: RoomID, thread: EventID | None, now: int) -> tuple[Stretch, ...]:
    """Return the stretches of a room's talk, or of one thread, that have not ended (ms), the oldest first."""
    here = (off_record.c.room_id == room_id) & (off_record.c.thread.is_not_distinct_from(thread))
    return _many(connection, here & or_(off_record.c.until.is_(None), off_record.c.until > now))


def write(connection: Connection, effect: Effect) -> None:
    """Write what our effect says; a stretch that ended before keeps its end."""
    if not isinstance(effect, EndStretches):
        raise TypeError(f"not an effect of what is off the record: {type(effect).__name__}")
    later = or_(off_record.c.until.is_(None), off_record.c.until > effect.at)
    connection.execute(
        update(off_record).where(off_record.c.event_id.in_(effect.event_ids), later).values(until=effect.at)
    )


def _many(connection: Connection, which: ColumnElement[bool]) -> tuple[Stretch, ...]:
    rows = connection.execute(select(off_record).where(which).order_by(off_record.c.since)).mappings()
    return tuple(_stretch(row) for row in rows)


def _stretch(row: Mapping[Any, Any]) -> Stretch:
    return Stretch(
        event_id=EventID(row["event_id"]),
        room_id=RoomID(row["room_id"]),
        thread=EventID(row["thread"]) if row["thread"] else None,
        by=UserID(row["by"]),
        since=int(row["since"]),
        until=row["until"],
    )
