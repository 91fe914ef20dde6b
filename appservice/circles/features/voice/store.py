"""The dial in the room's row."""

from __future__ import annotations

from sqlalchemy import Connection

from circles.core.effects import Effect
from circles.facts import rooms
from circles.features.voice.decide import SetDial


def write(connection: Connection, effect: Effect) -> None:
    """Write what our effect says, in the unit of work of the answer."""
    if not isinstance(effect, SetDial):
        raise TypeError(f"not an effect of the voice: {type(effect).__name__}")
    rooms.save_room(connection, effect.room_id, dial=effect.dial.value)
