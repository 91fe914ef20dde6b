"""One message kept from the AI: before one was told of it, off the record, 🙈, taken back; and what stays on disk."""

import asyncio
import secrets
import time

from circles_harness import Event, Person, Service
from walks import (
    ADDRESSED,
    NOTEBOOK,
    admitted,
    answer,
    ask,
    body,
    chat,
    circle,
    kind,
    let_in,
    look,
    messages,
    on_disk,
    private_room,
    settled,
)

from .conftest import NewPerson


def canary() -> str:
    """Return a word that stands nowhere else."""
    return f"canary{secrets.token_hex(6)}"


async def until_gone(service: Service, word: str, *, within: float = 10) -> None:
    """Wait until no byte of a word is on disk; the service empties its logs every second here."""
    deadline = time.monotonic() + within
    while word.encode() in on_disk(service):
        assert time.monotonic() < deadline, f"{word} is still on disk after {within} s"
        await asyncio.sleep(0.1)


async def welcome(person: Person, room: str, service: Service) -> Event:
    """Wait for the notice that names newcomers."""

    def holds(event: Event) -> bool:
        return event["sender"] == service.user_id and kind(event) == "welcome"

    return await person.wait_for(room, holds, what="the welcome")


async def test_a_newcomers_words_count_from_the_notice_that_names_them(
    service: Service, mei: Person, li: Person, person: NewPerson
) -> None:
    """Three who come together get one notice; what they wrote before it is never looked at."""
    room = await admitted(mei, service, li)
    uncle, tom = await person("uncle", display_name="Uncle"), await person("tom", display_name="Tom")
    for newcomer in (uncle, tom):
        await mei.invite(room, newcomer.user_id)
    for newcomer in (uncle, tom):
        await newcomer.join(room)
    await uncle.say(room, "The grill is with Agnes")

    notice = await welcome(uncle, room, service)

    assert body(notice) in (
        f"Welcome, {first} and {second}. There is an AI here (looks back when called). "
        'It skips what you wrote before this line. "out" in private keeps you out.'
        for first, second in (("Uncle", "Tom"), ("Tom", "Uncle"))
    )
    assert notice["content"]["msgtype"] == "m.notice"
    await settled(mei, room, service)  # else it may not know yet that its notice stands there
    await chat(room, [(uncle, "The grill went to Clara"), (mei, "One"), (li, "Two"), (mei, "Three")])
    found = await look(mei, room, "where is the grill?", service)
    assert "Clara" in found
    assert "Agnes" not in found
    await settled(mei, room, service)
    assert len([event for event in messages(mei, room, service) if kind(event) == "welcome"]) == 1


async def test_anyone_may_hide_a_message_and_take_the_monkey_back(service: Service, mei: Person, li: Person) -> None:
    """🙈 by another than the author counts, and the answer that used it is withdrawn; without it all is as before."""
    room = await admitted(mei, service, li)
    message, *_ = await chat(
        room, [(mei, "Li's birthday tent is with Agnes"), (mei, "One"), (li, "Two"), (mei, "Three")]
    )
    question = await mei.say(room, "!circle ask where is the birthday tent?")
    first = await answer(mei, room, question, service)
    assert "Agnes" in body(first)

    await li.react(room, message, "🙈")

    await mei.wait_for_redaction(room, first["event_id"])
    private = await let_in(li, service)
    await li.wait_for_text(private, "Taken back. I removed it here and rewrote my answer.", sender=service.user_id)
    assert "Agnes" not in await look(mei, room, "where is the birthday tent?", service)
    await li.unreact(room, message, "🙈")
    assert "Agnes" in await look(mei, room, "where is the birthday tent now?", service)


async def test_the_author_undoes_what_others_hid_and_nobody_what_the_author_hid(
    service: Service, mei: Person, li: Person, person: NewPerson
) -> None:
    """By `unhide` as a reply, or a moderator's redaction of the 🙈; what was taken back is not posted again."""
    uncle = await person("uncle")
    room = await admitted(mei, service, li, uncle)
    theirs, own, *_ = await chat(
        room,
        [(li, "The saw is with Agnes"), (li, "The axe is with Berta"), (mei, "One"), (uncle, "Two"), (mei, "Three")],
    )
    await uncle.react(room, theirs, "🙈")
    monkey = await li.react(room, own, "🙈")
    assert "Agnes" not in await look(mei, room, "where is the saw?", service)

    await mei.redact(room, monkey)
    await mei.reply(room, own, "!circle unhide")
    private = await let_in(mei, service)
    await mei.wait_for_text(private, "Someone else hid that one.", sender=service.user_id)
    await li.reply(room, theirs, "!circle 这句可以看")
    private = await let_in(li, service)
    await li.wait_for_text(private, "好的，这句又可以看了。", sender=service.user_id)

    assert "Agnes" in await look(mei, room, "where is the saw now?", service)
    assert "Berta" not in await look(mei, room, "where is the axe?", service)
    await li.reply(room, own, "!circle unhide")
    await li.wait_for_text(private, "Done, I may look at that one again.", sender=service.user_id)
    assert "Berta" in await look(mei, room, "where is the axe now?", service)


async def test_hide_as_a_reply_hides_what_is_replied_to(service: Service, mei: Person, li: Person) -> None:
    """For clients without reactions; answered in private only, in either language."""
    room = await admitted(mei, service, li)
    first, second, *_ = await chat(
        room, [(mei, "The pump is with Agnes"), (mei, "The hose is with Berta"), (li, "Two"), (mei, "Three")]
    )
    await li.reply(room, first, "!circle hide")
    await li.reply(room, second, "!circle 这句别看")

    private = await let_in(li, service)
    await li.wait_for_text(private, "Done, I leave that one out.", sender=service.user_id)
    await li.wait_for_text(private, "好的，这句我不看。", sender=service.user_id)
    assert "Agnes" not in await look(mei, room, "where is the pump?", service)
    assert "Berta" not in await look(mei, room, "where is the hose?", service)


