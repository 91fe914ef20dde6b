"""Rules against time zones: what fires when, held to an oracle that knows only how to read a clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circles.core.schedule import Repeat, Rule, is_late, lateness, next_day, next_fire

MINUTE = timedelta(minutes=1)
PLACES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "Pacific/Apia", "UTC")
START = datetime.min.replace(tzinfo=UTC)


def oracle(day: date, at: time, zone: str) -> datetime:
    """Return when that wall time is, by reading a clock on the wall minute by minute.

    The first minute that shows it; if none does, the gap's length after it.
    """
    wanted = datetime.combine(day, at)
    place = ZoneInfo(zone)
    first = datetime.combine(day, time(0), UTC) - timedelta(hours=15)
    shown = [(first + n * MINUTE, (first + n * MINUTE).astimezone(place).replace(tzinfo=None)) for n in range(60 * 54)]
    for instant, wall in shown:
        if wall == wanted:
            return instant
    for (_, before), (instant, after) in pairwise(shown):
        if before < wanted < after:
            shifted = wanted + (after - before - MINUTE)
            return instant + (shifted - after)
    raise AssertionError("the clock never came near")


CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Asia/Shanghai", date(2026, 3, 29)),
    ("Asia/Shanghai", date(1986, 5, 4)),
    ("Asia/Shanghai", date(1986, 9, 14)),
]


@pytest.mark.parametrize(
    "at", [time(0), time(1), time(1, 30), time(1, 45), time(2), time(2, 15), time(2, 30), time(3), time(9)]
)
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_clock_changes_against_the_wall(zone: str, day: date, at: time) -> None:
    """A wall time that is skipped fires the gap later, one that comes twice fires at the first."""
    for offset in (-1, 0, 1):
        that_day = day + timedelta(offset)
        rule = Rule(Repeat.ONCE, at, zone, that_day)

        assert oracle(that_day, at, zone) == next_fire(rule, START)


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        pytest.param("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:30", id="03:30 summer time"),
        pytest.param("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30", id="the first 02:30"),
        pytest.param("America/New_York", "2026-03-08", "02:30", "2026-03-08T07:30", id="03:30 EDT"),
        pytest.param("America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30", id="the first 01:30"),
        pytest.param("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:45", id="a gap of half an hour"),
        pytest.param("Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04T14:45", id="the first 01:45"),
        pytest.param("Asia/Shanghai", "2026-03-29", "02:30", "2026-03-28T18:30", id="no clock change"),
        pytest.param("Pacific/Apia", "2011-12-30", "09:00", "2011-12-30T19:00", id="a day that was skipped"),
    ],
)
def test_clock_changes_written_out(zone: str, day: str, at: str, expected: str) -> None:
    """The same law in instants a person can check."""
    rule = Rule(Repeat.ONCE, time.fromisoformat(at), zone, date.fromisoformat(day))

    assert datetime.fromisoformat(expected).replace(tzinfo=UTC) == next_fire(rule, START)


@pytest.mark.parametrize("zone", PLACES)
@pytest.mark.parametrize("year", [2011, 2026])
def test_a_daily_rule_fires_once_a_day(zone: str, year: int) -> None:
    """Over a year each local day has one fire time, also where the clock changes."""
    rule = Rule(Repeat.DAYS, time(2, 15), zone)
    fires: list[datetime] = []
    after = datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) - MINUTE
    while (fire := next_fire(rule, after)) is not None and fire.astimezone(ZoneInfo(zone)).year == year:
        fires.append(fire)
        after = fire

    assert (365 if (zone, year) != ("Pacific/Apia", 2011) else 364) == len(fires)


def fires(rule: Rule, after: str, count: int) -> list[str]:
    found: list[str] = []
    instant = datetime.fromisoformat(after).replace(tzinfo=UTC)
    while len(found) < count and (fire := next_fire(rule, instant)):
        found.append(fire.date().isoformat())
        instant = fire
    return found


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(
            Rule(Repeat.DAYS, time(9), "UTC", date(2026, 2, 1), every=3),
            ["2026-02-04", "2026-02-07", "2026-02-10"],
            id="every third day",
        ),
        pytest.param(
            Rule(Repeat.WEEKS, time(9), "UTC", weekdays=frozenset({0, 4})),
            ["2026-02-06", "2026-02-09", "2026-02-13"],
            id="two weekdays",
        ),
        pytest.param(
            Rule(Repeat.WEEKS, time(9), "UTC", date(2026, 1, 29), every=2, weekdays=frozenset({0, 3})),
            ["2026-02-09", "2026-02-12", "2026-02-23"],
            id="every other week counts from its Monday",
        ),
        pytest.param(
            Rule(Repeat.MONTHS, time(9), "UTC", day=31), ["2026-02-28", "2026-03-31", "2026-04-30"], id="the 31st"
        ),
        pytest.param(
            Rule(Repeat.MONTHS, time(9), "UTC", date(2025, 12, 15), every=3, day=1),
            ["2026-03-01", "2026-06-01", "2026-09-01"],
            id="every third month",
        ),
        pytest.param(
            Rule(Repeat.YEARS, time(9), "UTC", day=29, month=2),
            ["2026-02-28", "2027-02-28", "2028-02-29"],
            id="leap day",
        ),
        pytest.param(
            Rule(Repeat.YEARS, time(9), "UTC", date(2025, 1, 1), every=2, day=5, month=3),
            ["2027-03-05", "2029-03-05", "2031-03-05"],
            id="every other year",
        ),
        pytest.param(Rule(Repeat.ONCE, time(9), "UTC", date(2026, 2, 5)), ["2026-02-05"], id="once"),
        pytest.param(Rule(Repeat.ONCE, time(9), "UTC", date(2026, 1, 5)), [], id="once, and it was"),
        pytest.param(
            Rule(Repeat.DAYS, time(9), "UTC", until=date(2026, 2, 5)),
            ["2026-02-04", "2026-02-05"],
            id="the last day counts",
        ),
        pytest.param(
            Rule(Repeat.DAYS, time(9), "UTC", date(2026, 3, 1)),
            ["2026-03-01", "2026-03-02", "2026-03-03"],
            id="not yet",
        ),
    ],
)
def test_days_of_a_rule(rule: Rule, expected: list[str]) -> None:
    """Days, written out from Wednesday 4 February 2026."""
    assert expected == fires(rule, "2026-02-04T00:00", 3)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    repeat = draw(st.sampled_from(Repeat))
    is_monthly = repeat in (Repeat.MONTHS, Repeat.YEARS)
    return Rule(
        repeat,
        draw(st.times()),
        draw(st.sampled_from(PLACES)),
        draw(st.dates()),
        draw(st.integers(1, 1000)),
        draw(st.frozensets(st.integers(0, 6), min_size=1)) if repeat is Repeat.WEEKS else frozenset(),
        draw(st.integers(1, 31)) if is_monthly else None,
        draw(st.integers(1, 12)) if repeat is Repeat.YEARS else None,
        draw(st.none() | st.dates()),
    )


instants = st.datetimes(timezones=st.just(UTC))


CHANGING = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "America/Sao_Paulo"),
    *("Asia/Beirut", "Africa/Cairo", "America/Havana", "Asia/Tehran", "Africa/Casablanca", "America/St_Johns"),
)
"""Among them: gaps at midnight (São Paulo until 2018, Beirut, Cairo, Havana), half an hour (Lord Howe), a gap a minute
past midnight (St. John's until 2011), and summer time taken back for a month (Casablanca).
"""


def clock_changes(zone: str, first: date, last: date) -> list[date]:
    """Return the local days on which a place's clock is changed, found by looking at it each noon."""
    place = ZoneInfo(zone)
    noons = [
        datetime.combine(date.fromordinal(day), time(12), UTC) for day in range(first.toordinal(), last.toordinal())
    ]
    offsets = [noon.astimezone(place).utcoffset() for noon in noons]
    return [
        after.date()
        for (after, one), other in zip(pairwise_items(noons, offsets), offsets, strict=False)
        if one != other
    ]


def pairwise_items(noons: list[datetime], offsets: list[timedelta | None]) -> list[tuple[datetime, timedelta | None]]:
    """Return each noon with the offset of the noon before it."""
    return list(zip(noons, [offsets[0], *offsets], strict=False))


ALL_CHANGES = [(zone, day) for zone in CHANGING for day in clock_changes(zone, date(2005, 1, 1), date(2030, 1, 1))]


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(ALL_CHANGES),
    st.integers(-1, 1),
    st.builds(time, st.integers(0, 23), st.sampled_from((0, 1, 15, 30, 45, 59))),
)
def test_any_wall_time_around_any_clock_change_against_the_wall(change: tuple[str, date], off: int, at: time) -> None:
    """The law in every place and year: once; the gap later where it was skipped, the first where it came twice."""
    zone, day = change[0], change[1] + timedelta(off)

    assert oracle(day, at, zone) == next_fire(Rule(Repeat.ONCE, at, zone, day), START)


