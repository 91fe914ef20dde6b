"""Who answers everything the AI says is left in peace, and a budget that is used up is said once."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from circles_harness import Person, Service
from walks import admitted, ask, body, messages, private_room, settled

from .conftest import THRIFTY_LIMITS
from .test_catching_up import asleep

TURNS: int = THRIFTY_LIMITS["limits"]["turns_in_a_row"]
ANSWERS: int = THRIFTY_LIMITS["limits"]["answers_per_person_per_day"]
CIRCLING = "We seem to answer each other without end"


async def answers_everything(bot: Person, room: str, service: Service, *, mentions: bool, said: list[str]) -> None:
    """Answer each message of the AI to the bot at once, as a program of another house does: with ordinary text."""
    answered: set[str] = set()
    while True:
        event = await bot.wait_for(
            room,
            lambda event: (
                event["sender"] == service.user_id
                and event["type"] == "m.room.message"
                and event["event_id"] not in answered
                and event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id") in said
            ),
            what="another answer",
            timeout=60,
        )
        answered.add(event["event_id"])
        number = len(said)
        if mentions:
            said.append(await bot.say(room, f"Thank you! And what about {number}?", mentions=[service.user_id]))
        else:
            relation: Mapping[str, Any] = {"m.in_reply_to": {"event_id": event["event_id"]}}
            said.append(await bot.say(room, f"Interesting. Tell me about {number}", relates_to=relation))


def to(event_ids: Sequence[str], person: Person, room: str, service: Service) -> list[str]:
    """Return what the AI answered to these events."""
    found = [
        (event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id"), body(event))
        for event in messages(person, room, service)
    ]
    return [text for replied, text in found if replied in event_ids]


@pytest.mark.parametrize("mentions", [True, False], ids=["by mention", "by reply"])
async def test_a_program_that_answers_everything_is_left_after_a_few_turns(
    thrifty: Service, mei: Person, li: Person, mentions: bool
) -> None:
    """It hears why, once; people go on, and so do control words, also the program's."""
    room = await admitted(mei, thrifty, li)
    said = [await li.say(room, "Hello, who are you?", mentions=[thrifty.user_id])]
    game = asyncio.create_task(answers_everything(li, room, thrifty, mentions=mentions, said=said))
    await mei.wait_for_text(room, CIRCLING, sender=thrifty.user_id)
    last = f"about {TURNS + 1}?" if mentions else f"about {TURNS + 1}"
    await mei.wait_for_text(room, last, sender=li.user_id)  # it answers the last word, too
    heard = await settled(mei, room, thrifty)
    game.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await game

    replies = to(said, mei, room, thrifty)
    assert len(replies) == TURNS + 1
    assert len([text for text in heard if CIRCLING in text]) == 1
    assert "What you can say to me" in await ask(li, room, "!circle help", thrifty)
    await li.say(room, "!circle out")
    await settled(mei, room, thrifty)
    assert level(thrifty, room, li.user_id) == "out"


async def test_answers_that_are_used_up_are_said_once_and_control_words_go_on(
    thrifty: Service, mei: Person, li: Person
) -> None:
    """In the room and in private alike; somebody else is answered as before, and what was set still comes."""
    room = await admitted(mei, thrifty, li)
    await ask(li, room, "!circle remind me in 4 seconds to look up", thrifty)
    with asleep(thrifty):  # So that none of them answers an answer, however long it takes to say them.
        asked = await asyncio.gather(*(li.say(room, "!circle reminders") for _ in range(ANSWERS + 4)))
    spent = await li.wait_for_text(room, "That is all I can answer you today; I'm back in ", sender=thrifty.user_id)
    assert "still work" in body(spent)
    assert "look up" in body(await li.wait_for_text(room, "you asked me to remind you", sender=thrifty.user_id))
    await settled(mei, room, thrifty)

    # One answer set the reminder, the last reply says that there are no more today.
    assert len(to(asked, li, room, thrifty)) == ANSWERS - 1 + 1
    assert "What you can say to me" in await ask(li, room, "!circle help", thrifty)
    private = await private_room(li, thrifty)
    assert "Done (Garden)" in await ask(li, private, "out", thrifty)
    assert level(thrifty, room, li.user_id) == "out"


def level(service: Service, room: str, user: str) -> str:
    """Return what a person chose in a room."""
    with contextlib.closing(sqlite3.connect(f"file:{service.database_path}?mode=ro", uri=True)) as database:
        found = database.execute("SELECT level FROM members WHERE room_id = ? AND user_id = ?", (room, user)).fetchone()
    return str(found[0])
