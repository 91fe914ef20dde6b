"""What calls the AI and what does not: the event shapes that Element and other clients send."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Any

from circles_harness import Person, Service
from walks import admitted, answer, ask, banner, body, chat, messages, private_room, push, settled

from .conftest import NewPerson

HELP = "What you can say to me:"


def message(
    room: str, sender: str, text: str, *, age_ms: int = 0, relates_to: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a message event as the homeserver pushes it."""
    return {
        "type": "m.room.message",
        "event_id": f"$pushed-{secrets.token_hex(8)}",
        "room_id": room,
        "sender": sender,
        "origin_server_ts": int(time.time() * 1000) - age_ms,
        "content": {
            "msgtype": "m.text",
            "body": text,
            "m.mentions": {},
            **({"m.relates_to": relates_to} if relates_to is not None else {}),
        },
    }


async def test_a_name_typed_or_picked_calls_it(service: Service, mei: Person, li: Person) -> None:
    """A pill, `@Circle`, the name before a colon or a comma, the names of other policies, Chinese names, `!circle`."""
    room = await admitted(mei, service, li)
    picked = await li.mention(room, service.user_id, "Circle · on call", "help")
    typed = [
        await li.say(room, words)
        for words in (
            "@Circle help",
            "Circle: help",
            "Circle, help",
            "@Circle · notebook help",
            f"{service.user_id} help",
            "!circle help",
            "！circle help",
            "@小圈 help",
            "小圈·叫才看：help",
            "小圈，help",
        )
    ]

    for said in (picked, *typed):
        assert body(await answer(li, room, said, service)).startswith(HELP)


async def test_a_reply_and_a_thread_under_its_post_call_it(service: Service, mei: Person, li: Person) -> None:
    """A reply mentions it by itself; in a thread nobody is mentioned, so the root tells. The answer stays there."""
    room = await admitted(mei, service, li)
    post = (await banner(li, room, service))["event_id"]

    replied = await li.reply(room, post, "help", author=service.user_id)
    threaded = await li.in_thread(room, post, "help")

    assert body(await answer(li, room, replied, service)).startswith(HELP)
    told = await answer(li, room, threaded, service)
    assert body(told).startswith(HELP)
    assert told["content"]["m.relates_to"]["rel_type"] == "m.thread"
    assert told["content"]["m.relates_to"]["event_id"] == post


async def test_a_thread_it_was_called_into_stays_its_own(service: Service, mei: Person, li: Person) -> None:
    """Called once into people's own thread, it is spoken to there without its name; in another thread it is not."""
    room = await admitted(mei, service, li)
    ours, other = await chat(room, [(mei, "About the garden"), (mei, "About the house")])
    called = await li.in_thread(room, ours, "!circle help")
    await answer(li, room, called, service)

    unnamed = await li.in_thread(room, ours, "help")
    elsewhere = await li.in_thread(room, other, "help")

    assert body(await answer(li, room, unnamed, service)).startswith(HELP)
    await settled(li, room, service)
    answered = [event["content"].get("m.relates_to", {}) for event in messages(li, room, service)]
    assert elsewhere not in [relation.get("m.in_reply_to", {}).get("event_id") for relation in answered]


async def test_in_a_direct_message_every_word_is_for_it(service: Service, mei: Person) -> None:
    """Also without a command: it says how it can help, and that there is no circle to ask about."""
    private = await private_room(mei, service)

    assert (await ask(mei, private, "help", service)).startswith(HELP)
    assert (await ask(mei, private, "where is the dinner?", service)).startswith("We share no circle yet.")


async def test_talk_edits_notices_machines_and_old_events_do_not_call_it(
    service: Service, mei: Person, li: Person, person: NewPerson
) -> None:
    """Its name inside talk, an edit of a call, a bot's notice, a ghost of its own, and what is a day old."""
    bot = await person("robot")
    room = await admitted(mei, service, li, bot)
    talk = await li.say(room, "help! circle back to me, circles are round, !important")
    await li.edit(room, talk, "!circle help")
    await bot.say(room, "!circle help", msgtype="m.notice")
    await bot.mention(room, li.user_id, "Li", "help")
    ghost = service.user_id.replace("@circle:", "@circle_ghost:")
    await push(
        service,
        message(room, ghost, "!circle help"),
        message(room, service.user_id, "!circle help"),
        message(room, li.user_id, "!circle help", age_ms=25 * 3_600_000),
        message(room, li.user_id, "!circle help", relates_to={"rel_type": "m.replace", "event_id": talk}),
    )

    assert len(await settled(li, room, service)) == 3
    assert sum(body(event).startswith(HELP) for event in messages(li, room, service)) == 1


async def test_an_unknown_word_gets_the_nearest_command(service: Service, mei: Person, li: Person) -> None:
    """After `!circle` only commands are expected; elsewhere words that are none are a question."""
    room = await admitted(mei, service, li)

    assert await ask(li, room, "!circle sumary", service) == "Did you mean “summary”? “help” shows everything."
    assert await ask(li, room, "!circle 帮住", service) == "是想说“帮助”吗？说“帮助”看全部。"
    assert (await ask(li, room, "!circle xyzzy", service)).startswith("I don't know that word.")
    assert (await ask(li, room, "@Circle", service)).startswith(HELP)


async def test_two_ais_do_not_talk_to_each_other(service: Service, hasty: Service, mei: Person, li: Person) -> None:
    """Each answers people; what the other one says is a machine's, whoever it names."""
    room = await admitted(mei, service, li)
    await mei.invite(room, hasty.user_id)
    question = await mei.wait_for_text(room, "Hello, I'm Circle", sender=hasty.user_id)
    await mei.react(room, question["event_id"], "2️⃣")
    await mei.wait_for_text(room, "Circle looks back only when called.", sender=hasty.user_id)

    await ask(li, room, "Circle, help", service)
    await settled(li, room, service)
    await settled(li, room, hasty)

    ours = {event["event_id"] for event in li.timeline(room) if event["sender"] == li.user_id}
    for each in (service, hasty):
        relations = [event["content"].get("m.relates_to", {}) for event in messages(li, room, each)]
        answered = [relation["m.in_reply_to"]["event_id"] for relation in relations if relation]
        assert set(answered) <= ours
        assert len(answered) == len(set(answered))


async def test_too_many_calls_are_answered_once_with_a_pause(service: Service, mei: Person, li: Person) -> None:
    """The twenty-first call within a minute is told so, those after it nothing; others are not slowed."""
    room = await admitted(mei, service, li)
    await asyncio.gather(*(li.say(room, "!circle reminders") for _ in range(23)))

    said = await settled(mei, room, service)

    assert said.count("That's a lot at once. Give me a minute.") == 1
    assert sum(text.startswith("No reminders here") for text in said) == 20
