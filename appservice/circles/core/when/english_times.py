"""English clocks, delays and parts of the day as pieces. Pure."""

from __future__ import annotations

from datetime import timedelta
from re import Match

from circles.core.schedule import Repeat
from circles.core.when.english_words import FOLLOWED, HOUR, NUMBER_ENDS, PART, UNCOUNTED, N, english, number
from circles.core.when.pieces import Rules, always, piece, said
from circles.core.when.values import After, Clock, Every, Form, InDays, Period, Piece, Slot, Unreadable

PERIODS = {
    "morning": Period.MORNING,
    "afternoon": Period.AFTERNOON,
    "evening": Period.EVENING,
    "night": Period.NIGHT,
}
_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|wks?|months?|years?|(?<=[0-9])[mhdw])"
_NO_HALF = r"(?!\s*[ap]\.?m\b)"
"""What goes on with its half of the day, "at 8 pm", is for the rule that reads both."""
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def _delay(match: Match[str]) -> Piece | None:
    first, unit = said(match, "n"), said(match, "unit")
    if first in ("a", "one") and unit.startswith("sec"):
        return None  # "in a second" is not a time
    amount = 0.5 if first.startswith("half") else 0.25 if first.startswith("a quarter") else number(first)
    amount += 0.5 if said(match, "half") else 0
    sign = -1 if said(match, "ago") else 1
    kind = "o" if unit.startswith("mo") else unit[0]
    if kind in _SECONDS:
        minutes = number(match["n2"]) if said(match, "n2") else 0
        return piece(match, After(sign * timedelta(seconds=amount * _SECONDS[kind], minutes=minutes)))
    if amount % 1:
        return piece(match, Unreadable("unsupported"))
    count = sign * int(amount)
    days = {"d": InDays(count), "w": InDays(7 * count), "o": InDays(months=count), "y": InDays(months=12 * count)}
    return piece(match, days[kind])


def _clock(match: Match[str]) -> Piece | None:
    hour, minute, half = int(number(match["h"])), int(said(match, "m") or 0), said(match, "half")
    if half:
        if not 1 <= hour <= 12:
            return None
        return piece(match, clock=Clock(hour % 12 + (12 if half[0] == "p" else 0), minute, Form.FIXED))
    if hour == 24 and minute:
        return None
    is_padded = len(match["h"]) == 2 and match["h"][0] == "0"
    form = Form.FIXED if not 1 <= hour <= 12 else Form.PADDED if is_padded else Form.LOOSE
    return piece(match, clock=Clock(hour, minute, form))


def _bare_hour(match: Match[str]) -> Piece:
    return piece(match, clock=Clock(int(match["h"])), weak=True)


def _from_to(match: Match[str]) -> Piece | None:
    """Read "10-11am" as its beginning."""
    hour, end, half = int(number(match["h"])), int(number(match["end"])), said(match, "half")[0]
    if not (1 <= hour <= 12 and 1 <= end <= 12):
        return None
    is_afternoon = (half == "p") == (hour % 12 <= end % 12)
    return piece(match, clock=Clock(hour % 12 + (12 if is_afternoon else 0), int(said(match, "m") or 0), Form.FIXED))


def _past_or_to(match: Match[str]) -> Piece | None:
    minutes = {"half": 30, "quarter": 15, "a quarter": 15}.get(said(match, "n")) or int(number(match["n"]))
    hour = int(number(match["h"]))
    if not (1 <= hour <= 12 and 1 <= minutes <= 59):
        return None
    return piece(
        match, clock=Clock(hour - 1 or 12, 60 - minutes) if said(match, "to") == "to" else Clock(hour, minutes)
    )


def _part(match: Match[str]) -> Piece:
    """Read a part of the day with what stands before it: "every morning", "this evening", "tomorrow night"."""
    before = said(match, "before")
    slots: dict[str, Slot] = {
        "every": Every(Repeat.DAYS),
        "each": Every(Repeat.DAYS),
        "this": InDays(0),
        "last": InDays(-1),
    }
    period = Period.EARLY if said(match, "early") else PERIODS[said(match, "part")]
    return piece(match, slots.get(before), period=period, weak=not before)


