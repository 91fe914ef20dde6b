"""The calendar days that words may mean, seen from one day. Pure."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from circles.core.when.values import Both, Day, EitherDate, InDays, OnDate, OnDayOfMonth, OnWeekday, Vague


@dataclass(frozen=True, slots=True)
class Dated:
    """Days in order; `question` tells them apart, or the first that is still ahead is meant (`first_only`)."""

    days: tuple[date, ...]
    question: str = "which_day"
    first_only: bool = False
    assumed: tuple[str, ...] = ()


def dates(day: Day, today: date) -> Dated:
    """Return the days that are meant; ValueError or OverflowError if the calendar has none."""
    match day:
        case InDays(days, months):
            return Dated((_add_months(today, months, today.day, clamp=True) + timedelta(days),))
        case OnWeekday():
            return _weekday(day, today)
        case OnDate():
            return _date(day, today)
        case OnDayOfMonth():
            return _day_of_month(day, today)
        case EitherDate(first, second):
            found = (*dates(first, today).days, *dates(second, today).days)
            return Dated(found, "day_or_month", assumed=_date(first, today).assumed)
        case Both(first, second):
            return _both(first, second, today)
        case Vague():
            return _vague(day, today)


def _weekday(day: OnWeekday, today: date) -> Dated:
    ahead = (day.weekday - today.weekday()) % 7
    if day.week is not None:
        return Dated((_monday(today, day.week) + timedelta(day.weekday),))
    if day.which == "next":
        coming = ahead or 7
        # Not yet over this week, or as good as here: people mean either.
        is_close = today.weekday() + coming <= 6 or coming <= 2
        return Dated(_from(today, *((coming, coming + 7) if is_close else (coming,))), "which_week")
    if ahead or day.which == "this":
        return Dated(_from(today, ahead))
    return Dated(_from(today, 0, 7), "which_week", first_only=day.which == "coming_or_today")


def _from(today: date, *days: int) -> tuple[date, ...]:
    return tuple(today + timedelta(count) for count in days)


def _monday(today: date, weeks: int) -> date:
    return today + timedelta(7 * weeks - today.weekday())


def _date(day: OnDate, today: date) -> Dated:
    date(2000, day.month, day.day)  # ValueError for 30 February in any year
    if day.year is not None or day.years_ahead is not None:
        return Dated((date(day.year or today.year + (day.years_ahead or 0), day.month, day.day),))
    # Eight years hold a 29 February.
    years = range(today.year, today.year + 9)
    coming = (date(year, day.month, day.day) for year in years if day.day <= monthrange(year, day.month)[1])
    found = next(candidate for candidate in coming if candidate >= today)
    return Dated((found,), assumed=("year",) if found.year > today.year else ())


def _add_months(today: date, months: int, day: int, *, clamp: bool) -> date:
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day, last) if clamp else day)


def _day_of_month(day: OnDayOfMonth, today: date) -> Dated:
    if day.months is not None:
        return Dated((_add_months(today, day.months, day.day, clamp=day.clamp),), assumed=day.assumed)
    date(2000, 1, day.day)
    # No two months in a row lack a day that January has.
    coming = (_add_months(today, months, day.day, clamp=True) for months in range(3))
    return Dated((next(found for found in coming if found >= today and found.day == day.day),), assumed=day.assumed)


def _both(one: Day, two: Day, today: date) -> Dated:
    first, second = dates(one, today), dates(two, today)
    if isinstance(one, OnWeekday) or isinstance(two, OnWeekday):
        weekday, other = (one, second) if isinstance(one, OnWeekday) else (two, first)
        common = tuple(day for day in other.days if isinstance(weekday, OnWeekday) and day.weekday() == weekday.weekday)
    else:
        common = tuple(day for day in first.days if day in second.days)
    assumed = (*first.assumed, *second.assumed)
    return Dated(common or (*first.days, *second.days), first.question, assumed=assumed)


def _vague(day: Vague, today: date) -> Dated:
    match day.unit:
        case "week":
            found = tuple(_monday(today, day.ahead) + timedelta(count) for count in range(7))
        case "weekend":
            found = tuple(_monday(today, day.ahead) + timedelta(count) for count in (5, 6))
        case "month":
            found = tuple(_add_months(today, day.ahead, of_month, clamp=True) for of_month in (1, 15, 31))
        case "year":
            found = ()
    return Dated(found if day.ahead else tuple(candidate for candidate in found if candidate >= today))
