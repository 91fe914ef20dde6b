"""Notices, banner and answers: what is said, where, and to whom."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from circles.core import effects as fx
from circles.core.call import Call, Fire
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.language import Language
from circles.facts import rooms
from circles.feature import Effects, Entered
from circles.features.consent import handler, store
from circles.features.consent.decide import Choose, SaveBanner, SetLanguage, Welcome, WithdrawPolicy
from circles.ports import Ports
from circles.testing import AI, NOON, ROOM, FakeNames, a_call, a_room, some_ports
from circles_policies.content import to_content
from circles_policies.minimum import Choice
from circles_policies.model import Preset, Reach, preset

MEI, LI = UserID("@mei:home.example"), UserID("@li:home.example")
MS = int(NOON.timestamp() * 1000)
LEVELS = {"users": {MEI: 100}, "state_default": 50}


async def here(
    policy: Preset | None = Preset.ON_CALL, *, title: str = "Family", waiting: Preset | None = None
) -> Ports:
    """Make ports onto a room of Mei (admin) and Li in which a policy is in force, and perhaps another waits."""
    names = FakeNames(known={MEI: "Mei", LI: "Li"}, room_name=title)
    ports = some_ports(names=names)

    def write(connection: Connection) -> None:
        rooms.save_room(connection, ROOM, membership="join", filled=True, version="10", levels=LEVELS)
        for user in (MEI, LI):
            rooms.save_member(connection, ROOM, user, membership="join", since=MS)
        for key, state in ((policy, "in_force"), (waiting, "waiting")):
            if key is not None:
                store.ask(
                    connection,
                    ROOM,
                    preset(key, Reach.NONE),
                    by=MEI,
                    authority=EventID("$tap"),
                    asked_at=MS,
                    starts_at=MS,
                    state=state,
                )

    await ports.database.write(write)
    return ports


def posts(effects: Effects) -> list[fx.Post]:
    """Return the posts among effects, private ones included."""
    found = [effect.post if isinstance(effect, fx.Private) else effect for effect in effects]
    return [each for each in found if isinstance(each, fx.Post)]


def words(effects: Effects) -> str:
    """Return what is said."""
    return "\n".join(post.words.body for post in posts(effects))


def entered(**changes: object) -> Entered:
    """Make the moment in which the AI knows a room's state."""
    fresh = Entered(
        room=a_room(policy=None),
        encrypted=False,
        inviter=MEI,
        policy=None,
        policy_sender=None,
        policy_event=None,
        now=NOON,
    )
    return replace(fresh, **changes)  # type: ignore[arg-type]  # fields by name, for brevity


def fired(key: str, **payload: object) -> Fire:
    """Make a wake that is due."""
    return Fire(room=a_room(), key=key, payload=payload, due=NOON, now=NOON)


# --- entering -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("title", "language"), [("Family", "en"), ("春节聚会", "zh"), ("Lin 家", "zh")])
async def test_the_rooms_name_tells_its_language(title: str, language: Language) -> None:
    ports = await here(None, title=title)

    effects = await handler.enter(entered(), ports)

    assert SetLanguage(ROOM, language) in effects
    assert [post.kind for post in posts(effects)] == ["admission"]
    assert posts(effects)[0].text
    assert posts(effects)[0].buttons == ("1️⃣", "2️⃣", "3️⃣", "❌")


async def test_the_notice_has_the_same_id_when_it_is_made_again() -> None:
    ports = await here(None)

    first, second = [posts(await handler.enter(entered(), ports))[0].id for _ in range(2)]

    assert first == second


@pytest.mark.parametrize("encrypted", [False, True])
async def test_an_encrypted_room_is_told_what_that_means(*, encrypted: bool) -> None:
    effects = await handler.enter(entered(encrypted=encrypted), await here(None))

    assert ("end-to-end" in posts(effects)[0].words.body) is encrypted


