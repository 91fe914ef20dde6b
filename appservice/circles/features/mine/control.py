"""Who leaves a circle is obeyed inside the commit that takes it in: nothing they said there counts any more.

What is held of theirs is offered to them and goes a week later (`handler.left`); whoever comes back keeps it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from circles.core import effects as fx
from circles.core.ids import UserID
from circles.core.settings import Settings
from circles.facts import rooms
from circles.feature import Control, Effects
from circles.features.mine.decide import NAME, left_key
from circles_policies.events import Control as Kind

GONE: Final = ("leave", "ban")


def control(event: Control, connection: Connection, settings: Settings) -> Effects:
    """Return what follows from somebody's coming and going."""
    room_id, user_id = event.room.room_id, UserID(event.state_key or "")
    if event.event.control is not Kind.JOIN_LEAVE or event.room.direct or user_id in ("", settings.ai):
        return ()
    key, membership = left_key(room_id, user_id), event.content.get("membership")
    if membership == "join":
        return (fx.CancelWake(NAME, key),)
    if membership not in GONE:
        return ()
    rooms.seal(connection, room_id, user_id, event.now)
    rooms.tighten(connection, room_id)
    if rooms.is_silent(connection, room_id):
        return ()  # A room that goes on in another one is left by everybody, and what is held goes along.
    now = datetime.fromtimestamp(event.now / 1000, UTC)
    return (fx.WakeAt(NAME, key, room_id, now, {"user": user_id, "left": event.now}),)
