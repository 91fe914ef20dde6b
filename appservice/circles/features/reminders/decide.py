"""What becomes of a request for a reminder. Pure. What people do with one: `change.py`; its hour: `fire.py`.

A reminder has a human host and speaks in their name. It never asks what the room may be shown:
its text is what that person asked to keep, and it comes under every policy that stands when it is due.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from circles.core.call import Call, Remake, Room
from circles.core.effects import CancelWake, Effect, Post, Private, WakeAt, Words
from circles.core.ids import Source, UserID, event_link
from circles.core.language import Language
from circles.core.quiet import Quiet
from circles.core.render import lines, link, text
from circles.core.schedule import Rule, next_fire
from circles.core.when import Ambiguous, NotFound, parse_when
from circles.core.zones import say_when
from circles.features.reminders import strings
from circles.features.reminders import words as reading
from circles.features.reminders.values import (
    MOST_RINGS,
    NAME,
    RING_EVERY,
    AddPending,
    AddReminder,
    DropPending,
    Pending,
    Reminder,
    quiet_for,
)
from circles_policies.model import Keep
from circles_policies.notices import POSTED_AGAIN

MAX_ACTIVE: Final = 50
"""Of one person in one room."""
MAX_PERSON: Final = 200
MAX_ROOM: Final = 500
MAX_ALARMS: Final = 5
MAX_WAITING: Final = 10
"""Requests of one person that wait for their answer."""
MAX_TEXT: Final = 500
YEARS_AHEAD: Final = 20
WAIT_FOR_ANSWER: Final = timedelta(days=1)
_ANY_ZONE: Final = "Europe/London"
"""Stands in for an unknown zone while a delay ("in 10 minutes") is read, which needs none."""


# ---- setting one


@dataclass(frozen=True, slots=True)
class Around:
    """What a new reminder meets.

    Attributes:
        rows: the reminders of the room and of the asker.
        waiting: how many requests of the asker wait for their answer.
        quiet, own: the quiet hours of the room, and of the asker's private chat.
    """

    rows: Sequence[Reminder] = ()
    waiting: int = 0
    quiet: Quiet | None = None
    own: Quiet | None = None


def remind(
    call: Call,
    around: Around,
    now: datetime,
    others: Mapping[UserID, str] = MappingProxyType({}),
    own: Collection[str] = (),
) -> tuple[Effect, ...]:
    """Set the reminder or alarm someone asks for, or ask back what is missing.

    `others`: whom of the room it may be for, by name or by user ID; that one is said in the room, to them.
    `own`: what the asker is called, who may say that for "me".
    """
    is_alarm = call.command == "alarm"
    rest, for_room, private = (reading.read_alarm if is_alarm else reading.read_request)(call.whole.text)
    known = () if is_alarm or for_room else (*others.values(), *others, *own)
    whom, named = reading.for_whom(call.whole.text, known)
    if whom in own and whom not in others.values():
        whom, rest = "", named[len(whom) :].lstrip(":： ")
    rest, for_room = (named, True) if whom else (rest, for_room)
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
        alarm=is_alarm,
        whom=whom,
    )
    if len(namesakes := [user for user, name in others.items() if name == whom]) > 1:
        handles = strings.OR[call.language].join(namesakes)
        return (_tell(draft, strings.WHO, name=whom, handles=handles, first=namesakes[0]),)
    return _understand(draft, call.room, call.zone, around, now)


def _understand(draft: Pending, room: Room, zone: str | None, around: Around, now: datetime) -> tuple[Effect, ...]:
    if room.policy is None or room.policy.store.keep < Keep.ASKED:
        return (_tell(draft, strings.NOT_KEPT),)
    if len(draft.text) > MAX_TEXT:
        return (_tell(draft, strings.TOO_LONG, limit=MAX_TEXT),)
    found = parse_when(draft.text, draft.asked_at, zone or _ANY_ZONE)
    if isinstance(found, NotFound):
        return (_tell(draft, strings.NO_TIME.get(found.reason, strings.NO_TIME["none"])),)
    if zone is None and (isinstance(found, Ambiguous) or found.rule.zone == _ANY_ZONE):
        return _wait(draft, around) or (*_keep_waiting(draft), _tell(draft, strings.ASK_ZONE, kind="reminder-zone"))
    if isinstance(found, Ambiguous) and not found.options:
        return (_tell(draft, strings.ASK_CLOCK),)
    if isinstance(found, Ambiguous):
        asked = replace(
            draft, text=_task(draft, found.options[0].rest), options=tuple(option.rule for option in found.options)
        )
        return _wait(asked, around) or _offer(asked, found, zone, now)
    if found.is_past:
        return (_tell(draft, strings.PASSED),)
    return _settle(replace(draft, text=_task(draft, found.rest)), found.rule, room, zone, around, now)


def _task(draft: Pending, rest: str) -> str:
    if draft.whom and rest.startswith(draft.whom):
        what = reading.task(rest[len(draft.whom) :])
        return f"{draft.whom}{': ' if draft.language == 'en' else '：'}{what}" if what else ""
    return reading.task(rest) or (strings.ALARM_TEXT[draft.language] if draft.alarm else "")


def _offer(asked: Pending, found: Ambiguous, zone: str | None, now: datetime) -> tuple[Effect, ...]:
    """Ask which of several times is meant."""
    if not asked.text:
        return (_tell(asked, strings.NO_TEXT),)
    dues = [strings.at_time(one.due, one.rule, asked.language, zone or _ANY_ZONE, now) for one in found.options]
    options = "\n".join(f"{key} {due}" for key, due in zip(strings.NUMBERS, dues, strict=False))
    buttons = strings.NUMBERS[: len(dues)]
    question = _tell(asked, strings.ASK_TIME, kind="reminder-choice", buttons=buttons, options=options)
    return (*_keep_waiting(asked), question)


def _wait(draft: Pending, around: Around) -> tuple[Effect, ...]:
    """Refuse one more request that would wait for an answer; nothing where there is a place for it."""
    full = around.waiting >= MAX_WAITING
    return (_tell(draft, strings.TOO_MANY_WAITING, limit=MAX_WAITING),) if full else ()


def _keep_waiting(draft: Pending) -> tuple[Effect, ...]:
    return AddPending(draft), WakeAt(NAME, draft.id, draft.room_id, draft.asked_at + WAIT_FOR_ANSWER)


def _settle(
    draft: Pending, rule: Rule, room: Room, zone: str | None, around: Around, now: datetime
) -> tuple[Effect, ...]:
    due = next_fire(rule, now)
    if not draft.text:
        return (_tell(draft, strings.NO_TEXT),)
    if due is None:
        return (_tell(draft, strings.PASSED),)
    if due - now > timedelta(days=366 * YEARS_AHEAD):
        return (_tell(draft, strings.TOO_FAR, years=YEARS_AHEAD),)
    if refused := _full(draft, around.rows):
        return refused
    new = Reminder(
        id=draft.id,
        number=_free_number(around.rows),
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
        alarm=draft.alarm,
    )
    quiet = quiet_for(new, around.own if new.private else around.quiet, direct=room.direct)
    return AddReminder(new), WakeAt(NAME, new.id, new.room_id, due), _confirmed(draft, new, quiet, now)


def _full(draft: Pending, rows: Sequence[Reminder]) -> tuple[Effect, ...]:
    """Say which limit one more would break; nothing where it breaks none."""
    counted = [one for one in rows if one.counts]
    mine = [one for one in counted if one.owner == draft.owner]
    here = [one for one in counted if one.room_id == draft.room_id]
    limits = (
        (strings.TOO_MANY, [one for one in here if one.owner == draft.owner], MAX_ACTIVE),
        (strings.TOO_MANY_PERSON, mine, MAX_PERSON),
        (strings.TOO_MANY_ROOM, here, MAX_ROOM),
        (strings.TOO_MANY_ALARMS, [one for one in mine if one.alarm] if draft.alarm else [], MAX_ALARMS),
    )
    return next((((_tell(draft, words, limit=most)),) for words, found, most in limits if len(found) >= most), ())


def _confirmed(draft: Pending, new: Reminder, quiet: Quiet | None, now: datetime) -> Effect:
    sentence = strings.SET_ALARM if new.alarm else strings.SET_ROOM if new.for_room else strings.SET_ME
    whom, _, what = new.text.replace("：", ": ", 1).partition(": ")
    is_named = bool(draft.whom) and whom == draft.whom
    sentence = strings.SET_NAMED if is_named else sentence
    values: dict[str, object] = {
        "name": whom,
        "when": strings.at_time(new.next_due, new.rule, new.language, new.zone, now),
        "text": what if is_named else new.text,
        "number": new.number,
        "minutes": RING_EVERY // timedelta(minutes=1),
        "most": MOST_RINGS,
    }
    if quiet is not None and quiet.holds(new.next_due):
        held: strings.Sentence = {language: said + strings.SET_QUIET[language] for language, said in sentence.items()}
        sentence = held
        values["after"] = say_when(quiet.ends(new.next_due), new.zone, new.language, now)
    return _tell(draft, sentence, "reminder-set", (), **values)


def _free_number(around: Iterable[Reminder]) -> int:
    taken = {one.number for one in around}
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def _tell(
    draft: Pending, sentence: strings.Sentence, kind: str = "answer", buttons: tuple[str, ...] = (), **values: object
) -> Effect:
    post = Post(
        room_id=draft.room_id,
        words=strings.said(sentence, draft.language, **values),
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


# ---- answers to what was asked back


def choose(
    waiting: Pending, index: int, room: Room, zone: str | None, around: Around, now: datetime
) -> tuple[Effect, ...]:
    """Set the reminder with the chosen one of the offered times."""
    if room.policy is None or room.policy.store.keep < Keep.ASKED:
        return *_no_longer(waiting), _tell(waiting, strings.NOT_KEPT)
    if not 0 <= index < len(waiting.options):
        return ()
    rule = waiting.options[index]
    return *_no_longer(waiting), *_settle(waiting, rule, room, zone, around, now)


def go_on(waiting: Pending, room: Room, zone: str | None, around: Around, now: datetime) -> tuple[Effect, ...]:
    """Take up a request again once its asker's time zone is known, as of the moment it was made."""
    return *_no_longer(waiting), *_understand(waiting, room, zone, around, now)


