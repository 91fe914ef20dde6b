"""Taking back, by every way there is: within seconds the AI's words are gone for members and from the disk, each edit
too, and the answer is said again without them.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable

import pytest

from circles_harness import Event, Person, Service
from circles_harness.model import Delay
from walks import admitted, answer, ask, body, chat, kind, let_in, on_disk, private_room

from .conftest import Breakable, NewPerson

SECONDS = 15
"""What the product promises is 60; on a busy machine this leaves room for the homeserver."""
AGAIN = "Posted again: something in it was taken back."


async def by_redaction(author: Person, _other: Person, room: str, message: str, _service: Service) -> None:
    """Remove the message."""
    await author.redact(room, message)


async def by_monkey(_author: Person, other: Person, room: str, message: str, _service: Service) -> None:
    """🙈 by somebody else."""
    await other.react(room, message, "🙈")


async def by_out(author: Person, _other: Person, room: str, _message: str, _service: Service) -> None:
    """Say `out`."""
    await author.say(room, "!circle out")


async def by_forgetting(author: Person, _other: Person, _room: str, _message: str, service: Service) -> None:
    """Ask in private to be forgotten, and say yes."""
    private = await private_room(author, service)
    await ask(author, private, "forget me yes", service)


Way = Callable[[Person, Person, str, str, Service], Awaitable[None]]


async def edited_answer(person: Person, room: str, question: str, service: Service) -> tuple[Event, Event]:
    """Wait for a placeholder and the answer in its place."""
    root = await answer(person, room, question, service)
    assert kind(root) == "placeholder"

    def holds(event: Event) -> bool:
        relation = event["content"].get("m.relates_to", {})
        return (relation.get("rel_type"), relation.get("event_id")) == ("m.replace", root["event_id"])

    return root, await person.wait_for(room, holds, what="the answer")


@pytest.mark.parametrize("way", [by_redaction, by_monkey, by_out, by_forgetting])
async def test_what_is_taken_back_is_gone_everywhere(breakable: Breakable, person: NewPerson, way: Way) -> None:
    """From /messages and /event for members, root and edit; from database and log; and it comes back without."""
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
    root, edit = await edited_answer(mei, room, question, thinker)
    assert canary in body(edit)

    begun = time.monotonic()
    await way(li, mei, room, message, thinker)
    again = await mei.wait_for_text(room, AGAIN, sender=thinker.user_id)
    for event in (root, edit):
        await mei.wait_for_redaction(room, event["event_id"])
    async with asyncio.timeout(SECONDS):
        while canary.encode() in await asyncio.to_thread(on_disk, thinker):
            await asyncio.to_thread(lambda: None)

    assert time.monotonic() - begun < SECONDS
    assert again["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == question
    assert "The boat is blue" in body(again)
    for reader in (mei, li):
        for event in (root, edit):
            assert (await reader.event(room, event["event_id"]))["content"] == {}
        said = [event for event in await reader.all_messages(room) if event["sender"] == thinker.user_id]
        assert canary not in json.dumps(said)
    assert canary not in json.dumps(model.requests()[1:]), "nothing of it went to the model again"


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
    root, edit = await edited_answer(mei, room, question, thinker)

    await li.redact(room, message)
    for event in (root, edit):
        await mei.wait_for_redaction(room, event["event_id"])
    await thinker.kill()
    model.reset().always({"found": True, "answer": "The boat is blue.", "messages": [1]})
    await thinker.start()

    again = await mei.wait_for_text(room, AGAIN, sender=thinker.user_id)
    assert "Agnes" not in body(again)
    await let_in(li, thinker)
    model.reset()
