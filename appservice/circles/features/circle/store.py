"""The numbers of circles, in the rooms' own rows."""

from __future__ import annotations

from sqlalchemy import Connection, select

from circles.core.effects import Effect
from circles.facts import rooms as facts
from circles.facts.tables import rooms
from circles.features.circle.decide import NumberCircle


def taken(connection: Connection) -> frozenset[int]:
    """Return the numbers circles have."""
    found = connection.execute(select(rooms.c.number).where(rooms.c.number.is_not(None))).scalars()
    return frozenset(int(number) for number in found)


def write(connection: Connection, effect: Effect) -> None:
    """Write what our effect says, in the unit of work of the post that tells of it."""
    if not isinstance(effect, NumberCircle):
        raise TypeError(f"not an effect of circles: {type(effect).__name__}")
    facts.save_room(connection, effect.room_id, number=effect.number)
