"""All that people do with the AI, where it is encrypted: in a room and in private, in English and in Chinese."""

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from functools import partial

from Crypto.Cipher import AES

from circles_harness import ElementPerson, Event, Service
from codes import scanned
from walks import NOTEBOOK, admitted, answer, ask, body, kind

from .conftest import NewElement


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


async def in_the_room(person: ElementPerson, room: str, service: Service, words: Spoken) -> list[Event]:
    """Do everything that one does in a room; returns what the AI said for it."""

    async def said(what: str) -> Event:
        return await answer(person, room, await person.say(room, words.call + what), service)

    await person.say(room, words.told)
    set_ = await said(words.remind)
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
    done = await person.wait_for_text(room, "☑", sender=service.user_id, after=rung["event_id"])

    found = await said(words.ask)
    assert words.told in body(found)
    why = await person.reply(room, found["event_id"], words.why, author=service.user_id)
    rests = await answer(person, room, why, service)
    threaded = await person.in_thread(room, found["event_id"], words.voice)
    turned = await person.wait_for_text(room, words.turned, sender=service.user_id, after=threaded)
    assert turned["content"]["m.relates_to"]["event_id"] == found["event_id"]
    return [set_, noted, digested, invited, rung, snoozed, done, found, rests, turned]


async def in_private(person: ElementPerson, service: Service, words: Spoken) -> None:
    """See what is held, get it as files, have it forgotten."""
    private = await person.start_dm(service.user_id, encrypted=True)
    assert words.held in await ask(person, private, words.me, service)
    await person.say(private, words.export)
    await person.say(private, words.receipts)
    for name in ("about-me.md", "about-me.json", "receipts.md"):
        found = await person.wait_for(private, partial(_is_file, name), what=name)
        assert found["encrypted"]
        assert (words.word in (await opened(person, found["content"])).decode()) == name.startswith("about")
    assert words.forgotten in await ask(person, private, words.forget, service)


def _is_file(name: str, event: Event) -> bool:
    return bool(event.get("content", {}).get("filename") == name)


async def test_everything_works_encrypted_in_both_languages(service: Service, element: NewElement) -> None:
    """Notes, reminders and their taps, digest, invite, ask, why, threads, me, files: read by Element alone."""
    mei, li = await element("mei"), await element("li")
    room = await admitted(mei, service, li, option=NOTEBOOK, encrypted=True)

    said = await asyncio.gather(
        in_the_room(mei, room, service, ENGLISH),
        in_the_room(li, room, service, CHINESE),
    )
    for each in (event for whole in said for event in whole):
        assert (each["encrypted"], each["shield"]) == (True, 0)
    await asyncio.gather(in_private(mei, service, ENGLISH), in_private(li, service, CHINESE))
