"""What becomes of a request for a reminder, of its hour when it comes, and of a tap on it. Pure.

A reminder has a human host and speaks in their name. It never asks what the room may be shown:
its text is what that person asked to keep, and it comes under every policy that stands when it is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from circles.core.call import Call, Fire, Remake, Room, Said, Tap
from circles.core.effects import CancelWake, Edit, Effect, Post, Private, WakeAt, Words
from circles.core.ids import Source, UserID, event_link
from circles.core.language import Language
from circles.core.render import lines, link, text
from circles.core.schedule import Rule, is_late, next_fire
from circles.core.when import Ambiguous, Found, NotFound, parse_when
from circles.core.zones import say_when
from circles.features.reminders import strings
from circles.features.reminders.values import (
    NAME,
    AddPending,
    AddReminder,
    ChangeReminder,
    DropPending,
    DropReminder,
    Pending,
    Reminder,
    wake_keys,
)
from circles_policies.model import Keep
from circles_policies.notices import POSTED_AGAIN

MAX_ACTIVE: Final = 50
MAX_TEXT: Final = 500
SNOOZE: Final = timedelta(minutes=10)
WAIT_FOR_ANSWER: Final = timedelta(days=1)
KEEP_FIRED: Final = timedelta(days=7)
"""How long a reminder that was said can still be put off; then it is deleted."""
_ANY_ZONE: Final = "Europe/London"
"""Stands in for an unknown zone while a delay ("in 10 minutes") is read, which needs none."""


# ---- setting one


def remind(call: Call, around: Sequence[Reminder], now: datetime) -> tuple[Effect, ...]:
    """Set the reminder someone asks for, or ask back what is missing. `around`: those of the room and of the asker."""
    rest, for_room, private = strings.read_request(call.whole.text)
    draft = Pending(
        id=sha256(call.event_id.encode()).hexdigest()[:16],
        room_id=call.room.room_id,
        owner=call.asker,
        text=rest,
        source_event=call.event_id,
        asked_at=now,
        for_room=for_room and not call.room.direct,
        private=(private or call.private or call.place != call.room.room_id) and not call.room.direct,
        thread=call.thread,
        language=call.language,
    )
    return _understand(draft, call.room, call.zone, around, now)


def _understand(
    draft: Pending, room: Room, zone: str | None, around: Sequence[Reminder], now: datetime
) -> tuple[Effect, ...]:
    if room.policy is None or room.policy.store.keep < Keep.ASKED:
        return (_tell(draft, strings.NOT_KEPT),)
    if len(draft.text) > MAX_TEXT:
        return (_tell(draft, strings.TOO_LONG, limit=MAX_TEXT),)
    found = parse_when(draft.text, draft.asked_at, zone or _ANY_ZONE)
    if isinstance(found, NotFound):
        return (_tell(draft, strings.NO_TIME.get(found.reason, strings.NO_TIME["none"])),)
    if zone is None and (isinstance(found, Ambiguous) or found.rule.zone == _ANY_ZONE):
        return (*_wait(draft), _tell(draft, strings.ASK_ZONE, kind="reminder-zone"))
    if isinstance(found, Ambiguous) and not found.options:
        return (_tell(draft, strings.ASK_CLOCK),)
    if isinstance(found, Ambiguous):
        asked = replace(
            draft, text=strings.task(found.options[0].rest), options=tuple(option.rule for option in found.options)
        )
        if not asked.text:
            return (_tell(draft, strings.NO_TEXT),)
        dues = [
            strings.at_time(option.due, option.rule, draft.language, zone or _ANY_ZONE, now) for option in found.options
        ]
        options = "\n".join(f"{key} {due}" for key, due in zip(strings.NUMBERS, dues, strict=False))
        buttons = strings.NUMBERS[: len(dues)]
        return (*_wait(asked), _tell(asked, strings.ASK_TIME, kind="reminder-choice", buttons=buttons, options=options))
    if found.is_past:
        return (_tell(draft, strings.PASSED),)
    return _settle(replace(draft, text=strings.task(found.rest)), found.rule, zone, around, now)


def _wait(draft: Pending) -> tuple[Effect, ...]:
    return AddPending(draft), WakeAt(NAME, draft.id, draft.room_id, draft.asked_at + WAIT_FOR_ANSWER)


def _settle(
    draft: Pending, rule: Rule, zone: str | None, around: Sequence[Reminder], now: datetime
) -> tuple[Effect, ...]:
    due = next_fire(rule, now)
    mine = [one for one in around if one.owner == draft.owner and one.room_id == draft.room_id and one.comes]
    if not draft.text:
        return (_tell(draft, strings.NO_TEXT),)
    if due is None:
        return (_tell(draft, strings.PASSED),)
    if len(mine) >= MAX_ACTIVE:
        return (_tell(draft, strings.TOO_MANY, limit=MAX_ACTIVE),)
    new = Reminder(
        id=draft.id,
        number=_free_number(around),
        room_id=draft.room_id,
        owner=draft.owner,
        text=draft.text,
        rule=rule,
        zone=zone or rule.zone,
        next_due=due,
        source_event=draft.source_event,
        created_at=now,
        language=draft.language,
        thread=draft.thread,
        for_room=draft.for_room,
        private=draft.private,
    )
    sentence = strings.SET_ROOM if new.for_room else strings.SET_ME
    when = strings.at_time(due, rule, new.language, new.zone, now)
    confirmed = _tell(draft, sentence, kind="reminder-set", when=when, text=new.text, number=new.number)
    return AddReminder(new), WakeAt(NAME, new.id, new.room_id, due), confirmed


def _free_number(around: Iterable[Reminder]) -> int:
    taken = {one.number for one in around}
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def _tell(
    draft: Pending, sentence: strings.Sentence, kind: str = "answer", buttons: tuple[str, ...] = (), **values: object
) -> Effect:
    post = Post(
        room_id=draft.room_id,
        words=_words(sentence, draft.language, **values),
        kind=kind,
        feature=NAME,
        subject=draft.id,
        reply_to=None if draft.private else draft.source_event,
        thread=None if draft.private else draft.thread,
        sources=(Source(draft.source_event, draft.owner),),
        answers=draft.source_event,
        buttons=buttons,
    )
    return Private(draft.owner, post) if draft.private else post


def _words(sentence: strings.Sentence, language: Language, **values: object) -> Words:
    return lines(text(sentence[language].format(**values)))


# ---- answers to what was asked back


def choose(
    waiting: Pending, index: int, room: Room, zone: str | None, around: Sequence[Reminder], now: datetime
) -> tuple[Effect, ...]:
    """Set the reminder with the chosen one of the offered times."""
    if room.policy is None or room.policy.store.keep < Keep.ASKED:
        return *_no_longer(waiting), _tell(waiting, strings.NOT_KEPT)
    if not 0 <= index < len(waiting.options):
        return ()
    rule = waiting.options[index]
    return *_no_longer(waiting), *_settle(waiting, rule, zone, around, now)


def go_on(
    waiting: Pending, room: Room, zone: str | None, around: Sequence[Reminder], now: datetime
) -> tuple[Effect, ...]:
    """Take up a request again once its asker's time zone is known, as of the moment it was made."""
    return *_no_longer(waiting), *_understand(waiting, room, zone, around, now)