async def test_newcomers_to_an_encrypted_room_get_a_banner_they_can_read() -> None:
    """They cannot read the one that stands; it is posted anew, pinned, and the old one taken back."""
    ports = await here(Preset.ADDRESSED)
    await ports.database.write(lambda c: rooms.save_room(c, ROOM, encrypted=True))
    await ports.database.write(lambda c: store.save_banner(c, ROOM, EffectID("old"), pinned=True))
    await ports.database.write(lambda c: rooms.save_member(c, ROOM, LI, membership="join", since=None))

    effects = await handler.fire(fired("welcome:x"), ports)

    assert [post.kind for post in posts(effects)] == ["welcome", "banner"]
    assert fx.Withdraw(EffectID("old")) in effects


async def test_a_policy_that_stands_is_taken_over_from_whoever_may_set_it_only() -> None:
    given = {"policy": to_content(preset(Preset.ADDRESSED, Reach.NONE)), "policy_event": EventID("$state")}
    by_admin = await handler.enter(entered(policy_sender=MEI, **given), await here(None))
    by_member = await handler.enter(entered(policy_sender=LI, **given), await here(None))
    by_ai = await handler.enter(entered(policy_sender=AI, **given), await here(None))

    assert [type(effect) for effect in by_admin] == [fx.WakeAt, fx.Follow]
    assert [post.kind for post in (*posts(by_member), *posts(by_ai))] == ["admission", "admission"]


# --- banner, announcement, start, welcome ---------------------------------------------------------------------------


async def test_the_first_banner_is_followed_by_the_plea_to_pin_it() -> None:
    effects = await handler.fire(fired(f"banner:{ROOM}"), await here())

    assert [post.kind for post in posts(effects)] == ["banner", "notice"]
    assert any(isinstance(effect, SaveBanner) and not effect.pinned for effect in effects)
    assert fx.SetRoomName(ROOM, "Circle · on call") in effects


async def test_where_nothing_is_in_force_the_banner_says_so_and_the_name_claims_nothing() -> None:
    ports = await here(None)
    await ports.database.write(lambda c: store.save_banner(c, ROOM, EffectID("banner"), pinned=False))

    name, edit = await handler.fire(fired(f"banner:{ROOM}"), ports)

    assert name == fx.SetRoomName(ROOM, "Circle")
    assert isinstance(edit, fx.Edit)
    assert edit.words.body.startswith("No rules now: I look at nothing.")


async def test_an_announcement_says_who_what_and_when() -> None:
    ports = await here(Preset.ADDRESSED, waiting=Preset.NOTEBOOK)

    said = posts(await handler.fire(fired("announce:2", policy=2), ports))[0]

    assert said.words.body.startswith(
        "Mei asks to change me from 'only what you say to it' to 'group notebook'. It starts "
    )
    assert said.buttons == ("👍", "❌")


async def test_a_change_whose_asker_lost_the_power_is_called_off() -> None:
    ports = await here(Preset.ADDRESSED, waiting=Preset.NOTEBOOK)
    await ports.database.write(lambda c: rooms.save_room(c, ROOM, levels={"state_default": 50}))

    effects = await handler.fire(fired("start:2", policy=2), ports)

    assert "the announced change is called off" in words(effects)
    assert WithdrawPolicy(2) in effects


async def test_a_welcome_names_who_came_and_their_words_count_once_it_stands() -> None:
    ports = await here()
    await ports.database.write(lambda c: rooms.save_member(c, ROOM, LI, since=None))

    post, named = await handler.fire(fired(f"welcome:{ROOM}"), ports)

    assert isinstance(post, fx.Post)
    assert post.words.body.startswith("Welcome, Li. There is an AI here (looks back when called).")
    assert isinstance(named, Welcome)
    assert named.users == (LI,)


# --- words --------------------------------------------------------------------------------------------------------


PRIVATE = RoomID("!private")


def privately(call: Call) -> Call:
    """Make a call one that was said in a direct message about the room."""
    return replace(call, place=PRIVATE, private=True)


async def test_out_said_in_a_room_is_answered_to_the_person_alone() -> None:
    effects = await handler.confirm_choice(a_call("out"), await here())

    assert [type(effect) for effect in effects] == [fx.Private]
    assert words(effects).startswith("Done (Family). I skip what you say to others;")