RULES: Rules = tuple(
    (english(pattern), read)
    for pattern, read in (
        (
            rf"\b(?:in|after)\s+(?P<n>half\s+an?|a\s+quarter\s+of\s+an|{N})\s*(?P<unit>{_UNIT})\b"
            rf"(?P<half>\s+and\s+a\s+half)?(?:\s*(?:and\s+|,\s*)?(?P<n2>{N})\s*(?:minutes?|mins?|(?<=[0-9])m)\b)?"
            r"(?:'s?\s+time\b)?",
            _delay,
        ),
        (rf"\bin\s+(?P<n>{N})(?P<half>\s+and\s+a\s+half)\s+(?P<unit>{_UNIT})\b", _delay),
        (
            rf"(?<![\w.])(?P<n>half\s+an?|{N})\s*(?P<unit>{_UNIT})(?P<half>\s+and\s+a\s+half)?"
            r"\s+(?:from\s+now|(?P<ago>ago))\b",
            _delay,
        ),
        (rf"\b{N}\s*{_UNIT}\s+(?:before|earlier|in\s+advance)\b", always(Unreadable("unsupported"))),
        (
            rf"(?<![\w.:/])(?P<h>{HOUR})(?:[:.](?P<m>[0-5][0-9]))?\s*(?P<half>am|pm|a\.m\b\.?|p\.m\b\.?)(?!\w)",
            _clock,
        ),
        (
            rf"(?<![\w.:/])(?P<h>{HOUR})(?:[:.](?P<m>[0-5][0-9]))?\s*(?:-|\u2013|to)\s*(?P<end>{HOUR})(?:[:.][0-5][0-9])?"
            r"\s*(?P<half>am|pm|a\.m\b\.?|p\.m\b\.?)(?!\w)",
            _from_to,
        ),
        (r"(?<![\w.:/])(?P<h>[01]?[0-9]|2[0-4]):(?P<m>[0-5][0-9])(?!\w)(?!:[0-9])(?:\s*(?:o'?clock|h|uhr)\b)?", _clock),
        (rf"\bat\s+(?P<h>[01]?[0-9]|2[0-3])\.(?P<m>[0-5][0-9]){NUMBER_ENDS}(?!\w){UNCOUNTED}", _clock),
        # "8.30 call mum", "tomorrow 8.30": where a time is said first, or after its day.
        (
            r"(?:(?<=[a-z]day )|(?<=tomorrow )|(?<=tonight )|(?<=morning )|(?<=evening )|^)"
            rf"(?P<h>[01]?[0-9]|2[0-3])\.(?P<m>[0-5][0-9]){NUMBER_ENDS}(?!\w)(?!\s+for\b){UNCOUNTED}",
            _clock,
        ),
        (rf"\bat\s+(?P<h>0?[1-9]|1[0-2]){NUMBER_ENDS}(?![\w/]){_NO_HALF}{UNCOUNTED}", _clock),
        (rf"\bat\s+(?P<h>{HOUR})\b{NUMBER_ENDS}(?![/-]){_NO_HALF}{UNCOUNTED}{FOLLOWED}", _clock),
        (rf"(?<![\w.:/])(?P<h>{HOUR})\s*o'?clock\b", _clock),
        # "tomorrow 9", "every Sunday 7", but not "tomorrow 9 people".
        (
            r"(?:(?<=[a-z]day )|(?<=tomorrow )|(?<=tonight )|(?<=morning )|(?<=evening ))"
            rf"(?P<h>1[0-2]|[1-9])\b{NUMBER_ENDS}(?![/-]){UNCOUNTED}{FOLLOWED}",
            _bare_hour,
        ),
        (
            r"(?<![\w.])(?P<n>half|(?:a\s+)?quarter|five|ten|twenty|[0-5]?[0-9])(?:\s+min(?:ute)?s?)?"
            rf"\s+(?P<to>past|to)\s+(?P<h>{HOUR})\b{NUMBER_ENDS}(?!/){UNCOUNTED}",
            _past_or_to,
        ),
        (r"\b(?:at\s+)?(?:noon|midday)\b", always(period=Period.NOON)),
        (r"\b(?:at\s+)?midnight\b", always(clock=Clock(0, 0, Form.MIDNIGHT))),
        (r"\btonight\b", always(InDays(0), period=Period.NIGHT)),
        (
            rf"(?<!good )\b(?:(?P<before>in\s+the|at|this|every|each|last)\s+)?(?P<early>early\s+)?(?P<part>{PART})\b",
            _part,
        ),
    )
)
