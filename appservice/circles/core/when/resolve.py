"""Readings turned into rules and instants, from now and in a place; the defaults are the table in the package. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from circles.core.schedule import Repeat, Rule, next_day, next_fire
from circles.core.when.days import Dated, dates
from circles.core.when.merge import Reading, readings
from circles.core.when.moments import moments, on_a_named_day, on_this_day
from circles.core.when.rest import cut
from circles.core.when.spaces import without_spaces
from circles.core.when.values import After, Ambiguous, Day, Every, Found, InDays, Moment, NotFound, Period, Unreadable
from circles.core.zones import local_time, zone_info

_LONGEST = 1000
"""Characters that are read: a "when" stands in a sentence, not in a page."""
_MOST_OPTIONS = 5
"""Reactions under a question (PRODUCT.md)."""

Answer = Found | Ambiguous | NotFound


@dataclass(frozen=True, slots=True)
class _Place:
    text: str
    now: datetime
    zone: str

    @property
    def local(self) -> datetime:
        return local_time(self.now, self.zone)

    def found(self, reading: Reading, rule: Rule, due: datetime, assumed: Iterable[str]) -> Found:
        rest = cut(self.text, reading.spans)
        return Found(rule, due, reading.spans, rest, due <= self.now, tuple(dict.fromkeys(assumed)))


def parse_when(text: str, now: datetime, zone: str) -> Answer:
    """Return when the text says, as said at `now` by someone in `zone`.

    Total on any text. ValueError for a `now` without a time zone or a `zone` that is none.
    """
    if now.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    text = without_spaces(text[:_LONGEST]) + text[_LONGEST:]
    place = _Place(text, now.astimezone(UTC), zone)
    zone_info(zone)
    question, found = readings(text[:_LONGEST])
    if not found:
        return Ambiguous(question) if question else NotFound()
    answers = [_resolve(reading, place) for reading in found]
    if len(answers) == 1:
        return answers[0]
    options: list[Found] = []
    for answer in answers:
        options += [answer] if isinstance(answer, Found) else answer.options if isinstance(answer, Ambiguous) else ()
    return _asked(question, options)


def _asked(question: str, options: Sequence[Found]) -> Answer:
    different = list({option.rule: option for option in reversed(options)}.values())[::-1]
    if not different:
        return NotFound("impossible")
    if len(different) == 1:
        return different[0]
    # What is asked is not assumed.
    asked = (replace(option, assumed=tuple(word for word in option.assumed if word != "half")) for option in different)
    return Ambiguous(question, tuple(asked)[:_MOST_OPTIONS])


def _resolve(reading: Reading, place: _Place) -> Answer:
    try:
        if isinstance(reading.slot, Unreadable):
            return NotFound(reading.slot.reason)
        if isinstance(reading.slot, After):
            due = place.now.replace(microsecond=0) + reading.slot.delta
            rule = Rule(Repeat.ONCE, due.time(), "UTC", due.date())
            return place.found(reading, rule, due, ())
        if isinstance(reading.slot, Every):
            return _repeated(reading, reading.slot, place)
        return _once(reading, reading.slot, place)
    except (OverflowError, ValueError):  # 30 February, the year 10000
        return NotFound("impossible")


def _once(reading: Reading, slot: Day | None, place: _Place) -> Answer:
    if slot is None and reading.clock is None and reading.period is None:
        return NotFound("unsupported")  # "until Friday" and nothing that repeats
    local = place.local
    today = local.date()
    dated = dates(slot, today) if slot is not None else Dated((today,))
    question, wanted = moments(reading.clock, reading.period)
    options: list[tuple[date, Found]] = []
    for day in dated.days:
        if day == today:
            of_day = on_this_day(wanted, question, reading.period, local.time())
        else:
            of_day = on_a_named_day(wanted, question)
        options += [(day, _single(reading, place, day, moment, dated.assumed)) for moment in of_day]
    ahead = [(day, option) for day, option in options if not option.is_past]
    if not ahead and slot is None:
        tomorrow = today + timedelta(1)
        ahead = [(tomorrow, _single(reading, place, tomorrow, m, ())) for m in on_a_named_day(wanted, question)]
    if not ahead:
        if not options:
            return Ambiguous(dated.question)
        is_open = reading.clock is None and slot == InDays(0) and reading.period in (None, Period.NIGHT)
        return Ambiguous("what_time") if is_open else options[-1][1]
    if dated.first_only:
        ahead = [(day, option) for day, option in ahead if day == ahead[0][0]]
    several_days = len({day for day, _ in ahead}) > 1
    return _asked(dated.question if several_days else question, [option for _, option in ahead])


def _single(reading: Reading, place: _Place, day: date, moment: Moment, assumed: Iterable[str]) -> Found:
    rule = Rule(Repeat.ONCE, moment.at, place.zone, day + timedelta(moment.shift))
    due = next_fire(rule, datetime.min.replace(tzinfo=UTC))
    if due is None:
        raise ValueError("beyond the calendar")
    return place.found(reading, rule, due, (*assumed, *moment.assumed))


def _repeated(reading: Reading, every: Every, place: _Place) -> Answer:
    today = place.local.date()
    question, wanted = moments(reading.clock, reading.period)
    first = dates(reading.first, today).days[:1] if reading.first is not None else ()
    last = dates(reading.last, today).days[-1:] if reading.last is not None else ()
    start, until = next(iter(first), None), next(iter(last), None)
    whole, assumed = _completed(every, start or today)
    options: list[Found] = []
    for count in (whole.every, whole.every - 1) if whole.gap else (whole.every,):
        for moment in on_a_named_day(wanted, question):
            if moment.shift and whole.repeat in (Repeat.MONTHS, Repeat.YEARS):
                continue  # the end of a month's day is no day of the month
            weekdays = frozenset((weekday + moment.shift) % 7 for weekday in whole.weekdays)
            rule = Rule(whole.repeat, moment.at, place.zone, start, 1, weekdays, whole.day, whole.month, until)
            day, due = next_day(rule, place.now), next_fire(rule, place.now)
            if day is None or due is None:
                continue
            # "every 2 days from Monday" counts from that Monday; without a start, from the first time.
            anchor = start if start is not None and whole.repeat is Repeat.DAYS else day
            rule = replace(rule, every=count, start=anchor)
            due = next_fire(rule, place.now)
            if due is not None:
                options.append(place.found(reading, rule, due, (*assumed, *moment.assumed)))
    return _asked("every_gap" if every.gap else question, options)


def _completed(every: Every, today: date) -> tuple[Every, tuple[str, ...]]:
    """Return a repetition with the weekday or day it does not say taken from today."""
    if every.repeat is Repeat.WEEKS and not every.weekdays:
        return replace(every, weekdays=frozenset({today.weekday()})), ("day",)
    if every.repeat is Repeat.MONTHS and every.day is None:
        return replace(every, day=today.day), ("day",)
    if every.repeat is Repeat.YEARS and every.day is None:
        return replace(every, day=today.day, month=today.month), ("day",)
    if every.month is not None and every.day is not None:
        date(2000, every.month, every.day)  # ValueError for 30 February
    return every, ()
