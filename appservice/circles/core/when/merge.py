"""Pieces of a sentence joined to readings: neighbours belong together, two different days are a question. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from re import Pattern

from circles.core.schedule import Repeat
from circles.core.when import chinese_days, chinese_times, english_days, english_times
from circles.core.when.chinese_words import COMMON
from circles.core.when.pieces import scan
from circles.core.when.values import (
    After,
    Both,
    Bound,
    Clock,
    Day,
    Every,
    OnDate,
    OnDayOfMonth,
    OnWeekday,
    Period,
    Piece,
    Slot,
    Unreadable,
    Vague,
)

_GAP = re.compile(r"[\s,，、()（）]*(?:(?:at|on|of|the|in)\b|的|在|@|[-–—])?[\s,，()（）]*", re.ASCII | re.IGNORECASE)
_BOUNDS_BEFORE: tuple[tuple[Bound, Pattern[str]], ...] = (
    ("from", re.compile(r"(?:\b(?:from|starting(?:\s+(?:on|from))?|beginning|since)\s*|从|自)$", re.IGNORECASE)),
    ("until", re.compile(r"(?:\b(?:until|till|through|up to)\s*|直到|截至|截止到?)$", re.IGNORECASE)),
    ("until", re.compile(r"到$")),
)
_BOUNDS_AFTER: tuple[tuple[Bound, Pattern[str]], ...] = (
    ("from", re.compile(r"\s*(?:开始|起(?!床|来|身|飞|草))")),
    ("until", re.compile(r"\s*(?:为止|止)")),
)
_BEFORE = re.compile(r"(?:\b(?:on|at|by|for|from|around)\s+(?:the\s+)?|[从在于@])$", re.ASCII | re.IGNORECASE)
_NEVER_ON = re.compile(
    r"(?:tomorrow|tonight|today|this|in|at|every|each|noon|midnight|day after)\b", re.ASCII | re.IGNORECASE
)
"""Before these "on" is a verb's: "turn the light on tomorrow", "put the oven on in 10 minutes"."""
_AFTER = re.compile(r"\s*(?:sharp\b|左右|[之以]前|前(?=[^天])|的?时候)", re.IGNORECASE)
_POSSESSIVE = re.compile(r"['’]s\b|\s*的")
_TO = re.compile(r"\s*(?:to|until|till|[-–—~～到至])\s*", re.IGNORECASE)
_LIST = re.compile(r"\s*(?:[,，、和或跟及与]|还有|or|and|,\s*and)\s*", re.IGNORECASE)
_RULES = (*english_times.RULES, *english_days.RULES, *chinese_times.RULES, *chinese_days.RULES)
_MOST = 3
"""More differing times than this in one sentence are a text about times, not a "when"."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one or more pieces say together."""

    slot: Slot | None = None
    clock: Clock | None = None
    period: Period | None = None
    first: Day | None = None
    last: Day | None = None
    spans: tuple[tuple[int, int], ...] = ()


def readings(text: str) -> tuple[str, tuple[Reading, ...]]:
    """Return the question that tells the readings apart ('' for at most one), and the readings."""
    strong: list[Reading] = []
    weak: list[Reading] = []
    for cluster in _clusters(text, _bounded(text, _longest(text))):
        start, end = _span(text, cluster)
        # "tomorrow's meeting", 明天的会: when the thing is, perhaps not when to remind.
        of_a_thing = _POSSESSIVE.match(text, end)
        span = (start, of_a_thing.end() if of_a_thing else end)
        (weak if of_a_thing else strong).append(replace(_said(cluster), spans=(span,)))
    for reading in (*strong, *weak):
        if isinstance(reading.slot, Unreadable) and (reading.slot.always or reading.clock or reading.period):
            return "", (reading,)
    strong = _readable(strong)
    weak = _readable(weak) if strong else weak
    if not strong:
        strong, weak = weak, []
    together = _fold(strong)
    if together is None:
        return _alternatives(text, strong)
    if together.slot is None and (borrowed := [reading for reading in weak if reading.slot is not None]):
        return "which_day", (together, replace(together, slot=borrowed[0].slot))
    return "", (together,) if together.spans else ()


