"""The reminders: read through ports, decide, return the effects."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from circles.core.call import Call, Fire, Remake, Tap
from circles.core.effects import Effect
from circles.core.ids import RoomID, UserID
from circles.core.render import lines, text
from circles.core.zones import find_zone
from circles.errors import MatrixError
from circles.facts.rooms import quiet_hours, some_joined
from circles.features.reminders import change as doing
from circles.features.reminders import decide, store, strings
from circles.features.reminders import words as reading
from circles.features.reminders.fire import fire as decide_fire
from circles.features.reminders.values import NAME, DropPending, Pending, RememberRoomZone, RememberZone, Reminder
from circles.ports import Ports

MOST_REACHED: Final = 50
"""A reminder for the room reaches each of its people; in a larger room it is said, and reaches its owner."""


async def remind(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Set a reminder or an alarm."""
    around = await ports.database.read(lambda c: store.meets(c, call.room.room_id, call.asker))
    names: Mapping[UserID, str] = {}
    if not call.private and not call.room.direct and call.place == call.room.room_id:
        with suppress(MatrixError):  # whom it names is then not known: it is the asker's
            names = await ports.names.people(call.room.room_id)
    others = {user: name for user, name in names.items() if user not in (call.asker, ports.settings.ai)}
    own = tuple(name for name in (names.get(call.asker), call.asker) if name)
    return decide.remind(call, around, ports.clock.now(), others, own)