def _no_longer(waiting: Pending) -> tuple[Effect, ...]:
    return DropPending(waiting.id), CancelWake(NAME, waiting.id)


def wake_waiting(waiting: Iterable[Pending], now: datetime) -> tuple[Effect, ...]:
    """Let the requests that waited for a zone go on, each in its own room, where its own policy is asked again."""
    return tuple(WakeAt(NAME, one.id, one.room_id, now) for one in waiting if not one.options)


# ---- its hour


def fire(row: Reminder, name: str, event: Fire) -> tuple[Effect, ...]:
    """Say a reminder whose hour has come, and arm the next one in the same breath. A stale wake says nothing."""
    own, again = wake_keys(row.id)
    now = event.now
    if event.key == again:
        if row.again is None:
            return ()
        if row.again > now:
            return (WakeAt(NAME, again, row.room_id, row.again),)
        return _say(row, name, row.again, now, again=True), _change(row, again=None, fired_at=now, done_at=None)
    if row.state != "active":
        # Said long enough ago; unless it was put off and is still to come.
        return (WakeAt(NAME, own, row.room_id, row.again + KEEP_FIRED),) if row.again else (DropReminder(row.id),)
    if row.next_due > now:
        return (WakeAt(NAME, own, row.room_id, row.next_due),)
    following = next_fire(row.rule, now) if row.recurs else None
    changed = _change(
        row,
        state="active" if following else "fired",
        next_due=following or row.next_due,
        fired_at=now,
        done_at=None,
    )
    wake = WakeAt(NAME, own, row.room_id, following or now + KEEP_FIRED)
    return _say(row, name, row.next_due, now), changed, wake


