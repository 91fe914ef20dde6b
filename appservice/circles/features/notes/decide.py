"""What becomes a note, who may drop it, and how notes are listed. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from circles.core.call import Call, Remake
from circles.core.effects import Effect, Post, Private, Words
from circles.core.ids import EventID, RoomID, Source, UserID, event_link
from circles.core.language import Language
from circles.core.permitted import Permitted
from circles.core.posts import Frame, is_whispered
from circles.core.render import bold, fit, joined, lines, link, one_line, text
from circles.features.notes import strings
from circles_policies import Decision, Level, Member, Reason

NAME: Final = "notes"
LISTED: Final = "notes"
LATEST: Final = 30
MOST: Final = 300
"""So many notes a room holds."""
NOTE_CHARS: Final = 1_000
LINE_CHARS: Final = 160
_NUMBER: Final = re.compile(r"^[^\d\-−]{0,12}?(\d{1,6})\D{0,6}$")


@dataclass(frozen=True, slots=True)
class Note:
    """Something someone asked to keep.

    Attributes:
        author: who asked to keep it, with the event `asked`.
        source: the message whose words it holds: the author's own asking, nobody else's.
        at: when those words were written.
        kept_at: when it was asked to be kept.
    """

    id: str
    room_id: RoomID
    number: int
    author: UserID
    text: str
    source: Source
    asked: EventID
    at: datetime
    kept_at: datetime


@dataclass(frozen=True, slots=True)
class AddNote(Effect):
    """Keep a note."""

    note: Note


@dataclass(frozen=True, slots=True)
class DropNote(Effect):
    """Delete a note."""

    id: str


def note_id(asked: EventID) -> str:
    """Return the id of the note an event asks for: one event, one note, however often it is handled."""
    return hashlib.sha256(asked.encode()).hexdigest()[:24]


def note_of(call: Call, words: Permitted, number: int) -> Note:
    """Return what a call makes of the asker's own words."""
    return Note(
        id=note_id(call.event_id),
        room_id=call.room.room_id,
        number=number,
        author=call.asker,
        text=words.text.strip(),
        source=words.source,
        asked=call.event_id,
        at=datetime.fromtimestamp(words.at / 1000, UTC),
        kept_at=call.at,
    )


def is_shown(note: Note, members: Mapping[UserID, Member]) -> bool:
    """Say whether a note may be shown now: not while its author wants nothing of theirs acted on.

    Those of someone who is out or kept out stay: they were said to the AI, which counts.
    A row that holds somebody else's words, as older ones may, is never shown.
    """
    return note.author == note.source.sender and members.get(note.author, Member()).level is not Level.NOT_AT_ALL


# ---- keep


def keep(call: Call, words: Permitted, may_store: Decision, notes: Sequence[Note]) -> tuple[Effect, ...]:
    """Return what follows when somebody asks to keep words of their own."""
    language = call.language
    if not may_store:
        return refuse(call, may_store)
    if not words.text.strip():
        return problem(call, strings.NO_TEXT[language])
    if len(words.text) > NOTE_CHARS:
        return problem(call, strings.TOO_LONG[language].format(limit=NOTE_CHARS))
    if len(notes) >= MOST:
        return problem(call, strings.TOO_MANY[language].format(limit=MOST))
    number = max((note.number for note in notes), default=0) + 1
    said = strings.kept(number, language, private=call.room.direct)
    return AddNote(note_of(call, words, number)), call.answer(Words(said), feature=NAME, kind="kept")


def refuse(call: Call, decision: Decision) -> tuple[Effect, ...]:
    """Say that the words cannot be kept: the room's rule to the room, what concerns one person to that person alone."""
    if set(decision.reasons) <= {Reason.KEEP_CLASS, Reason.OPERATOR, Reason.RESTING, Reason.NO_POLICY}:
        return problem(call, strings.NOT_KEPT[call.language])
    sentence = strings.NO_CONSENT if Reason.NO_CONSENT in decision.reasons else strings.NOT_YOURS
    return problem(replace(call, private=True), sentence[call.language])


def problem(call: Call, words: str) -> tuple[Effect, ...]:
    """Answer with a sentence."""
    return (call.answer(Words(words), feature=NAME, kind="excuse"),)


# ---- drop


def drop(call: Call, notes: Sequence[Note]) -> tuple[Effect, ...]:
    """Delete a note, for whoever kept it or who decides here."""
    language = call.language
    found = _NUMBER.match(one_line(call.argument.text))
    if found is None:
        return problem(call, strings.WHICH[language])
    note = next((each for each in notes if each.number == int(found[1])), None)
    if note is None:
        return problem(call, strings.NO_SUCH[language])
    if call.asker != note.author and not call.decides:
        return problem(call, strings.NOT_YOUR_NOTE[language])
    words = Words(strings.DROPPED[language].format(number=note.number))
    return DropNote(note.id), call.answer(words, feature=NAME, kind="dropped")


# ---- the list


def show(call: Call, notes: Sequence[Note], frame: Frame) -> tuple[Effect, ...]:
    """List the latest notes."""
    remake = {"zone": frame.zone, "whispered": is_whispered(call)}
    words = listed(notes, frame)
    return (call.answer(words, feature=NAME, kind=LISTED, sources=_sources(notes), remake=remake),)


def show_again(lost: Remake, notes: Sequence[Note], frame: Frame) -> tuple[Effect, ...]:
    """List them again, because something in the list was taken back."""
    said, kept = lost.said, lost.said.remake or {}
    again = lines(text(strings.AGAIN[frame.language]))
    words = listed(notes, frame)
    html = f"{again.html or again.body}<br>{words.html}" if words.html else None
    post = Post(
        room_id=said.room_id,
        words=Words(f"{again.body}\n{words.body}", html),
        kind=LISTED,
        feature=NAME,
        reply_to=said.answers,
        thread=said.thread,
        sources=_sources(notes),
        answers=said.answers,
        remake=kept,
    )
    if kept.get("whispered") and said.asker is not None:
        return (Private(said.asker, replace(post, room_id=said.about, reply_to=None, thread=None)),)
    return (post,)


def listed(notes: Sequence[Note], frame: Frame) -> Words:
    """Return the latest notes, one a line, the number being the link to where it was said."""
    language: Language = frame.language
    latest = notes[-LATEST:]
    if not latest:
        return Words(strings.NONE[language])
    colon = ": " if language == "en" else "："
    rows = [
        joined(
            (
                bold(frame.name(note.author))
                + text(f"{colon}{one_line(note.text, LINE_CHARS)} · {frame.hour(note.at)}"),
                link(f"[{note.number}]", event_link(note.source.room or note.room_id, note.source.event_id, frame.via)),
            )
        )
        for note in latest
    ]
    more = [text(strings.OLDER[language])] if len(notes) > LATEST else []
    return fit(lines(bold(strings.TITLE[language]), *more, *rows), strings.CUT[language])


def _sources(notes: Sequence[Note]) -> tuple[Source, ...]:
    return tuple(note.source for note in notes[-LATEST:])
