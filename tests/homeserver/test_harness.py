"""The harness itself, on a real Synapse: what it boots, and the shapes its people send."""

import json
import sqlite3
import urllib.request
from collections.abc import Awaitable, Callable

import openai
import pytest

from circles_harness import DidNotStart, Homeserver, ModelServer, NotSeen, Person, Refused, Service
from circles_harness.model import Delay, Fail, ToolCall

NewPerson = Callable[..., Awaitable[Person]]


async def test_two_people_talk(mei: Person, li: Person) -> None:
    """An invite arrives, and what one says the other reads."""
    room = await mei.create_room("Garden", invite=[li.user_id])

    assert room == await li.wait_for_invite(sender=mei.user_id)
    await li.join(room)
    said = await mei.say(room, "Who waters the beans?")
    heard = await li.wait_for_text(room, "beans", sender=mei.user_id)

    assert heard["event_id"] == said
    assert heard["content"] == {"msgtype": "m.text", "body": "Who waters the beans?", "m.mentions": {}}
    assert (await li.members(room))[mei.user_id]["displayname"] == "Mei"


async def test_rooms_are_version_12_with_an_unlisted_creator(mei: Person, room: str) -> None:
    """The default is the version whose creators stand in no power list."""
    create = await mei.state(room, "m.room.create")
    levels = await mei.state(room, "m.room.power_levels")

    assert create is not None
    assert create["room_version"] == "12"
    assert levels is not None
    assert mei.user_id not in levels["users"]


async def test_a_direct_chat_makes_the_other_a_creator(mei: Person, li: Person) -> None:
    """ "Send message" marks the room as direct on both sides."""
    room = await mei.start_dm(li.user_id)
    await mei.say(room, "out")
    await li.wait_for_invite(sender=mei.user_id)
    await li.join(room)
    create = await li.state(room, "m.room.create")
    member = await li.wait_for_member(room, li.user_id, "invite")

    assert create is not None
    assert create["additional_creators"] == [li.user_id]
    assert member["content"]["is_direct"] is True
    # Said before the other was in: found in the history.
    await li.wait_for_text(room, "out", sender=mei.user_id)


async def test_a_picked_mention_is_a_pill_with_a_colon(mei: Person, li: Person, room: str) -> None:
    """The autocomplete's shape: body, pill and mention."""
    event = await li.event(room, await mei.mention(room, li.user_id, "Li & Co", "hello"))

    assert event["content"]["body"] == "Li & Co: hello"
    assert event["content"]["formatted_body"] == f'<a href="https://matrix.to/#/{li.user_id}">Li &amp; Co</a>: hello'
    assert event["content"]["m.mentions"] == {"user_ids": [li.user_id]}


async def test_a_reply_mentions_its_author_by_itself(mei: Person, li: Person, room: str) -> None:
    """Reply adds the author to the mentions, unless one answers oneself."""
    said = await mei.say(room, "Who?")
    theirs = await li.event(room, await li.reply(room, said, "I do"))
    own = await mei.event(room, await mei.reply(room, said, "me too", author=mei.user_id))

    assert theirs["content"] == {
        "msgtype": "m.text",
        "body": "I do",
        "m.mentions": {"user_ids": [mei.user_id]},
        "m.relates_to": {"m.in_reply_to": {"event_id": said}},
    }
    assert own["content"]["m.mentions"] == {}


async def test_a_thread_falls_back_to_its_latest_event(mei: Person, li: Person, room: str) -> None:
    """A thread's reply is only a fallback, and mentions nobody."""
    root = await mei.say(room, "Plans")
    first = await li.in_thread(room, root, "one")
    await mei.wait_for_text(room, "one")
    second = await mei.event(room, await mei.in_thread(room, root, "two"))

    assert second["content"]["m.mentions"] == {}
    assert second["content"]["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": first},
    }
    assert {event["event_id"] for event in await li.relations(room, root, "m.thread")} == {first, second["event_id"]}


async def test_an_edit_carries_the_new_text_twice(mei: Person, li: Person, room: str) -> None:
    """An edit is a message of its own with a fallback body."""
    said = await mei.say(room, "Sunday")
    await mei.edit(room, said, "Monday")
    edit = await li.wait_for_text(room, "Monday")

    assert edit["content"] == {
        "msgtype": "m.text",
        "body": "* Monday",
        "m.mentions": {},
        "m.new_content": {"msgtype": "m.text", "body": "Monday", "m.mentions": {}},
        "m.relates_to": {"rel_type": "m.replace", "event_id": said},
    }


async def test_reactions_come_and_go(mei: Person, li: Person, room: str) -> None:
    """A second tap redacts the reaction."""
    said = await mei.say(room, "Cake?")
    reaction = await li.react(room, said, "👍")

    assert reaction == (await mei.wait_for_reaction(room, said, "👍", sender=li.user_id))["event_id"]
    await li.unreact(room, said, "👍")
    await mei.wait_for_redaction(room, reaction)


async def test_pins_are_appended(mei: Person, room: str) -> None:
    """Pinning keeps what others pinned."""
    one, two = await mei.say(room, "one"), await mei.say(room, "two")
    await mei.pin(room, one)
    await mei.pin(room, two)

    assert [one, two] == await mei.pinned(room)