def _say(row: Reminder, name: str, due: datetime, now: datetime, *, again: bool = False) -> Effect:
    said = strings.AGAIN[row.language] if again else ""
    said += strings.fire_words(name, row.text, row.language, for_room=row.for_room)
    if is_late(due, now):
        said += strings.LATE[row.language].format(when=strings.clock(due, row.zone, row.language, now))
    stays = row.for_room or row.private
    post = Post(
        room_id=row.room_id,
        words=lines(text(said)),
        kind="reminder",
        feature=NAME,
        ping=(row.owner,),
        text=True,
        reply_to=None if stays else row.source_event,
        thread=None if stays else row.thread,
        subject=row.id,
        sources=(row.source,),
        buttons=(strings.DONE_KEY, strings.SNOOZE_KEY, *((strings.STOP_KEY,) if row.recurs else ())),
    )
    return Private(row.owner, post) if row.private else post


def _change(row: Reminder, **changes: str | datetime | None) -> ChangeReminder:
    return ChangeReminder(row.id, changes)


# ---- what people do with it


def may_change(row: Reminder, asker: UserID, *, decides: bool) -> bool:
    """Return whether someone may change a reminder: its owner may, and where it is not private, whoever decides."""
    return asker == row.owner or (decides and not row.private)


def tapped(row: Reminder, tap: Tap) -> tuple[Effect, ...]:
    """Do what an allowed tap on a reminder asks for; pressed twice, it does nothing more."""
    if tap.key == strings.DONE_KEY:
        if row.done_at and row.fired_at and row.done_at >= row.fired_at:
            return ()
        words = _words(strings.DONE, row.language, text=row.text)
        return *_ticked(row, tap.at), Edit(tap.said.room_id, tap.said.effect_id, words)
    if tap.key == strings.SNOOZE_KEY:
        return () if row.again and row.again > tap.at else _put_off_by_tap(row, tap)
    if tap.key == strings.STOP_KEY:
        return *dropped(row), _reply(row, tap, strings.STOPPED, text=row.text)
    return ()


def _put_off_by_tap(row: Reminder, tap: Tap) -> tuple[Effect, ...]:
    until = tap.at + SNOOZE
    when = strings.clock(until, row.zone, row.language, tap.at)
    return *put_off(row, until), _reply(row, tap, strings.SNOOZED, when=when)


def refuse(tap: Tap, key: str) -> tuple[Effect, ...]:
    """Say once, kindly, that this reminder is someone else's. `key` remembers that this person was told."""
    return (replace(_note(tap, strings.NOT_YOURS[tap.language], "reminder-note"), subject=key),)


def note_key(said: Said, asker: UserID) -> str:
    """Return the subject under which a refusal is found again: one a person and post."""
    return f"{said.effect_id}/{asker}"


def _reply(row: Reminder, tap: Tap, sentence: strings.Sentence, **values: object) -> Effect:
    return replace(_note(tap, sentence[row.language].format(**values), "answer"), subject=row.id, sources=(row.source,))


def _note(tap: Tap, said: str, kind: str) -> Post:
    return Post(tap.said.room_id, lines(text(said)), kind, NAME, reply_to=tap.said.event_id, thread=tap.said.thread)


def dropped(row: Reminder) -> tuple[Effect, ...]:
    """Delete a reminder and its wakes."""
    return DropReminder(row.id), *(CancelWake(NAME, key) for key in wake_keys(row.id))


def _ticked(row: Reminder, now: datetime) -> tuple[Effect, ...]:
    if not row.recurs:
        return dropped(row)
    return _change(row, done_at=now, again=None), CancelWake(NAME, wake_keys(row.id)[1])


def put_off(row: Reminder, until: datetime) -> tuple[Effect, ...]:
    """Let a reminder come (again) at another instant; a recurring one keeps its own times besides."""
    if row.state == "active" and not row.recurs:
        return _change(row, next_due=until), WakeAt(NAME, row.id, row.room_id, until)
    return _change(row, again=until, done_at=None), WakeAt(NAME, wake_keys(row.id)[1], row.room_id, until)


def visible(call: Call, rows: Sequence[Reminder]) -> tuple[Reminder, ...]:
    """Return those of `rows` that this person may see and name here: in private their own, else the room's."""
    if call.private or call.room.direct or call.place != call.room.room_id:
        return tuple(row for row in rows if row.owner == call.asker)
    return tuple(row for row in rows if row.room_id == call.room.room_id and not row.private)


