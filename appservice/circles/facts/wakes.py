"""Wakes of a room as rows, for whoever holds them back and lets them go. Synchronous; a connection is given."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select, update

from circles.core.ids import RoomID
from circles.facts.tables import wakes

FIRST_DUE: Final = "first_due"
"""In the payload of a wake that was put off: when (ms) it should have been."""
PUT_OFF: Final = "put_off"
"""And when (ms) it was put off for the first time."""


def let_go(connection: Connection, room_id: RoomID) -> int:
    """Let the wakes of a room that were put off be due when they should have been; return how many there are."""
    rows = connection.execute(select(wakes).where(wakes.c.room_id == room_id)).mappings().all()
    late = [row for row in rows if FIRST_DUE in row["payload"]]
    for row in late:
        same = (wakes.c.feature == row["feature"], wakes.c.key == row["key"])
        payload = {key: value for key, value in row["payload"].items() if key != PUT_OFF}
        connection.execute(update(wakes).where(*same).values(due=payload[FIRST_DUE], payload=payload))
    return len(late)
