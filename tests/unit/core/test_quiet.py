"""Quiet hours, held to a reading of the clock minute by minute."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circles.core.quiet import Quiet

MINUTE = timedelta(minutes=1)
PLACES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "America/Sao_Paulo", "UTC")
clocks = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))


@st.composite
def quiets(draw: st.DrawFn) -> Quiet:
    start = draw(clocks)
    return Quiet(start, draw(clocks.filter(lambda end: end != start)), draw(st.sampled_from(PLACES)))


def is_quiet(quiet: Quiet, instant: datetime) -> bool:
    """Return the same by counting minutes from the start, around the dial."""
    wall = instant.astimezone(ZoneInfo(quiet.zone))
    since = (wall.hour * 60 + wall.minute - quiet.start.hour * 60 - quiet.start.minute) % 1440
    return since < (quiet.end.hour * 60 + quiet.end.minute - quiet.start.hour * 60 - quiet.start.minute) % 1440


@settings(deadline=None)
@given(
    quiets(), st.integers(0, 15 * 366 * 1440).map(lambda minutes: datetime(2015, 1, 1, tzinfo=UTC) + minutes * MINUTE)
)
def test_it_ends_at_the_first_minute_that_is_not_quiet(quiet: Quiet, instant: datetime) -> None:
    """Also in the nights in which the clock changes; and where it is not quiet, at once."""
    end = quiet.ends(instant)

    assert quiet.holds(instant) == is_quiet(quiet, instant)
    assert not is_quiet(quiet, end)
    assert end - instant <= timedelta(hours=26)
    if not is_quiet(quiet, instant):
        assert end == instant
        return
    minutes = int((end - instant) / MINUTE)
    loud = [n for n in range(minutes) if not is_quiet(quiet, instant + n * MINUTE)]
    # Where the clock jumps over the end, the law for gaps speaks at the end shifted by the gap: an hour later at most.
    assert all(end - (instant + n * MINUTE) <= timedelta(hours=1) for n in loud)


@given(quiets())
def test_it_survives_storage(quiet: Quiet) -> None:
    """to_json and from_json are each other's inverse."""
    assert Quiet.from_json(quiet.to_json()) == quiet


def test_what_is_no_stretch_of_a_day_is_refused() -> None:
    """A start that is the end would be all day or never."""
    with pytest.raises(ValueError, match="end"):
        Quiet(time(8), time(8), "UTC")


def test_what_comes_right_after_the_quiet_hours_is_not_late() -> None:
    """It was held back; what comes long after them is late."""
    quiet = Quiet(time(22), time(8), "UTC")
    due = datetime(2027, 2, 1, 23, tzinfo=UTC)
    morning = datetime(2027, 2, 2, 8, tzinfo=UTC)

    assert quiet.ends(due) == morning
    assert quiet.held_back(due, morning + MINUTE)
    assert not quiet.held_back(due, morning + 3 * MINUTE)
    assert not quiet.held_back(datetime(2027, 2, 1, 21, tzinfo=UTC), morning)
