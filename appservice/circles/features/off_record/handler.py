"""What is said about a stretch off the record, and how it ends."""

from __future__ import annotations

from circles.core.call import Call
from circles.core.effects import Effect
from circles.features.off_record import decide, store
from circles.ports import Ports


async def confirm(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer `off record`, which was obeyed when it came in."""
    if call.room.direct:
        return decide.in_private(call)
    begun = await ports.database.read(lambda c: store.stretch(c, call.event_id))
    if begun is None:
        return decide.refused(call, ports.settings.marks_per_day)
    words = decide.told(begun, call.language, call.zone or call.room.zone or ports.settings.zone, ports.clock.now())
    return (call.answer(words, feature=decide.NAME),)


async def end(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer `on record`: end what runs in this thread, or in the room, for whoever asked for it or decides."""
    if call.room.direct:
        return decide.in_private(call)
    now = int(ports.clock.now().timestamp() * 1000)
    running = await ports.database.read(lambda c: store.running(c, call.place, call.thread, now))
    return decide.ended(call, running, now)