def is_a_day_of(rule: Rule, day: date) -> bool:
    """Say whether a rule names a day, by counting from its start one unit after the other."""
    if rule.start is None or day < rule.start or (rule.until is not None and day > rule.until):
        return False
    if rule.repeat is Repeat.ONCE:
        return day == rule.start
    if rule.repeat is Repeat.DAYS:
        return (day - rule.start).days % rule.every == 0
    if rule.repeat is Repeat.WEEKS:
        weeks_apart = (day - timedelta(day.weekday()) - (rule.start - timedelta(rule.start.weekday()))).days // 7
        return day.weekday() in rule.weekdays and weeks_apart % rule.every == 0
    is_last = (day + timedelta(1)).month != day.month
    is_its_day = day.day == rule.day or (is_last and day.day < (rule.day or 0))
    if rule.repeat is Repeat.MONTHS:
        return is_its_day and ((day.year - rule.start.year) * 12 + day.month - rule.start.month) % rule.every == 0
    return is_its_day and day.month == rule.month and (day.year - rule.start.year) % rule.every == 0


@st.composite
def short_rules(draw: st.DrawFn) -> Rule:
    """Draw a rule that comes often enough to be walked through day by day."""
    repeat = draw(st.sampled_from([Repeat.DAYS, Repeat.WEEKS, Repeat.MONTHS, Repeat.YEARS]))
    is_monthly = repeat in (Repeat.MONTHS, Repeat.YEARS)
    start = draw(st.dates(date(2026, 1, 1), date(2028, 12, 31)))
    return Rule(
        repeat,
        draw(st.sampled_from([time(0), time(0, 30), time(2, 30), time(9)])),
        draw(st.sampled_from(CHANGING)),
        start,
        draw(st.integers(1, 3)),
        draw(st.frozensets(st.integers(0, 6), min_size=1)) if repeat is Repeat.WEEKS else frozenset(),
        draw(st.sampled_from([1, 28, 29, 30, 31])) if is_monthly else None,
        draw(st.sampled_from([2, 4, 12])) if repeat is Repeat.YEARS else None,
        draw(st.none() | st.just(start + timedelta(300))),
    )


