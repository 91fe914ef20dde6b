"""Redactions that were heard before what they name: when that comes after all, it counts as taken back. Synchronous.

What names them is the room together with the event id, for an id alone proves nothing: anybody may name in their room
what stands in another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select

from circles.adapters.store import journal
from circles.adapters.store.tables import journal as journal_table
from circles.adapters.store.tables import redactions
from circles.core.ids import EventID, RoomID, UserID, server_of
from circles.dialects import insert

KEEP_DAYS: Final = journal.TRANSACTION_DAYS
"""A delivery that is as old as that is not told from a new one by its transaction either."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """One redaction: its own id, by whom, and when it was written (ms)."""

    event_id: EventID
    sender: UserID
    at: int


def remember(
    connection: Connection, redaction: EventID, room_id: RoomID, redacts: EventID, *, by_power: bool, received_at: int
) -> None:
    """Remember a redaction of an event that is not known here.

    Args:
        connection: the unit of work; it also writes the journal's row of the redaction.
        redaction: its own id.
        room_id: where it stands.
        redacts: what it names.
        by_power: whether its sender may redact everybody's events; else only those of their own server.
        received_at: in ms.
    """
    values = {"room_id": room_id, "redacts": redacts, "by_power": by_power, "received_at": received_at}
    connection.execute(insert(redactions).values(redaction=redaction, **values).on_conflict_do_nothing())


def of(connection: Connection, room_id: RoomID, event_id: EventID, sender: UserID) -> tuple[Redaction, ...]:
    """Return the redactions of an event that came before it did and count for it, the oldest first.

    One counts if it stands in the same room, and if its sender held the level or is of the same server as the event's
    (spec "Redactions": what a server may apply).
    """
    query = (
        select(redactions.c.redaction, redactions.c.by_power, journal_table.c.sender, journal_table.c.at)
        .join(journal_table, journal_table.c.event_id == redactions.c.redaction)
        .where(redactions.c.room_id == room_id, redactions.c.redacts == event_id)
        .order_by(journal_table.c.seq)
    )
    return tuple(
        Redaction(EventID(row.redaction), UserID(row.sender), row.at)
        for row in connection.execute(query)
        if row.by_power or server_of(row.sender) == server_of(sender)
    )


def drop(connection: Connection, room_id: RoomID, event_id: EventID) -> None:
    """Forget the redactions of an event that came."""
    connection.execute(delete(redactions).where(redactions.c.room_id == room_id, redactions.c.redacts == event_id))


def drop_old(connection: Connection, now: int) -> None:
    """Forget the redactions whose event did not come for a long time."""
    connection.execute(delete(redactions).where(redactions.c.received_at < now - KEEP_DAYS * 86_400_000))
