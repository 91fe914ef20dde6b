"""The marks on messages (`facts.tables.marks`). Synchronous; a connection is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from circles.core.effects import Effect
from circles.core.ids import EventID, RoomID, UserID
from circles.dialects import insert
from circles.facts.tables import marks
from circles.features.hiding.decide import Unhide


@dataclass(frozen=True, slots=True)
class Mark:
    """Somebody's mark on a message."""

    event_id: EventID
    by: UserID


def hide(
    connection: Connection, room_id: RoomID, event_id: EventID, by: UserID, reaction: EventID | None, at: int
) -> None:
    """Hide a message from the AI."""
    row = {"room_id": room_id, "event_id": event_id, "by": by, "kind": "hidden", "reaction": reaction, "at": at}
    connection.execute(insert(marks).values(row).on_conflict_do_nothing())


def marked_by(connection: Connection, room_id: RoomID, event_id: EventID) -> tuple[UserID, ...]:
    """Return whose marks stand on a message."""
    query = select(marks.c.by).where(marks.c.room_id == room_id, marks.c.event_id == event_id).order_by(marks.c.at)
    return tuple(UserID(by) for by in connection.execute(query).scalars())


def mark_of(connection: Connection, room_id: RoomID, reaction: EventID) -> Mark | None:
    """Return the mark that a reaction put, if it put one."""
    query = select(marks.c.event_id, marks.c.by).where(marks.c.room_id == room_id, marks.c.reaction == reaction)
    row = connection.execute(query).first()
    return Mark(EventID(row.event_id), UserID(row.by)) if row is not None else None


def unhide(connection: Connection, room_id: RoomID, event_id: EventID, by: Iterable[UserID]) -> None:
    """Take the marks of these people off a message."""
    here = (marks.c.room_id == room_id) & (marks.c.event_id == event_id)
    connection.execute(delete(marks).where(here, marks.c.by.in_(list(by))))


def write(connection: Connection, effect: Effect) -> None:
    """Write what our effect says, in the unit of work of the answer that tells of it."""
    if not isinstance(effect, Unhide):
        raise TypeError(f"not an effect of hiding: {type(effect).__name__}")
    unhide(connection, effect.room_id, effect.event_id, effect.by)
