"""The notes: read through ports, ask whether words may stay, decide, return the effects."""

from __future__ import annotations

from circles.core.call import Call, Remake
from circles.core.effects import Effect
from circles.core.posts import Frame
from circles.features.notes import decide, store, strings
from circles.ports import Ports


async def keep(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Keep the words after the command, or those of the message it replies to."""
    room_id, target = call.room.room_id, call.reply_to
    words, own = call.argument, True
    if not words.text.strip() and target is not None:
        if await ports.database.read(lambda c: store.is_ours(c, target)):
            return decide.problem(call, strings.MINE[call.language])
        replied = await ports.talk.event(room_id, target)
        if replied is None:
            return decide.problem(call, strings.NOT_LOOKED_AT[call.language])
        words, own = replied, replied.sender == call.asker
    now, ceiling = int(ports.clock.now().timestamp() * 1000), ports.settings.ceiling
    # Whoever keeps their own words says them to the AI by that; another's stay what they were, talk.
    decision = await ports.database.read(
        lambda c: store.may_keep(c, room_id, words, now, ceiling, addressed=own or words.addressed or call.room.direct)
    )
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
