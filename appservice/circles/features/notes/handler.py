"""The notes: read through ports, ask whether words may stay, decide, return the effects."""

from __future__ import annotations

from circles.core.call import Call, Remake
from circles.core.effects import Effect
from circles.core.posts import Frame
from circles.features.notes import decide, store, strings
from circles.ports import Ports


async def keep(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Keep the words after the command.

    The words of a message it replies to are never kept, whoever wrote it: keeping some and not others
    would tell everyone who opted out, one message at a time.
    """
    room_id, words = call.room.room_id, call.argument
    if not words.text.strip() and call.reply_to is not None:
        return decide.problem(call, strings.OWN_WORDS[call.language])
    now, ceiling = int(ports.clock.now().timestamp() * 1000), ports.settings.ceiling
    decision = await ports.database.read(lambda c: store.may_keep(c, room_id, words, now, ceiling))
    return decide.keep(call, words, decision, await ports.database.read(lambda c: store.in_room(c, room_id)))


async def show(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """List the notes."""
    room_id = call.room.room_id
    found = await ports.database.read(lambda c: store.shown(c, room_id))
    zone = call.zone or call.room.zone or ports.settings.zone
    names = await ports.names.people(room_id)
    frame = Frame(room_id, call.room.via, names, call.language, zone, ports.clock.now())
    return decide.show(call, found, frame)


async def drop(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Delete a note by its number."""
    found = await ports.database.read(lambda c: store.shown(c, call.room.room_id))
    return decide.drop(call, found)


async def remake(lost: Remake, ports: Ports) -> tuple[Effect, ...]:
    """List the notes again after something in the list was taken back."""
    said, room_id = lost.said, lost.room.room_id
    if said.kind != decide.LISTED:
        return ()
    found = await ports.database.read(lambda c: store.shown(c, room_id))
    zone = str((said.remake or {}).get("zone") or ports.settings.zone)
    names = await ports.names.people(room_id)
    return decide.show_again(lost, found, Frame(room_id, lost.room.via, names, said.language, zone, lost.now))