def pick(call: Call, rows: Sequence[Reminder], replied: str | None) -> tuple[Reminder | None, str]:
    """Return the reminder a command is about, and the words after its number.

    Named by its number, by a reply to a post of it, or not at all where there is only one it can be.
    """
    number, rest = strings.read_number(call.argument.text)
    if number is not None:
        return next((row for row in rows if row.number == number), None), rest
    if replied:
        return next((row for row in rows if row.id == replied), None), rest
    own = [row for row in rows if row.owner == call.asker]
    if call.command != "cancel":
        said = sorted(
            (row for row in own if row.fired_at and not row.done_at), key=lambda row: row.fired_at or row.next_due
        )
        if said:
            return said[-1], rest
    coming = [row for row in own if row.comes]
    return (coming[0] if len(coming) == 1 else None), rest


def change(call: Call, rows: Sequence[Reminder], replied: str | None, now: datetime) -> tuple[Effect, ...]:
    """Cancel, tick off or put off the reminder a command names."""
    row, rest = pick(call, rows, replied)
    if row is None:
        named = strings.read_number(call.argument.text)[0] is not None
        sentence = strings.NO_SUCH if named else strings.WHICH
        return (_answer(call, sentence, word=strings.WORDS[call.command][call.language]),)
    if not may_change(row, call.asker, decides=call.decides):
        return (_answer(call, strings.NOT_YOURS),)
    if call.command == "cancel":
        return *dropped(row), _answer(call, strings.CANCELLED, row, text=row.text)
    if call.command == "done":
        return *_ticked(row, now), _answer(call, strings.DONE, row, text=row.text)
    until = _until(rest, row.zone, now)
    if until is None:
        return (_answer(call, strings.SNOOZE_WHEN),)
    when = strings.clock(until, row.zone, call.language, now)
    return *put_off(row, until), _answer(call, strings.SNOOZED, row, when=when)


def _until(words: str, zone: str, now: datetime) -> datetime | None:
    """Read what follows `snooze`: a time, or a bare length ("1 hour", “一小时”); nothing said is ten minutes."""
    if not words:
        return now + SNOOZE
    for said in (words, f"in {words.removeprefix('for ')}", f"{words}后"):
        found = parse_when(said, now, zone)
        if isinstance(found, Ambiguous) and found.options:
            found = min(found.options, key=lambda option: option.due)
        if isinstance(found, Found) and found.due > now:
            return found.due
    return None


def _answer(call: Call, sentence: strings.Sentence, row: Reminder | None = None, **values: object) -> Effect:
    sources = (row.source,) if row else ()
    return call.answer(_words(sentence, call.language, **values), feature=NAME, sources=sources)


def show(rows: Sequence[Reminder], room: Room, language: Language, now: datetime) -> Words:
    """List reminders, the next one first; each number links to the request behind it."""
    shown = [row for row in rows if row.comes]
    if not shown:
        return _words(strings.LIST_NONE, language)
    said = [text(strings.LIST[language])]
    for row in shown:
        comes = row.comes or row.next_due
        when = say_when(comes, row.zone, language, now)
        if row.recurs and comes == row.next_due:
            when = strings.rule_words(row.rule, language)
        notes = [strings.FOR_ROOM[language]] if row.for_room else []
        label = link(f"{row.number}", event_link(row.room_id, row.source_event, room.via), spelled=False)
        said.append(label + text(". " + " · ".join([when, row.text, *notes])))
    return lines(*said)


def show_again(rows: Sequence[Reminder], event: Remake) -> tuple[Effect, ...]:
    """Post a list anew after something in it was taken back."""
    said = event.said
    words = show(rows, event.room, said.language, event.now)
    body, html = f"{POSTED_AGAIN[said.language]}\n{words.body}", words.html
    post = Post(
        said.about,
        Words(body, f"{POSTED_AGAIN[said.language]}<br>{html}" if html else None),
        "reminders",
        NAME,
        sources=tuple(row.source for row in rows),
        answers=said.answers,
        remake=said.remake,
    )
    if said.about != said.room_id and said.asker:
        return (Private(said.asker, post),)
    return (replace(post, reply_to=said.answers, thread=said.thread),)


def shown_in(rows: Sequence[Reminder], asker: UserID | None) -> tuple[Reminder, ...]:
    """Return what a list shows of the visible ones: the asker's, and the room's."""
    return tuple(row for row in rows if row.comes and (row.for_room or row.owner == asker))