def _readable(clusters: list[Reading]) -> list[Reading]:
    """Leave out feasts that are only spoken of, if there is a time besides."""
    others = [reading for reading in clusters if not isinstance(reading.slot, Unreadable)]
    return others or clusters


def _longest(text: str) -> list[Piece]:
    """Choose the longest pieces from left to right, none overlapping."""
    chosen: list[Piece] = []
    pieces = scan(text.translate(COMMON), _RULES)
    for piece in sorted(pieces, key=lambda piece: (piece.start, -piece.end)):
        last = chosen[-1] if chosen else None
        if last and last.clock and piece.clock and piece.slot is None and _TO.fullmatch(text, last.end, piece.start):
            chosen[-1] = replace(last, end=piece.end)  # "from 10:00 to 11:00" is at its beginning
        elif last is None or piece.start >= last.end:
            chosen.append(piece)
    return chosen


def _bounded(text: str, pieces: Sequence[Piece]) -> list[Piece]:
    """Mark the days that begin or end a repetition, and take the words that say so.

    Where nothing repeats, "from Monday" and 到明天 are plain days.
    """
    common = text.translate(COMMON)
    repeats = any(isinstance(piece.slot, Every) for piece in pieces)
    return [_bound(common, piece, repeats) if isinstance(piece.slot, Day) else piece for piece in pieces]


def _bound(text: str, piece: Piece, repeats: bool) -> Piece:
    start, end, said = piece.start, piece.end, ""
    bound: Bound = ""
    for kind, word in _BOUNDS_BEFORE:
        if before := word.search(text[: piece.start]):
            start, bound, said = before.start(), kind, before.group()
    for kind, word in _BOUNDS_AFTER:
        if after := word.match(text, piece.end):
            end, bound = after.end(), kind
    is_plain = not repeats and (bound == "from" or said == "到")
    return replace(piece, start=start, end=end, bound="" if is_plain else bound)


