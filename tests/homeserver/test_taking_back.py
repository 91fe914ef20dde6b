"""Taking back, by every way there is: within seconds the AI's words are gone for members and from the disk, each edit
too, and the answer is said again without them.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable

import pytest

from circles_harness import Person, Service
from circles_harness.model import Delay
from walks import admitted, answer, ask, body, chat, let_in, on_disk, private_room

from .conftest import Breakable, NewPerson

SECONDS = 60
"""What the product promises; seconds are usual."""
AGAIN = "Posted again: something in it was taken back or changed."


async def by_redaction(author: Person, _other: Person, room: str, message: str, _service: Service) -> None:
    """Remove the message."""
    await author.redact(room, message)


async def by_monkey(_author: Person, other: Person, room: str, message: str, _service: Service) -> None:
    """🙈 by somebody else."""
    await other.react(room, message, "🙈")


async def by_edit(author: Person, _other: Person, room: str, message: str, _service: Service) -> None:
    """Say something else instead."""
    await author.edit(room, message, "The boat is with nobody")


async def by_out(author: Person, _other: Person, room: str, _message: str, _service: Service) -> None:
    """Say `out`."""
    await author.say(room, "!circle out")


async def by_forgetting(author: Person, _other: Person, _room: str, _message: str, service: Service) -> None:
    """Ask in private to be forgotten, and say yes."""
    private = await private_room(author, service)
    await ask(author, private, "forget me yes", service)


Way = Callable[[Person, Person, str, str, Service], Awaitable[None]]


@pytest.mark.parametrize("way", [by_redaction, by_monkey, by_edit, by_out, by_forgetting])
async def test_what_is_taken_back_is_gone_everywhere(breakable: Breakable, person: NewPerson, way: Way) -> None:
    """From /messages and /event for members; from database and log; and it comes back without."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei, li = await person("mei", at=breakable.homeserver), await person("li", at=breakable.homeserver)
    room = await admitted(mei, thinker, li)
    canary = f"canary{secrets.token_hex(6)}"
    message, *_ = await chat(
        room, [(li, f"The boat is with {canary}"), (mei, "The boat is blue"), (mei, "Two"), (mei, "Three")]
    )
    model.script((Delay(0.7), {"found": True, "answer": f"The boat is with {canary}.", "messages": [1]}))
    model.always({"found": True, "answer": "The boat is blue.", "messages": [1]})
    question = await mei.say(room, "!circle ask what about the boat?")
    first = await answer(mei, room, question, thinker)
    assert canary in body(first)

    begun = time.monotonic()
    await way(li, mei, room, message, thinker)
    again = await mei.wait_for_text(room, AGAIN, sender=thinker.user_id)
    await mei.wait_for_redaction(room, first["event_id"])
    async with asyncio.timeout(SECONDS):
        while canary.encode() in await asyncio.to_thread(on_disk, thinker):
            await asyncio.to_thread(lambda: None)

    assert time.monotonic() - begun < SECONDS
    assert again["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == question
    assert "The boat is blue" in body(again)
    for reader in (mei, li):
        assert (await reader.event(room, first["event_id"]))["content"] == {}
        said = [event for event in await reader.all_messages(room) if event["sender"] == thinker.user_id]
        assert canary not in json.dumps(said)
    sent, *sent_again = map(json.dumps, model.requests())
    assert canary in sent
    assert canary not in "".join(sent_again), "nothing of it went to the model again"


async def test_what_is_to_be_said_again_is_said_after_a_kill(breakable: Breakable, person: NewPerson) -> None:
    """The answer was withdrawn, the new one was in the making; the row that asks for it outlives the process."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei, li = await person("mei", at=breakable.homeserver), await person("li", at=breakable.homeserver)
    room = await admitted(mei, thinker, li)
    message, *_ = await chat(
        room, [(li, "The boat is with Agnes"), (mei, "The boat is blue"), (mei, "Two"), (mei, "Three")]
    )
    model.script((Delay(0.7), {"found": True, "answer": "The boat is with Agnes.", "messages": [1]}))
    model.script((Delay(20), "too late"))
    question = await mei.say(room, "!circle ask what about the boat?")
    first = await answer(mei, room, question, thinker)

    await li.redact(room, message)
    await mei.wait_for_redaction(room, first["event_id"])
    await thinker.kill()
    model.reset().always({"found": True, "answer": "The boat is blue.", "messages": [1]})
    await thinker.start()

    again = await mei.wait_for_text(room, AGAIN, sender=thinker.user_id)
    assert "Agnes" not in body(again)
    await let_in(li, thinker)
    model.reset()
