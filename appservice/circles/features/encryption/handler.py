"""Encryption: asks the keys through the ports, answers."""

from __future__ import annotations

from circles.core import effects as fx
from circles.core.call import Call, Fire
from circles.core.ids import EventID, UserID
from circles.core.language import as_language
from circles.facts import posts, rooms
from circles.feature import Effects
from circles.features.encryption import strings
from circles.features.encryption.decide import DAY_MS, MOST_A_DAY, NAME, notice_id
from circles.features.encryption.store import UNREADABLE, told_since
from circles.ports import Ports

CANCEL = "m.key.verification.cancel"


async def show_keys(call: Call, ports: Ports) -> Effects:
    """Answer `e2ee`: whether the room is encrypted, which device the AI is, and what it cannot read here."""
    if ports.keys is None:
        return ()
    known = await ports.keys.about(call.place)
    return (call.answer(strings.keys(call.language, known), feature=NAME),)


async def fire(wake: Fire, ports: Ports) -> Effects:
    """Tell a room what it should know about keys."""
    match wake.key.partition(":")[0]:
        case "unread":
            return await _unread(wake, ports)
        case "verify":
            return await _declined(wake, ports)
        case _:
            return ()


async def _unread(wake: Fire, ports: Ports) -> Effects:
    """Something could not be read: if that is still so, say it once for its key, and why."""
    room, session = wake.room, str(wake.payload["session"])
    effect_id = notice_id(room.room_id, session)
    now = int(wake.now.timestamp() * 1000)
    unread = await ports.keys.unread(room.room_id, session) if ports.keys is not None else None
    if unread is None:
        return ()
    said, often = await ports.database.read(
        lambda c: (posts.by_effect(c, effect_id, sent=False), told_since(c, room.room_id, now - DAY_MS))
    )
    if said is not None or often >= MOST_A_DAY:
        return ()
    reason = unread.reason or str(wake.payload["reason"])
    words = strings.unreadable(room.language, unread.code, reason, last=often + 1 == MOST_A_DAY)
    event_id = EventID(str(wake.payload["event"]))
    return (fx.Post(room.room_id, words, kind=UNREADABLE, feature=NAME, id=effect_id, reply_to=event_id),)


async def _declined(wake: Fire, ports: Ports) -> Effects:
    """Someone wants to compare emoji with the AI: decline, and say how its device can be checked instead."""
    event_id, user = EventID(str(wake.payload["event"])), UserID(str(wake.payload["sender"]))
    spoken = await ports.database.read(lambda c: rooms.person(c, user).language)
    words = strings.verification(as_language(spoken, wake.room.language))
    relation = {"rel_type": "m.reference", "event_id": event_id}
    cancel = {"code": "m.user", "reason": strings.NO_EMOJI, "m.relates_to": relation}
    return (
        fx.SendEvent(wake.room.room_id, CANCEL, cancel),
        fx.Post(wake.room.room_id, words, kind="verification", feature=NAME, reply_to=event_id),
    )
