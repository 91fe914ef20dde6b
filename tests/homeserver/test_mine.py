"""What is held about me, handed over as files and forgotten in one flow."""

import asyncio
import json
from functools import partial

from circles_harness import Event, Person, Service
from walks import admitted, ask, body, on_disk, private_room

from .conftest import NewPerson


async def test_exported_and_forgotten_in_one_flow(service: Service, person: NewPerson) -> None:
    """Kept messages with their words, and notes, as two files in private, also for whoever has left the circle
    meanwhile; then both posts and every byte are gone.
    """
    mei, li = await person("mei"), await person("li")
    room = await admitted(mei, service, li, option="3️⃣")
    await mei.say(room, "the ladder is in the peppermint shed")
    await li.say(room, "the saw is in the cellar")
    await ask(mei, room, "!circle keep the gate sticks in marzipan weather", service)
    private = await private_room(mei, service)

    await mei.leave(room)
    told = body(await mei.wait_for_text(private, "You left Garden.", sender=service.user_id))
    assert "What I hold of yours from there goes in 7 days." in told
    shown = await ask(mei, private, "me", service)
    assert "marzipan weather" in shown
    await mei.say(private, "export me")
    files: dict[str, tuple[str, str]] = {}
    for name in ("about-me.md", "about-me.json"):
        found = await mei.wait_for(private, partial(_is_file, name), what=name)
        files[name] = found["event_id"], (await mei.download(found["content"]["url"])).decode()
        assert found["content"]["msgtype"] == "m.file"
    for _, content in files.values():
        assert "peppermint shed" in content
        assert "marzipan weather" in content
        assert "cellar" not in content
    things = {each["kind"]: each["count"] for each in json.loads(files["about-me.json"][1])["things"]}
    assert things == {"messages": 2, "Notes": 1}  # what it was asked is kept too

    await mei.say(private, "receipts")
    listed = await mei.wait_for(private, partial(_is_file, "receipts.md"), what="receipts.md")
    assert b"No AI model was used" in await mei.download(listed["content"]["url"])

    assert "Done" in await ask(mei, private, "forget me yes", service)
    for event_id, _ in files.values():
        await mei.wait_for_redaction(private, event_id)
    async with asyncio.timeout(60):
        while b"peppermint shed" in await asyncio.to_thread(on_disk, service):
            await asyncio.to_thread(lambda: None)
    assert "Nothing: I hold nothing of yours." in await ask(mei, private, "me", service)


def _is_file(name: str, event: Event) -> bool:
    return bool(event.get("content", {}).get("filename") == name)


async def test_exported_in_chinese_and_where_nothing_is_held(service: Service, li: Person) -> None:
    """In the words of who asked; without a file that holds nothing."""
    private = await private_room(li, service)
    assert await ask(li, private, "导出我的数据", service) == "没有，我什么都没留。"


async def test_all_that_is_mine_is_shown_and_goes_when_the_ai_leaves(service: Service, person: NewPerson) -> None:
    """A message, a note, a reminder, a choice: `me` shows and hands over each; of what it said there it says that it
    cannot take it back any more, and forgets it.
    """
    mei, li = await person("mei"), await person("li")
    room = await admitted(mei, service, li, option="3️⃣")
    planted = ("peppermint shed", "marzipan weather", "nougat hinge")
    await mei.say(room, "the ladder is in the peppermint shed")
    await ask(mei, room, "!circle keep the gate sticks in marzipan weather", service)
    await ask(mei, room, "!circle remind me tomorrow at 9 to oil the nougat hinge", service)
    private = await private_room(mei, service)
    await ask(mei, private, "in", service)
    shown = await ask(mei, private, "me", service)
    for held in ("Messages kept 3", *planted[1:], "• Garden: in", "• Every circle: in", "rest on your words"):
        assert held in shown
    asked = await mei.say(private, "export me")
    found = await mei.wait_for(private, partial(_is_file, "about-me.json"), after=asked, what="about-me.json")
    handed_over = (await mei.download(found["content"]["url"])).decode()
    assert [words for words in planted if words not in handed_over] == []

    await mei.say(room, "!circle leave")
    await mei.wait_for_member(room, service.user_id, "leave")
    async with asyncio.timeout(60):
        while any(word.encode() in disk for disk in [await asyncio.to_thread(on_disk, service)] for word in planted):
            await asyncio.to_thread(lambda: None)
    shown = await ask(mei, private, "me", service)
    assert [held for held in ("kept", "Notes", "Garden", *planted) if held in shown] == []
    asked = await mei.say(private, "export me")
    found = await mei.wait_for(private, partial(_is_file, "about-me.json"), after=asked, what="about-me.json")
    now = json.loads(await mei.download(found["content"]["url"]))
    assert (now["things"], [post["feature"] for post in now["posts_on_your_words"]]) == ([], ["reminders"])
    told = await ask(mei, private, "forget me yes", service)
    assert "Done: I hold nothing of yours any more." in told
    assert "What I said in a room I have left stays there" in told
    assert "I take back, and say again" not in told
    assert "Nothing: I hold nothing of yours." in await ask(mei, private, "me", service)