def _no_longer(waiting: Pending) -> tuple[Effect, ...]:
    return DropPending(waiting.id), CancelWake(NAME, waiting.id)


def wake_waiting(waiting: Iterable[Pending], now: datetime) -> tuple[Effect, ...]:
    """Let the requests that waited for a zone go on, each in its own room, where its own policy is asked again."""
    return tuple(WakeAt(NAME, one.id, one.room_id, now) for one in waiting if not one.options)


# ---- the list


def show(rows: Sequence[Reminder], room: Room, language: Language, now: datetime) -> Words:
    """List reminders, the next one first; each number links to the request behind it."""
    shown = [row for row in rows if row.counts]
    if not shown:
        return strings.said(strings.LIST_NONE, language)
    said = [text(strings.LIST[language])]
    for row in shown:
        comes = row.comes or row.next_due
        when = say_when(comes, row.zone, language, now)
        if row.recurs and comes == row.next_due:
            when = strings.rule_words(row.rule, language)
        marks = (
            (strings.ALARM_MARK, row.alarm),
            (strings.FOR_ROOM, row.for_room),
            (strings.PAUSED_MARK, row.state == "paused"),
        )
        notes = [mark[language] for mark, holds in marks if holds]
        label = link(f"{row.number}", event_link(row.origin or row.room_id, row.source_event, room.via), spelled=False)
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
    return tuple(row for row in rows if row.counts and (row.for_room or row.owner == asker))