@settings(deadline=None, max_examples=40)
@given(short_rules())
def test_every_rhythm_comes_on_its_days_at_its_wall_time_and_never_drifts(rule: Rule) -> None:
    """Walked through day by day for over a year, also the last day of a month and 29 February; each day once."""
    assert rule.start is not None
    days = [rule.start + timedelta(n) for n in range(420)]
    expected = sorted({oracle_once(day, rule.at, rule.zone) for day in days if is_a_day_of(rule, day)})
    found: list[datetime] = []
    after = datetime.combine(rule.start, time(0), UTC) - timedelta(days=1)
    end = datetime.combine(days[-3], time(0), UTC)
    while (fire := next_fire(rule, after)) is not None and fire < end:
        found.append(fire)
        after = fire

    assert found == [instant for instant in expected if instant < end]


_known: dict[tuple[date, time, str], datetime] = {}


def oracle_once(day: date, at: time, zone: str) -> datetime:
    """Return what the oracle says, asked once a wall time."""
    return _known.setdefault((day, at, zone), _fast(day, at, zone))


def _fast(day: date, at: time, zone: str) -> datetime:
    """Away from clock changes a wall time is one instant, and any way to find it will do."""
    place, wanted = ZoneInfo(zone), datetime.combine(day, at)
    around = {(datetime.combine(day, at, UTC) + timedelta(hours=h)).astimezone(place).utcoffset() for h in (-36, 0, 36)}
    if len(around) > 1:
        return oracle(day, at, zone)
    (offset,) = around
    return wanted.replace(tzinfo=UTC) - (offset or timedelta())


