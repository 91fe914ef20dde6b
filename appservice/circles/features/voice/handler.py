"""The dial: read the room's setting, decide, return the effects."""

from __future__ import annotations

from circles.core.call import Call
from circles.core.effects import Effect
from circles.facts import rooms
from circles.features.voice import decide
from circles.ports import Ports


async def turn(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Show or set how much the room hears unasked."""
    now = await ports.database.read(lambda c: rooms.dial(c, call.room.room_id))
    return decide.turn(call, now, ports.settings.unasked_per_day)
