"""Off the record: one thread from its first message on, or all talk of a room for a time (PRODUCT.md G5).

Owns which messages such a stretch covers, and the words that ask for one.  A stretch only ever takes away: adding one,
or letting one last longer, never lets anything be looked at.  Pure, and total on any string.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LONGEST_MINUTES: Final = 24 * 60
"""No stretch of a room lasts longer, whatever was asked: for longer an admin lets the AI rest."""
USUAL_MINUTES: Final = 60
"""How long a room is off the record where nobody said how long."""


@dataclass(frozen=True, slots=True)
class OffRecord:
    """One stretch off the record. Instants are ms since the epoch.

    Attributes:
        since: when it was asked for.
        until: from when on words count again; None: not yet. Nothing said before it ever does.
        thread: the root of the thread it is about, whose earlier messages are covered too; None: the room's talk.
    """

    since: int
    until: int | None = None
    thread: str | None = None

    def covers(self, at: int, *, event_id: str | None, thread: str | None, to_ai: bool) -> bool:
        """Say whether a message is off the record.

        Args:
            at: when it was written.
            event_id: the message; a thread's root belongs to its thread.
            thread: the root of the thread it stands in.
            to_ai: whether it speaks to the AI. A room's stretch is about talk, and that is none.
        """
        if self.until is not None and at >= self.until:
            return False
        if self.thread is not None:
            return self.thread in (thread, event_id)
        return not to_ai and at >= self.since


def is_off_thread(stretches: Iterable[OffRecord], root: str, at: int) -> bool:
    """Say whether a thread is off the record for what is said in it at an instant."""
    return any(each.thread == root and (each.until is None or at < each.until) for each in stretches)


# --- the words ----------------------------------------------------------------------------------------------------

_HAN_DIGITS: Final = {
    "半": 0.5,
    "一": 1,
    "两": 2,
    "二": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_EN_NUMBERS: Final = {
    word: value
    for value, words in enumerate(
        ("", "a an one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
    for word in words.split()
} | {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fortyfive": 45, "fifty": 50, "sixty": 60, "ninety": 90}

_EN_COUNT: Final = rf"(?:\d{{1,4}}(?:\.\d)?|{'|'.join(sorted(_EN_NUMBERS, key=len, reverse=True))})"
_EN_HOURS: Final = rf"{_EN_COUNT}(?: and a half)? ?(?:hours?|hrs?|h)(?: and a half)?"
_EN_MINUTES: Final = rf"{_EN_COUNT} ?(?:minutes?|mins?|m)"
_EN_LENGTH: Final = rf"(?:half (?:an )?hour|{_EN_HOURS}(?: (?:and )?{_EN_MINUTES})?|{_EN_MINUTES}|hour|(?:a )?day)"
_ZH_COUNT: Final = r"(?:\d{1,4}(?:\.\d)?|[一二两三四五六七八九]?十[一二三四五六七八九]?|[半一二两三四五六七八九])"
_ZH_LENGTH: Final = rf"(?:{_ZH_COUNT}个?半?(?:小时|钟头)半?|{_ZH_COUNT}分钟|一刻钟|一天)"
_EN_OFF: Final = r"(?:(?:go|stay|be|we are|we're|this is) )?off (?:the )?record"
_ZH_AHEAD: Final = r"(?:接下来|往后|之后|后面|未来)?的?"
_ZH_ALL: Final = r"(?:大家说的|说的|群里的)?(?:都|请|先)*"
_ZH_OFF: Final = r"(?:别|不要|不用|不)再?(?:记录|看|记)"
_ASKED: Final = tuple(
    re.compile(form)
    for form in (
        rf"(?:please )?{_EN_OFF},? (?:for )?(?:the )?(?:next )?({_EN_LENGTH})(?:,? please)?",
        rf"(?:please )?(?:for )?(?:the )?(?:next )?({_EN_LENGTH}),? {_EN_OFF}(?:,? please)?",
        rf"请?{_ZH_AHEAD}({_ZH_LENGTH})(?:里|内|之内|以内)?{_ZH_ALL}{_ZH_OFF}(?:了|啦|吧|哦)*",
        rf"(?:请|先)?{_ZH_OFF}({_ZH_LENGTH})(?:了|啦|吧|哦)*",
    )
)
_MAY_ASK: Final = re.compile(r"record|别|不", re.IGNORECASE)
_LONGEST: Final = 80


def asked_length(said: str) -> str | None:
    """Return the length of time somebody asks to be off the record for, folded, where that is all that was said."""
    if len(said) > _LONGEST or not _MAY_ASK.search(said):
        return None
    folded = _folded(said)
    for form in _ASKED:
        found = form.fullmatch(folded)
        if found is not None:
            return found[1]
    return None


def minutes_of(length: str) -> int | None:
    """Return how many minutes a length of time is, at most a day; None where it is none."""
    folded = _folded(length)
    value = _english_minutes(folded) if folded.isascii() else _chinese_minutes(folded)
    return None if value is None or value < 1 else min(round(value), LONGEST_MINUTES)


def _folded(said: str) -> str:
    folded = unicodedata.normalize("NFKC", said).casefold().strip(" \t\r\n,.:;!?~。、…")
    if not folded.isascii():
        return re.sub(r"[\s、,]+", "", folded)
    return " ".join(folded.replace("forty-five", "fortyfive").split())


def _english_minutes(folded: str) -> float | None:
    if folded in ("half an hour", "half hour"):
        return 30
    if folded in ("hour", "day", "a day"):
        return LONGEST_MINUTES if folded.endswith("day") else 60
    if re.fullmatch(_EN_LENGTH, folded) is None:
        return None
    found = re.fullmatch(
        rf"(?:({_EN_COUNT})[a-z ]*?h[a-z]*(?: and a half)?)?(?: ?(?:and )?({_EN_COUNT}) ?m[a-z]*)?", folded
    )
    hours, minutes = (found[1], found[2]) if found is not None else (None, None)
    half = 30 if "and a half" in folded else 0
    return (_english_number(hours) * 60 if hours else 0) + half + (_english_number(minutes) if minutes else 0)


def _english_number(said: str) -> float:
    return float(_EN_NUMBERS[said]) if said in _EN_NUMBERS else float(said)


def _chinese_minutes(folded: str) -> float | None:
    if folded in ("一刻钟", "一天"):
        return 15 if folded == "一刻钟" else LONGEST_MINUTES
    found = re.fullmatch(rf"({_ZH_COUNT})个?(半)?(小时|钟头|分钟)(半)?", folded)
    if found is None:
        return None
    unit = 1 if found[3] == "分钟" else 60
    return _chinese_number(found[1]) * unit + (unit / 2 if found[2] or found[4] else 0)


def _chinese_number(said: str) -> float:
    if "十" not in said:
        return float(_HAN_DIGITS[said]) if said in _HAN_DIGITS else float(said)
    tens, _, ones = said.partition("十")
    return 10 * _HAN_DIGITS.get(tens, 1) + _HAN_DIGITS.get(ones, 0)
