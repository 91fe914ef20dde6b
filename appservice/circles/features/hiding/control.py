"""🙈 and `hide` are obeyed inside the commit that takes them in; taking one's own 🙈 off again too.

Whatever lifts somebody else's mark needs to know who wrote the message, and is left to `handler`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from circles.core import effects as fx
from circles.core.ids import EventID
from circles.core.settings import Settings
from circles.facts import posts, rooms
from circles.feature import Control, Effects
from circles.features.hiding import store, strings
from circles.features.hiding.decide import NAME
from circles_policies.events import Control as Kind
from circles_policies.events import is_hide
from circles_policies.words import ControlWord

DAY_MS: Final = 86_400_000


def control(event: Control, connection: Connection, settings: Settings) -> Effects:
    """Return what a control event leads to; marks are written here, in the commit of the event."""
    what = event.event
    match what.control:
        case Kind.REACTION if is_hide(what.reaction_key or "") and what.reacts_to is not None:
            target = EventID(what.reacts_to)
            if posts.said(connection, target) is not None:
                return ()  # On the AI's own words it is a joke, not a wish.
            return _hide(event, target, connection, settings, reaction=event.event_id)
        case Kind.WORD if what.word is ControlWord.HIDE and what.reply_to is not None:
            return _hide(event, EventID(what.reply_to), connection, settings, reaction=None)
        case Kind.REDACTION if what.redacts is not None:
            return _taken_off(event, EventID(what.redacts), connection)
        case _:
            return ()


def _hide(
    event: Control, target: EventID, connection: Connection, settings: Settings, *, reaction: EventID | None
) -> Effects:
    """Hide a message from the AI and take back what was made from it."""
    room_id = event.room.room_id
    if rooms.marks_since(connection, event.sender, event.now - DAY_MS) >= settings.marks_per_day:
        words = strings.too_many(event.language, settings.marks_per_day)
        return (fx.Private(event.sender, fx.Post(room_id, words, kind="notice", feature=NAME)),)
    store.hide(connection, room_id, target, event.sender, reaction, event.now)
    return (fx.TakeBack(room_id, (target,), by=event.sender),)


def _taken_off(event: Control, reaction: EventID, connection: Connection) -> Effects:
    """Somebody redacted a reaction: their own 🙈 is off at once, another's is judged by who wrote the message."""
    mark = store.mark_of(connection, event.room.room_id, reaction)
    if mark is None:
        return ()
    if mark.by == event.sender:
        store.unhide(connection, event.room.room_id, mark.event_id, (mark.by,))
        return ()
    if not event.decides:
        return ()
    payload = {"event": mark.event_id, "by": mark.by, "asker": event.sender}
    now = datetime.fromtimestamp(event.now / 1000, UTC)
    return (fx.WakeAt(NAME, f"unhide:{reaction}", event.room.room_id, now, payload),)
