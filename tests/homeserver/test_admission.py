"""The AI comes into a room: it asks once, and looks at nothing before someone with the power has chosen."""

import re

import pytest

from circles_harness import Event, Homeserver, Person, Service
from walks import (
    ADDRESSED,
    NOTEBOOK,
    ON_CALL,
    REFUSE,
    admission,
    admitted,
    answer,
    ask,
    banner,
    body,
    chat,
    circle,
    kind,
    look,
    messages,
    on_disk,
    private_room,
    push,
    settled,
    spoken,
)

from .conftest import NewPerson

POLICY = "io.github.matrix_circles.policy"


async def test_the_notice_says_all_it_must_in_three_paragraphs_a_language(
    service: Service, mei: Person, li: Person
) -> None:
    """English first, then Chinese: who I am, what an admin may tap, where text goes and how to stay out."""
    room = await circle(mei, service, li)

    notice = await admission(mei, room, service)

    english = [
        "Hello, I'm Circle, an AI. Mei invited me; Anna runs me. I look at nothing yet, and never at what came before.",
        "An admin may tap one:\n1️⃣ only what you say to me\n2️⃣ look back 24 h when called, then forget\n"
        "3️⃣ group notebook, kept 30 days\n❌ not wanted: I leave",
        "Text goes to: nobody; there is no AI model here.\n"
        "Kept by: my own program; it receives all messages and drops the rest unread.\n"
        'Stay out: tell me "out" in private. The room is not told.',
    ]
    chinese = [
        "大家好，我是小圈，一个 AI。Mei 请我来，Anna 运行。我现在什么都不看，以前说的也不看。",
        "请管理员点一个：\n1️⃣ 只看对我说的话\n2️⃣ 叫我才翻看：24 小时内，看完就忘\n"
        "3️⃣ 群笔记，留 30 天\n❌ 不需要我，我就走",
        "文字送到：不送给任何 AI 模型\n谁来守：我自己的程序：会收到全部消息，不该看的不看就丢。\n"
        "不想被看：私信我“不看我”，群里不提示。",
    ]
    assert body(notice).split("\n\n") == english + chinese
    assert notice["content"]["msgtype"] == "m.text"
    assert notice["content"]["m.mentions"] == {}
    assert "@" not in body(notice)


async def test_four_taps_are_offered_beside_the_notice(service: Service, mei: Person) -> None:
    """The options stand there as reactions, so that choosing is one tap, and nobody has to type."""
    room = await circle(mei, service)
    notice = await admission(mei, room, service)

    for key in (ADDRESSED, ON_CALL, NOTEBOOK, REFUSE):
        await mei.wait_for_reaction(room, notice["event_id"], key, sender=service.user_id)


async def test_a_plain_members_tap_gets_one_kind_line_and_changes_nothing(
    service: Service, mei: Person, li: Person
) -> None:
    """Who may not decide is told so once, however often they tap."""
    room = await circle(mei, service, li)
    notice = await admission(li, room, service)

    await li.react(room, notice["event_id"], ON_CALL)
    await li.wait_for_text(room, "An admin of this room decides that", sender=service.user_id)
    await li.react(room, notice["event_id"], NOTEBOOK)

    said = await settled(li, room, service)
    assert sum("An admin of this room decides" in each for each in said) == 1
    assert not any("looks back" in each for each in said[1:])


