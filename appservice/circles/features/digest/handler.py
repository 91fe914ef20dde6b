"""The digest: read through ports, decide, return the effects."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from circles.core.call import Call, Fire, Remake, Room, Tap
from circles.core.coming import Unsaid
from circles.core.effects import Effect, WakeAt
from circles.core.permitted import Talk
from circles.core.prompt import Prompt
from circles.errors import BudgetSpent, MatrixError, ModelError
from circles.facts.rooms import quiet_hours
from circles.features.digest import decide, prompts, store, strings
from circles.features.digest.decide import NAME, Contents, Span
from circles.ports import Ports, Window


async def configure(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Set, end or show the room's digest, or make one at once."""
    room_id, now = call.room.room_id, ports.clock.now()
    row = await ports.database.read(lambda c: store.digest(c, room_id))
    names = await ports.names.people(room_id)
    if call.argument.text.strip().lower() not in strings.NOW_WORDS:
        return decide.configure(call, row, names, now)
    since = row.last_sent if row else now - timedelta(days=1)
    zone = call.room.zone or call.zone or ports.settings.zone
    span = Span(since, now, zone, call.language, call.asker)
    return decide.at_once(call, await _gather(call.room, span, ports, called=True), span, names)


async def fire(event: Fire, ports: Ports) -> tuple[Effect, ...]:
    """Make the digest whose hour has come, if the room lets it speak and there is anything new."""
    room_id, now = event.room.room_id, event.now
    row = await ports.database.read(lambda c: store.digest(c, room_id))
    if row is None:
        return ()
    if row.next_due > now:
        return (WakeAt(NAME, room_id, room_id, row.next_due),)
    quiet = await ports.database.read(lambda c: quiet_hours(c, room_id))
    if quiet is not None and quiet.holds(now):
        return (WakeAt(NAME, room_id, room_id, quiet.ends(now)),)
    if not decide.may_speak(event.room.policy):
        return decide.skip(row, now)
    host = row.host
    left = await ports.database.read(lambda c: store.has_left(c, host, room_id))
    if ended := decide.given_up(row, host_left=left):
        return ended
    try:
        contents = await _gather(
            event.room, Span(row.last_sent, now, row.zone, row.language, host), ports, called=False
        )
        names = await ports.names.people(room_id)
    except MatrixError:
        if now - event.due < decide.TRY_FOR:
            raise
        return decide.skip(row, now)  # given up for today, not for good
    held = quiet is not None and quiet.held_back(row.next_due, now)
    return decide.fire(row, event.room, contents, names, now, held=held)


async def remake(event: Remake, ports: Ports) -> tuple[Effect, ...]:
    """Make a digest of the same span again."""
    if event.said.kind != "digest" or not event.said.remake:
        return ()
    span = Span.from_json(event.said.remake, event.said.language)
    names = await ports.names.people(event.room.room_id)
    contents = await _gather(event.room, span, ports, called=event.said.answers is not None)
    return decide.again(event, contents, span, names)


async def tapped(tap: Tap, ports: Ports) -> tuple[Effect, ...]:
    """Note that somebody looks at the digest, or end it."""
    room_id = tap.said.about
    row = await ports.database.read(lambda c: store.digest(c, room_id))
    if row is None:
        return ()
    ends = tap.said.subject == "asks" and tap.key == strings.STOP_KEY
    if ends and not decide.may_end(row, tap):
        key = decide.note_key(tap)
        return () if await ports.database.read(lambda c: store.was_said(c, key)) else decide.refuse(tap, key)
    return decide.tapped(row, tap)


async def _gather(room: Room, span: Span, ports: Ports, *, called: bool) -> Contents:
    """Collect what a digest of a span may hold now."""
    coming = await ports.items.coming(room.room_id, span.until, span.until + decide.AHEAD, span.language)
    confirmed = await ports.items.confirmed(room.room_id, span.since, span.language)
    unsaid = await _still_to_say(room, span, ports)
    contents = Contents(coming, tuple(item for item in confirmed if item.at <= span.until), unsaid=unsaid)
    if not decide.looks_at_talk(room.policy, called=called):
        return contents
    looked = await ports.talk.window(room.room_id, Window(since=span.since))
    talk = decide.within(looked.among_people(), span)
    contents = replace(contents, withheld=talk.withheld)
    return await _written(room, span, talk, contents, ports) or await _quoted(room, talk, contents, ports)


async def _still_to_say(room: Room, span: Span, ports: Ports) -> tuple[Unsaid, ...]:
    """Return what was left unsaid in a span and rests on nothing that may not be looked at any more."""
    found: list[Unsaid] = []
    for one in await ports.items.unsaid(room.room_id, span.since, span.until):
        rests_on = [await ports.talk.event(room.room_id, source.event_id) for source in one.sources]
        found += [one] if all(rests_on) else []
    return tuple(found)


async def _quoted(room: Room, talk: Talk, contents: Contents, ports: Ports) -> Contents:
    return replace(contents, points=decide.quoted(talk.messages, await ports.names.people(room.room_id)))


async def _written(room: Room, span: Span, talk: Talk, contents: Contents, ports: Ports) -> Contents | None:
    """Let a model write the points where there is one for this room; None if it cannot."""
    if ports.model is None or not talk.messages or not ports.settings.may_send(room.policy):
        return None
    prompt = Prompt(
        purpose=NAME,
        room_id=room.room_id,
        asker=span.host,
        instructions=prompts.instructions(span.language),
        talk=talk.messages,
        answer_schema=prompts.SCHEMA,
        names=await ports.names.people(room.room_id),
    )
    try:
        completion = await ports.model.complete(prompt)
    except (ModelError, BudgetSpent):
        return None
    points = decide.written(completion.data, talk.messages)
    return replace(contents, points=points, model=completion.model) if points else None
