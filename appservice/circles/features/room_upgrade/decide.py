"""Which tombstone counts. Pure."""

from __future__ import annotations

from typing import Final

from circles.core.ids import RoomID, UserID
from circles_policies.power import Power

NAME: Final = "room_upgrade"
FOLLOWED: Final = "followed"
"""The wake that says what came along: `followed:<old room id>`."""
TOMBSTONE: Final = "m.room.tombstone"


def leads_to(power: Power, sender: UserID, room_id: RoomID, replacement: object) -> RoomID | None:
    """Return the room that a tombstone names, if it counts; None if nothing follows from it.

    Whoever sent it must hold the level for it at that moment, and that level must be more than everybody has: else
    any member could lead the AI away.
    """
    if not isinstance(replacement, str) or not replacement.startswith("!") or replacement == room_id:
        return None
    if power.needed_for_state(TOMBSTONE) <= power.users_default or not power.may_set_state(sender, TOMBSTONE):
        return None
    return RoomID(replacement)
