"""Off the record: which words ask for it, which messages it covers, and that it only ever takes away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies import (
    LONGEST_MINUTES,
    Classified,
    ControlWord,
    Dropped,
    Mark,
    OffRecord,
    Passed,
    Preset,
    Reason,
    RoomView,
    classify,
    filter_event,
    minutes_of,
    parse_control,
    preset,
    room_names,
)
from circles_policies.off_record import asked_length
from strategies import AI, DAY, events, members, rooms

MEI = "@mei:home.example"
HOUR = 3_600_000
NOW = 10 * DAY
VIEW = RoomView(
    ai=AI,
    now=NOW,
    received_at=NOW,
    room=(preset(Preset.NOTEBOOK),),
    names=room_names(),
    is_ai_event="$ai".__eq__,
    is_ai_thread="$called".__eq__,
)


def _said(
    body: str = "the tent is with Agnes",
    *,
    at: int = NOW - HOUR,
    thread: str | None = None,
    event_id: str = "$e",
    **content: Any,
) -> dict[str, Any]:
    relation = {"m.relates_to": {"rel_type": "m.thread", "event_id": thread}} if thread else {}
    return {
        "event_id": event_id,
        "room_id": "!r:home.example",
        "sender": MEI,
        "type": "m.room.message",
        "origin_server_ts": at,
        "content": {"msgtype": "m.text", "body": body, **relation, **content},
    }


def _looked_at(event: dict[str, Any], *stretches: OffRecord) -> bool:
    found = filter_event(event, VIEW._replace(off_record=stretches))
    return isinstance(found, Passed) and bool(found.read) and bool(found.store)


# --- the words


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("off record for an hour", 60),
        ("off the record for an hour, please", 60),
        ("Off the record for the next half hour", 30),
        ("please go off the record for 30 min", 30),
        ("we're off the record for 2 hours", 120),
        ("off record 90 minutes", 90),
        ("off record, for an hour and a half", 90),
        ("off the record for one and a half hours", 90),
        ("off the record for 1 hour and 20 minutes", 80),
        ("off the record for 1.5 h", 90),
        ("for the next two hours off the record", 120),
        ("off the record for a day", 1440),
        ("off the record for forty-five minutes", 45),
        ("off the record for 400 hours", LONGEST_MINUTES),
        ("接下来一小时别看", 60),
        ("接下来一个小时别看", 60),
        ("接下来 1 小时 别看", 60),
        ("接下来半小时都别记", 30),
        ("接下来半个小时大家说的别看", 30),
        ("请接下来三十分钟不要记录吧", 30),
        ("一个半小时别看", 90),
        ("两小时别记", 120),
        ("２小时别看", 120),
        ("接下来十五分钟别看", 15),
        ("接下来二十分钟内别看了", 20),
        ("别看，一刻钟", 15),
        ("别记两个钟头", 120),
        ("接下来一天都别看", 1440),
    ],
)
def test_a_time_off_the_record_is_asked_for_in_words(words: str, minutes: int) -> None:
    found = parse_control(words, (), addressed=True)

    assert found is not None
    assert found[0] is ControlWord.OFF_RECORD
    assert minutes_of(found[1]) == minutes


@pytest.mark.parametrize(
    "words", ["off record", "Off the record.", "别记", "别记了", "都别记吧", "off the record please"]
)
def test_without_a_time_it_is_a_word_alone(words: str) -> None:
    assert parse_control(words, (), addressed=True) == (ControlWord.OFF_RECORD, "")


@pytest.mark.parametrize(
    "words", ["on record", "on the record", "Back on the record!", "可以记", "可以记了", "接着记吧"]
)
def test_on_record_ends_it(words: str) -> None:
    assert parse_control(words, (), addressed=True) == (ControlWord.ON_RECORD, "")


@pytest.mark.parametrize(
    "words",
    [
        "off the record: the key is with Agnes",
        "off the record for an hour I was in the garden",
        "off the record for Li",
        "we went off the record shop",
        "for an hour",
        "the off-record hour",
        "别记着这件事",
        "一小时别看手机",
        "接下来一小时看电视",
        "on the record I said nothing",
        "off record for 0 years",
    ],
)
def test_talk_about_records_is_not_the_word(words: str) -> None:
    found = parse_control(words, (), addressed=True)

    assert found is None or found[0] not in (ControlWord.OFF_RECORD, ControlWord.ON_RECORD)


@pytest.mark.parametrize("words", ["off record for 0 minutes", "接下来零分钟别看", ""])
def test_no_time_at_all_is_no_length(words: str) -> None:
    length = asked_length(words)

    assert length is None or minutes_of(length) is None


@given(st.text(max_size=100))
def test_the_words_are_read_totally(words: str) -> None:
    """Whatever somebody types, there is a length of at most a day, or none."""
    length = asked_length(words)
    minutes = minutes_of(length if length is not None else words)

    assert minutes is None or 1 <= minutes <= LONGEST_MINUTES


# --- who need not be named


@pytest.mark.parametrize(
    ("event", "word"),
    [
        pytest.param(_said("off the record", thread="$t"), ControlWord.OFF_RECORD, id="in a thread"),
        pytest.param(_said("别记", thread="$t"), ControlWord.OFF_RECORD, id="in a thread, in Chinese"),
        pytest.param(_said("off the record for an hour"), ControlWord.OFF_RECORD, id="in the room, with a time"),
        pytest.param(_said("接下来一小时别看"), ControlWord.OFF_RECORD, id="in the room, in Chinese"),
        pytest.param(_said("off the record"), None, id="in the room, without one: the mark on that message"),
        pytest.param(_said("!circle off the record"), ControlWord.OFF_RECORD, id="in the room, to the AI"),
        pytest.param(_said("off the record", thread="$t", msgtype="m.notice"), None, id="a machine"),
        pytest.param(_said("on the record", thread="$t"), None, id="what loosens is said to the AI"),
        pytest.param(_said("别看 小明"), None, id="keep out is said to the AI"),
    ],
)
def test_what_only_tightens_needs_no_address(event: dict[str, Any], word: ControlWord | None) -> None:
    assert classify(event, VIEW).word is word


# --- what it covers


def test_a_thread_is_covered_whole_also_what_was_said_before() -> None:
    off = OffRecord(NOW, None, "$t")

    assert not _looked_at(_said(thread="$t", at=NOW - 2 * HOUR), off)
    assert not _looked_at(_said(thread="$t", at=NOW), off)
    assert not _looked_at(_said(event_id="$t", at=NOW - 3 * HOUR), off), "the message it hangs on"
    assert _looked_at(_said(thread="$other", at=NOW), off)
    assert _looked_at(_said(at=NOW), off)


def test_an_ended_thread_opens_forward_only() -> None:
    over = OffRecord(NOW - 3 * HOUR, NOW - HOUR, "$t")

    assert not _looked_at(_said(thread="$t", at=NOW - HOUR - 1), over)
    assert _looked_at(_said(thread="$t", at=NOW - HOUR), over)


def test_a_rooms_hour_covers_talk_said_in_it_by_anyone() -> None:
    hour = OffRecord(NOW - 2 * HOUR, NOW - HOUR)

    assert _looked_at(_said(at=NOW - 2 * HOUR - 1), hour)
    assert not _looked_at(_said(at=NOW - 2 * HOUR), hour)
    assert not _looked_at(_said(at=NOW - HOUR - 1, thread="$t"), hour)
    assert _looked_at(_said(at=NOW - HOUR), hour)


def test_what_is_said_to_the_ai_is_no_talk() -> None:
    """In a room's hour it counts; in a thread off the record nothing does, though it may still act."""
    asked = _said("!circle summary", at=NOW)

    assert _looked_at(asked, OffRecord(NOW - HOUR))
    found = filter_event(
        _said("!circle summary", thread="$t", at=NOW), VIEW._replace(off_record=(OffRecord(0, None, "$t"),))
    )
    assert isinstance(found, Passed)
    assert found.trigger
    assert found.read.reasons == (Reason.MARKED,)


