"""kill -9 at each named point of everything that becomes visible: it comes once, whatever died on the way.

One effect goes through all its points: the service is killed at the first, started, killed at the second, and so on.
"""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from circles_harness import Event, Service
from circles_harness.model import Delay
from walks import admitted, answer, ask, body, kind, messages, settled

from .conftest import Breakable, NewPerson
from .test_crash import replies

pytestmark = pytest.mark.timeout(180, func_only=True)
WHAT = ("commit", "send", "acknowledgement")
POINTS = tuple(f"{when} {what}" for what in WHAT for when in ("before", "after"))


@pytest_asyncio.fixture(loop_scope="session")
async def trapped(breakable: Breakable) -> AsyncIterator[Service]:
    """The service that can be killed at a named point, running."""
    breakable.model.reset()
    breakable.trapped.trap(None)
    await breakable.trapped.start()
    yield breakable.trapped
    breakable.model.reset()
    breakable.trapped.trap(None)
    await breakable.trapped.stop()


async def through_all_points(service: Service, cause: str) -> None:
    """Kill it at each point of one cause, then let it run."""
    for point in POINTS:
        await service.dies(f"{point} of {cause}")
    await service.start()


async def test_a_command_is_answered_once(breakable: Breakable, trapped: Service, person: NewPerson) -> None:
    """One goes through the points of the delivery it comes in, another through those of its answer."""
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, trapped)
    trapped.trap("before commit of intake")
    first = await mei.say(room, "!circle help")
    for point in (*POINTS[:2], *POINTS[4:]):
        await trapped.dies(f"{point} of intake")
    await trapped.start()
    await answer(mei, room, first, trapped)
    trapped.trap("before commit of answer")
    second = await mei.say(room, "!circle help")
    await through_all_points(trapped, "answer")

    await settled(mei, room, trapped)
    found = replies(mei, room, trapped.user_id)
    assert (len(found[first]), len(found[second])) == (1, 1)


@pytest.mark.parametrize("what", ["reminder", "digest"])
async def test_what_falls_due_comes_once(breakable: Breakable, trapped: Service, person: NewPerson, what: str) -> None:
    """A reminder and a digest, due while the service is down."""
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, trapped)
    await ask(mei, room, "!circle room zone UTC", trapped)
    await ask(mei, room, "!circle zone UTC", trapped)
    await ask(mei, room, "!circle remind us in 20 hours to water the tomatoes", trapped)
    if what == "digest":
        # At a minute that has just passed: the reminder comes before tomorrow's, and so is news today.
        passed = datetime.now(UTC) - timedelta(minutes=2)
        await ask(mei, room, f"!circle digest daily at {passed:%H:%M}", trapped)
    await trapped.kill()
    fall_due(trapped, room, what)

    await through_all_points(trapped, what)

    await mei.wait_for(room, lambda event: kind(event) == what, what=f"the {what}")
    await settled(mei, room, trapped)
    came = [event for event in messages(mei, room, trapped) if kind(event) == what]
    assert len(came) == 1
    assert "tomatoes" in body(came[0])


async def test_what_was_taken_back_goes_once(breakable: Breakable, trapped: Service, person: NewPerson) -> None:
    """The answer to a question that its author redacted is redacted, by one event."""
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, trapped)
    question = await mei.say(room, "!circle help")
    said = await answer(mei, room, question, trapped)
    trapped.trap("before commit of take-back")
    await mei.redact(room, question)

    await through_all_points(trapped, "take-back")

    await mei.wait_for_redaction(room, said["event_id"])
    await settled(mei, room, trapped)
    assert len([event for event in mei.timeline(room) if redacts(event, said, trapped)]) == 1


async def test_a_placeholder_comes_once_and_goes_with_the_answer(
    breakable: Breakable, trapped: Service, person: NewPerson
) -> None:
    """However often the question was begun."""
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, trapped)
    await mei.say(room, "The boat is with Agnes")
    found = {"found": True, "answer": "The boat is with Agnes.", "messages": [1]}
    breakable.model.always((Delay(2.5), found))
    trapped.trap("before commit of placeholder")
    question = await mei.say(room, "!circle ask where is the boat?")

    await through_all_points(trapped, "placeholder")

    assert "Agnes" in body(await answer(mei, room, question, trapped))
    signs = [event for event in mei.timeline(room) if is_reaction(event, trapped)]
    await mei.wait_for_redaction(room, signs[-1]["event_id"])
    await settled(mei, room, trapped)
    assert len(replies(mei, room, trapped.user_id)[question]) == 1
    after = [event["event_id"] for event in mei.timeline(room)]
    signs = [event for event in mei.timeline(room)[after.index(question) :] if is_reaction(event, trapped)]
    assert len(signs) == 1


def is_reaction(event: Event, by: Service) -> bool:
    """Return whether an event is a reaction of the AI's, redacted or not."""
    return bool(event["type"] == "m.reaction" and event["sender"] == by.user_id)


def fall_due(service: Service, room: str, what: str) -> None:
    """Let a room's reminder or digest have fallen due some minutes ago, in the rows of a service that does not run."""
    feature, table, hours = {"reminder": ("reminders", "reminders", 20), "digest": ("digest", "digests", 24)}[what]
    back = hours * 3_600_000
    with contextlib.closing(sqlite3.connect(service.database_path)) as database, database:
        moved = "UPDATE wakes SET due = due - ? WHERE feature = ? AND room_id = ?"
        database.execute(moved, (back, feature, room))
        database.execute(f"UPDATE {table} SET next_due = next_due - ? WHERE room_id = ?", (back, room))  # noqa: S608


def redacts(event: Event, post: Event, by: Service) -> bool:
    """Return whether an event is the AI's redaction of a post."""
    targets = (event.get("redacts"), event["content"].get("redacts"))
    is_redaction = event["type"] == "m.room.redaction" and event["sender"] == by.user_id
    return bool(is_redaction and post["event_id"] in targets)
