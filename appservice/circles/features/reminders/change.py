"""What people do with reminders: taps, words about one, quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Final

from circles.core.call import Call, Said, Tap
from circles.core.effects import CancelWake, Edit, Effect, Post, WakeAt
from circles.core.ids import UserID
from circles.core.quiet import Quiet
from circles.core.render import lines, one_line, text
from circles.core.schedule import Repeat, Rule, next_fire
from circles.core.when import Ambiguous, Found, parse_when
from circles.core.zones import local_time, say_when
from circles.features.reminders import strings
from circles.features.reminders import words as reading
from circles.features.reminders.values import (
    NAME,
    ChangeReminder,
    DropReminder,
    RememberQuiet,
    Reminder,
    wake_keys,
)

SNOOZE: Final = timedelta(minutes=10)
_BY_WORDS: Final = ("cancel", "done", "resume")
"""The commands whose words name a reminder; those of the others say until when."""


def may_change(row: Reminder, asker: UserID, *, decides: bool) -> bool:
    """Return whether someone may change a reminder: its owner may, and where it is not private, whoever decides."""
    return asker == row.owner or (decides and not row.private)


def tapped(row: Reminder, tap: Tap) -> tuple[Effect, ...]:
    """Do what an allowed tap on a reminder asks for; pressed twice, it does nothing more."""
    if tap.key == strings.DONE_KEY:
        if _is_ticked(row):
            return ()
        words = strings.said(strings.DONE, row.language, text=row.text)
        return *_ticked(row, tap.at), Edit(tap.said.room_id, tap.said.effect_id, words)
    if tap.key == strings.SNOOZE_KEY:
        is_put_off = row.again is not None and row.again > tap.at and not row.rings
        return () if is_put_off else _put_off_by_tap(row, tap)
    if tap.key == strings.STOP_KEY and row.alarm:
        return () if _is_ticked(row) else (*silenced(row, tap.at), _reply(row, tap, *_silence(row, tap.at)))
    if tap.key == strings.STOP_KEY:
        return *dropped(row), _reply(row, tap, strings.STOPPED, {"text": row.text})
    return ()


def _is_ticked(row: Reminder) -> bool:
    return bool(row.done_at and row.fired_at and row.done_at >= row.fired_at)


def silenced(row: Reminder, now: datetime) -> tuple[Effect, ...]:
    """End the ringing of an alarm; a recurring one rings again at its next time."""
    return _ticked(row, now)


def _silence(row: Reminder, now: datetime) -> tuple[strings.Sentence, dict[str, object]]:
    if not row.recurs:
        return strings.SILENCED, {"text": row.text}
    when = say_when(row.next_due, row.zone, row.language, now)
    return strings.SILENCED_UNTIL, {"text": row.text, "when": when, "number": row.number}


def _put_off_by_tap(row: Reminder, tap: Tap) -> tuple[Effect, ...]:
    until = tap.at + SNOOZE
    when = strings.clock(until, row.zone, row.language, tap.at)
    return *put_off(row, until), _reply(row, tap, strings.SNOOZED, {"when": when})


def refuse(tap: Tap, key: str) -> tuple[Effect, ...]:
    """Say once, kindly, that this reminder is someone else's. `key` remembers that this person was told."""
    return (replace(_note(tap, strings.NOT_YOURS[tap.language], "reminder-note"), subject=key),)


def note_key(said: Said, asker: UserID) -> str:
    """Return the subject under which a refusal is found again: one a person and reminder, however often it comes."""
    return f"{said.subject}/{asker}"


def _reply(row: Reminder, tap: Tap, sentence: strings.Sentence, values: Mapping[str, object]) -> Effect:
    return replace(_note(tap, sentence[row.language].format(**values), "answer"), subject=row.id, sources=(row.source,))


def _note(tap: Tap, said: str, kind: str) -> Post:
    return Post(tap.said.room_id, lines(text(said)), kind, NAME, reply_to=tap.said.event_id, thread=tap.said.thread)


