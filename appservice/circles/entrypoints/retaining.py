"""Retaining: what is kept of a room is held to the room's own `m.room.retention` (MSC1763). Synchronous."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from circles.adapters.store import kept
from circles.core.ids import RoomID
from circles.facts import rooms
from circles_policies.retention import Retention, changed, current, read_retention, to_rows

log = logging.getLogger(__name__)

NOTHING_SAID: Final[Mapping[str, object]] = {}
"""The content of a room that says nothing about it."""


def hold_to(connection: Connection, room_id: RoomID, content: Mapping[str, object], *, at: int, now: int) -> bool:
    """Let the content of a room's `m.room.retention` count from an instant `at` (ms) on; return whether it is stricter.

    What is kept already goes no later than a stricter one says, and at once if that is over.  A looser one, or none any
    more, is for what is written from then on, so each message has the end that it was given.
    """
    before, retention = rooms.retention(connection, room_id), read_retention(content)
    if retention == current(before):
        return False
    rooms.save_room(connection, room_id, retention=to_rows(changed(before, retention, at)))
    if retention.max_lifetime is not None:
        kept.shorten(connection, room_id, retention.max_lifetime)
        kept.drop_expired(connection, now)
    log.info(
        "A room says how long messages stay.",
        extra={"action": "retention_set", "room_id": room_id, "lifetime_ms": retention.max_lifetime},
    )
    return _is_stricter(retention, current(before))


def _is_stricter(new: Retention, old: Retention) -> bool:
    if new.unreadable and not old.unreadable:
        return True
    return new.max_lifetime is not None and (old.max_lifetime is None or new.max_lifetime < old.max_lifetime)
