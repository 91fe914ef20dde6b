"""All that people do with the AI, where it is encrypted: in a room and in private, in English and in Chinese."""

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from Crypto.Cipher import AES

from circles_harness import ElementPerson, Event, Service
from codes import scanned
from walks import NOTEBOOK, admitted, answer, ask, body, kind

from .conftest import NewElement

IN_THE_CLEAR = {"m.reaction", "m.room.redaction", "m.room.encrypted"}


@dataclass(frozen=True)
class Spoken:
    """What somebody says in their language, and what they hear; `word` stands in all that they say."""

    word: str
    call: str
    remind: str
    asked: str
    again: str
    keep: str
    kept: str
    digest: str
    digested: str
    no_news: str
    invite: str
    voice: str
    turned: str
    told: str
    ask: str
    why: str
    rests: str
    me: str
    held: str
    export: str
    receipts: str
    summary: str
    again_without: str
    forget: str
    forgotten: str


ENGLISH = Spoken(
    word="marzipan",
    call="!circle ",
    remind="remind me in 1 second to buy marzipan",
    asked="Mei, you asked me to remind you: buy marzipan",
    again="I'll ask again",
    keep="keep the marzipan is in the cupboard",
    kept="Kept as note",
    digest="digest now",
    digested="Digest",
    no_news="Nothing new since",
    invite="invite",
    voice="voice",
    turned="Unasked I speak at most",
    told="the marzipan has to come out of the oven at nine",
    ask="ask when does the marzipan come out of the oven?",
    why="why",
    rests="This answer rests on:",
    me="me",
    held="Notes",
    export="export me",
    receipts="receipts",
    summary="summary",
    again_without="Posted again",
    forget="forget me yes",
    forgotten="Done: I hold nothing of yours any more.",
)
CHINESE = Spoken(
    word="月饼",
    call="小圈 ",
    remind="提醒我1秒后买月饼",
    asked="Li，你让我提醒你：买月饼",
    again="再提醒",
    keep="记下 月饼在柜子里",
    kept="记下了，第",
    digest="摘要 现在",
    digested="摘要",
    no_news="以来没有新东西",
    invite="邀请",
    voice="话量",
    turned="没人问的话我一天最多说",
    told="月饼九点要从烤箱里拿出来",
    ask="问 月饼几点从烤箱里拿出来？",
    why="为什么",
    rests="这个回答的根据：",
    me="我的",
    held="笔记",
    export="导出我的数据",
    receipts="凭据",
    summary="总结",
    again_without="重发",
    forget="忘了我 确认",
    forgotten="好了，你的东西我都删了。",
)


async def opened(person: ElementPerson, content: Event) -> bytes:
    """Return an encrypted file in the clear, as a client reads it (spec, "Sending encrypted attachments")."""
    file = content["file"]
    sealed = await person.download(file["url"])
    assert _unpadded(hashlib.sha256(sealed).digest()) == file["hashes"]["sha256"].rstrip("=")
    key, start = (base64.urlsafe_b64decode(each + "==") for each in (file["key"]["k"], file["iv"]))
    return AES.new(key, AES.MODE_CTR, nonce=start[:8], initial_value=start[8:]).decrypt(sealed)


def _unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


@dataclass(frozen=True)
class Done:
    """What was done: what somebody told and asked to be reminded of, and what the AI said for it.

    `found` rests on what was told; `rung` is the reminder, and `ticked` the edit of it.
    """

    told: str
    remind: str
    found: Event
    rung: Event
    ticked: Event
    others: list[Event]


async def in_the_room(person: ElementPerson, room: str, service: Service, words: Spoken) -> Done:
    """Do everything that one does in a room."""

    async def said(what: str) -> Event:
        return await answer(person, room, await person.say(room, words.call + what), service)

    told, *_ = [await person.say(room, line) for line in (words.told, words.word, words.word)]
    remind = await person.say(room, words.call + words.remind)
    set_ = await answer(person, room, remind, service)
    noted = await said(words.keep)
    assert words.kept in body(noted)
    digested = await said(words.digest)
    assert body(digested).startswith(words.digested)
    invited = await said(words.invite)
    assert scanned(await opened(person, invited["content"])).startswith("https://matrix.to/#/")

    rung = await person.wait_for(
        room, lambda each: kind(each) == "reminder" and words.asked in body(each), what="the reminder"
    )
    await person.react(room, rung["event_id"], "💤")
    snoozed = await person.wait_for_text(room, words.again, sender=service.user_id, after=rung["event_id"])
    await person.react(room, rung["event_id"], "✅")
    ticked = await person.wait_for_text(room, "☑", sender=service.user_id, after=rung["event_id"])

    found = await said(words.ask)
    assert words.told in body(found)
    why = await person.reply(room, found["event_id"], words.why, author=service.user_id)
    rests = await answer(person, room, why, service)
    threaded = await person.in_thread(room, found["event_id"], words.voice)
    turned = await person.wait_for_text(room, words.turned, sender=service.user_id, after=threaded)
    assert turned["content"]["m.relates_to"]["event_id"] == found["event_id"]
    return Done(told, remind, found, rung, ticked, [set_, noted, digested, invited, snoozed, rests, turned])