def _clusters(text: str, pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Group pieces that stand together and agree; weak ones alone are dropped."""
    clusters: list[list[Piece]] = []
    for piece in pieces:
        if clusters and _GAP.fullmatch(text, clusters[-1][-1].end, piece.start) and _agree([*clusters[-1], piece]):
            clusters[-1].append(piece)
        else:
            clusters.append([piece])
    return [cluster for cluster in clusters if not all(piece.weak for piece in cluster)]


def _agree(cluster: Sequence[Piece]) -> bool:
    return _fold([_of(piece) for piece in cluster], beside=True) is not None


def _said(cluster: Sequence[Piece]) -> Reading:
    return _fold([_of(piece) for piece in cluster], beside=True) or Reading()


def _of(piece: Piece) -> Reading:
    if piece.bound and isinstance(piece.slot, Day):
        first, last = (piece.slot, None) if piece.bound == "from" else (None, piece.slot)
        return Reading(None, piece.clock, piece.period, first, last, ((piece.start, piece.end),))
    return Reading(piece.slot, piece.clock, piece.period, spans=((piece.start, piece.end),))


def _span(text: str, cluster: Sequence[Piece]) -> tuple[int, int]:
    start, end = cluster[0].start, cluster[-1].end
    before = _BEFORE.search(text[:start])
    if before and not (before.group().casefold().startswith("on") and _NEVER_ON.match(text, start)):
        start = before.start()
    if after := _AFTER.match(text, end):
        end = after.end()
    return start, end


def _fold(parts: Sequence[Reading], *, beside: bool = False) -> Reading | None:
    total = Reading()
    for part in parts:
        joined = _join(total, part, beside=beside)
        if joined is None:
            return None
        total = joined
    return total


def _join(one: Reading, two: Reading, *, beside: bool) -> Reading | None:
    """Return what two readings say together, None if they differ."""
    if isinstance(one.slot, After) and two.slot is None:
        return one  # a delay is complete: the clock is something else's
    if isinstance(two.slot, After) and one.slot is None:
        return two
    slot = one.slot or two.slot
    if one.slot is not None and two.slot is not None and one.slot != two.slot:
        slot = _day(one.slot, two.slot) or _day(two.slot, one.slot) or (_both(one.slot, two.slot) if beside else None)
        if slot is None:
            return None
    if any(a and b and a != b for a, b in ((one.clock, two.clock), (one.first, two.first), (one.last, two.last))):
        return None
    if one.period and two.period and one.period is not two.period and not beside:
        return None
    spans = tuple(sorted({*one.spans, *two.spans}))
    return Reading(
        slot, one.clock or two.clock, two.period or one.period, one.first or two.first, one.last or two.last, spans
    )


def _both(one: Slot, two: Slot) -> Slot | None:
    return Both(one, two) if isinstance(one, Day) and isinstance(two, Day) else None


def _day(one: Slot, two: Slot) -> Slot | None:
    """Complete one with the other: "next week" with "Wednesday", "every month" with "the 1st"."""
    match one, two:
        case Unreadable(_, always), _:
            return one if always else two  # the day itself beside its name: 明天除夕
        case Vague("week" | "weekend", ahead), OnWeekday(weekday, "coming" | "coming_or_today", None):
            return OnWeekday(weekday, week=ahead)
        case Vague("year", ahead), OnDate(month, day, None, None):
            return OnDate(month, day, None, ahead)
        case Vague("month", ahead), OnDayOfMonth(day, None):
            return OnDayOfMonth(day, ahead)
        case Every(Repeat.WEEKS, every, weekdays), OnWeekday(weekday, week=None) if not weekdays:
            return Every(Repeat.WEEKS, every, frozenset({weekday}))
        case Every(Repeat.DAYS, 1), Every(Repeat.WEEKS):
            return two
        case Every(Repeat.MONTHS, every, _, None), OnDayOfMonth(day, None):
            return Every(Repeat.MONTHS, every, day=day)
        case Every(Repeat.YEARS, every, _, None), OnDate(month, day, None, None):
            return Every(Repeat.YEARS, every, day=day, month=month)
        case _:
            return None


def _alternatives(text: str, clusters: Sequence[Reading]) -> tuple[str, tuple[Reading, ...]]:
    """Return one reading a cluster, each completed by what the others do not contradict."""
    found: list[Reading] = []
    for one in clusters:
        filled = one
        for two in clusters:
            if (joined := _join(filled, two, beside=False)) is not None:
                filled = joined
            else:
                untimed = filled.clock is None and filled.period is None
                clock, period = (two.clock, two.period) if untimed else (filled.clock, filled.period)
                filled = replace(filled, slot=filled.slot or two.slot, clock=clock, period=period)
        if not any(replace(filled, spans=other.spans) == other for other in found):
            found.append(filled)
    question = "which_time" if len({reading.slot for reading in found}) == 1 else "which_day"
    whole = _lists(text, [span for cluster in clusters for span in cluster.spans])
    listed = (replace(one, spans=tuple(sorted({whole[span] for span in one.spans}))) for one in found)
    return question, tuple(listed) if len(found) <= _MOST else ()


def _lists(text: str, spans: Sequence[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """Map each span to the list it stands in: of "9am and 9pm" either answer takes both out of the subject."""
    groups: list[list[tuple[int, int]]] = []
    for span in sorted(spans):
        if groups and _LIST.fullmatch(text, groups[-1][-1][1], span[0]):
            groups[-1].append(span)
        else:
            groups.append([span])
    return {span: (group[0][0], group[-1][1]) for group in groups for span in group}
