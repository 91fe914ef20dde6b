"""What a reminder's hour brings. Pure: the effects of a wake that is due, from the row as it stands now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from circles.core.call import Fire
from circles.core.effects import CancelWake, Effect, Post, Private, WakeAt
from circles.core.ids import UserID
from circles.core.quiet import Quiet
from circles.core.render import lines, text
from circles.core.schedule import is_late, next_fire
from circles.features.reminders import strings
from circles.features.reminders.change import changed
from circles.features.reminders.values import (
    MOST_RINGS,
    NAME,
    RING_EVERY,
    DropReminder,
    Reminder,
    quiet_for,
    wake_keys,
)

KEEP_FIRED: Final = timedelta(days=7)
"""How long a reminder that was said can still be put off; then it is deleted."""


def fire(
    row: Reminder, name: str, event: Fire, quiet: Quiet | None = None, meant: tuple[UserID, ...] = ()
) -> tuple[Effect, ...]:
    """Say a reminder whose hour has come, and arm the next one in the same breath. A stale wake says nothing.

    However much was missed it is one message: a rhythm goes on from now, and where its own time and a snooze or ring
    are due together only its own time speaks. `quiet`: the quiet hours of where it speaks, after which it comes.
    `meant`: whom it reaches beside its owner.
    """
    said = _fire(row, name, event, quiet)
    if not meant:
        return said
    reached = tuple(dict.fromkeys((row.owner, *meant)))
    return tuple(replace(each, ping=reached) if isinstance(each, Post) else each for each in said)


def _fire(row: Reminder, name: str, event: Fire, quiet: Quiet | None) -> tuple[Effect, ...]:
    own, again = wake_keys(row.id)
    quiet = quiet_for(row, quiet, direct=event.room.direct)
    if event.key == again:
        return _again(row, name, again, event.now, quiet)
    if row.state == "paused":
        return ()
    if row.state != "active":
        # Said long enough ago; unless it was put off and is still to come.
        return (WakeAt(NAME, own, row.room_id, row.again + KEEP_FIRED),) if row.again else (DropReminder(row.id),)
    if row.next_due > event.now:
        return (WakeAt(NAME, own, row.room_id, row.next_due),)
    if quiet is not None and quiet.holds(event.now):
        return (WakeAt(NAME, own, row.room_id, quiet.ends(event.now)),)
    return _own(row, name, event.now, quiet)


def _own(row: Reminder, name: str, now: datetime, quiet: Quiet | None) -> tuple[Effect, ...]:
    own, again = wake_keys(row.id)
    following = next_fire(row.rule, now) if row.recurs else None
    ring = _next_ring(row, row.next_due, now, quiet, rings=1)
    effects: list[Effect] = [_say(row, name, row.next_due, now, quiet)]
    standing = {"state": "active" if following else "fired", "next_due": following or row.next_due}
    if ring is not None:
        effects += [WakeAt(NAME, again, row.room_id, ring), changed(row, again=ring, rings=1, **_said(now), **standing)]
    elif row.again is not None and row.again <= now:
        effects += [CancelWake(NAME, again), changed(row, again=None, rings=0, **_said(now), **standing)]
    else:
        effects.append(changed(row, **_said(now), **standing))
    return *effects, WakeAt(NAME, own, row.room_id, following or now + KEEP_FIRED)


def _again(row: Reminder, name: str, key: str, now: datetime, quiet: Quiet | None) -> tuple[Effect, ...]:
    """Say a reminder that was put off until now, or ring an alarm once more."""
    if row.again is None:
        return ()
    if row.again > now:
        return (WakeAt(NAME, key, row.room_id, row.again),)
    if row.state == "active" and row.next_due <= now:
        return ()  # Its own wake is due, too, and clears this one.
    if quiet is not None and quiet.holds(now):
        # A snooze waits for the end of the quiet hours; the ringing of an alarm just ends.
        wait = WakeAt(NAME, key, row.room_id, quiet.ends(now))
        return (changed(row, again=None, rings=0),) if row.rings else (wait,)
    rings = row.rings + 1
    ring = _next_ring(row, row.again, now, quiet, rings=rings)
    last = row.alarm and rings == MOST_RINGS
    said = _say(row, name, row.again, now, quiet, again=True, last=last)
    if ring is None:
        return said, changed(row, again=None, rings=0, **_said(now))
    return said, changed(row, again=ring, rings=rings, **_said(now)), WakeAt(NAME, key, row.room_id, ring)


def _next_ring(row: Reminder, due: datetime, now: datetime, quiet: Quiet | None, *, rings: int) -> datetime | None:
    """Return when an alarm rings next. Not if it is late already, for nobody slept through it; nor into quiet hours."""
    following = now + RING_EVERY
    if not row.alarm or rings >= MOST_RINGS or is_late(due, now) or (quiet is not None and quiet.holds(following)):
        return None
    return following


def _said(now: datetime) -> dict[str, datetime | None]:
    return {"fired_at": now, "done_at": None}


def _say(
    row: Reminder,
    name: str,
    due: datetime,
    now: datetime,
    quiet: Quiet | None,
    *,
    again: bool = False,
    last: bool = False,
) -> Effect:
    said = strings.AGAIN[row.language] if again and not row.alarm else ""
    said += strings.fire_words(name, row.text, row.language, for_room=row.for_room, alarm=row.alarm)
    if is_late(due, now):
        held = quiet is not None and quiet.held_back(due, now)
        mark = strings.HELD_BACK if held else strings.LATE
        said += mark[row.language].format(when=strings.clock(due, row.zone, row.language, now))
    if last:
        said += strings.LAST_RING[row.language]
    stays = row.for_room or row.private
    post = Post(
        room_id=row.room_id,
        words=lines(text(said)),
        kind="reminder",
        feature=NAME,
        ping=(row.owner,),
        text=True,
        reply_to=None if stays or row.origin else row.source_event,  # in another room there is nothing to reply to
        thread=None if stays else row.thread,
        subject=row.id,
        sources=(row.source,),
        buttons=(strings.DONE_KEY, strings.SNOOZE_KEY, *((strings.STOP_KEY,) if row.recurs or row.alarm else ())),
    )
    return Private(row.owner, post) if row.private else post
