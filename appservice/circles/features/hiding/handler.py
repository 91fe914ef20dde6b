"""Answers to `hide` and `unhide`, all in private, and a moderator's redaction of a 🙈."""

from __future__ import annotations

from circles.core.call import Call, Fire
from circles.core.effects import Effect
from circles.core.ids import EventID, RoomID, UserID
from circles.features.hiding import store, strings
from circles.features.hiding.decide import NAME, Unhide, liftable
from circles.ports import Ports


async def confirm_hidden(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer `hide`, which was obeyed when it came in as a reply."""
    target = call.reply_to
    if target is None:
        return (call.in_private(strings.hide_what(call.language), feature=NAME),)
    marked_by = await ports.database.read(lambda c: store.marked_by(c, call.place, target))
    # Refused, where the day's number is used up: that was said when it came in.
    return (call.in_private(strings.hidden(call.language), feature=NAME),) if call.asker in marked_by else ()


async def unhide(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Take marks off the message replied to, as far as the asker may."""
    target = call.reply_to
    if target is None:
        return (call.in_private(strings.unhide_what(call.language), feature=NAME),)
    marked_by = await ports.database.read(lambda c: store.marked_by(c, call.place, target))
    if not marked_by:
        return (call.in_private(strings.not_hidden(call.language), feature=NAME),)
    lifted = await _liftable(call.place, target, marked_by, call.asker, ports, decides=call.decides)
    if not lifted:
        return (call.in_private(strings.not_yours(call.language), feature=NAME),)
    words = strings.unhidden(call.language) if len(lifted) == len(marked_by) else strings.still_hidden(call.language)
    return Unhide(call.place, target, lifted), call.in_private(words, feature=NAME)


async def fire(wake: Fire, ports: Ports) -> tuple[Effect, ...]:
    """Somebody who decides redacted another's 🙈."""
    room_id, event_id = wake.room.room_id, EventID(str(wake.payload["event"]))
    by, asker = UserID(str(wake.payload["by"])), UserID(str(wake.payload["asker"]))
    lifted = await _liftable(room_id, event_id, (by,), asker, ports, decides=True)
    return (Unhide(room_id, event_id, lifted),) if lifted else ()


async def _liftable(
    room_id: RoomID, event_id: EventID, marked_by: tuple[UserID, ...], asker: UserID, ports: Ports, *, decides: bool
) -> tuple[UserID, ...]:
    author = await ports.talk.author(room_id, event_id)
    return liftable(marked_by, asker, author, decides=decides)