def dropped(row: Reminder) -> tuple[Effect, ...]:
    """Delete a reminder and its wakes."""
    return DropReminder(row.id), *(CancelWake(NAME, key) for key in wake_keys(row.id))


def _ticked(row: Reminder, now: datetime) -> tuple[Effect, ...]:
    if not row.recurs:
        return dropped(row)
    return changed(row, done_at=now, again=None, rings=0), CancelWake(NAME, wake_keys(row.id)[1])


def changed(row: Reminder, **changes: str | int | datetime | None) -> ChangeReminder:
    """Return the effect that keeps where a reminder stands."""
    return ChangeReminder(row.id, changes)


def put_off(row: Reminder, until: datetime) -> tuple[Effect, ...]:
    """Let a reminder come (again) at another instant; a recurring one keeps its own times besides."""
    if row.state in ("active", "paused") and not row.recurs:
        state = {"state": "active"} if row.state == "paused" else {}
        return changed(row, next_due=until, **state), WakeAt(NAME, row.id, row.room_id, until)
    return changed(row, again=until, done_at=None, rings=0), WakeAt(NAME, wake_keys(row.id)[1], row.room_id, until)


def paused(row: Reminder, until: datetime | None) -> tuple[Effect, ...]:
    """Let a reminder be silent until an instant, or until it is resumed. Not for one that was said and comes no more.

    A rhythm leaves out what falls before the instant; what comes once comes then.
    """
    own, again = wake_keys(row.id)
    silent = CancelWake(NAME, again)
    if until is None:
        return changed(row, state="paused", again=None, rings=0), CancelWake(NAME, own), silent
    due = next_fire(row.rule, until - timedelta(milliseconds=1)) if row.recurs else max(until, row.next_due)
    if due is None:
        return dropped(row)
    return changed(row, state="active", next_due=due, again=None, rings=0), WakeAt(NAME, own, row.room_id, due), silent


def resumed(row: Reminder, now: datetime) -> tuple[datetime | None, tuple[Effect, ...]]:
    """Return when a paused reminder comes next, and what lets it; None where its time passed meanwhile."""
    due = next_fire(row.rule, now) if row.recurs else row.next_due
    if due is None or due <= now:
        return None, ()
    return due, (changed(row, state="active", next_due=due), WakeAt(NAME, row.id, row.room_id, due))


def visible(call: Call, rows: Sequence[Reminder]) -> tuple[Reminder, ...]:
    """Return those of `rows` that this person may see and name here: in private their own, else the room's."""
    if call.private or call.room.direct or call.place != call.room.room_id:
        return tuple(row for row in rows if row.owner == call.asker)
    return tuple(row for row in rows if row.room_id == call.room.room_id and not row.private)


def pick(call: Call, rows: Sequence[Reminder], replied: str | None) -> tuple[Reminder | None, str]:
    """Return the reminder a command is about, and the words after its number.

    Named by its number, by a reply to a post of it, or not at all where there is only one it can be.
    """
    number, rest = reading.read_number(call.argument.text)
    if number is not None:
        return next((row for row in rows if row.number == number), None), rest
    if replied:
        return next((row for row in rows if row.id == replied), None), rest
    own = [row for row in rows if row.owner == call.asker]
    if call.command in _BY_WORDS and (name := reading.named_words(rest)):
        named = [row for row in own if name in one_line(row.text).casefold()]
        return (named[0] if len(named) == 1 else None), ""
    if call.command == "resume":
        silent = [row for row in own if row.state == "paused"]
        return (silent[0] if len(silent) == 1 else None), rest
    if call.command in ("done", "snooze"):
        said = sorted(
            (row for row in own if row.fired_at and not row.done_at), key=lambda row: row.fired_at or row.next_due
        )
        if said:
            return said[-1], rest
    coming = [row for row in own if row.comes or (call.command == "cancel" and row.state == "paused")]
    return (coming[0] if len(coming) == 1 else None), rest


