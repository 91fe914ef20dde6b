"""Off the record against rows: what is written at once, what goes, and what `on record` leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from circles.core import effects as fx
from circles.core.effects import Post, Private
from circles.core.ids import EventID, Source, UserID
from circles.core.settings import Settings
from circles.entrypoints.performing import Performer, VoiceRules
from circles.facts import rooms
from circles.feature import Control, Effects
from circles.features.off_record import FEATURE, handler, store
from circles.features.off_record.control import control
from circles.features.off_record.decide import EndStretches
from circles.ports import Ports
from circles.registry import FEATURES
from circles.testing import AI, NOON, ROOM, FakeClock, a_call, a_room, said, some_ports
from circles_policies.events import Classified, Kind
from circles_policies.events import Control as Why
from circles_policies.off_record import OffRecord
from circles_policies.words import ControlWord
from rows import LI, MEI, NOW, Rows, a_post, opened

HOUR = 3_600_000
SETTINGS = Settings(ai=AI, server_name="home.example", marks_per_day=2)
ROOT = EventID("$root")


@pytest.fixture
async def rows(tmp_path: Path) -> AsyncIterator[Rows]:
    async with opened(tmp_path, FEATURES) as found:
        yield found


@pytest.fixture
def ports(rows: Rows) -> Ports:
    return some_ports(database=rows.database, clock=FakeClock(NOON), settings=SETTINGS)


async def says(
    rows: Rows,
    words: str = "off record",
    *,
    word: ControlWord = ControlWord.OFF_RECORD,
    by: UserID = MEI,
    thread: EventID | None = None,
    event_id: str = "$word",
    at: int = NOW,
    direct: bool = False,
) -> Effects:
    """Let a control word happen and perform what follows."""
    event = Control(
        event=Classified(Kind.MESSAGE, at, control=Why.WORD, word=word, thread=thread),
        room=replace(a_room(), direct=direct),
        sender=by,
        event_id=EventID(event_id),
        at=at,
        now=NOW,
        content={},
        state_key=None,
        words=said(by, words, event_id=event_id),
        language="en",
        decides=False,
    )
    effects = await rows.do(lambda c: control(event, c, SETTINGS))
    await rows.perform(*effects)
    return effects


async def stretches(rows: Rows) -> tuple[OffRecord, ...]:
    return await rows.do(lambda c: rooms.off_record(c, ROOM))


async def test_a_word_is_a_row_at_once(rows: Rows) -> None:
    before = await rows.do(lambda c: rooms.generation(c, ROOM))

    await says(rows, "off record for 30 minutes")

    assert await stretches(rows) == (OffRecord(NOW, NOW + HOUR // 2),)
    assert await rows.do(lambda c: rooms.generation(c, ROOM)) > before, "what is being answered is decided anew"


@pytest.mark.parametrize("word", [word for word in ControlWord if word is not ControlWord.OFF_RECORD])
async def test_no_other_word_does_it(rows: Rows, word: ControlWord) -> None:
    assert await says(rows, word=word) == ()
    assert await stretches(rows) == ()


async def test_in_a_direct_message_nothing_is_written(rows: Rows) -> None:
    assert await says(rows, direct=True) == ()
    assert await stretches(rows) == ()


async def test_there_is_a_number_a_day_shared_with_what_one_hides(rows: Rows, ports: Ports) -> None:
    """The third of two is told in private, and counts for nothing."""
    for number in range(3):
        await says(rows, event_id=f"$word{number}")

    assert len(await stretches(rows)) == 2
    (told,) = await handler.confirm(a_call("off_record", event_id=EventID("$word2")), ports)
    assert isinstance(told, Private)
    await says(rows, by=LI, event_id="$li")
    assert len(await stretches(rows)) == 3, "everyone has their own"


# --- what goes


async def _rests(rows: Rows, source: str, *, thread: EventID | None = None, at: int = NOW - HOUR, **more: Any) -> str:
    """Post an answer that rests on one message; return its event."""
    to_ai = more.pop("to_ai", False)
    post = a_post(feature="summary", remake={}, **more)
    rests_on = (Source(EventID(source), LI, at, thread, to_ai),)
    _, event_id = await rows.post(replace(post, sources=rests_on))
    return event_id


async def test_a_thread_takes_with_it_what_was_made_from_it(rows: Rows) -> None:
    """Answers in the room that used it go, the newest is made again without it; those on other messages stay."""
    inside = await _rests(rows, "$in", thread=ROOT)
    root = await _rests(rows, ROOT)
    other = await _rests(rows, "$out", thread=EventID("$elsewhere"))

    await says(rows, thread=ROOT)

    assert await rows.redacted() == {inside, root}
    assert len([key for key in await rows.wakes() if key.startswith("remake:")]) == 1
    assert other not in await rows.redacted()


async def test_a_thread_takes_with_it_what_was_asked_in_it(rows: Rows) -> None:
    """An answer that stands in the thread goes with its question and is not said again."""
    question = await rows.ask()
    await rows.do(lambda c: c.exec_driver_sql("UPDATE journal SET thread = '$root'"))
    _, answer = await rows.post(a_post(answers=question, thread=ROOT, remake={}))

    await says(rows, thread=ROOT)

    assert await rows.redacted() == {answer}
    assert await rows.wakes() == {}
    assert await rows.journal_of(question) == ("settled", None), "what still waited is dropped"


async def test_a_command_that_a_thread_hangs_on_stands(rows: Rows) -> None:
    """It was said in the room, to the AI; only its thread is off the record."""
    question = await rows.ask()
    await rows.post(a_post(answers=question))

    await says(rows, thread=question)

    assert await rows.redacted() == set()


async def test_a_rooms_hour_leaves_what_was_said_before(rows: Rows) -> None:
    await _rests(rows, "$before")
    kept = await rows.keep("said before")

    await says(rows, at=NOW + 1)

    assert await rows.redacted() == set()
    assert await rows.do(lambda c: store.stretch(c, EventID("$word"))) is not None
    assert kept


async def test_a_word_that_came_late_takes_back_what_was_looked_at_meanwhile(rows: Rows) -> None:
    """Talk written since it was said; what was said to the AI is none."""
    used = await _rests(rows, "$talk", at=NOW - 60_000)
    asked = await _rests(rows, "$command", at=NOW - 60_000, to_ai=True)
    await rows.keep("canary words")

    await says(rows, at=NOW - HOUR)
    await rows.clean()

    assert await rows.redacted() == {used}
    assert asked not in await rows.redacted()
    assert b"canary words" not in await rows.bytes()


async def test_notes_and_reminders_of_a_thread_go(rows: Rows) -> None:
    """What features hold of its messages, found by the thread of the event that asked."""
    question = await rows.ask()
    await rows.do(lambda c: c.exec_driver_sql("UPDATE journal SET thread = '$root'"))
    gone: list[tuple[EventID, ...]] = []

    def forget(_connection: Connection, event_ids: tuple[EventID, ...]) -> Effects:
        gone.append(event_ids)
        return ()

    watching = replace(FEATURE, forget=forget)
    rows.performer = Performer(VoiceRules(), (watching,))

    await says(rows, thread=ROOT)

    assert gone == [(question,)]


# --- and ends


async def on_record(rows: Rows, ports: Ports, **call: Any) -> str:
    effects = await handler.end(a_call("on_record", **call), ports)
    for effect in effects:
        if isinstance(effect, EndStretches):
            await rows.do(lambda c, effect=effect: store.write(c, effect))  # type: ignore[misc]
    (post,) = [effect for effect in effects if isinstance(effect, Post)]
    return post.words.body


async def test_on_record_ends_the_hour_of_who_asked(rows: Rows, ports: Ports) -> None:
    await says(rows)

    assert "Back on the record" in await on_record(rows, ports, asker=MEI)
    assert await stretches(rows) == (OffRecord(NOW, NOW),)
    assert "Nothing is off the record" in await on_record(rows, ports, asker=MEI)


async def test_a_member_does_not_end_anothers_and_an_admin_does(rows: Rows, ports: Ports) -> None:
    await says(rows)

    assert "Someone else asked" in await on_record(rows, ports, asker=LI)
    assert (await stretches(rows))[0].until == NOW + HOUR
    assert "Back on the record" in await on_record(rows, ports, asker=LI, decides=True)
    assert (await stretches(rows))[0].until == NOW


async def test_a_thread_and_the_room_end_apart(rows: Rows, ports: Ports) -> None:
    await says(rows, thread=ROOT)

    assert "Nothing is off the record" in await on_record(rows, ports, asker=MEI)
    assert "Back on the record" in await on_record(rows, ports, asker=MEI, thread=ROOT)


async def test_an_end_is_never_put_off(rows: Rows) -> None:
    """A stretch that ended before keeps its end, whoever ends it again."""
    await says(rows)
    for at in (NOW + 5, NOW + 10):
        await rows.do(lambda c, at=at: store.write(c, EndStretches((EventID("$word"),), at)))  # type: ignore[misc]

    assert (await stretches(rows))[0].until == NOW + 5


async def test_the_words_are_answered_in_the_room_and_explained_in_private(rows: Rows, ports: Ports) -> None:
    await says(rows)

    (told,) = await handler.confirm(a_call("off_record", event_id=EventID("$word")), ports)
    assert isinstance(told, Post)
    assert told.words.body.startswith("Off the record for the next hour")
    for answer in (handler.confirm, handler.end):
        (told,) = await answer(a_call("off_record", room=a_room(direct=True)), ports)
        assert isinstance(told, Post)
        assert "is for a room" in told.words.body


def test_a_strange_effect_is_a_bug(rows: Rows) -> None:
    with pytest.raises(TypeError, match="TakeBack"):
        store.write(None, fx.TakeBack(ROOM, ()))  # type: ignore[arg-type]  # it is refused before the rows
