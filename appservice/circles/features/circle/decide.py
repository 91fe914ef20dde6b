"""What a circle is called, which number it gets, and what is said of its link. Pure."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import segno

from circles.core.call import Call
from circles.core.effects import Attachment, Effect
from circles.core.ids import EventID, RoomID, room_link
from circles.core.render import one_line
from circles.features.circle import strings

NAME: Final = "circle"
CREATED: Final = "created"
"""The kind of the post that says that a circle stands; these are counted, for one person may have so many a day."""
NAME_CHARS: Final = 40
GOAL_CHARS: Final = 500
TRIES: Final = 40
FIRST_NUMBER: Final = 1_000
LAST_NUMBER: Final = 9_999
_SENTENCE_ENDS: Final = ("\n", "。", "！", "？", ". ", "! ", "? ", "；", "; ")
_QR_PIXELS: Final = 8
_QR_QUIET: Final = 4
"""Modules of white around the code, which scanners need (ISO/IEC 18004)."""


@dataclass(frozen=True, slots=True)
class NumberCircle(Effect):
    """Note the number of a circle that was made."""

    room_id: RoomID
    number: int


@dataclass(frozen=True, slots=True)
class Door:
    """How one gets in: the alias if there is one, else the room ID, and through which servers."""

    room_id: RoomID
    alias: str | None
    number: int | None
    via: tuple[str, ...]

    @property
    def link(self) -> str:
        """The permalink, with `via`, so that people of other homeservers can follow it."""
        return room_link(self.alias or self.room_id, self.via)


def title(goal: str) -> str:
    """Return the room's name: the goal's first sentence, as short as a room list shows it."""
    first = goal.strip()
    for end in _SENTENCE_ENDS:
        first = first.split(end, 1)[0]
    return one_line(first, NAME_CHARS).rstrip(".,;:，；：、")


def numbers(event_id: EventID, taken: Collection[int]) -> Iterator[int]:
    """Yield numbers for the circle an event asks for: the same ones, in the same order, however often it is handled."""
    span = LAST_NUMBER - FIRST_NUMBER + 1
    seen = set(taken)
    for attempt in range(TRIES):
        digest = hashlib.sha256(f"{event_id} {attempt}".encode()).digest()
        number = FIRST_NUMBER + int.from_bytes(digest[:8], "big") % span
        if number not in seen:
            seen.add(number)
            yield number


def door(room_id: RoomID, number: int | None, via: tuple[str, ...], prefix: str, server: str) -> Door:
    """Return how a room is entered; one of ours by its number."""
    alias = f"#{prefix}{number}:{server}" if number is not None else None
    return Door(room_id, alias, number, via or (server,))


def created(call: Call, way: Door, name: str) -> tuple[Effect, ...]:
    """Return what follows when a circle stands: its number is noted, and the asker gets its link."""
    words = strings.created(name, way.link, way.number or 0, way.alias or "", call.language)
    said = call.answer(words, feature=NAME, kind=CREATED, attachment=qr(way.link, _file_name(way)))
    return *((NumberCircle(way.room_id, way.number),) if way.number is not None else ()), said


def invitation(call: Call, way: Door, *, is_open: bool | None, asker_is_admin: bool) -> tuple[Effect, ...]:
    """Return the answer with the link, and what else it needs where the room asks for an invitation."""
    words = strings.invitation(way.link, way.number, way.alias, call.language)
    note = strings.door_note(call.language, is_open=is_open, asker_is_admin=asker_is_admin)
    words = strings.with_note(words, note)
    return (call.answer(words, feature=NAME, kind="invite", attachment=qr(way.link, _file_name(way))),)


def qr(link: str, name: str) -> Attachment:
    """Return a link as a QR code: black on white also in a dark theme, wide enough to scan from a phone."""
    code = segno.make(link, error="m", micro=False)
    out = io.BytesIO()
    code.save(out, kind="png", scale=_QR_PIXELS, border=_QR_QUIET)
    width, height = code.symbol_size(scale=_QR_PIXELS, border=_QR_QUIET)
    return Attachment(name, "image/png", out.getvalue(), int(width), int(height))


def _file_name(way: Door) -> str:
    return f"circle-{way.number}.png" if way.number is not None else "circle.png"