def change(call: Call, rows: Sequence[Reminder], replied: str | None, now: datetime) -> tuple[Effect, ...]:
    """Cancel, tick off, put off, pause or resume the reminder a command names."""
    if call.command == "cancel" and not replied and reading.names_all(call.argument.text):
        return _cancel_all(call, rows)
    row, rest = pick(call, rows, replied)
    if row is None:
        if reading.read_number(call.argument.text)[0] is not None:
            return (_answer(call, strings.NO_SUCH),)
        return (_which(call, rows),)
    if not may_change(row, call.asker, decides=call.decides):
        return (_answer(call, strings.NOT_YOURS),)
    if call.command == "cancel":
        return *dropped(row), _answer(call, strings.CANCELLED, row, text=row.text)
    if call.command == "done":
        return *_ticked(row, now), _answer(call, strings.DONE, row, text=row.text)
    if call.command == "pause":
        return _pause(call, row, rest, now)
    if call.command == "resume":
        return _resume(call, row, now)
    if row.fired_at is None and row.comes is not None:
        return _move(call, row, rest, now)
    until = _until(rest, row.zone, now) if rest else now + SNOOZE
    if until is None:
        return (_answer(call, strings.SNOOZE_WHEN),)
    when = strings.clock(until, row.zone, call.language, now)
    return *put_off(row, until), _answer(call, strings.SNOOZED, row, when=when)


def _cancel_all(call: Call, rows: Sequence[Reminder]) -> tuple[Effect, ...]:
    """Cancel what the asker set and may see here, and say what it was: said by mistake, it can be set again."""
    own = [row for row in rows if row.owner == call.asker and row.counts]
    if not own:
        return (_answer(call, strings.LIST_NONE),)
    words = strings.cancelled_all([row.text for row in own], call.language)
    told = call.answer(words, feature=NAME, sources=tuple(row.source for row in own))
    return *(effect for row in own for effect in dropped(row)), told


def _which(call: Call, rows: Sequence[Reminder]) -> Effect:
    """Ask which reminder is meant; a number alone answers it, where nothing else was said that it would lose."""
    word = strings.WORDS[call.command][call.language]
    is_whole = call.command in _BY_WORDS or not call.argument.text.strip()
    words = strings.said(strings.WHICH, call.language, word=word)
    return call.answer(words, feature=NAME, kind="reminder-which", subject=word if is_whole and rows else "")


def _move(call: Call, row: Reminder, rest: str, now: datetime) -> tuple[Effect, ...]:
    """Put off a reminder that has not come yet: a length counts from its own time, and both times are said."""
    own = row.comes or row.next_due
    was = say_when(own, row.zone, call.language, now)
    if not rest:
        return (_answer(call, strings.NOT_YET, row, text=row.text, was=was, number=row.number),)
    length = _length(rest, row.zone, now)
    until = own + length if length is not None else _until(rest, row.zone, now)
    if until is None:
        return (_answer(call, strings.SNOOZE_WHEN),)
    when = say_when(until, row.zone, call.language, now)
    sentence = strings.ONCE_MORE if row.recurs else strings.MOVED
    return *put_off(row, until), _answer(call, sentence, row, text=row.text, when=when, was=was)


def _length(words: str, zone: str, now: datetime) -> timedelta | None:
    """Read a bare length ("1 hour", "for 30 minutes", “一小时”); None for a time, or an instant that is a delay."""
    bare = words.removeprefix("for ").removeprefix("by ")
    if isinstance(parse_when(bare, now, zone), Found):
        return None
    for said in (f"in {bare}", f"{bare}后"):
        found = parse_when(said, now, zone)
        if isinstance(found, Found) and found.due > now and not found.rest:
            return found.due - now.replace(microsecond=0)
    return None