async def test_an_admins_tap_puts_the_policy_in_force_and_shows_it(service: Service, mei: Person, li: Person) -> None:
    """The banner says what holds, the AI's own taps go, the chooser's stays, and the name carries the policy."""
    room = await circle(mei, service, li)
    notice = await admission(mei, room, service)
    await mei.wait_for_reaction(room, notice["event_id"], REFUSE, sender=service.user_id)

    await mei.react(room, notice["event_id"], ON_CALL)

    shown = await banner(mei, room, service)
    assert body(shown).splitlines() == [
        "Circle looks back only when called.",
        "Looks: when called, 24 hours back.",
        "Keeps: what you ask, what you ✅.",
        "Sends to: nobody. No AI model here.",
        'Stay out: tell it "out" in private.',
        "Hide a message: put 🙈 on it.",
        'Check: reply "why". Yours: DM "me".',
        "Set by: Mei.",
        "Enforced by: the AI program itself; it receives all messages and drops the rest unread.",
    ]
    assert shown["content"]["msgtype"] == "m.notice"
    await settled(mei, room, service)
    left = await mei.relations(room, notice["event_id"], "m.annotation")
    assert [(each["sender"], each["content"]["m.relates_to"]["key"]) for each in left] == [(mei.user_id, ON_CALL)]
    assert (await mei.members(room))[service.user_id]["displayname"] == "Circle · on call"


async def test_a_chinese_room_gets_its_banner_and_name_in_chinese(service: Service, mei: Person) -> None:
    """The room's name tells which language it speaks."""
    room = await admitted(mei, service, name="春节聚会")

    assert body(await banner(mei, room, service)).splitlines() == [
        "小圈：叫它才翻看。",
        "看：叫它时才看，前 24 小时",
        "留：让它记的、点 ✅ 的",
        "送：不送给任何 AI 模型",
        "不想被看：私信“不看我”",
        "这句别看：给它点 🙈",
        "查：回“为什么”，私信“我的”",
        "管：Mei；由程序自己遵守：它会收到全部消息，不该看的不看就丢",
    ]
    assert (await mei.members(room))[service.user_id]["displayname"] == "小圈·叫才看"


async def test_without_power_an_admin_is_asked_to_pin_the_banner(service: Service, mei: Person) -> None:
    """The AI does not pretend: it cannot pin, says so once, and publishes nothing."""
    room = await admitted(mei, service)

    said = await settled(mei, room, service)

    assert sum("I can't pin here" in each for each in said) == 1
    assert await mei.pinned(room) == []
    assert await mei.state(room, POLICY) is None


async def test_with_power_the_banner_is_pinned_last_and_the_policy_published(
    service: Service, mei: Person, li: Person
) -> None:
    """Other people's pins keep their place; the copy names who decided and by which event."""
    room = await circle(mei, service, li)
    notice = await admission(mei, room, service)
    address = await mei.say(room, "12 Hill Road")
    await mei.pin(room, address)
    await mei.set_power(room, service.user_id, 50)

    tap = await mei.react(room, notice["event_id"], ADDRESSED)

    shown = await banner(mei, room, service)
    said = await settled(mei, room, service)
    assert await mei.pinned(room) == [address, shown["event_id"]]
    assert not any("pin" in each for each in said)
    policy = await mei.state(room, POLICY)
    assert policy is not None
    assert policy["authorised_by"] == {"event_id": tap, "user_id": mei.user_id}
    assert policy["read"]["who"] == "addressed"


async def test_power_given_later_is_used_for_the_pin_and_the_copy(service: Service, mei: Person) -> None:
    """An admin who makes the AI a moderator afterwards need do nothing else."""
    room = await admitted(mei, service)

    await mei.set_power(room, service.user_id, 50)

    await mei.wait_for(room, lambda event: event["type"] == POLICY, what="the published policy")
    await settled(mei, room, service)
    assert await mei.pinned(room) == [(await banner(mei, room, service))["event_id"]]


async def test_a_later_choice_edits_the_banner_in_place(service: Service, mei: Person, li: Person) -> None:
    """A room has one banner; a tighter choice shows in it at once, and in the name."""
    room = await admitted(mei, service, li)
    first = await banner(mei, room, service)

    said = await mei.say(room, "!circle policy addressed")

    edited = await banner(mei, room, service, after=first["event_id"])
    assert edited["content"]["m.relates_to"] == {"rel_type": "m.replace", "event_id": first["event_id"]}
    assert body(edited).startswith("Circle looks only at what you say to it.\n")
    assert body(await answer(mei, room, said, service)) == "Done. From now on: “Only what you say to it”."
    assert (await mei.members(room))[service.user_id]["displayname"] == "Circle · only @me"