async def test_a_gap_in_the_sync_is_filled(mei: Person, li: Person, room: str) -> None:
    """More events than one sync brings are all in the timeline, once and in order."""
    await li.sync()
    await li.say(room, "before")
    sent = [await mei.say(room, f"number {n}") for n in range(60)]
    await li.wait_for_text(room, "number 59")
    timeline = [event["event_id"] for event in li.timeline(room)]

    assert sent == timeline[-60:]
    assert len(timeline) == len(set(timeline))
    assert len(await li.all_messages(room)) == len(timeline)


async def test_a_wait_in_vain_lists_what_came(mei: Person, li: Person, room: str) -> None:
    """The error says who sent what instead, and `after` hides what came before."""
    said = await li.say(room, "Something else")
    with pytest.raises(NotSeen, match=r"a message with 'beans'.*\n(.*\n)*.*m.room.message 'Something else'"):
        await mei.wait_for_text(room, "beans", timeout=0.2)
    with pytest.raises(NotSeen, match=r"\(nothing\)"):
        await mei.wait_for_text(room, "Something", after=said, timeout=0.2)


async def test_typing_is_seen(mei: Person, li: Person, room: str) -> None:
    """Typing notices arrive by the long poll."""
    await mei.sync()
    await li.set_typing(room)
    await mei.wait_for_typing(room, li.user_id)


async def test_a_refusal_keeps_its_code(li: Person, room: str) -> None:
    """What the homeserver refuses is raised with its error code."""
    with pytest.raises(Refused) as refused:
        await li.set_state(room, "m.room.topic", {"topic": "mine"})

    assert (refused.value.status, refused.value.errcode) == (403, "M_FORBIDDEN")


async def test_files_come_back(mei: Person, li: Person) -> None:
    """What one uploads the other downloads."""
    assert await li.download(await mei.upload(b"beans, peas", filename="list.txt")) == b"beans, peas"


async def test_messages_cross_a_federation(federation: tuple[Homeserver, Homeserver], person: NewPerson) -> None:
    """Someone of the second homeserver joins a room of the first, and both read each other."""
    mei, anna = await person("mei", at=federation[0]), await person("anna", at=federation[1])
    room = await mei.create_room("Bridge", invite=[anna.user_id])
    await anna.wait_for_invite(sender=mei.user_id)
    await anna.join(room)
    await mei.say(room, "hello over there")
    await anna.wait_for_text(room, "over there", sender=mei.user_id)
    await anna.say(room, "hello back")
    await mei.wait_for_text(room, "hello back", sender=anna.user_id)


async def test_data_survive_a_kill() -> None:
    """After SIGKILL the same homeserver comes back with its people and rooms; a copy has them as they were."""
    async with Homeserver(gate_listener=True) as homeserver:
        mei = await homeserver.person("mei")
        room = await mei.create_room("Garden")
        said = await mei.say(room, "still here")
        assert homeserver.rss_bytes > 20_000_000
        copy = Homeserver.copy_of(homeserver)
        later = await mei.say(room, "too late for the copy")
        await homeserver.kill()
        assert not homeserver.is_running
        assert homeserver.rss_bytes == 0
        async with copy:
            assert (await mei.event(room, said))["content"]["body"] == "still here"
            with pytest.raises(Refused, match="M_NOT_FOUND"):
                await mei.event(room, later)
        await homeserver.start()

        assert (await mei.event(room, said))["content"]["body"] == "still here"
        with sqlite3.connect(f"file:{homeserver.database_path}?mode=ro", uri=True) as database:
            assert database.execute("SELECT count(*) FROM rooms").fetchone() == (1,)
        database.close()
        # Where only modules answer, clients find nothing.
        mei.base_url = homeserver.gate_url
        with pytest.raises(Refused) as refused:
            await mei.joined_rooms()
        assert refused.value.status == 404


async def test_a_homeserver_that_cannot_start_says_why() -> None:
    """The error holds the end of the log."""
    homeserver = Homeserver(modules=[{"module": "no.such.Module", "config": {}}])
    with pytest.raises(DidNotStart, match=r"No module named 'no'"):
        await homeserver.start()
    await homeserver.close()


async def test_a_registration_reserves_names() -> None:
    """A homeserver takes the service's registration at its first boot, and guards its namespaces."""
    homeserver = Homeserver()
    service = Service(homeserver, config={"timing": {"loosening_hours": 0}})
    async with homeserver:
        headers = {"Authorization": f"Bearer {service.registration['as_token']}"}
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{homeserver.base_url}/_matrix/client/v3/account/whoami", headers=headers
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310, ASYNC210 - loopback, one short question
            assert json.load(answer)["user_id"] == f"@circle_service:{homeserver.server_name}"
        mei = await homeserver.person("mei")
        with pytest.raises(Refused, match="M_EXCLUSIVE"):
            await mei.request("POST", "/v3/createRoom", {"room_alias_name": "circle-1"})
    await service.close()


def test_the_model_follows_its_script(model: ModelServer) -> None:
    """Each request takes one step in order, and is remembered."""
    model.script(
        "one", Fail(429, retry_after=0.01), ToolCall("look", {"at": "beans"}), {"k": "豆"}, (Delay(0.01), "late")
    )
    model.always("as ever")
    client = openai.OpenAI(base_url=model.base_url, api_key=model.api_key)
    heard: list[str | None] = []
    with client:
        for _ in range(6):
            answer = client.chat.completions.create(model="any", messages=[{"role": "user", "content": "你好"}])
            heard.append(answer.choices[0].message.content)

    assert heard == ["one", None, '{"k": "豆"}', "late", "as ever", "as ever"]
    assert model.unused() == 0
    assert len(model.requests()) == 7
    assert "你好" in model.sent_text()