@pytest.mark.parametrize("root", ["$called", "$ai"])
def test_a_thread_off_the_record_speaks_to_nobody(root: str) -> None:
    """Also where the AI had been called into it, or under its own message; afterwards it listens again."""
    event = _said("and the peg?", thread=root, at=NOW - HOUR)

    assert classify(event, VIEW).addressed
    assert not classify(event, VIEW._replace(off_record=(OffRecord(NOW - 2 * HOUR, None, root),))).addressed
    assert classify(event, VIEW._replace(off_record=(OffRecord(0, NOW - 2 * HOUR, root),))).addressed


def test_an_edit_of_the_root_is_covered_with_it() -> None:
    edit = _said("* later")
    edit["content"] |= {"m.relates_to": {"rel_type": "m.replace", "event_id": "$t"}, "m.new_content": {"body": "later"}}

    assert isinstance(filter_event(edit, VIEW._replace(off_record=(OffRecord(0, None, "$t"),))), Dropped)


# --- the law

stretches = st.builds(
    OffRecord,
    since=st.integers(0, 60 * DAY),
    until=st.none() | st.integers(0, 60 * DAY),
    thread=st.none() | st.sampled_from(("$ai", "$other", "$e")),
)


def _verdicts(event: object, view: RoomView) -> tuple[int, int, int]:
    found = filter_event(event, view)
    if isinstance(found, Dropped):
        return (0, 0, 0)
    acts = found.trigger.verdict and found.classified.control is None
    return (int(acts), found.read.verdict, found.store.verdict)


@given(events, rooms, members, st.lists(stretches, max_size=3), stretches, st.sampled_from(Mark))
def test_one_more_stretch_never_lets_more_through(
    event: object, room: Any, member: Any, some: list[OffRecord], more: OffRecord, mark: Mark
) -> None:
    """Monotone: what is denied without a stretch is denied with it."""
    view = VIEW._replace(
        now=60 * DAY, received_at=60 * DAY, room=room, member=member, mark=mark, off_record=tuple(some)
    )

    before, after = _verdicts(event, view), _verdicts(event, view._replace(off_record=(*some, more)))

    assert all(then <= now for now, then in zip(before, after, strict=True))


@given(events, rooms, members, stretches, st.integers(0, 60 * DAY))
def test_ending_a_stretch_opens_nothing_said_before_its_end(
    event: object, room: Any, member: Any, stretch: OffRecord, end: int
) -> None:
    """Forward only: what was off the record while the stretch ran stays so."""
    view = VIEW._replace(now=60 * DAY, received_at=60 * DAY, room=room, member=member)
    running = replace(stretch, until=None)
    found = classify(event, view._replace(off_record=(running,)))

    ended = classify(event, view._replace(off_record=(replace(running, until=end),)))

    assert ended.off_record or found.at >= end or not found.off_record


def test_a_classified_event_says_so() -> None:
    assert isinstance(classify(_said(), VIEW), Classified)
    assert classify(_said(at=NOW), VIEW._replace(off_record=(OffRecord(NOW - 1),))).off_record