async def test_off_the_record_is_not_looked_at(service: Service, mei: Person, li: Person) -> None:
    """A prefix is enough, in either language."""
    room = await admitted(mei, service, li)
    await chat(
        room,
        [
            (mei, "(off the record) The key is with Agnes"),
            (li, "【不记】The key is with Berta"),
            (mei, "Off the record: the key is with Clara"),
            (mei, "Three"),
        ],
    )

    found = await look(mei, room, "where is the key?", service)

    assert not any(name in found for name in ("Agnes", "Berta", "Clara"))


async def test_a_redacted_message_goes_from_the_answers_too(service: Service, mei: Person, li: Person) -> None:
    """The answer that used it is redacted and said again without it, as a reply to the question."""
    room = await admitted(mei, service, li)
    message, *_ = await chat(
        room, [(li, "The boat is with Agnes"), (mei, "The boat is blue"), (li, "Two"), (mei, "Three")]
    )
    question = await mei.say(room, "!circle ask what about the boat?")
    first = await answer(mei, room, question, service)
    assert "Agnes" in body(first)

    await li.redact(room, message)

    await mei.wait_for_redaction(room, first["event_id"])
    again = await mei.wait_for_text(
        room, "Posted again: something in it was taken back or changed.", sender=service.user_id
    )
    assert "Agnes" not in body(again)
    assert again["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == question


async def test_an_edit_is_what_counts_and_does_not_trigger(service: Service, mei: Person, li: Person) -> None:
    """The words as they are now are looked at; editing a call does not call again."""
    room = await admitted(mei, service, li)
    message, *_ = await chat(room, [(li, "The bike is with Agnes"), (mei, "One"), (li, "Two"), (mei, "Three")])
    await li.edit(room, message, "The bike is with Clara")

    question = await mei.say(room, "!circle ask where is the bike?")
    found = body(await answer(mei, room, question, service))
    await mei.edit(room, question, "!circle ask where is the blue bike?")

    assert "Clara" in found
    assert "Agnes" not in found
    assert len(await settled(mei, room, service)) == 4


async def test_no_byte_of_talk_is_on_disk_under_none_resting_addressed_and_on_call(
    service: Service, mei: Person, li: Person
) -> None:
    """What may be neither acted on nor kept is never written: not to the database, its log, or ours (at DEBUG)."""
    words = [canary() for _ in range(4)]
    waiting = await circle(mei, service, li)
    on_call, addressed = await admitted(mei, service, li), await admitted(mei, service, li, option=ADDRESSED)
    resting = await admitted(mei, service, li)
    await ask(mei, resting, "!circle off", service)
    places = [waiting, on_call, addressed, resting]

    for place, word in zip(places, words, strict=True):
        spoken = await li.say(place, f"My secret is {word}")
        await li.edit(place, spoken, f"My secret is {word}!")
        await mei.reply(place, spoken, f"Yes, {word}")
        await settled(mei, place, service)

    written = on_disk(service)
    assert [word for word in words if word.encode() in written] == []


async def test_a_question_leaves_no_byte_once_it_is_answered(service: Service, mei: Person, li: Person) -> None:
    """On call nothing is kept: neither the question nor what was looked at for it."""
    room, asked, said = await admitted(mei, service, li), canary(), canary()
    await chat(room, [(li, f"The claw hammer is with {said}"), (mei, "One"), (li, "Two"), (mei, "Three")])

    assert said in await look(mei, room, f"where is the claw hammer of {asked}?", service)

    await until_gone(service, said)
    await until_gone(service, asked)


async def test_the_notebook_keeps_a_message_and_loses_every_byte_of_it(
    service: Service, mei: Person, li: Person, person: NewPerson
) -> None:
    """Kept until hidden, redacted, edited, or its author is out; then gone from the files within the promised time."""
    uncle = await person("uncle")
    room = await admitted(mei, service, li, uncle, option=NOTEBOOK)
    hidden, redacted, edited, outed = words = [canary() for _ in range(4)]
    events = [await speaker.say(room, word) for speaker, word in zip((li, li, li, uncle), words, strict=True)]
    await settled(mei, room, service)
    kept = on_disk(service)
    assert all(word.encode() in kept for word in words)

    await mei.react(room, events[0], "🙈")
    await li.redact(room, events[1])
    await li.edit(room, events[2], "nothing special")
    await ask(uncle, await private_room(uncle, service), "out", service)

    for word in (hidden, redacted, edited, outed):
        await until_gone(service, word)


async def test_what_a_room_lets_stay_no_longer_is_gone(service: Service, mei: Person, li: Person) -> None:
    """Set in the room by any client: what was kept goes, is looked at no more, and the banner says so."""
    room = await admitted(mei, service, li, option=NOTEBOOK)
    word = canary()
    await chat(room, [(li, f"The lantern is with {word}"), (mei, "One"), (li, "Two"), (mei, "Three"), (li, "Four")])
    assert word in await look(mei, room, "where is the lantern?", service)
    assert word.encode() in on_disk(service)

    await mei.set_state(room, "m.room.retention", {"max_lifetime": 1})

    await mei.wait_for_text(room, "Keeps: messages 1 minute.", sender=service.user_id)
    assert word not in await look(mei, room, "where is the lantern?", service)
    await until_gone(service, word, within=60)