async def test_the_cross_sends_the_ai_away(service: Service, mei: Person, li: Person) -> None:
    """❌ by an admin: it leaves at once and says why."""
    room = await circle(mei, service, li)
    notice = await admission(mei, room, service)

    await mei.react(room, notice["event_id"], REFUSE)

    gone = await li.wait_for_member(room, service.user_id, "leave")
    assert gone["content"]["reason"] == "You decided I'm not wanted here. Goodbye! 好的，我走了。"


@pytest.mark.parametrize("version", ["10", "12"])
async def test_the_creator_decides_in_old_and_new_room_versions(
    service: Service, mei: Person, li: Person, version: str
) -> None:
    """Version 12 lists its creator nowhere, version 10 with 100: both may tap, and a moderator of 50 as well."""
    room = await circle(mei, service, li, version=version)
    await mei.set_power(room, li.user_id, 50)
    notice = await admission(li, room, service)

    await li.react(room, notice["event_id"], ADDRESSED)

    assert "Set by: Li." in body(await banner(mei, room, service)).splitlines()
    await mei.say(room, "!circle off")
    await mei.wait_for_text(room, "Circle is resting: it looks at nothing.", sender=service.user_id)


async def test_where_everyone_may_change_everything_nobody_decides(service: Service, mei: Person, li: Person) -> None:
    """A policy counts only if what its type requires is more than everybody has; the AI says what is missing."""
    open_to_all = {"events": {POLICY: 0}}
    room = await circle(mei, service, li, version="10", power_level_content_override=open_to_all)
    notice = await admission(mei, room, service)

    await mei.react(room, notice["event_id"], ON_CALL)

    await mei.wait_for_text(room, "let only admins change settings; then tap again", sender=service.user_id)
    assert not [event for event in messages(mei, room, service) if kind(event) == "banner"]


async def test_what_came_before_the_choice_is_never_looked_at(service: Service, mei: Person, li: Person) -> None:
    """Neither what was said before the AI came nor what was said until the tap can be found; what comes after can."""
    room = await mei.create_room("Garden", invite=[li.user_id])
    await li.join(room)
    await chat(room, [(li, "The picnic is at lake Agnes"), (mei, "The picnic starts at noon")])
    await mei.invite(room, service.user_id)
    notice = await admission(mei, room, service)
    await chat(room, [(li, "The picnic needs plates from Berta"), (mei, "Nice")])
    await mei.react(room, notice["event_id"], ON_CALL)
    await banner(mei, room, service)
    await chat(room, [(li, "The picnic blankets come from Clara"), (mei, "Good")])

    found = await look(mei, room, "what about the picnic?", service)

    assert "Clara" in found
    assert "Agnes" not in found
    assert "Berta" not in found
    assert "noon" not in found


async def test_before_anyone_chose_only_control_words_are_heard(service: Service, mei: Person, li: Person) -> None:
    """What is asked of it is dropped unread like all else; `help` and `policy` work."""
    room = await circle(mei, service, li)
    await mei.say(room, "!circle ask where is the strawberry cake?")

    said = await settled(mei, room, service)

    assert len(said) == 1
    shown = body(await answer(li, room, await li.say(room, "!circle policy"), service))
    assert shown.startswith("Nobody has chosen yet: I look at nothing and keep nothing.")
    assert b"strawberry" not in on_disk(service)


async def test_asking_again_after_a_kick_begins_anew(service: Service, mei: Person, li: Person) -> None:
    """Kicked, its jobs end; invited again, it asks again and nothing is in force before."""
    room = await admitted(mei, service, li)
    reminder = await mei.say(room, "!circle remind us tomorrow at 9 to water the roses")
    await answer(mei, room, reminder, service)
    await mei.kick(room, service.user_id)
    left = await mei.wait_for_member(room, service.user_id, "leave")
    await mei.invite(room, service.user_id)
    again = await mei.wait_for_member(room, service.user_id, "join", after=left["event_id"])

    notice = await admission(mei, room, service, after=again["event_id"])
    await mei.react(room, notice["event_id"], ON_CALL)
    await banner(mei, room, service, after=notice["event_id"])

    assert "roses" not in body(await answer(mei, room, await mei.say(room, "!circle reminders"), service))


