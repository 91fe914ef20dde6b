"""What a homeserver forgot when it ended is read from the rooms: nothing lost, nothing twice, in order."""

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from circles_harness import Person, Service
from walks import admitted, answer, ask, body, messages, private_room, settled

from .conftest import Breakable, NewPerson


@contextmanager
def asleep(service: Service) -> Generator[None]:
    """Let a service hang: what the homeserver wants to deliver meanwhile stays in its memory."""
    assert service.pid is not None
    os.kill(service.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(service.pid, signal.SIGCONT)


@pytest.mark.parametrize("wakes", ["in between", "when it is back"])
async def test_what_was_said_before_the_homeserver_died_is_answered_once_and_in_order(
    breakable: Breakable, person: NewPerson, wakes: str
) -> None:
    """The first question is in a delivery, the others nowhere but in the room; a new one comes at once after it.

    Also where the service sleeps until the homeserver is back and no request of it fails; if it notices that too late,
    what is said next is answered first.
    """
    homeserver, service = breakable.homeserver, breakable.service
    mei = await person("mei", at=homeserver)
    rooms = [await admitted(mei, service), await private_room(mei, service)]
    for room in rooms:
        await ask(mei, room, "!circle help", service)
    asked: dict[str, list[str]] = {room: [] for room in rooms}
    with asleep(service):
        for room in rooms:
            asked[room] += [await mei.say(room, f"!circle {word}") for word in ("help", "policy", "reminders")]
        await homeserver.kill()
        away = len(service.log())
        if wakes == "when it is back":
            await homeserver.start()
    if wakes == "in between":
        # A homeserver that takes as long to start as one that is no fork: its absence is noticed first.
        async with asyncio.timeout(60):
            while "homeserver_lost" not in service.log()[away:]:
                await asyncio.to_thread(lambda: None)
        await homeserver.start()
    for room in rooms:
        asked[room].append(await mei.say(room, "!circle notes"))
    for room in rooms:
        for question in asked[room]:
            await answer(mei, room, question, service)
        await settled(mei, room, service)
        found = answered(mei, room, service, asked[room])
        assert found == asked[room] if wakes == "in between" else sorted(found) == sorted(asked[room])


async def test_who_invited_it_before_the_homeserver_died_is_not_left_waiting(
    breakable: Breakable, person: NewPerson
) -> None:
    """An invite, and with it the first words of a direct message, may be forgotten too."""
    homeserver, service = breakable.homeserver, breakable.service
    mei = await person("mei", at=homeserver)
    with asleep(service):
        await mei.create_room("Something in a delivery", invite=[service.user_id])
        await mei.create_room("Garden", invite=[service.user_id])
        direct = await mei.start_dm(service.user_id)
        question = await mei.say(direct, "help")
        await homeserver.kill()
    await homeserver.start()

    for room in await mei.joined_rooms():
        await mei.wait_for_member(room, service.user_id, "join")
    assert "What you can say" in body(await answer(mei, direct, question, service))


async def test_what_a_policy_among_it_forbids_is_never_written(breakable: Breakable, person: NewPerson) -> None:
    """A message that a group notebook keeps, and then a tighter policy, both forgotten: the message stays unread."""
    homeserver, service = breakable.homeserver, breakable.service
    mei = await person("mei", at=homeserver)
    room = await admitted(mei, service, option="3️⃣")
    await mei.say(room, "the key is under the blue pot")
    await ask(mei, room, "!circle help", service)
    with asleep(service):
        await mei.say(room, "this comes in a delivery")
        await mei.say(room, "the alarm code is eleven-canary")
        await mei.say(room, "!circle policy resting")
        await homeserver.kill()
    await homeserver.start()

    await mei.wait_for_text(room, "looks at nothing", sender=service.user_id)
    await settled(mei, room, service)
    written = b"".join(path.read_bytes() for path in sorted(service.data_dir.rglob("*.db*")))
    assert b"blue pot" in written
    assert b"eleven-canary" not in written


async def test_nothing_said_before_it_came_is_read(breakable: Breakable, person: NewPerson) -> None:
    """A room that it joined in the gap has a history from before: no word of that is obeyed."""
    homeserver, service = breakable.homeserver, breakable.service
    mei = await person("mei", at=homeserver)
    room = await mei.create_room("Garden")
    early = await mei.say(room, "!circle help")
    with asleep(service):
        await mei.create_room("Something in a delivery", invite=[service.user_id])
        await mei.invite(room, service.user_id)
        await homeserver.kill()
    await homeserver.start()
    await mei.wait_for_text(room, "Hello, I'm Circle", sender=service.user_id)
    await settled(mei, room, service)
    assert answered(mei, room, service, [early]) == []


def answered(person: Person, room: str, service: Service, questions: list[str]) -> list[str]:
    """Return which of some questions were answered, each as often as it was, in the order of the answers."""
    found = [
        event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
        for event in messages(person, room, service)
        if "m.new_content" not in event["content"]
    ]
    return [question for question in found if question in questions]
