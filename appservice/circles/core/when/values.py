"""What a sentence says about time: the answers of `parse_when`, and the pieces it is read from. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum, auto
from typing import Literal

from circles.core.schedule import Repeat, Rule

Which = Literal["coming", "coming_or_today", "this", "next"]


@dataclass(frozen=True, slots=True)
class Found:
    """One reading.

    Attributes:
        rule: when it fires, as said.
        due: the first fire time, UTC.
        spans: the characters that speak of time, in order; cut them out to get the subject.
        rest: the text without them and without the connectors they leave dangling.
        is_past: whether the time named has passed ("yesterday", "today at 8:00" at ten).
        assumed: what was not said ("time", "half", "day", "year"); the table is in this package's docstring.
    """

    rule: Rule
    due: datetime
    spans: tuple[tuple[int, int], ...]
    rest: str
    is_past: bool = False
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several readings, at most five, the likeliest first; none if only the person can say (`what_time`)."""

    question_key: str
    options: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class NotFound:
    """No time that can be kept: "none", "lunar", "unsupported", or "impossible" (30 February)."""

    reason: str = "none"


class Period(Enum):
    """A part of the day."""

    SMALL_HOURS = auto()
    EARLY = auto()
    ZH_MORNING = auto()
    MORNING = auto()
    NOON = auto()
    AFTERNOON = auto()
    DUSK = auto()
    EVENING = auto()
    NIGHT = auto()
    LATE = auto()


class Form(Enum):
    """How surely an hour is one of 24: "7", "07:00", "7pm" or "19"."""

    LOOSE = auto()
    PADDED = auto()
    FIXED = auto()
    MIDNIGHT = auto()


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day as written; `hour` may be 24."""

    hour: int
    minute: int = 0
    form: Form = Form.LOOSE


@dataclass(frozen=True, slots=True)
class After:
    """A delay in hours and minutes; negative for "ago"."""

    delta: timedelta


@dataclass(frozen=True, slots=True)
class InDays:
    """A day counted from today."""

    days: int = 0
    months: int = 0


@dataclass(frozen=True, slots=True)
class OnWeekday:
    """A weekday: the coming one, or that of the n-th calendar week from now (`week`)."""

    weekday: int
    which: Which = "coming"
    week: int | None = None


@dataclass(frozen=True, slots=True)
class OnDate:
    """A day of the year; the coming one unless a year is said."""

    month: int
    day: int
    year: int | None = None
    years_ahead: int | None = None


@dataclass(frozen=True, slots=True)
class OnDayOfMonth:
    """A day of the n-th month from now, or the coming one; with `clamp` the last if the month is shorter."""

    day: int
    months: int | None = None
    clamp: bool = False
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EitherDate:
    """05/06: the sixth of May or the fifth of June."""

    first: OnDate
    second: OnDate


@dataclass(frozen=True, slots=True)
class Both:
    """Two ways to say one day ("Friday 6 Feb"): where they meet, else a question."""

    first: Day
    second: Day


@dataclass(frozen=True, slots=True)
class Vague:
    """A stretch of days: "next week", 周末."""

    unit: Literal["week", "weekend", "month", "year"]
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Every:
    """A repetition; what it does not say may be said elsewhere ("every week … on Friday")."""

    repeat: Repeat
    every: int = 1
    weekdays: frozenset[int] = frozenset()
    day: int | None = None
    month: int | None = None
    gap: bool = False
    """每隔两天: strictly each third day, in many mouths each second."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Words about time that cannot be kept; `always`: whatever else is said."""

    reason: Literal["lunar", "unsupported"]
    always: bool = True


Day = InDays | OnWeekday | OnDate | OnDayOfMonth | EitherDate | Both | Vague
Slot = Day | After | Every | Unreadable
Bound = Literal["", "from", "until"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters that speak of time. `weak`: only beside others ("Sat 9:00", but not "we sat")."""

    start: int
    end: int
    slot: Slot | None = None
    clock: Clock | None = None
    period: Period | None = None
    weak: bool = False
    bound: Bound = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A wall time, `shift` days after the day named."""

    at: time
    shift: int = 0
    assumed: tuple[str, ...] = ()