def _pause(call: Call, row: Reminder, rest: str, now: datetime) -> tuple[Effect, ...]:
    if row.state == "fired":
        return (_answer(call, strings.SAID_ALREADY, row, number=row.number),)
    if not rest:
        return *paused(row, None), _answer(call, strings.PAUSED, row, text=row.text, number=row.number)
    until = _until(rest, row.zone, now, of_day=True)
    if until is None:
        return (_answer(call, strings.PAUSE_WHEN),)
    effects = paused(row, until)
    due = next((effect.due for effect in effects if isinstance(effect, WakeAt)), None)
    if due is None:
        return *effects, _answer(call, strings.CANCELLED, row, text=row.text)
    when = say_when(due, row.zone, call.language, now)
    return *effects, _answer(call, strings.PAUSED_UNTIL, row, text=row.text, when=when)


def _resume(call: Call, row: Reminder, now: datetime) -> tuple[Effect, ...]:
    if row.state == "fired":
        return (_answer(call, strings.SAID_ALREADY, row, number=row.number),)
    if row.state != "paused":
        when = say_when(row.comes or row.next_due, row.zone, call.language, now)
        return (_answer(call, strings.RUNS, row, text=row.text, when=when),)
    due, effects = resumed(row, now)
    if due is None:
        return (_answer(call, strings.PASSED_PAUSED, row, text=row.text, number=row.number),)
    when = say_when(due, row.zone, call.language, now)
    return *effects, _answer(call, strings.RESUMED, row, text=row.text, when=when)


def _until(words: str, zone: str, now: datetime, *, of_day: bool = False) -> datetime | None:
    """Read until when: a time, or a bare length ("1 hour", “一小时”). `of_day`: a day alone is its beginning."""
    bare = words
    for lead in ("until ", "till ", "for ", "by ", "to ", "直到", "到"):
        bare = bare.removeprefix(lead)
    for said in (words, bare, f"in {bare}", f"{bare}后"):
        found = parse_when(said, now, zone)
        if isinstance(found, Ambiguous) and found.options:
            found = min(found.options, key=lambda option: option.due)
        if isinstance(found, Found) and found.due > now:
            if of_day and "time" in found.assumed:
                midnight = Rule(Repeat.ONCE, time(), zone, local_time(found.due, zone).date())
                return next_fire(midnight, now) or found.due
            return found.due
    return None


def _answer(call: Call, sentence: strings.Sentence, row: Reminder | None = None, **values: object) -> Effect:
    sources = (row.source,) if row else ()
    return call.answer(strings.said(sentence, call.language, **values), feature=NAME, sources=sources)


# ---- quiet hours


def quiet(call: Call, known: Quiet | None) -> tuple[Effect, ...]:
    """Show, set or end the quiet hours of a room, or of a person's private chat."""
    said = call.argument.text.strip().lower().rstrip(" .。!！")
    if not said:
        return (_quiet_answer(call, strings.QUIET_IS if known else strings.QUIET_NONE, known),)
    if not call.decides and not call.room.direct:
        return (_quiet_answer(call, strings.QUIET_ADMINS, None),)
    if said in reading.OFF_WORDS:
        return RememberQuiet(call.room.room_id, None), _quiet_answer(call, strings.QUIET_OFF, None)
    zone = (call.zone or call.room.zone) if call.room.direct else (call.room.zone or call.zone)
    if zone is None:
        return (_quiet_answer(call, strings.QUIET_ZONE, None),)
    wanted = reading.read_quiet(said, zone)
    if wanted is None:
        return (_quiet_answer(call, strings.QUIET_WHEN, None),)
    return RememberQuiet(call.room.room_id, wanted), _quiet_answer(call, strings.QUIET_SET, wanted)


def _quiet_answer(call: Call, sentence: strings.Sentence, hours: Quiet | None) -> Effect:
    return _answer(call, sentence, None, **dict[str, object](hours.to_json() if hours else {}))
