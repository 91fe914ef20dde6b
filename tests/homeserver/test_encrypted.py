"""Encrypted rooms and direct messages, with people whose clients run Element's own Rust crypto."""

import re

import aiohttp

from circles_harness import ElementPerson, Event, Homeserver, Person, Service
from codes import scanned
from walks import (
    ON_CALL,
    admission,
    admitted,
    answer,
    ask,
    banner,
    body,
    chat,
    circle,
    kind,
    on_disk,
    private_room,
    settled,
    spoken,
)

from .conftest import NewElement

HELP = "What you can say to me:"
MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}
IN_THE_CLEAR = {"m.reaction", "m.room.member", "m.room.redaction", "m.room.pinned_events", "m.room.encrypted"}


async def plain_words(person: Person, room: str, service: Service) -> list[Event]:
    """Return what the AI sent into a room that the homeserver can read and that is no reaction, state or redaction."""
    history = await person.all_messages(room)
    ours = [event for event in history if event["sender"] == service.user_id]
    return [event for event in ours if event["type"] not in IN_THE_CLEAR]


async def counted(service: Service, verdict: str) -> int:
    """Return of how many events the gate said this."""
    async with aiohttp.ClientSession() as session, session.get(f"{service.health_url}/metrics") as answered:
        text = await answered.text()
    found = re.findall(rf'circles_events_received_total{{[^}}]*verdict="{verdict}"}} ([0-9.]+)', text)
    return int(sum(float(each) for each in found))


async def test_a_circle_works_in_an_encrypted_room(service: Service, element: NewElement) -> None:
    """Admission, choice, banner, ask, summary, thread, edit, reminder: all read by Element, nothing by the server."""
    mei, li = await element("mei"), await element("li")
    room = await circle(mei, service, li, encrypted=True)
    question = await admission(mei, room, service)
    assert "not end-to-end encrypted any more" in body(question)
    await mei.react(room, question["event_id"], ON_CALL)
    shown = await banner(mei, room, service)
    assert "not end-to-end encrypted any more" in body(shown)
    assert (await li.wait_for_text(room, "not end-to-end encrypted", sender=service.user_id))["encrypted"]

    said = await chat(
        room, [(li, "Grandma comes on Friday"), (mei, "I buy the fish"), *((li, f"Dinner is at {n}") for n in "5678")]
    )
    await mei.edit(room, said[1], "I buy the carp")
    told = await ask(mei, room, "!circle summary", service)
    assert "Grandma comes on Friday" in told
    picked = await li.mention(room, service.user_id, "Circle", "ask who buys the carp?")
    found = await answer(li, room, picked, service)
    assert "I buy the carp" in body(found)
    threaded = await li.in_thread(room, found["event_id"], "help")
    helped = await li.wait_for_text(room, HELP, sender=service.user_id, after=threaded)
    assert helped["content"]["m.relates_to"]["event_id"] == found["event_id"]
    reminder = await mei.say(room, "!circle remind me in 1 second to open the door")
    rung = await mei.wait_for_text(room, "you asked me to remind you", sender=service.user_id, after=reminder)
    await mei.react(room, rung["event_id"], "✅")

    def is_ticked(event: Event) -> bool:
        relation = event["content"].get("m.relates_to", {})
        return bool((relation.get("rel_type"), relation.get("event_id")) == ("m.replace", rung["event_id"]))

    ticked = await mei.wait_for(room, is_ticked, what="the reminder, edited")
    assert "open the door" in body(ticked)

    for event in (question, shown, found, helped, rung, ticked):
        assert event["encrypted"]
        assert event["shield"] == 0
    assert await plain_words(mei, room, service) == []
    wire = [event["wire"]["content"] for event in mei.timeline(room) if event["sender"] == service.user_id]
    assert not any("carp" in str(each) or "door" in str(each) for each in wire)