@pytest.mark.parametrize("command", ["keep_out", "let_back"])
async def test_only_who_decides_in_the_circle_may_keep_out_or_let_back(command: str) -> None:
    """In a direct message everybody has all power; that is not what counts."""
    refused = await handler.keep_out(privately(a_call(command, "Mei", asker=LI)), await here())
    done = await handler.keep_out(privately(a_call(command, "Li", decides=True)), await here())

    assert words(refused).startswith("Thanks! An admin of this room decides that")
    assert not [effect for effect in refused if isinstance(effect, Choose)]
    wanted = Choice.KEEP_OUT if command == "keep_out" else Choice.LET_BACK
    assert [(each.user_id, each.choice, each.at) for each in done if isinstance(each, Choose)] == [(LI, wanted, MS)]


@pytest.mark.parametrize("name", ["", "Nobody", "L"])
async def test_a_name_that_is_not_found_is_asked_again(name: str) -> None:
    effects = await handler.keep_out(privately(a_call("keep_out", name, decides=True)), await here())

    assert words(effects) == "I can't find that person here. Use their name as the room shows it, or their @id."


@pytest.mark.parametrize("name", ["Li", "li", "@li", "@li:home.example"])
async def test_a_person_is_found_by_name_and_by_id(name: str) -> None:
    effects = await handler.keep_out(privately(a_call("keep_out", name, decides=True)), await here())

    assert any(isinstance(effect, Choose) and effect.user_id == LI for effect in effects)


async def test_the_policy_is_shown_with_taps_in_the_room_and_without_in_private() -> None:
    in_room = posts(await handler.show_policy(a_call("policy"), await here()))[0]
    alone = posts(await handler.show_policy(privately(a_call("policy")), await here()))[0]

    assert len(in_room.buttons) == 5
    assert alone.buttons == ()
    assert alone.words.body.endswith("where everyone sees it.")


async def test_an_unknown_policy_is_answered_with_those_that_are() -> None:
    effects = await handler.show_policy(a_call("policy", "everything", decides=True), await here())

    assert words(effects).startswith("I don't know that one.")


async def test_a_policy_that_holds_already_is_said_so() -> None:
    effects = await handler.show_policy(a_call("policy", "on call", decides=True), await here())

    assert words(effects) == "It is “Looks back when called” already."


async def test_a_member_who_wants_it_gone_calls_a_vote_and_an_admin_just_says_so() -> None:
    vote = await handler.leave(a_call("leave", asker=LI), await here())
    gone = await handler.leave(a_call("leave", decides=True), await here())

    assert [(post.kind, post.buttons) for post in posts(vote)] == [("vote", ("✅",))]
    assert [type(effect) for effect in gone] == [fx.Post, fx.Leave]


@pytest.mark.parametrize(("said", "language"), [("Chinese", "zh"), ("中文", "zh"), ("English", "en"), ("英文", "en")])
async def test_the_language_is_set_by_who_decides(said: str, language: Language) -> None:
    done = await handler.speak(a_call("language", said, decides=True), await here())
    refused = await handler.speak(a_call("language", said, language="en"), await here())

    assert SetLanguage(ROOM, language) in done
    assert words(refused).startswith("Thanks! An admin")


async def test_leave_in_private_says_both_ways_out_and_goes_only_from_this_chat() -> None:
    """Who wants out must not lose the chat in which they say so."""
    said = [a_call("leave", words) for words in ("leave", "leave this chat")]
    asked, gone = [
        await handler.leave(replace(call, whole=call.argument, room=replace(call.room, direct=True)), await here())
        for call in said
    ]

    assert "say “out”" in words(asked)
    assert [isinstance(each, fx.Leave) for each in (*asked, *gone)].count(True) == 1


async def test_who_asks_whether_they_are_out_is_told_their_own_choice_in_private() -> None:
    effects = await handler.tell_choice(a_call("choice", asker=LI), await here())

    assert [type(effect) for effect in effects] == [fx.Private]
    assert "you chose nothing" in words(effects)


async def test_a_model_lets_nobody_in() -> None:
    """It may say which word does; only keeping one's own talk out is done in plain language."""
    back = await handler.tell_how_to_come_back(a_call("come_back", asker=LI), await here())
    out = await handler.choose(a_call("out_of", asker=LI), await here())

    assert not [each for each in back if isinstance(each, Choose)]
    assert [(each.user_id, each.choice) for each in out if isinstance(each, Choose)] == [(LI, Choice.OUT)]