async def change(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Cancel, tick off, put off, pause or resume a reminder."""
    rows = doing.visible(call, await _around(ports, call.room.room_id, call.asker))
    about = call.reply_to
    replied = await ports.database.read(lambda c: store.said_about(c, about)) if about else None
    return doing.change(call, rows, replied, ports.clock.now())


async def show(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """List the asker's reminders and the room's."""
    visible = doing.visible(call, await _around(ports, call.room.room_id, call.asker))
    rows = decide.shown_in(visible, call.asker)
    words = decide.show(rows, call.room, call.language, ports.clock.now())
    sources = tuple(row.source for row in rows)
    whole = call.room.direct or call.private or call.place != call.room.room_id
    return (call.answer(words, feature=NAME, kind="reminders", sources=sources, remake={"whole": whole}),)


async def remake(event: Remake, ports: Ports) -> tuple[Effect, ...]:
    """Say a list again after something in it was taken back."""
    said = event.said
    if said.kind != "reminders" or said.asker is None:
        return ()
    asker, whole = said.asker, bool((said.remake or {}).get("whole"))
    around = await _around(ports, event.room.room_id, asker)
    visible = [
        row
        for row in around
        if (row.owner == asker if whole else row.room_id == event.room.room_id and not row.private)
    ]
    return decide.show_again(decide.shown_in(visible, asker), event)


async def pick(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Choose among the times that were offered, in words."""
    waiting = await ports.database.read(lambda c: store.pending_of(c, call.asker))
    offered = [one for one in waiting if one.options and call.room.room_id == one.room_id]
    number, _ = reading.read_number(call.argument.text)
    if not offered or number is None or number > len(offered[-1].options):
        words = lines(text(strings.NOTHING_TO_PICK[call.language]))
        return (call.answer(words, feature=NAME),)
    return await _choose(offered[-1], number - 1, call, ports)


async def tapped_choice(tap: Tap, ports: Ports) -> tuple[Effect, ...]:
    """Choose among the times that were offered, by a tap. Only the asker knows which one was meant."""
    key = tap.said.subject
    waiting = await ports.database.read(lambda c: store.pending(c, key))
    if waiting is None or tap.key not in strings.NUMBERS:
        return ()
    if tap.asker != waiting.owner:
        return await _refuse(tap, ports)
    return await _choose(waiting, strings.NUMBERS.index(tap.key), tap, ports)


async def _choose(waiting: Pending, index: int, answer: Call | Tap, ports: Ports) -> tuple[Effect, ...]:
    waiting = await _for_whom(waiting, ports)
    around = await ports.database.read(lambda c: store.meets(c, waiting.room_id, waiting.owner))
    zone = await ports.database.read(lambda c: store.zones(c, waiting.owner, waiting.room_id))
    return decide.choose(waiting, index, answer.room, zone, around, ports.clock.now())


async def tapped(tap: Tap, ports: Ports) -> tuple[Effect, ...]:
    """Tick off, put off or stop a reminder by a tap."""
    key = tap.said.subject
    row = await ports.database.read(lambda c: store.reminder(c, key))
    if row is None or tap.key not in (strings.DONE_KEY, strings.SNOOZE_KEY, strings.STOP_KEY):
        return ()
    if not doing.may_change(row, tap.asker, decides=tap.decides):
        return await _refuse(tap, ports)
    # Counted from now: a tap may reach us late, and its own clock may be wrong.
    return doing.tapped(row, replace(tap, at=ports.clock.now()))


async def _refuse(tap: Tap, ports: Ports) -> tuple[Effect, ...]:
    key = doing.note_key(tap.said, tap.asker)
    told = await ports.database.read(lambda c: store.was_said(c, key))
    return () if told else doing.refuse(tap, key)


async def fire(event: Fire, ports: Ports) -> tuple[Effect, ...]:
    """Say a reminder whose hour has come, or take up or drop a request that waited."""
    key = event.key.removesuffix("/again")
    waiting = await ports.database.read(lambda c: store.pending(c, key))
    if waiting is not None:
        return await _waited(waiting, event, ports)
    row = await ports.database.read(lambda c: store.reminder(c, key))
    if row is None:
        return ()
    if await ports.database.read(lambda c: store.has_left(c, row.owner, row.room_id)):
        return doing.dropped(row)  # nobody is left in whose name it could speak
    names: Mapping[UserID, str] = {}
    with suppress(MatrixError):  # without a name is better than late
        names = await ports.names.people(row.room_id)
    quiet = await ports.database.read(lambda c: store.quiet_for(c, row))
    meant: tuple[UserID, ...] = ()
    if row.for_room:
        who = reading.named(row.text, _called(names, ports.settings.ai))
        there = await ports.database.read(
            lambda c: some_joined(c, row.room_id, MOST_REACHED + 1, besides=ports.settings.ai)
        )
        meant = tuple(user for user in there if not who or who in (user, names.get(user)))
        meant = meant if len(there) <= MOST_REACHED or who else ()
    return decide_fire(row, names.get(row.owner) or row.owner[1:].partition(":")[0], event, quiet, meant)


async def _waited(waiting: Pending, event: Fire, ports: Ports) -> tuple[Effect, ...]:
    zone = await ports.database.read(lambda c: store.zones(c, waiting.owner, waiting.room_id))
    if zone is None or waiting.options or event.now >= waiting.asked_at + decide.WAIT_FOR_ANSWER:
        return (DropPending(waiting.id),)
    around = await ports.database.read(lambda c: store.meets(c, waiting.room_id, waiting.owner))
    waiting = await _for_whom(waiting, ports)
    return decide.go_on(waiting, event.room, zone, around, event.now)


async def _for_whom(waiting: Pending, ports: Ports) -> Pending:
    """Find the name that a request began with when it was put aside: it stands before its words."""
    if not waiting.for_room:
        return waiting
    names: Mapping[UserID, str] = {}
    with suppress(MatrixError):  # it is then for the room, as its words say
        names = await ports.names.people(waiting.room_id)
    return replace(waiting, whom=reading.named(waiting.text, _called(names, ports.settings.ai)))


def _called(names: Mapping[UserID, str], ai: UserID) -> tuple[str, ...]:
    return tuple(said for user, name in names.items() if user != ai for said in (name, user))


async def zone(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Learn a person's time zone, and take up what waited for it."""
    now = ports.clock.now()
    known = await ports.database.read(lambda c: store.zones(c, call.asker, call.room.room_id))
    found = find_zone(call.argument.text) if call.argument.text.strip() else ""
    words = strings.zone_answer(found, known, call.language, now)
    said = call.answer(lines(text(words)), feature=NAME)
    if not isinstance(found, str) or not found:
        return (said,)
    waiting = await ports.database.read(lambda c: store.pending_of(c, call.asker))
    return RememberZone(call.asker, found), said, *decide.wake_waiting(waiting, now)


async def room_zone(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Learn the room's time zone, from someone who decides here."""
    found = find_zone(call.argument.text) if call.argument.text.strip() else ""
    words = strings.room_zone_answer(found, call.room.zone, call.language, ports.clock.now())
    if found and not call.decides:
        words = strings.ROOM_ZONE_ADMINS[call.language]
    said = call.answer(lines(text(words)), feature=NAME)
    if not isinstance(found, str) or not found or not call.decides:
        return (said,)
    waiting = await ports.database.read(lambda c: store.pending_in(c, call.room.room_id))
    return RememberRoomZone(call.room.room_id, found), said, *decide.wake_waiting(waiting, ports.clock.now())


async def quiet(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Show, set or end quiet hours."""
    known = await ports.database.read(lambda c: quiet_hours(c, call.room.room_id))
    return doing.quiet(call, known)


async def _around(ports: Ports, room_id: RoomID, asker: UserID) -> tuple[Reminder, ...]:
    return await ports.database.read(lambda c: store.around(c, room_id, asker))
