"""What a word puts off the record, how long, who may end it, and the one line that is said about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from circles.core.effects import Effect, Post, Private
from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language
from circles.features.off_record import strings
from circles.features.off_record.decide import EndStretches, Stretch, asked, ended, in_private, refused, told
from circles.testing import NOON, ROOM, a_call

MEI, LI = UserID("@mei:home.example"), UserID("@li:far.example")
NOW = int(NOON.timestamp() * 1000)
MINUTE = 60_000
THREAD = EventID("$thread")


def stretch(by: UserID = MEI, until: int | None = NOW + 60 * MINUTE, thread: EventID | None = None) -> Stretch:
    return Stretch(EventID(f"$by{by}"), ROOM, thread, by, NOW, until)


def begun(words: str, *, thread: EventID | None = None, at: int = NOW, now: int = NOW) -> Stretch:
    return asked(words, event_id=EventID("$e"), room_id=RoomID("!r"), thread=thread, by=MEI, at=at, now=now)


def said(effects: tuple[Effect, ...]) -> str:
    (post,) = [each.post if isinstance(each, Private) else each for each in effects if isinstance(each, Post | Private)]
    return post.words.body


@pytest.mark.parametrize(
    ("words", "thread", "minutes"),
    [
        ("off record for an hour", None, 60),
        ("接下来半小时别看", None, 30),
        ("off record", None, 60),
        ("off record", THREAD, None),
        ("别记", THREAD, None),
        ("off record for 30 minutes", THREAD, 30),
    ],
)
def test_how_long_it_lasts(words: str, thread: EventID | None, minutes: int | None) -> None:
    """A room for an hour where nothing is said; a thread until somebody ends it."""
    assert begun(words, thread=thread).until == (None if minutes is None else NOW + minutes * MINUTE)


def test_it_counts_from_when_it_was_said_and_its_time_from_when_it_came() -> None:
    """So a word that came late, or a clock that is slow, makes it no shorter."""
    late = begun("off record for an hour", at=NOW - 5 * MINUTE)

    assert (late.since, late.until) == (NOW - 5 * MINUTE, NOW + 60 * MINUTE)


@pytest.mark.parametrize(
    ("minutes", "language", "words"),
    [
        (60, "en", "for the next hour (until 14:00)"),
        (30, "en", "for the next 30 minutes (until 13:30)"),
        (1, "en", "for the next minute (until 13:01)"),
        (90, "en", "for the next 1 hour 30 minutes (until 14:30)"),
        (60, "zh", "接下来 1 小时（到 14:00）大家说的我都不看"),
        (90, "zh", "接下来 1 小时 30 分钟（到 14:30）"),
        (12 * 60, "en", "until tomorrow (Tue 2 Feb) 01:00"),
    ],
)
def test_the_line_says_how_long_and_until_when(minutes: int, language: Language, words: str) -> None:
    line = told(stretch(until=NOW + minutes * MINUTE), language, "Europe/Berlin", NOON + timedelta(seconds=20))

    assert words in line.body


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_line_of_a_thread_says_how_it_ends(language: Language) -> None:
    words = told(stretch(until=None, thread=THREAD), language, "UTC", NOON).body

    assert ("on record" if language == "en" else "可以记") in words
    assert not any(sign in words for sign in "（(")


def end(*running: Stretch, **call: Any) -> tuple[Effect, ...]:
    return ended(a_call("on_record", asker=MEI, **call), running, NOW)


def test_whoever_asked_for_it_may_end_it() -> None:
    effects = end(stretch(MEI))

    assert EndStretches((EventID(f"$by{MEI}"),), NOW) in effects
    assert said(effects) == strings.ENDED["en"]


def test_nobody_elses_is_ended() -> None:
    """Nobody may loosen what another asked for."""
    effects = end(stretch(LI))

    assert not any(isinstance(effect, EndStretches) for effect in effects)
    assert said(effects) == strings.NOT_YOURS["en"]


def test_ones_own_ends_and_anothers_goes_on() -> None:
    effects = end(stretch(MEI), stretch(LI))

    assert EndStretches((EventID(f"$by{MEI}"),), NOW) in effects
    assert said(effects) == strings.GOES_ON["en"]


def test_whoever_decides_ends_all() -> None:
    effects = end(stretch(MEI), stretch(LI), decides=True)

    assert EndStretches((EventID(f"$by{MEI}"), EventID(f"$by{LI}")), NOW) in effects
    assert said(effects) == strings.ENDED["en"]


def test_where_nothing_runs_it_says_what_to_say() -> None:
    assert said(end()) == strings.NOTHING["en"]


def test_the_days_number_is_told_to_the_asker_alone() -> None:
    (effect,) = refused(a_call("off_record"), 20)

    assert isinstance(effect, Private)
    assert "Today's 20" in effect.post.words.body


def test_in_a_direct_message_it_is_explained() -> None:
    assert said(in_private(a_call("off_record"))) == strings.IN_PRIVATE["en"]
