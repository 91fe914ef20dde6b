"""When a rule fires next: wall time in a named zone, across clock changes. Pure: no clock, no database.

The law for clock changes, the one of RFC 5545 section 3.3.5 (iCalendar):
- a wall time that does not exist is shifted forward by the gap (02:30 on the night of a one-hour gap fires at 03:30);
- a wall time that occurs twice fires once, at the first.
A day the month does not have is its last day: the 31st fires on 28 February, and so does 29 February.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from circles.core.zones import local_time, zone_info

LATE_AFTER = timedelta(minutes=2)
"""How long after its due time a reminder is still on time."""

MAX_EVERY = 1000


class Repeat(StrEnum):
    """The unit a rule repeats in."""

    ONCE = "once"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Rule:
    """When something happens, as a person means it: on days, at a wall time, in a place.

    Attributes:
        at: local wall time.
        zone: IANA name. A delay ("in 10 minutes") is an instant and not a wall time: its rule is in UTC.
        start: the day of a rule that fires once; else the first day it may fire, and what `every` counts from.
        every: each n-th day, week, month or year.
        weekdays: of a weekly rule, Monday is 0.
        day, month: of a monthly or yearly rule.
        until: the last local day it may fire.
    """

    repeat: Repeat
    at: time
    zone: str
    start: date | None = None
    every: int = 1
    weekdays: frozenset[int] = frozenset()
    day: int | None = None
    month: int | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that could not fire as written."""
        zone_info(self.zone)
        if self.at.tzinfo is not None or not 1 <= self.every <= MAX_EVERY:
            raise ValueError("a rule needs a plain wall time and an interval from 1 to 1000")
        if self.start is None and (self.repeat is Repeat.ONCE or self.every > 1):
            raise ValueError("this rule needs a start day")
        if (self.repeat is Repeat.WEEKS) != bool(self.weekdays) or not self.weekdays <= set(range(7)):
            raise ValueError("a weekly rule, and no other, needs weekdays from 0 to 6")
        if (self.repeat in (Repeat.MONTHS, Repeat.YEARS)) != (self.day is not None):
            raise ValueError("a monthly or yearly rule, and no other, needs a day")
        if (self.repeat is Repeat.YEARS) != (self.month is not None):
            raise ValueError("a yearly rule, and no other, needs a month")
        if not (1 <= (self.day or 1) <= 31 and 1 <= (self.month or 1) <= 12):
            raise ValueError("no such day or month")

    def to_json(self) -> dict[str, str | int | list[int]]:
        """Return the rule as plain values; what is not said is left out."""
        value: dict[str, str | int | list[int]] = {
            "repeat": self.repeat.value,
            "at": self.at.isoformat(),
            "zone": self.zone,
            "every": self.every,
        }
        if self.start is not None:
            value["start"] = self.start.isoformat()
        if self.weekdays:
            value["weekdays"] = sorted(self.weekdays)
        if self.day is not None:
            value["day"] = self.day
        if self.month is not None:
            value["month"] = self.month
        if self.until is not None:
            value["until"] = self.until.isoformat()
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Rule:
        """Return the rule that `to_json` wrote; ValueError if it is not one."""
        return cls(
            repeat=Repeat(_text(value, "repeat")),
            at=time.fromisoformat(_text(value, "at")),
            zone=_text(value, "zone"),
            start=_date(value, "start"),
            every=1 if (every := _number(value, "every")) is None else every,
            weekdays=_numbers(value, "weekdays"),
            day=_number(value, "day"),
            month=_number(value, "month"),
            until=_date(value, "until"),
        )


def next_fire(rule: Rule, after: datetime) -> datetime | None:
    """Return the first instant (UTC) strictly after `after` at which the rule fires; None if it never does again."""
    return next((instant for _, instant in _fires(rule, after)), None)


def next_day(rule: Rule, after: datetime) -> date | None:
    """Return the local day that `next_fire` belongs to, before any shift by a gap."""
    return next((day for day, _ in _fires(rule, after)), None)


def lateness(due: datetime, now: datetime) -> timedelta:
    """Return how long ago something was due; zero if it is still to come."""
    return max(now - due, timedelta(0))


def is_late(due: datetime, now: datetime) -> bool:
    """Say whether something is carried out so late that people must be told."""
    return lateness(due, now) > LATE_AFTER


def _fires(rule: Rule, after: datetime) -> Iterator[tuple[date, datetime]]:
    if after.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    zone = zone_info(rule.zone)
    # Two days back: a gap can shift a fire time of an earlier day past `after` (Pacific/Apia lost a whole day in 2011).
    earliest = local_time(after, rule.zone).date().toordinal() - 2
    if rule.start is not None:
        earliest = max(earliest, rule.start.toordinal())
    for day in _days(rule, date.fromordinal(max(earliest, 1))):
        if rule.until is not None and day > rule.until:
            return
        try:
            # fold=0 is the law above: the offset before a gap, the first of two.
            instant = datetime.combine(day, rule.at, zone).astimezone(UTC)
        except OverflowError:  # at the two ends of the calendar
            continue
        if instant > after:
            yield day, instant


def _days(rule: Rule, first: date) -> Iterator[date]:
    """Yield the rule's days from `first` to the end of the calendar."""
    start = rule.start or first
    if rule.repeat is Repeat.ONCE:
        if start >= first:
            yield start
    elif rule.repeat is Repeat.DAYS:
        ahead = first.toordinal() + (start - first).days % rule.every
        yield from map(date.fromordinal, range(ahead, date.max.toordinal() + 1, rule.every))
    elif rule.repeat is Repeat.WEEKS:
        anchor = start.toordinal() - start.weekday()
        week = first.toordinal() - first.weekday()
        week += (anchor - week) // 7 % rule.every * 7
        for monday in range(week, date.max.toordinal() + 1, 7 * rule.every):
            for ordinal in (monday + weekday for weekday in sorted(rule.weekdays)):
                if first.toordinal() <= ordinal <= date.max.toordinal():
                    yield date.fromordinal(ordinal)
    else:
        yield from _month_days(rule, start, first)


def _month_days(rule: Rule, start: date, first: date) -> Iterator[date]:
    months = rule.every * (12 if rule.repeat is Repeat.YEARS else 1)
    anchor = start.year * 12 + (rule.month or start.month) - 1
    current = first.year * 12 + first.month - 1
    current += (anchor - current) % months
    for count in range(current, (date.max.year + 1) * 12, months):
        year, month = divmod(count, 12)
        day = date(year, month + 1, min(rule.day or 1, monthrange(year, month + 1)[1]))
        if day >= first:
            yield day


def _text(value: Mapping[str, object], key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise ValueError(f"{key}: expected text")  # noqa: TRY004 (one error type for whatever is wrong with stored JSON)
    return text


def _date(value: Mapping[str, object], key: str) -> date | None:
    return None if value.get(key) is None else date.fromisoformat(_text(value, key))


def _number(value: Mapping[str, object], key: str) -> int | None:
    number = value.get(key)
    if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
        raise ValueError(f"{key}: expected a whole number")
    return number


def _numbers(value: Mapping[str, object], key: str) -> frozenset[int]:
    numbers = value.get(key, [])
    if not isinstance(numbers, list):
        raise ValueError(f"{key}: expected a list")  # noqa: TRY004 (one error type, as above)
    found: list[int] = []
    for number in numbers:  # pyright: ignore[reportUnknownVariableType] (checked on the next line)
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError(f"{key}: expected whole numbers")  # noqa: TRY004 (one error type, as above)
        found.append(number)
    return frozenset(found)
