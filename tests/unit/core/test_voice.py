"""The voice budget: one unasked post a day, none at night, counted by the room's own days."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from circles.core.voice import PER_DAY, Dial, is_night, may_speak, voice_day

NOON = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spoken", "per_day", "expected"),
    [
        pytest.param(0, PER_DAY[Dial.QUIET], True, id="first"),
        pytest.param(1, PER_DAY[Dial.QUIET], False, id="second"),
        pytest.param(500, PER_DAY[Dial.LIVELY], False, id="far over"),
        pytest.param(2, PER_DAY[Dial.LIVELY], True, id="lively has room for three"),
        pytest.param(0, PER_DAY[Dial.OFF], False, id="off says nothing"),
    ],
)
def test_the_days_count_bounds_what_is_said(spoken: int, per_day: int, expected: bool) -> None:
    """By day, a post fits as long as the day's count is below the dial's."""
    assert expected is may_speak(NOON, "Europe/Berlin", spoken, per_day)


@pytest.mark.parametrize(
    ("hour", "expected"),
    [(21, False), (22, True), (23, True), (0, True), (7, True), (8, False)],
)
def test_night_runs_over_midnight(hour: int, expected: bool) -> None:
    """Night begins at 22:00 and ends at 08:00."""
    assert expected is is_night(datetime(2027, 2, 1, hour, 0, tzinfo=UTC), None)


def test_night_is_the_rooms_night() -> None:
    """At noon in London it is night in Auckland, and nothing unasked is said there."""
    assert may_speak(NOON, "Europe/London", 0)
    assert not may_speak(NOON, "Pacific/Auckland", 0)


def test_a_night_within_one_day() -> None:
    """A quiet time that does not cross midnight holds between its ends only."""
    assert is_night(NOON, "UTC", time(11, 0), time(13, 0))
    assert not is_night(NOON, "UTC", time(13, 0), time(14, 0))


def test_no_night_where_both_ends_are_the_same() -> None:
    """Equal ends mean that there is no night."""
    assert not is_night(NOON, "UTC", time(12, 0), time(12, 0))


def test_the_day_is_the_rooms_day() -> None:
    """Late in the evening in London it is tomorrow in Shanghai."""
    late = datetime(2027, 2, 1, 20, 0, tzinfo=UTC)

    assert voice_day(late, "Europe/London") == "2027-02-01"
    assert voice_day(late, "Asia/Shanghai") == "2027-02-02"
    assert voice_day(late, None) == "2027-02-01"
