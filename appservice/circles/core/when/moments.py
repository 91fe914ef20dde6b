"""Times of day: what a clock and a part of the day say together, and what is assumed where one is missing. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

from circles.core.when.values import Clock, Form, Moment, Period

_DAY = time(9)
_SLOTS = tuple(time(hour) for hour in (9, 12, 15, 18, 20, 22))
"""When a day without a time is today: the next of these."""
_DEFAULTS = {
    Period.SMALL_HOURS: time(5),
    Period.EARLY: time(7),
    Period.ZH_MORNING: time(8),
    Period.MORNING: time(9),
    Period.NOON: time(12),
    Period.AFTERNOON: time(15),
    Period.DUSK: time(18),
    Period.EVENING: time(19),
    Period.NIGHT: time(20),
    Period.LATE: time(23),
}
_EVENINGS = (Period.EVENING, Period.NIGHT, Period.LATE)


def moments(clock: Clock | None, period: Period | None) -> tuple[str, tuple[Moment, ...]]:
    """Return the moments of a day that are meant, and the question that tells them apart."""
    if clock is None:
        at = _DAY if period is None else _DEFAULTS[period]
        return "", (Moment(at, assumed=() if period is Period.NOON else ("time",)),)
    if clock.form is Form.MIDNIGHT:
        return "which_midnight", (Moment(time(0)), Moment(time(0), 1))
    if clock.form is Form.FIXED or (clock.form is Form.PADDED and period is None):
        return "", (_at(clock, clock.hour),)
    if period is not None:
        return _within(clock, period)
    evening = _at(clock, clock.hour + 12)
    return "am_or_pm", tuple(replace(moment, assumed=("half",)) for moment in (_at(clock, clock.hour), evening))


def on_a_named_day(found: tuple[Moment, ...], question: str) -> tuple[Moment, ...]:
    """Return the moments likely on a day that is not today, the likeliest first."""
    if question == "which_night":
        return found[1:]
    if question == "am_or_pm":
        return found[:1] if found[0].at.hour >= 7 else found[::-1]
    return found


def on_this_day(found: tuple[Moment, ...], question: str, period: Period | None, now: time) -> tuple[Moment, ...]:
    """Return the moments likely today: of an assumed time that has passed a later one, of two twelves the next."""
    if question == "am_or_pm" and found[0].at.hour == 12:
        return found[:1] if found[0].at > now else found[1:]
    return tuple(_later(moment, period, now) for moment in found)


def _later(moment: Moment, period: Period | None, now: time) -> Moment:
    if "time" not in moment.assumed or moment.shift or (period is not None and period not in _EVENINGS):
        return moment
    later = (slot for slot in _SLOTS if slot > now and (period is None or slot.hour >= 20))
    return moment if moment.at > now else replace(moment, at=next(later, moment.at))


def _at(clock: Clock, hour: int) -> Moment:
    return Moment(time(hour % 24, clock.minute), hour // 24)


def _within(clock: Clock, period: Period) -> tuple[str, tuple[Moment, ...]]:
    """Place an hour from 1 to 12 in a part of the day: 中午一点 is 13:00, 晚上十二点 the next day's 00:00."""
    hour = clock.hour
    if period in (Period.AFTERNOON, Period.DUSK):
        return "", (_at(clock, hour % 12 + 12),)
    if period is Period.NOON:
        return "", (_at(clock, hour + 12 if hour <= 4 else hour),)
    if period in _EVENINGS:
        if hour == 12 or (hour <= 4 and period is not Period.EVENING):
            tonight = _at(clock, hour % 12)
            return "which_night", (tonight, replace(tonight, shift=1))
        return "", (_at(clock, hour + 12),)
    return "", (_at(clock, 0 if hour == 12 and period is Period.SMALL_HOURS else hour),)