async def test_files_both_ways(service: Service, homeserver: Homeserver, element: NewElement) -> None:
    """Those of the AI open in Element. Of those of people it takes name and caption: no bytes, no key, nothing of who
    is out.
    """
    mei, li, noor = await element("mei"), await element("li"), await element("noor")
    room = await admitted(mei, service, li, noor, encrypted=True)
    private = await noor.start_dm(service.user_id, encrypted=True)
    await ask(noor, private, "not at all", service)
    closed = await counted(service, "closed")

    async def post(person: ElementPerson, caption: str) -> str:
        named = {"filename": "IMG_2031.png", "content_type": "image/png", "msgtype": "m.image"}
        return await person.send_file(room, b"PNG of a clock", **named, caption=caption)

    await post(noor, "The copper key is under the mat")
    sent = await post(li, "The spare key hangs behind the clock")
    await li.send_file(room, b"%PDF", filename="train ticket to Vienna.pdf", content_type="application/pdf")
    await chat(room, [(mei, "Soup is ready"), (li, "The cat sleeps"), (mei, "Rain again"), (li, "Good night")])

    told = await ask(mei, room, "!circle ask where is the key?", service)
    assert "hangs behind the clock" in told
    assert "copper" not in told
    assert "to Vienna.pdf" in await ask(mei, room, "!circle ask do we have the train ticket?", service)
    called = await post(li, "!circle help")
    assert HELP in body(await answer(li, room, called, service))
    assert await counted(service, "closed") == closed + 1
    assert not re.search(rf"{re.escape(service.user_id)}.*/media/(download|thumbnail)", homeserver.log())
    file = (await mei.wait_for(room, lambda event: event["event_id"] == sent))["content"]["file"]
    assert file["key"]["k"].encode() not in on_disk(service)

    own = await mei.start_dm(service.user_id, encrypted=True)
    code = await answer(mei, room, await mei.say(room, "!circle invite"), service)
    assert scanned(await mei.open_file(code)).startswith("https://matrix.to/#/")
    listed = await answer(mei, own, await mei.say(own, "receipts"), service)
    assert b"No AI model was used" in await mei.open_file(listed)
    for posted in (code, listed):
        assert "url" not in posted["content"]
        assert posted["content"]["file"]["v"] == "v2"
        assert b"No AI" not in await mei.download(posted["content"]["file"]["url"])
    assert await plain_words(mei, room, service) + await plain_words(mei, own, service) == []


async def test_keys_of_what_was_said_before_are_left_alone(
    service: Service, homeserver: Homeserver, element: NewElement
) -> None:
    """Element hands them to whoever is invited (MSC4268): the AI does not fetch them, and knows nothing of before."""
    mei, li = await element("mei"), await element("li")
    room = await mei.create_room("Garden", invite=[li.user_id], encrypted=True)
    await li.join(room)
    await mei.say(room, "The copper key is under the mat")

    await mei.invite_with_history(room, service.user_id)
    assert re.search(rf"{re.escape(mei.user_id)}.*/media/v3/upload", homeserver.log())
    question = await admission(mei, room, service)
    await mei.react(room, question["event_id"], ON_CALL)
    await banner(mei, room, service)
    await chat(room, [(mei, "Soup is ready"), (li, "The cat sleeps"), (mei, "Rain again"), (li, "Good night")])

    assert "under the mat" not in await ask(li, room, "!circle ask where is the copper key?", service)
    assert not re.search(rf"{re.escape(service.user_id)}.*/media/(v1/)?download", homeserver.log())


async def test_its_device_is_signed_by_its_identity(service: Service, element: NewElement) -> None:
    """Verified by another implementation: one device, signed by the self-signing key."""
    mei = await element("mei")
    private = await mei.start_dm(service.user_id, encrypted=True)
    keys = await ask(mei, private, "e2ee", service)

    told = await mei.do("devices", user=service.user_id)

    assert [device["signed"] for device in told["devices"].values()] == [True]
    assert [device["ed25519"] for device in told["devices"].values()] == [fingerprint(keys)]
    assert "It is signed by my identity." in keys


def fingerprint(told: str) -> str:
    """Return the key that the AI names."""
    return told.partition("Its fingerprint: ")[2].partition("\n")[0].replace(" ", "")


