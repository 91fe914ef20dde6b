"""English days and repetitions as pieces. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from re import Match

from circles.core.schedule import MAX_EVERY, Repeat
from circles.core.when.english_times import PERIODS
from circles.core.when.english_words import (
    DAY,
    FOLLOWED,
    FULL_DAY,
    MONTH,
    NUMBER_ENDS,
    PART,
    UNCOUNTED,
    N,
    english,
    month,
    number,
    weekday,
)
from circles.core.when.pieces import Rules, always, piece, said
from circles.core.when.values import (
    EitherDate,
    Every,
    InDays,
    OnDate,
    OnDayOfMonth,
    OnWeekday,
    Piece,
    Slot,
    Unreadable,
    Vague,
)

_AND = r"\s*(?:,\s*and\b|,|&|\band\b|\bor\b)\s*"
_ORDINAL = r"(?P<d>[0-3]?[0-9])(?:st|nd|rd|th)\b"
_NUMERIC = r"(?P<a>[0-3]?[0-9])/(?P<b>[0-3]?[0-9])(?:/(?P<y>[1-9][0-9]{3,8}))?(?![\w/-])"
_YEAR = rf"(?:(?P<y>[1-9][0-9]{{3,8}})\b{NUMBER_ENDS}{UNCOUNTED})"
"""A year no calendar has is read as one too, so that people are told instead of reminded next spring."""
_REPEATS = {"d": Repeat.DAYS, "w": Repeat.WEEKS, "m": Repeat.MONTHS, "y": Repeat.YEARS, "a": Repeat.YEARS}
_WORKDAYS = Every(Repeat.WEEKS, weekdays=frozenset(range(5)))
_WEEKENDS = Every(Repeat.WEEKS, weekdays=frozenset((5, 6)))
_IS_FOLLOWED = english(FOLLOWED)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _date(match: Match[str]) -> Piece:
    of_year, day = month(match["mon"]), int(match["d"])
    if said(match, "every"):
        return piece(match, Every(Repeat.YEARS, month=of_year, day=day))
    # "the 3 may come", "2 march on": these months are verbs too.
    is_verb = match["mon"] in ("may", "march") and not _IS_FOLLOWED.match(match.string, match.end())
    year = said(match, "y")
    return piece(match, OnDate(of_year, day, int(year) if year else None), weak=is_verb)


def _numeric(match: Match[str]) -> Piece | None:
    first, second, year = int(match["a"]), int(match["b"]), int(match["y"]) if match["y"] else None
    is_date = (
        match.start() == 0 or "sure" in match.re.groupindex or bool(year or len(match["a"]) == len(match["b"]) == 2)
    )
    day_first, month_first = OnDate(second, first, year), OnDate(first, second, year)
    if not (1 <= first <= 31 and 1 <= second <= 31 and min(first, second) <= 12):
        return None
    # 5/6 in a Chinese sentence is month and day; so is 5/13 anywhere.
    if second > 12 or (first <= 12 and _CHINESE.search(match.string)):
        slot: Slot = month_first
    elif first > 12 or first == second:
        slot = day_first
    else:
        slot = EitherDate(month_first, day_first)
    return piece(match, slot, weak=not is_date)


def _ordered(match: Match[str]) -> Piece:
    year = said(match, "y")
    return piece(match, OnDate(int(match["mon"]), int(match["d"]), int(year) if year else None))


def _on_weekday(match: Match[str]) -> Piece:
    which, name = said(match, "which"), match["d"]
    if which == "last":
        return piece(match, OnWeekday(weekday(name), week=-1))
    if which == "next":
        return piece(match, OnWeekday(weekday(name), "next"))
    # "we sat in the sun": a short name counts beside another time, or after a word that makes it a day.
    is_short = len(name) < len("friday") and "sure" not in match.re.groupindex
    if is_short and name in ("sat", "sun", "wed", "mon"):
        return piece(match, OnWeekday(weekday(name)), weak=True)
    return piece(match, OnWeekday(weekday(name), "this" if which == "this" else "coming"), weak=is_short and not which)


def _every_weekdays(match: Match[str]) -> Piece:
    days = frozenset(weekday(name) for name in re.findall(DAY, match["days"], re.IGNORECASE))
    period = PERIODS.get(said(match, "part").rstrip("s"))
    return piece(match, Every(Repeat.WEEKS, 2 if said(match, "other") else 1, days), period=period)


def _range(match: Match[str]) -> Piece:
    first, last = weekday(match["a"]), weekday(match["b"])
    days = frozenset((first + count) % 7 for count in range((last - first) % 7 + 1))
    return piece(match, Every(Repeat.WEEKS, weekdays=days))


def _every(match: Match[str]) -> Piece:
    word, unit = said(match, "n"), said(match, "unit")
    count = 2 if word in ("other", "second") else int(number(word)) if word else 1
    if unit.startswith(("h", "min", "s")) or not 1 <= count <= MAX_EVERY:
        return piece(match, Unreadable("unsupported"))
    return piece(match, Every(_REPEATS[unit[0]], count))


def _adverb(match: Match[str]) -> Piece:
    # "the weekly report" repeats nothing
    return replace(_every(match), weak=not _IS_FOLLOWED.match(match.string, match.end()))


def _day_of_month(match: Match[str]) -> Piece:
    day, which = said(match, "d"), said(match, "which")
    if which in ("every", "each"):
        return piece(match, Every(Repeat.MONTHS, day=int(day) if day else 31))
    months = {"this": 0, "next": 1, "the": 0}.get(which)
    return piece(match, OnDayOfMonth(int(day) if day else 31, months, clamp=not day))


def _vague(match: Match[str]) -> Piece:
    ahead = 1 if said(match, "which") == "next" else 0
    match said(match, "unit"):
        case "week":
            return piece(match, Vague("week", ahead))
        case "month":
            return piece(match, Vague("month", ahead))
        case "year":
            return piece(match, Vague("year", ahead))
        case _:
            return piece(match, Vague("weekend", ahead))


RULES: Rules = tuple(
    (english(pattern), read)
    for pattern, read in (
        (r"\btoday\b", always(InDays(0))),
        (r"\b(?:tomorrow|tmrw|tmr)\b", always(InDays(1))),
        (r"\b(?:the\s+)?day\s+after\s+tomorrow\b", always(InDays(2))),
        (r"\byesterday\b", always(InDays(-1))),
        (rf"\b(?P<which>this|next|last)\s+(?P<d>{DAY})\b", _on_weekday),
        (
            r"(?P<sure>(?<=\bon )|(?<=\bby )|(?<=\bfrom )|(?<=\buntil )|(?<=\btill )|(?<=\bstarting )|\bcoming\s+)"
            rf"(?P<d>{DAY})\b",
            _on_weekday,
        ),
        (rf"\b(?P<d>{DAY})\b", _on_weekday),
        (
            rf"\b(?:every|each|weekly\s+on)\s+(?P<other>other\s+|second\s+)?(?P<days>{DAY}s?\b(?:{_AND}{DAY}s?\b)*)"
            rf"(?:\s+(?P<part>{PART}))?",
            _every_weekdays,
        ),
        (rf"\b(?:on\s+)?(?P<days>{FULL_DAY}s\b(?:{_AND}{FULL_DAY}s\b)*)(?:\s+(?P<part>{PART}s?))?", _every_weekdays),
        (rf"\b(?:(?:every|from|on)\s+)?(?P<a>{DAY})\s*(?:-|\u2013|to|through)\s*(?P<b>{DAY})\b", _range),
        (r"\b(?:(?:every|each|on)\s+(?:weekdays?|work(?:ing)?\s?days?)|weekdays)\b", always(_WORKDAYS)),
        (r"\b(?:(?:every|each)\s+weekend|(?:on\s+)?weekends)\b", always(_WEEKENDS)),
        (
            rf"\bevery\s+(?P<n>other|second|{N})\s*(?P<unit>days?|weeks?|months?|years?|hours?|hrs?|minutes?|mins?|seconds?|secs?)\b",
            _every,
        ),
        # "every second Tuesday" and "every second of it" are longer or no rhythm.
        (rf"\bevery\s+(?:single\s+)?second\b{FOLLOWED}", always(Unreadable("unsupported", always=False))),
        (r"\b(?:every|each)\s+(?P<unit>day|week|month|year|hour|minute)\b", _every),
        (r"\b(?P<unit>daily|weekly|monthly|yearly|annually|hourly)\b", _adverb),
        (r"\b(?:bi-?weekly|fortnightly)\b", always(Every(Repeat.WEEKS, 2))),
        (
            rf"\b(?P<every>every\s+)?(?:the\s+)?(?P<d>[0-3]?[0-9])(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<mon>{MONTH})"
            rf"(?:,?\s+{_YEAR})?",
            _date,
        ),
        (
            rf"\b(?P<every>every\s+)?(?P<mon>{MONTH})\s+(?:the\s+)?(?P<d>[0-3]?[0-9])(?:st|nd|rd|th)?\b{NUMBER_ENDS}"
            rf"{UNCOUNTED}(?:,?\s+{_YEAR})?",
            _date,
        ),
        (
            r"(?<![\w.:/-])(?P<y>[1-9][0-9]{3,8})(?P<mark>[-/.])(?P<mon>[01]?[0-9])(?P=mark)(?P<d>[0-3]?[0-9])(?![\w/-])",
            _ordered,
        ),
        (
            r"(?<![\w.:/-])(?P<d>[0-3]?[0-9])\.\s?(?P<mon>[01]?[0-9])\.(?:\s?(?P<y>[1-9][0-9]{3,8})\b)?(?![0-9])",
            _ordered,
        ),
        (rf"(?P<sure>(?<=\bon )|(?<=\bby )|(?<=\buntil )|(?<=\btill )|(?<=\bfrom )){_NUMERIC}", _numeric),
        (rf"(?<![\w.:/-]){_NUMERIC}", _numeric),
        (rf"\b(?:on|by)\s+the\s+{_ORDINAL}{FOLLOWED}", _day_of_month),
        (rf"\b(?:on\s+)?the\s+{_ORDINAL}\s+of\s+(?P<which>every|each|this|next)\s+month\b", _day_of_month),
        (rf"\b(?P<which>every)\s+{_ORDINAL}(?!\s+(?:of\s+)?[a-z]{{3}})", _day_of_month),
        (
            r"\b(?:(?:at|on)\s+)?(?:the\s+)?(?:end|last\s+day)\s+of\s+(?P<which>the|every|each|this|next)\s+month\b",
            _day_of_month,
        ),
        (r"\b(?P<which>this|next)\s+(?P<unit>week|month|year)\b", _vague),
        (r"\b(?:(?:at|on|over)\s+the\s+|(?P<which>this|next)\s+)(?P<unit>weekend)\b", _vague),
        (
            r"\b(?:on|at|this|next|every)\s+(?:christmas|xmas|easter|new\s+year'?s?(?:\s+(?:day|eve))?|"
            r"chinese\s+new\s+year|lunar\s+new\s+year|thanksgiving|mid-autumn\s+festival|eid|diwali|hanukkah)\b",
            always(Unreadable("lunar")),
        ),
    )
)
