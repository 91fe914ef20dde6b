"""Which stretch a word asks for, who may end one, and what is said about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from circles.core.call import Call
from circles.core.effects import Effect, Words
from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.zones import local_time, say_clock, say_when
from circles.features.off_record import strings
from circles_policies.off_record import LONGEST_MINUTES, USUAL_MINUTES, minutes_of
from circles_policies.words import ControlWord, parse_control

NAME: Final = "off_record"
MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch off the record, by the word that asked for it. Instants in ms.

    Attributes:
        thread: the root of the thread it is about, None for the room's talk.
        until: when it ends or ended; None: not until somebody says so.
    """

    event_id: EventID
    room_id: RoomID
    thread: EventID | None
    by: UserID
    since: int
    until: int | None


@dataclass(frozen=True, slots=True)
class EndStretches(Effect):
    """Let stretches end at an instant (ms): what is said from then on counts again, nothing before it."""

    event_ids: tuple[EventID, ...]
    at: int


def asked(
    words: str, *, event_id: EventID, room_id: RoomID, thread: EventID | None, by: UserID, at: int, now: int
) -> Stretch:
    """Return the stretch that words ask for, said `at` and received `now`.

    A thread without a time stays off the record until somebody ends that; a room without one for an hour. It counts
    from when it was said, and its time runs from when it was received: a clock that goes wrong makes none shorter.
    """
    found = parse_control(words, (), addressed=True)
    length = found[1] if found is not None and found[0] is ControlWord.OFF_RECORD else ""
    minutes = minutes_of(length) or (None if thread is not None else USUAL_MINUTES)
    until = now + minutes * MINUTE_MS if minutes is not None else None
    return Stretch(event_id, room_id, thread, by, at, until)


def told(stretch: Stretch, language: Language, zone: str, now: datetime) -> Words:
    """Return the one line that says what is off the record, how long, and how it ends."""
    length = ""
    if stretch.until is not None:
        end = datetime.fromtimestamp(stretch.until / 1000, UTC)
        # Said as it was asked for, though the words come a moment after it began.
        left = round((end - now).total_seconds() / 60)
        length = strings.length(min(max(left, 1), LONGEST_MINUTES), _clock(end, zone, language, now), language)
    return strings.in_thread(length, language) if stretch.thread is not None else strings.in_room(length, language)


def _clock(end: datetime, zone: str, language: Language, now: datetime) -> str:
    local = local_time(end, zone)
    return say_clock(local) if local.date() == local_time(now, zone).date() else say_when(end, zone, language, now)


def ended(call: Call, running: Sequence[Stretch], now: int) -> tuple[Effect, ...]:
    """Return what follows from `on record`: whoever asked for a stretch may end it, and whoever decides any."""
    language = call.language
    ours = tuple(stretch for stretch in running if call.decides or stretch.by == call.asker)
    if not running:
        return (_answer(call, strings.NOTHING[language]),)
    if not ours:
        return (_answer(call, strings.NOT_YOURS[language]),)
    said = strings.ENDED if len(ours) == len(running) else strings.GOES_ON
    return EndStretches(tuple(stretch.event_id for stretch in ours), now), _answer(call, said[language])


def refused(call: Call, most: int) -> tuple[Effect, ...]:
    """Say to the asker alone that the day's number is used up."""
    words = strings.too_many(most, call.language)
    return (replace(call, private=True).answer(words, feature=NAME, kind="private"),)


def in_private(call: Call) -> tuple[Effect, ...]:
    """Say in a direct message that there it means nothing."""
    return (_answer(call, strings.IN_PRIVATE[call.language]),)


def _answer(call: Call, said: str) -> Effect:
    return call.answer(Words(said), feature=NAME)