async def test_a_verification_is_declined_kindly(service: Service, element: NewElement) -> None:
    """Their client does not wait for ever, and they hear what to do instead."""
    mei = await element("mei")
    private = await mei.start_dm(service.user_id, encrypted=True)
    await ask(mei, private, "help", service)

    over = await mei.do("verify", room=private, user=service.user_id)

    assert over["code"] == "m.user"
    told = await mei.wait_for_text(private, "I can't compare emoji with you", sender=service.user_id)
    assert told["encrypted"]


async def test_the_first_word_of_a_direct_message_is_read(service: Service, element: NewElement) -> None:
    """Element sends it before the AI has joined, encrypted for it already. `out` is taken back by `in`."""
    mei, li = await element("mei"), await element("li")
    await admitted(mei, service, li, encrypted=True)

    private = await li.start_dm(service.user_id, encrypted=True)
    out = await li.say(private, "out")

    told = await answer(li, private, out, service)
    assert "Nobody is told." in body(told)
    assert told["encrypted"]
    assert "I may look at what you say from now on" in await ask(li, private, "in", service)
    assert await plain_words(li, private, service) == []


async def test_a_strict_client_reads_it_and_is_read(service: Service, element: NewElement) -> None:
    """One that shares keys with signed devices only (MSC4153)."""
    mei = await element("mei", strict=True)
    private = await mei.start_dm(service.user_id, encrypted=True)

    assert HELP in await ask(mei, private, "help", service)


async def test_encryption_switched_on_later_is_followed_at_once(service: Service, element: NewElement) -> None:
    """The very next word is encrypted, and the banner says what that means."""
    mei, li = await element("mei"), await element("li")
    room = await admitted(mei, service, li)
    await settled(mei, room, service)

    switched = await mei.set_state(room, "m.room.encryption", MEGOLM)
    told = await answer(li, room, await li.say(room, "!circle help"), service)
    assert told["encrypted"]

    def holds(event: Event) -> bool:
        return event["sender"] == service.user_id and kind(event) == "banner" and "end-to-end" in body(event)

    await mei.wait_for(room, holds, after=switched, what="the banner that tells of encryption")
    history = await mei.all_messages(room)
    order = [event["event_id"] for event in history]
    later = [
        event
        for event in await plain_words(mei, room, service)
        if order.index(event["event_id"]) > order.index(switched)
    ]
    assert later == []


async def test_who_comes_reads_on_and_who_leaves_does_not(service: Service, element: NewElement) -> None:
    """The session changes with the members: the newcomer reads the banner and the next answer, not the earlier."""
    mei, li, uncle = await element("mei"), await element("li"), await element("uncle")
    room = await admitted(mei, service, li, encrypted=True)
    before = await answer(mei, room, await mei.say(room, "!circle help"), service)
    first = before["wire"]["content"]["session_id"]

    await mei.invite(room, uncle.user_id)
    await uncle.join(room)
    assert "end-to-end" in body(await banner(uncle, room, service))
    after = await answer(uncle, room, await uncle.say(room, "!circle policy"), service)
    second = after["wire"]["content"]["session_id"]
    await uncle.leave(room)
    await mei.wait_for_member(room, uncle.user_id, "leave")
    last = await answer(mei, room, await mei.say(room, "!circle help"), service)

    assert len({first, second, last["wire"]["content"]["session_id"]}) == 3
    banners = [event for event in mei.timeline(room) if kind(event) == "banner" and event["sender"] == service.user_id]
    assert len(banners) == 2
    assert (await mei.event(room, banners[0]["event_id"]))["content"] == {}


async def test_devices_come_and_go(service: Service, element: NewElement) -> None:
    """A second one reads and asks as the first. Who lost both comes back with a new one and a new identity."""
    mei = await element("mei")
    private = await mei.start_dm(service.user_id, encrypted=True)
    await ask(mei, private, "help", service)

    phone = await element("mei", as_well=mei)
    second = await answer(phone, private, await phone.say(private, "help"), service)
    assert HELP in body(second)
    await mei.wait_for(private, lambda event: event["event_id"] == second["event_id"] and HELP in body(event))

    anew = await element("mei", as_well=mei, reset=True)
    for lost in (mei, phone):
        await lost.request("POST", "/v3/logout", {})
    third = await answer(anew, private, await anew.say(private, "help"), service)
    assert HELP in body(third)
    assert third["wire"]["content"]["session_id"] != second["wire"]["content"]["session_id"]


