"""Circles: make one, show the way into one."""

from __future__ import annotations

from typing import Final

from circles.core.call import Call
from circles.core.effects import Effect, Words
from circles.errors import MatrixBadRequest
from circles.facts import posts
from circles.features.circle import decide, store, strings
from circles.features.circle.decide import CREATED, NAME
from circles.ports import NewRoom, Ports

DAY_MS: Final = 86_400_000


async def create(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Make a circle for a goal. Handled again after a crash, it finds what it made."""
    goal = call.argument.text.strip()
    name = decide.title(goal)
    if not name:
        return _say(call, strings.NO_GOAL[call.language])
    if len(goal) > decide.GOAL_CHARS:
        return _say(call, strings.LONG_GOAL[call.language].format(limit=decide.GOAL_CHARS))
    settings, since = ports.settings, int(ports.clock.now().timestamp() * 1000) - DAY_MS
    made = await ports.database.read(lambda c: posts.told_since(c, call.asker, NAME, CREATED, since))
    if made >= settings.circles_per_day:
        words = (strings.ENOUGH if settings.circles_per_day else strings.NONE_HERE)[call.language]
        return _say(call, words.format(most=settings.circles_per_day))
    for number in decide.numbers(call.event_id, await ports.database.read(store.taken)):
        room = NewRoom(key=call.event_id, name=name, topic=goal, asker=call.asker, number=number)
        try:
            room_id = await ports.rooms.create(room)
        except MatrixBadRequest as error:
            if error.errcode != "M_ROOM_IN_USE":
                raise
            continue  # Another circle's number, of which this database does not know.
        via = (settings.server_name,)
        way = decide.door(room_id, number, via, settings.alias_prefix, settings.server_name)
        return decide.created(call, way, name)
    return _say(call, strings.NO_NUMBER[call.language])


async def invite(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Show the link, the number and the QR code of a circle."""
    room, settings = call.room, ports.settings
    if room.direct:
        return _say(call, strings.HERE_ALONE[call.language])
    is_open = await ports.doors.is_open(room.room_id) if ports.doors is not None else None
    way = decide.door(room.room_id, room.number, room.via, settings.alias_prefix, settings.server_name)
    return decide.invitation(call, way, is_open=is_open, asker_is_admin=call.decides)


def _say(call: Call, words: str) -> tuple[Effect, ...]:
    return (call.answer(Words(words), feature=NAME, kind="problem"),)
