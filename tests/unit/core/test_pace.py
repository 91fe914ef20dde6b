"""How fast one person may ask: told once, then silence, then again."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from circles.core.ids import UserID
from circles.core.pace import Metronome, Pace
from circles.testing import NOON

MEI, LI = UserID("@mei:home.example"), UserID("@li:far.example")


def test_too_many_calls_are_told_once() -> None:
    """The limit, one sentence, then nothing."""
    metronome = Metronome(3)

    assert [metronome.beat(MEI, NOON) for _ in range(6)] == [Pace.GO] * 3 + [Pace.SAY] + [Pace.SILENT] * 2


def test_each_person_has_a_pace_of_their_own() -> None:
    """One who asks too much takes nothing from another."""
    metronome = Metronome(1)
    metronome.beat(MEI, NOON)

    assert (metronome.beat(MEI, NOON), metronome.beat(LI, NOON)) == (Pace.SAY, Pace.GO)


def test_a_minute_later_it_goes_on() -> None:
    """The minute slides."""
    metronome = Metronome(2)
    metronome.beat(MEI, NOON)
    metronome.beat(MEI, NOON + timedelta(seconds=30))

    assert metronome.beat(MEI, NOON + timedelta(seconds=59)) is Pace.SAY
    assert metronome.beat(MEI, NOON + timedelta(seconds=60)) is Pace.GO
    assert metronome.beat(MEI, NOON + timedelta(seconds=61)) is Pace.SILENT


@given(st.lists(st.integers(min_value=0, max_value=20), max_size=100), st.integers(min_value=1, max_value=5))
def test_no_minute_holds_more_than_the_limit(pauses: list[int], limit: int) -> None:
    """Whatever the rhythm: at most so many calls go within any minute, and at most one word about it."""
    metronome, now = Metronome(limit), NOON
    went: list[float] = []
    told: list[float] = []
    for pause in pauses:
        now += timedelta(seconds=pause)
        pace = metronome.beat(MEI, now)
        if pace is not Pace.SILENT:
            (went if pace is Pace.GO else told).append(now.timestamp())

    for times, most in ((went, limit), (told, 1)):
        assert all(later - earlier >= 60 for earlier, later in zip(times, times[most:], strict=False))


def test_people_who_left_are_forgotten() -> None:
    """Memory stays bounded by those who asked within the last minute."""
    metronome = Metronome(1)
    for number in range(10_001):
        metronome.beat(UserID(f"@p{number}:far.example"), NOON)
    metronome.beat(MEI, NOON + timedelta(minutes=2))

    assert len(vars(metronome)["_calls"]) == 1
