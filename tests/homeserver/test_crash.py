"""kill -9, and homeserver and service down in turn: nothing is lost, said twice, or left half done."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from circles_bench.campaign import Stage, peopled, play_round, settle
from circles_harness import Person
from circles_harness.model import Delay
from walks import admitted, answer, ask, body, kind, placeholder, settled

from .conftest import Breakable, NewPerson

ROUNDS = 2


def replies(person: Person, room: str, sender: str) -> dict[str, list[str]]:
    """Return what a sender answered, by the event it answers, in the order in which it came; edits are no answers."""
    found: dict[str, list[str]] = {}
    for event in person.timeline(room):
        relation = event["content"].get("m.relates_to", {})
        asked = relation.get("m.in_reply_to", {}).get("event_id")
        if event["sender"] == sender and event["type"] == "m.room.message" and asked:
            found.setdefault(asked, []).append(event["event_id"])
    return found


def fall_due(path: Path, room: str) -> None:
    """Move the reminders of a room four hours back, in the rows of a service that does not run."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        moved = (4 * 3_600_000, room)
        database.execute("UPDATE wakes SET due = due - ? WHERE feature = 'reminders' AND room_id = ?", moved)
        database.execute("UPDATE reminders SET next_due = next_due - ? WHERE room_id = ?", moved)


async def until_there_is(path: Path, query: str, value: str) -> None:
    """Wait until a database has a row.

    Synapse forgets at its end, gentle or not, what it had not yet made into a transaction (measured: the last of three
    messages said within a moment before it). Nobody behind it can tell, so the tests let it come that far.
    """

    def there() -> bool:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(query, (value,)).fetchone() is not None

    async with asyncio.timeout(60):
        while not await asyncio.to_thread(there):
            pass


TAKEN_IN = "SELECT 1 FROM journal WHERE event_id = ?"
QUEUED = "SELECT 1 FROM application_services_txns WHERE instr(event_ids, ?)"


@pytest.mark.timeout(240, func_only=True)
async def test_a_few_rounds_of_the_crash_campaign_lose_and_double_nothing(breakable: Breakable) -> None:
    """The same every time; `benchmarks/crash.py` plays a hundred."""
    seed = 12
    print(f"seed {seed}")  # noqa: T201  # pytest shows it when the test fails
    bare = Stage(breakable.homeserver, breakable.thinker, breakable.model, seed, due_seconds=6, sets_digests=False)
    async with peopled(bare) as stage:
        for _ in range(ROUNDS):
            await play_round(stage)
        assert await settle(stage) == []
    breakable.model.reset()


async def test_a_reminder_due_while_nothing_ran_comes_once_and_says_that_it_is_late(
    breakable: Breakable, person: NewPerson
) -> None:
    """Also when the service is killed again while it fires, and the homeserver is away while it waits in the outbox."""
    homeserver, service = breakable.homeserver, breakable.service
    mei = await person("mei", at=homeserver)
    room = await admitted(mei, service)
    await ask(mei, room, "!circle zone Berlin", service)
    await ask(mei, room, "!circle remind me in 3 hours to water the tomatoes", service)
    await service.kill()
    fall_due(service.database_path, room)
    await service.start()
    await service.kill()
    await homeserver.stop()
    starting = asyncio.create_task(service.start())
    await asyncio.to_thread(until_logged, service.log, "start_waits")
    await homeserver.start()
    await starting

    reminder = await mei.wait_for_text(room, "late: was due", sender=service.user_id)
    assert "water the tomatoes" in body(reminder)
    said = await settled(mei, room, service)
    assert len([text for text in said if "late: was due" in text]) == 1


async def test_a_placeholder_reaches_its_end_after_a_kill(breakable: Breakable, person: NewPerson) -> None:
    """There is one; it goes when the answer stands, which reaches whoever asked."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, thinker)
    for line in ("The boat is with Agnes", "One", "Two", "Three"):
        await mei.say(room, line)
    model.script((Delay(30), "too late"))
    question = await mei.say(room, "!circle ask where is the boat?")
    sign = await placeholder(mei, room, question, thinker)
    await thinker.kill()
    model.reset().always({"found": True, "answer": "The boat is with Agnes.", "messages": [1]})
    await thinker.start()

    found = await answer(mei, room, question, thinker)
    assert "Agnes" in body(found)
    assert found["content"]["msgtype"] == "m.text"
    assert found["content"]["m.mentions"] == {"user_ids": [mei.user_id]}
    await mei.wait_for_redaction(room, sign["event_id"])
    await settled(mei, room, thinker)
    assert replies(mei, room, thinker.user_id)[question] == [found["event_id"]]
    assert not any("m.new_content" in event["content"] and kind(event) == "answer" for event in mei.timeline(room))
    model.reset()


async def test_a_placeholder_of_a_question_taken_back_while_down_is_taken_away(
    breakable: Breakable, person: NewPerson
) -> None:
    """Nobody waits any more."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, thinker)
    for line in ("The boat is with Agnes", "One", "Two", "Three"):
        await mei.say(room, line)
    model.script((Delay(30), "too late"))
    question = await mei.say(room, "!circle ask where is the boat?")
    sign = await placeholder(mei, room, question, thinker)
    await thinker.kill()
    await mei.redact(room, question)
    await thinker.start()

    await mei.wait_for_redaction(room, sign["event_id"])
    model.reset()


async def test_both_sides_may_be_away_in_turn(breakable: Breakable, person: NewPerson) -> None:
    """Homeserver down and up beneath a running service; service down and up, with a homeserver restart in between."""
    homeserver, service = breakable.homeserver, breakable.service
    mei = await person("mei", at=homeserver)
    room = await admitted(mei, service)
    asked = [await mei.say(room, "!circle help") for _ in range(3)]
    await until_there_is(service.database_path, TAKEN_IN, asked[-1])
    await homeserver.kill()
    await homeserver.start()
    asked.append(await mei.say(room, "!circle policy"))
    for question in asked:
        await answer(mei, room, question, service)

    await service.stop()
    asked += [await mei.say(room, "!circle help") for _ in range(3)]
    await until_there_is(homeserver.database_path, QUEUED, asked[-1])
    await homeserver.restart()
    await service.start()
    for question in asked:
        await answer(mei, room, question, service)
    await settled(mei, room, service)

    found = replies(mei, room, service.user_id)
    assert {question: len(found.get(question, [])) for question in asked} == dict.fromkeys(asked, 1)
    order = [event["event_id"] for event in mei.timeline(room)]
    positions = [order.index(found[question][0]) for question in asked]
    assert positions == sorted(positions)


def until_logged(log: Callable[[], str], words: str, *, within: float = 15) -> None:
    """Wait until a log says something."""
    deadline = time.monotonic() + within
    while words not in log():
        assert time.monotonic() < deadline, f"{words} is not in the log"
        time.sleep(0.05)