@settings(deadline=None)
@given(rules(), instants)
def test_fire_times_lie_ahead_and_on_the_rules_days(rule: Rule, after: datetime) -> None:
    """Any fire time is after `after`, within start and until, at a day the rule names; there is none in between."""
    fire, day = next_fire(rule, after), next_day(rule, after)

    assert (fire is None) == (day is None)
    if fire is None or day is None or rule.start is None:
        return
    assert fire > after
    assert rule.start <= day <= (rule.until or date.max)
    assert not rule.weekdays or day.weekday() in rule.weekdays
    assert rule.month in (None, day.month)
    assert next_fire(rule, fire - timedelta(microseconds=1)) == fire


@settings(deadline=None)
@given(rules(), instants, instants)
def test_later_never_fires_earlier(rule: Rule, one: datetime, two: datetime) -> None:
    """next_fire is monotone; None is the end of time."""
    early, late = (next_fire(rule, instant) or datetime.max.replace(tzinfo=UTC) for instant in sorted((one, two)))

    assert early <= late


@given(rules())
def test_a_rule_survives_storage(rule: Rule) -> None:
    """to_json and from_json are each other's inverse, on plain values only."""
    value = rule.to_json()

    assert rule == Rule.from_json(value)
    assert {str, int, list} >= {type(part) for part in value.values()}


GOOD: dict[str, object] = {"repeat": "weeks", "at": "09:00:00", "zone": "Europe/Berlin", "weekdays": [6]}


@pytest.mark.parametrize(
    "change",
    [
        {"repeat": "hours"},
        {"repeat": "once", "weekdays": []},
        {"repeat": "days"},
        {"repeat": "months", "weekdays": []},
        {"repeat": "years", "weekdays": [], "day": 1},
        {"repeat": "months", "weekdays": [], "day": 32},
        {"at": "25:00"},
        {"at": "09:00+01:00"},
        {"at": 9},
        {"zone": "Middle/Earth"},
        {"zone": "../etc/passwd"},
        {"zone": "Europe"},
        {"every": 0},
        {"every": 2},
        {"every": True},
        {"every": "2"},
        {"weekdays": [7]},
        {"weekdays": []},
        {"weekdays": "6"},
        {"weekdays": ["6"]},
        {"start": "soon"},
        {"until": 7},
    ],
)
def test_what_is_no_rule_is_refused(change: dict[str, object]) -> None:
    """One error type for anything wrong with stored values."""
    assert Rule.from_json(GOOD).weekdays == {6}
    with pytest.raises(ValueError):  # noqa: PT011 (some messages are the standard library's)
        Rule.from_json({**GOOD, **change})


def test_the_calendar_ends() -> None:
    """A wall time that is no instant any more, or not yet, does not fire."""
    west, east = (Rule(Repeat.DAYS, time(20), zone) for zone in ("America/New_York", "Asia/Shanghai"))

    assert next_fire(west, datetime(9999, 12, 31, 12, tzinfo=UTC)) is None
    assert datetime(1, 1, 1, 11, 54, 17, tzinfo=UTC) == next_fire(east, START)
    assert datetime(1, 1, 2, tzinfo=UTC) > (next_fire(replace(east, at=time(1)), START) or START) > START


def test_lateness_begins_after_two_minutes() -> None:
    """Two minutes are on time; early is not late."""
    due = datetime(2026, 2, 4, 9, tzinfo=UTC)

    assert timedelta(0) == lateness(due, due - MINUTE)
    assert [is_late(due, due + timedelta(seconds=seconds)) for seconds in (0, 120, 121)] == [False, False, True]


def test_an_instant_needs_a_zone() -> None:
    """A naive instant is the caller's mistake."""
    with pytest.raises(ValueError, match="time zone"):
        next_fire(Rule(Repeat.DAYS, time(9), "UTC"), datetime(2026, 2, 4))  # noqa: DTZ001 (what is refused)
