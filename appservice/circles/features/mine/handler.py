"""Mine: gather what is held about a person, show it to them alone, forget it when they say so."""

from __future__ import annotations

from datetime import UTC, datetime

from circles.core.call import Call, Fire, Remake, Tap
from circles.core.effects import Effect
from circles.core.ids import RoomID, UserID
from circles.core.language import Language, as_language
from circles.core.posts import Frame
from circles.facts import rooms
from circles.features.mine import decide, store
from circles.features.mine.decide import Mine, Standing, Thing
from circles.ports import Ports
from circles_policies import Level


async def show(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Show what is held here, or everywhere."""
    scope = decide.scope_of_call(call)
    mine = await _gather(call.asker, scope, call.language, ports)
    zone = call.zone or ports.settings.zone
    frame = Frame(call.room.room_id, call.room.via, {}, call.language, zone, ports.clock.now())
    return decide.show(call, mine, frame)


async def remake(lost: Remake, ports: Ports) -> tuple[Effect, ...]:
    """Show the list again as things are now."""
    said, kept = lost.said, lost.said.remake or {}
    if said.asker is None:
        return ()
    mine = await _gather(said.asker, decide.scope_of_post(said.about, said.room_id), said.language, ports)
    frame = Frame(said.about, lost.room.via, {}, said.language, str(kept["zone"]), lost.now)
    return decide.show_again(lost, mine, frame)


async def export(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Hand over everything as two files, to them alone."""
    scope = decide.scope_of_call(call)
    mine = await _gather(call.asker, scope, call.language, ports, whole=True)
    zone = call.zone or ports.settings.zone
    frame = Frame(call.room.room_id, call.room.via, {}, call.language, zone, ports.clock.now())
    return decide.export(call, mine, frame)


async def forget(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Ask whether to forget, or, where the words say yes already, forget."""
    scope = decide.scope_of_call(call)
    if not decide.is_yes(call.argument.text):
        return decide.ask(call, await _gather(call.asker, scope, call.language, ports), call.language)
    if call.room.direct:
        now = ports.clock.now()
        asked = await ports.database.read(lambda c: store.question(c, call.asker, call.place, now))
        scope = decide.scope_of_post(*asked) if asked is not None else None
    return decide.forget(call, await _gather(call.asker, scope, call.language, ports), scope)


async def tapped_list(tap: Tap, ports: Ports) -> tuple[Effect, ...]:
    """🗑️ on the list: ask."""
    if tap.key != decide.FORGET_KEY or not decide.may_press(tap):
        return ()
    return decide.ask_by_tap(tap, await _gather_for(tap, ports))


async def tapped_question(tap: Tap, ports: Ports) -> tuple[Effect, ...]:
    """✅ on the question: forget."""
    if tap.key != decide.YES_KEY or not decide.may_press(tap):
        return ()
    return decide.forget_by_tap(tap, await _gather_for(tap, ports))


async def left(fire: Fire, ports: Ports) -> tuple[Effect, ...]:
    """Offer what is held of somebody who left a circle to them, and let it go when their time is over."""
    user_id, room_id = UserID(str(fire.payload["user"])), fire.room.room_id
    left_at = datetime.fromtimestamp(int(fire.payload["left"]) / 1000, UTC)
    if fire.now - left_at >= decide.LEAVER_KEEPS:
        return decide.let_go(user_id, room_id)
    spoken = await ports.database.read(lambda c: rooms.person(c, user_id).language)
    language = as_language(spoken, fire.room.language)
    return decide.offer(user_id, await _gather(user_id, room_id, language, ports), left_at, language)


async def _gather_for(tap: Tap, ports: Ports) -> Mine:
    scope = decide.scope_of_post(tap.said.about, tap.said.room_id)
    return await _gather(tap.asker, scope, tap.language, ports)


async def _gather(
    user_id: UserID, scope: RoomID | None, language: Language, ports: Ports, *, whole: bool = False
) -> Mine:
    """Return all that is held about a person, in one circle or everywhere; `whole`: kept messages with their words."""
    found = await ports.held(user_id, scope, language, whole=whole) if ports.held is not None else ()
    database, ai = ports.database, ports.settings.ai
    circles = (scope,) if scope is not None else await database.read(lambda c: rooms.circles_of(c, user_id, ai))
    titles = {room_id: await ports.names.room(room_id) for room_id in circles}
    chosen = await database.read(lambda c: store.choices(c, user_id, circles))
    standing = [Standing(titles[room_id], member) for room_id, member in chosen.items()]
    if scope is None:
        everywhere = await database.read(lambda c: rooms.member(c, rooms.EVERYWHERE, user_id))
        standing += [Standing(None, everywhere)] if everywhere.level is not Level.NONE else []
    return Mine(
        scope=scope,
        title=titles.get(scope, "") if scope is not None else "",
        things=tuple(Thing(each.kind, each.count, each.lines) for each in found if each.count),
        resting=await database.read(lambda c: store.resting(c, user_id, scope)),
        uses=await database.read(lambda c: store.uses(c, user_id, scope)),
        choices=tuple(standing),
        language=(await database.read(lambda c: rooms.person(c, user_id))).language if scope is None else None,
    )
