"""A thread, or everybody's talk for an hour, off the record: by a word of any member, until they or an admin end it."""

import asyncio
import secrets
import time

from circles_harness import Person, Service
from walks import NOTEBOOK, admitted, answer, ask, body, chat, let_in, look, on_disk

from .conftest import Breakable, NewPerson


async def until_gone(service: Service, word: str, *, within: float = 10) -> None:
    """Wait until no byte of a word is on disk."""
    deadline = time.monotonic() + within
    while word.encode() in on_disk(service):
        assert time.monotonic() < deadline, f"{word} is still on disk after {within} s"
        await asyncio.sleep(0.1)


async def test_a_thread_off_the_record_loses_what_was_made_from_it(service: Service, mei: Person, li: Person) -> None:
    """Nobody need be named; answer, note and kept messages go, and the thread counts again only from `on record` on."""
    room = await admitted(mei, service, li, option=NOTEBOOK)
    secret = f"canary{secrets.token_hex(6)}"
    root, *_ = await chat(room, [(mei, "About the party"), (li, "One"), (mei, "Two"), (li, "Three"), (mei, "Four")])
    await li.in_thread(room, root, f"The lantern is with {secret}")
    note = await li.in_thread(room, root, f"!circle keep the song is {secret}")
    await answer(li, room, note, service)
    question = await mei.say(room, "!circle ask where is the lantern?")
    used = await answer(mei, room, question, service)
    assert secret in body(used)

    word = await li.in_thread(room, root, "off the record")

    told = await answer(li, room, word, service)
    assert body(told).startswith("Off the record: I look at nothing in this thread, before or after this.")
    await mei.wait_for_redaction(room, used["event_id"])
    await until_gone(service, secret)
    await mei.in_thread(room, root, f"The lantern was with {secret}")
    refused = await mei.in_thread(room, root, "!circle keep the lantern")
    assert body(await answer(mei, room, refused, service)).startswith("This is off the record")
    assert secret not in await look(mei, room, "where is the lantern now?", service)
    assert secret.encode() not in on_disk(service)

    back = await mei.in_thread(room, root, "!circle on record")
    assert body(await answer(mei, room, back, service)).startswith("Back on the record")
    await li.in_thread(room, root, "The lantern hangs on the oak")
    found = await look(mei, room, "where does the lantern hang?", service)
    assert "oak" in found
    assert secret not in found


async def test_an_hour_off_the_record_outlives_a_kill_and_ends_early_for_who_asked(
    breakable: Breakable, person: NewPerson
) -> None:
    """Everyone's talk is skipped, what is said to the AI counts; another member cannot end it, who asked can."""
    service = breakable.service
    mei, li, uncle = [await person(name, at=breakable.homeserver) for name in ("mei", "li", "uncle")]
    room = await admitted(mei, service, li, uncle)
    await chat(room, [(mei, "The ladder is with Agnes"), (li, "One"), (mei, "Two"), (li, "Three"), (uncle, "Four")])

    told = await ask(li, room, "!circle 接下来一小时别看", service)

    assert told.startswith("好，接下来 1 小时（到 ")
    await chat(room, [(mei, "The ladder went to Berta"), (uncle, "No, the ladder went to Clara")])
    await service.kill()
    await service.start()
    found = await look(uncle, room, "where is the ladder?", service)
    assert "Agnes" in found, "what was said before stays"
    assert "Berta" not in found
    assert "Clara" not in found
    assert "Someone else asked for that." in await ask(uncle, room, "!circle on record", service)
    assert "Back on the record" in await ask(li, room, "!circle on record", service)
    await uncle.say(room, "The ladder is in the shed")
    found = await look(mei, room, "where is the ladder kept?", service)
    assert "shed" in found
    assert "Berta" not in found


async def test_there_is_a_number_a_day(service: Service, mei: Person, li: Person) -> None:
    """With 🙈 it is one number; the word that is too many is told so in private, and counts for nothing."""
    room = await admitted(mei, service, li)
    for _ in range(20):
        await li.react(room, await mei.say(room, "Tea"), "🙈")

    await li.say(room, "!circle off record for an hour")

    private = await let_in(li, service)
    await li.wait_for_text(private, "Today's 20 🙈 and off-the-record are used up", sender=service.user_id)
    await chat(room, [(li, "The rake is with Agnes"), (mei, "One"), (li, "Two"), (mei, "Three"), (li, "Four")])
    assert "Agnes" in await look(mei, room, "where is the rake?", service)
