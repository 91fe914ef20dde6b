"""How often a room was told that something cannot be read."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from circles.core.ids import RoomID
from circles.facts.tables import posts

UNREADABLE = "unreadable"


def told_since(connection: Connection, room_id: RoomID, since: int) -> int:
    """Return how many notices of that kind a room got since an instant (ms)."""
    query = select(func.count()).where(posts.c.room_id == room_id, posts.c.kind == UNREADABLE, posts.c.at >= since)
    return connection.execute(query).scalar() or 0