async def test_a_refused_key_is_explained_once(hasty: Service, element: NewElement) -> None:
    """Their app shares with verified devices only. Two messages, one notice; shared again, the next is read."""
    mei = await element("mei")
    private = await mei.start_dm(hasty.user_id, encrypted=True)
    await ask(mei, private, "help", hasty)

    await mei.do("trust", onlyVerified=True)
    refused = [await mei.say(private, "help") for _ in range(2)]
    told = await answer(mei, private, refused[0], hasty)
    assert "shares keys only with devices it has verified" in body(told)
    await mei.do("trust", onlyVerified=False)

    assert "Messages I can't read: 2\n· 2: The app that sent it shares" in await ask(mei, private, "e2ee", hasty)
    assert sum("I can't read this message" in each for each in spoken(mei, private, hasty)) == 1


async def test_whoever_is_out_is_not_even_decrypted(service: Service, element: NewElement) -> None:
    """Their ciphertext stays closed, unless they reply to the AI: so they can come back in."""
    mei, li = await element("mei"), await element("li")
    room = await admitted(mei, service, li, encrypted=True)
    private = await li.start_dm(service.user_id, encrypted=True)
    await ask(li, private, "not at all", service)
    closed = await counted(service, "closed")

    await li.say(room, "This is between us")
    question = await li.say(room, "!circle ask what did I say?")
    shown = await banner(li, room, service)
    await li.reply(room, shown["event_id"], "in", author=service.user_id)
    await li.wait_for_text(private, "I may look at", sender=service.user_id)

    assert await counted(service, "closed") == closed + 2
    assert not [event for event in li.timeline(room) if answers(event, question)]


def answers(event: Event, question: str) -> bool:
    """Return whether an event answers another."""
    relation = event["content"].get("m.relates_to", {})
    return bool(relation.get("m.in_reply_to", {}).get("event_id") == question)


async def test_what_is_taken_back_is_redacted(service: Service, element: NewElement) -> None:
    """An encrypted answer goes, and is said again without what was taken back."""
    mei, li = await element("mei"), await element("li")
    room = await admitted(mei, service, li, encrypted=True)
    said = await chat(
        room,
        [(li, "The key is under the mat"), (mei, "The garden key is blue"), (mei, "Two"), (mei, "Three"), (li, "Four")],
    )
    question = await mei.say(room, "!circle ask where is the key?")
    told = await answer(mei, room, question, service)
    assert "under the mat" in body(told)

    await li.redact(room, said[0])

    await mei.wait_for_redaction(room, told["event_id"])
    again = await mei.wait_for_text(room, "Posted again", sender=service.user_id)
    assert again["encrypted"]
    assert "under the mat" not in body(again)


async def test_a_private_answer_about_an_encrypted_room_is_encrypted(service: Service, element: NewElement) -> None:
    """Also where the person's direct message with the AI was plain."""
    mei = await element("mei")
    room = await admitted(mei, service, encrypted=True)
    private = await private_room(mei, service)
    await ask(mei, private, "help", service)

    await mei.say(room, "!circle help in private")

    def holds(event: Event) -> bool:
        return event["sender"] == service.user_id and event["encrypted"] and HELP in body(event)

    await mei.wait_for(private, holds, what="the private answer, encrypted")


async def test_a_person_without_encryption_gets_plain_private_words(service: Service, mei: Person) -> None:
    """Their client could not read anything else."""
    room = await admitted(mei, service)
    await mei.say(room, "!circle help in private")

    private = await mei.wait_for_invite(sender=service.user_id)
    await mei.join(private)

    assert HELP in body(await mei.wait_for_text(private, HELP))