async def test_a_remote_admin_and_a_remote_member_are_treated_like_others(
    federated_service: Service, federation: tuple[Homeserver, Homeserver], person: NewPerson
) -> None:
    """A circle made on another homeserver: its admin decides, its member gets the kind line, both are answered."""
    host = await person("mei", at=federation[1])
    guest = await person("li", at=federation[1])
    local = await person("anna", at=federation[0])
    room = await circle(host, federated_service, guest, local)
    notice = await admission(guest, room, federated_service)

    await guest.react(room, notice["event_id"], ON_CALL)
    await guest.wait_for_text(room, "An admin of this room decides that", sender=federated_service.user_id)
    await host.react(room, notice["event_id"], ON_CALL)

    assert "Set by: Mei." in body(await banner(host, room, federated_service)).splitlines()
    await chat(room, [(guest, "The tent is with Agnes"), (local, "The stove is with Berta"), (host, "Thanks")])
    found = await look(local, room, "where is the tent?", federated_service)
    assert "Agnes" in found


async def test_a_room_that_shuts_our_server_out_is_left_in_peace_until_it_lets_it_in(
    federated_service: Service, federation: tuple[Homeserver, Homeserver], person: NewPerson
) -> None:
    """By a list of servers on another homeserver. What is asked meanwhile is not answered, what is asked after it is;
    a reminder comes once, late if it was due meanwhile.
    """
    service = federated_service
    host, local = await person("mei", at=federation[1]), await person("anna", at=federation[0])
    room = await admitted(host, service, local)
    await ask(host, room, "!circle remind us in 2 seconds to water the tomatoes", service)
    ours = federation[0].server_name.partition(":")[0]
    await host.set_state(room, "m.room.server_acl", {"allow": ["*"], "deny": [ours]})
    unheard = await host.say(room, "!circle help")
    await local.wait_for_text(room, "!circle help", sender=host.user_id)
    private = await private_room(local, service)
    await settled(local, private, service)  # What was said before it has come to the AI.

    await host.set_state(room, "m.room.server_acl", {"allow": ["*"]})
    await ask(host, room, "!circle policy", service)
    await host.wait_for(room, lambda event: kind(event) == "reminder", what="the reminder")
    await settled(host, room, service)

    assert [kind(event) for event in messages(host, room, service)].count("reminder") == 1
    assert service.log().count("server_shut_out") == service.log().count("server_let_in") == 1
    assert not [event for event in messages(host, room, service) if replied(event) == unheard]


def replied(event: Event) -> str:
    """Return what an event replies to."""
    return str(event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id", ""))


async def test_nothing_is_announced_again_after_a_restart_or_a_replay() -> None:
    """Neither a restart of the service nor all that happened here once more, in any order, makes it speak."""
    homeserver = Homeserver()
    service = Service(homeserver)
    async with homeserver, service:
        mei = await homeserver.person("mei", display_name="Mei")
        room = await circle(mei, service)
        notice = await admission(mei, room, service)
        await mei.react(room, notice["event_id"], ON_CALL)
        shown = await banner(mei, room, service)
        await service.restart()
        again = [{**event, "room_id": room} for event in await mei.all_messages(room)]

        await push(service, *again)
        await push(service, *reversed(again))

        said = await settled(mei, room, service)

        begins = [re.split(r"[.,]", each)[0] for each in said]
        assert begins == ["Hello", "Circle looks back only when called", "I can't pin here"]
        assert shown["event_id"] in {event["event_id"] for event in messages(mei, room, service)}
        assert len(spoken(mei, room, service)) == 4
