"""When a room is told that something cannot be read, and with which post. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

from circles.core.ids import EffectID, RoomID

NAME: Final = "encryption"
MOST_A_DAY: Final = 3
"""A room is told of so many keys a day, lest a flood of garbage makes a flood of notices."""
DAY_MS: Final = 86_400_000


def notice_id(room_id: RoomID, session: str) -> EffectID:
    """Return the id of the notice about one key in one room: the same on every attempt, so it is said once."""
    return EffectID("unread-" + hashlib.sha256(f"{room_id} {session}".encode()).hexdigest()[:24])


def in_groups(key: str) -> str:
    """Return a key in groups of four, as clients show it."""
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))