async def in_private(person: ElementPerson, room: str, service: Service, words: Spoken, done: Done) -> None:
    """Do what one does in private; take back what was told and what was set; see and have forgotten what is held."""
    private = await person.start_dm(service.user_id, encrypted=True)
    remind = await person.say(private, words.remind)
    assert words.word in await ask(person, private, words.summary, service)
    found = await answer(person, private, await person.say(private, words.ask), service)
    assert words.told in body(found)
    assert words.no_news in await ask(person, private, words.digest, service), "the room has just had its digest"
    why = await person.reply(private, found["event_id"], words.why, author=service.user_id)
    assert words.rests in body(await answer(person, private, why, service))
    rung = await person.wait_for(private, partial(_is_kind, "reminder"), what="the reminder")
    await person.react(private, rung["event_id"], "💤")
    await person.wait_for_text(private, words.again, sender=service.user_id, after=rung["event_id"])
    await person.react(private, rung["event_id"], "✅")
    ticked = await person.wait_for_text(private, "☑", sender=service.user_id, after=rung["event_id"])

    await taken_back(person, room, (done.told, done.remind), [done.found, done.rung, done.ticked])
    await taken_back(person, private, (remind,), [found, rung, ticked])
    for where, post in ((room, done.found), (private, found)):
        question = post["content"]["m.relates_to"]["m.in_reply_to"]["event_id"]
        again = await person.wait_for(where, partial(_is_again, words, question), what="the answer said again")
        assert (again["encrypted"], words.told in body(again)) == (True, False)

    assert words.held in await ask(person, private, words.me, service)
    await person.say(private, words.export)
    await person.say(private, words.receipts)
    for name in ("about-me.md", "about-me.json", "receipts.md"):
        file = await person.wait_for(private, partial(_is_file, name), what=name)
        assert file["encrypted"]
        assert (words.word in (await opened(person, file["content"])).decode()) == name.startswith("about")
    assert words.forgotten in await ask(person, private, words.forget, service)
    ours = [event for event in await person.all_messages(private) if event["sender"] == service.user_id]
    assert {event["type"] for event in ours if "state_key" not in event} <= IN_THE_CLEAR


async def taken_back(person: ElementPerson, room: str, what: Sequence[str], made: Sequence[Event]) -> None:
    """Take something back; what the AI made from it is redacted on the server, each post and each edit."""
    for event_id in what:
        await person.redact(room, event_id)
    for event in made:
        await person.wait_for_redaction(event["room_id"], event["event_id"])
        assert (await person.event(event["room_id"], event["event_id"]))["content"] == {}


def _is_again(words: Spoken, question: str, event: Event) -> bool:
    replied = event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
    return bool(replied == question and body(event).startswith(words.again_without))


def _is_kind(name: str, event: Event) -> bool:
    return kind(event) == name


def _is_file(name: str, event: Event) -> bool:
    return bool(event.get("content", {}).get("filename") == name)


async def test_everything_works_encrypted_in_both_languages(service: Service, element: NewElement) -> None:
    """Notes, reminders and their taps, digest, summary, ask, why, threads, me, files: read by Element alone.

    Taken back, each is redacted on the server with its edit, and said again without.
    """
    mei, li = await element("mei"), await element("li")
    room = await admitted(mei, service, li, option=NOTEBOOK, encrypted=True)

    people = ((mei, ENGLISH), (li, CHINESE))
    done = await asyncio.gather(*(in_the_room(who, room, service, words) for who, words in people))
    for each in done:
        for event in (each.found, each.rung, each.ticked, *each.others):
            assert (event["encrypted"], event["shield"]) == (True, 0)
    await asyncio.gather(
        *(in_private(who, room, service, words, each) for (who, words), each in zip(people, done, strict=True))
    )
    said = [event for event in await mei.all_messages(room) if event["sender"] == service.user_id]
    assert {event["type"] for event in said if "state_key" not in event} <= IN_THE_CLEAR
