"""Reminders end to end over fakes: words in, rows and posts out, wakes and taps as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from circles.core.call import Call, Fire, Remake, Said, Tap
from circles.core.effects import Effect, Post, Private, WakeAt
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.errors import MatrixUnavailable
from circles.facts.tables import members, posts, rooms
from circles.features.reminders import FEATURE, handler, store
from circles.features.reminders.values import Reminder
from circles.ports import Ports
from circles.testing import NOON, ROOM, FakeClock, FakeNames, a_call, a_room, some_ports
from circles_policies.model import Preset, preset

MEI = UserID("@mei:home.example")
LI = UserID("@li:far.example")


@pytest.fixture
def clock() -> FakeClock:
    """Stand at noon."""
    return FakeClock()


@pytest.fixture
def ports(clock: FakeClock) -> Ports:
    """Make ports where Mei has a name."""
    return some_ports(clock=clock, names=FakeNames({MEI: "小美"}))


async def carry_out(effects: Sequence[Effect], ports: Ports) -> list[Post]:
    """Write our own effects as the outbox would, and return what is said."""

    def work(connection: Connection) -> None:
        for effect in effects:
            if type(effect) in FEATURE.writers:
                FEATURE.writers[type(effect)](connection, effect)

    await ports.database.write(work)
    said = [effect.post if isinstance(effect, Private) else effect for effect in effects]
    return [post for post in said if isinstance(post, Post)]


def asked(words: str, command: str = "remind", **changes: Any) -> Call:
    """Make a call whose whole words are `words`."""
    call = a_call(command, words)
    return replace(call, **{"whole": call.whole.part(words), **changes})


async def say(words: str, ports: Ports, **changes: Any) -> list[Post]:
    """Ask for a reminder and carry it out."""
    return await carry_out(await handler.remind(asked(words, **changes), ports), ports)


async def the_rows(ports: Ports) -> tuple[Reminder, ...]:
    """Return what is kept in the room."""
    return await ports.database.read(lambda c: store.in_room(c, ROOM))


async def fire(ports: Ports, key: str, **room: Any) -> list[Post]:
    """Let a wake fire now."""
    now = ports.clock.now()
    return await carry_out(await handler.fire(Fire(a_room(**room), key, {}, now, now), ports), ports)


def tapping(key: str, subject: str, asker: UserID = MEI, *, kind: str = "reminder", decides: bool = False) -> Tap:
    """Tap a post of a reminder."""
    said = Said(
        EffectID("e1"), EventID("$post"), kind, "reminders", subject, ROOM, ROOM, None, None, None, None, "en", "final"
    )
    return Tap(a_room(), asker, EventID("$tap"), NOON, key, said, "en", decides)


async def test_from_the_words_to_the_hour_and_off(ports: Ports, clock: FakeClock) -> None:
    """Set in Chinese, said in the host's name, put off once, ticked off by a tap, gone."""
    await say("明天早上九点提醒我开会", ports, language="zh")
    (row,) = await the_rows(ports)
    clock.instant = row.next_due

    (post,) = await fire(ports, row.id)
    assert post.words.body == "小美，你让我提醒你：开会"

    snooze = replace(tapping("💤", row.id), at=clock.now())
    (told,) = await carry_out(await handler.tapped(snooze, ports), ports)
    assert told.words.body == "好，09:10再提醒。"
    assert await handler.tapped(snooze, ports) == ()

    clock.advance(timedelta(minutes=10))
    (again,) = await fire(ports, f"{row.id}/again")
    assert again.words.body == "再提醒一次。小美，你让我提醒你：开会"

    done = tapping("✅", row.id)
    await carry_out(await handler.tapped(done, ports), ports)
    assert await the_rows(ports) == ()
    assert await handler.tapped(done, ports) == ()
    assert await fire(ports, row.id) == []


async def test_a_strangers_tap_gets_one_kind_line(ports: Ports) -> None:
    """The second tap of the same stranger is silent, and nothing changes."""
    await say("remind us every Sunday at 20:00: bins", ports)
    (row,) = await the_rows(ports)

    (line,) = await carry_out(await handler.tapped(tapping("🔕", row.id, LI), ports), ports)
    assert "someone else's" in line.words.body
    kept = {"effect_id": "n", "room_id": ROOM, "about": ROOM, "kind": line.kind, "feature": "reminders", "at": 0}
    await ports.database.write(lambda c: c.execute(insert(posts).values(**kept, subject=line.subject)))

    assert await handler.tapped(tapping("✅", row.id, LI), ports) == ()
    assert await the_rows(ports) == (row,)
    assert await carry_out(await handler.tapped(tapping("🔕", row.id, LI, decides=True), ports), ports)
    assert await the_rows(ports) == ()


async def test_the_zone_is_asked_once_and_remembered(ports: Ports, clock: FakeClock) -> None:
    """The request waits; "zone …" takes it up through its wake; the next one is set at once."""
    (question,) = await say("remind me tomorrow at 9 to call mum", ports, zone=None)
    assert "zone Berlin" in question.words.body

    clock.advance(timedelta(minutes=1))
    effects = await handler.zone(a_call("zone", "Shanghai"), ports)
    (answer,) = await carry_out(effects, ports)
    (wake,) = [effect for effect in effects if isinstance(effect, WakeAt)]
    assert answer.words.body == "Your time zone is Asia/Shanghai: it is 20:01 there now."
    assert wake.due == clock.now()

    (told,) = await fire(ports, wake.key)
    (row,) = await the_rows(ports)
    assert row.next_due.hour == 1
    assert "09:00: call mum" in told.words.body
    assert await ports.database.read(lambda c: store.pending_of(c, MEI)) == ()


async def test_what_waits_is_taken_up_only_where_the_room_still_keeps_it(ports: Ports, clock: FakeClock) -> None:
    """The room's policy is asked again when the request goes on."""
    await say("remind me tomorrow at 9 to call mum", ports, zone=None)
    await carry_out(await handler.zone(a_call("zone", "Berlin"), ports), ports)
    (waiting,) = await ports.database.read(lambda c: store.pending_of(c, MEI))

    (told,) = await fire(ports, waiting.id, policy=preset(Preset.RESTING))

    assert "keep nothing" in told.words.body
    assert await the_rows(ports) == ()


async def test_what_waits_is_dropped_after_a_day(ports: Ports, clock: FakeClock) -> None:
    """Nobody answered: nothing is said, nothing stays."""
    await say("remind me tomorrow at 9 to call mum", ports, zone=None)
    (waiting,) = await ports.database.read(lambda c: store.pending_of(c, MEI))
    clock.advance(timedelta(days=1))

    assert await fire(ports, waiting.id) == []
    assert await ports.database.read(lambda c: store.pending(c, waiting.id)) is None


@pytest.mark.parametrize("by", ["tap", "words"])
async def test_an_ambiguous_time_is_chosen(ports: Ports, by: str) -> None:
    """By a tap or in words; a second tap does nothing more; another person's tap gets a kind line."""
    (question,) = await say("remind me tomorrow at 3 to call mum", ports)
    tap = tapping("1️⃣", question.subject, kind="reminder-choice")

    (line,) = await carry_out(await handler.tapped_choice(replace(tap, asker=LI), ports), ports)
    assert "someone else's" in line.words.body

    if by == "tap":
        await carry_out(await handler.tapped_choice(tap, ports), ports)
    else:
        await carry_out(await handler.pick(a_call("pick", "1"), ports), ports)
    (row,) = await the_rows(ports)
    assert row.text == "call mum"
    assert await handler.tapped_choice(tap, ports) == ()
    (nothing,) = await carry_out(await handler.pick(a_call("pick", "1"), ports), ports)
    assert "nothing to pick" in nothing.words.body


async def test_under_resting_what_was_set_still_comes(ports: Ports, clock: FakeClock) -> None:
    """Reminders you set still come: the policy is not asked at their hour."""
    await say("remind us tomorrow at 9: bins", ports)
    (row,) = await the_rows(ports)
    clock.instant = row.next_due

    (post,) = await fire(ports, row.id, policy=preset(Preset.RESTING))

    assert post.words.body == "小美 asks: bins"


async def test_it_comes_without_a_name_rather_than_late(ports: Ports, clock: FakeClock) -> None:
    """Where the homeserver does not say what people are called, the localpart does."""
    await say("remind us tomorrow at 9: bins", ports)
    (row,) = await the_rows(ports)
    clock.instant = row.next_due

    class Nameless(FakeNames):
        async def people(self, room_id: RoomID) -> Mapping[UserID, str]:
            raise MatrixUnavailable

    (post,) = await fire(replace(ports, names=Nameless()), row.id)

    assert post.words.body == "mei asks: bins"


async def test_a_snooze_counts_from_now(ports: Ports, clock: FakeClock) -> None:
    """Not from when the tap says it was made: it may reach us late."""
    await say("remind us tomorrow at 9: bins", ports)
    (row,) = await the_rows(ports)
    clock.instant = row.next_due
    await fire(ports, row.id)
    effects = await handler.tapped(replace(tapping("💤", row.id), at=NOON - timedelta(days=9)), ports)

    assert [effect.due for effect in effects if isinstance(effect, WakeAt)] == [clock.now() + timedelta(minutes=10)]


async def test_nobody_speaks_for_who_has_left(ports: Ports) -> None:
    """A reminder whose host is gone is dropped in silence."""
    await say("remind us tomorrow at 9: bins", ports)
    (row,) = await the_rows(ports)
    await ports.database.write(
        lambda c: c.execute(insert(members).values(room_id=ROOM, user_id=MEI, membership="leave"))
    )

    assert await fire(ports, row.id) == []
    assert await the_rows(ports) == ()


async def test_numbers_list_and_cancel(ports: Ports) -> None:
    """The list shows the asker's and the room's; numbers stay when another is cancelled."""
    await say("remind me tomorrow at 9 to call mum", ports)
    await say("remind us every Sunday at 20:00: bins", ports, asker=LI)
    await say("remind me privately tomorrow at 9 to buy a gift", ports)

    (listed,) = await carry_out(await handler.show(a_call("reminders"), ports), ports)
    assert listed.words.body.splitlines()[1:] == [
        "1. tomorrow (Tue 2 Feb) 09:00 · call mum",
        "2. every Sunday at 20:00 · bins · for everyone",
    ]
    assert len(listed.sources) == 2
    (alone,) = await carry_out(await handler.show(a_call("reminders", room=a_room(direct=True)), ports), ports)
    assert "buy a gift" in alone.words.body
    assert "bins" not in alone.words.body

    (told,) = await carry_out(await handler.change(a_call("cancel", "1"), ports), ports)
    assert told.words.body == "Cancelled: call mum"
    (listed,) = await carry_out(await handler.show(a_call("reminders"), ports), ports)
    assert listed.words.body.splitlines()[1:] == ["2. every Sunday at 20:00 · bins · for everyone"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("the pills reminder", "Cancelled: take my pills"),
        ("call mum", "Cancelled: call mum"),
        ("my reminder about the pills, please", "Cancelled: take my pills"),
        ("the meeting", "Which one?"),
        ("all", "Cancelled, all 2 of yours:"),
        ("m", "Which one?"),
    ],
)
async def test_words_name_a_reminder_where_they_fit_one_alone(ports: Ports, words: str, said: str) -> None:
    """Else it is asked which one, and a number alone answers that."""
    await say("remind me tomorrow at 9 to call mum", ports)
    await say("remind me tomorrow at 9 to take my pills", ports)
    (answer,) = await carry_out(await handler.change(a_call("cancel", words), ports), ports)

    assert answer.words.body.startswith(said)
    assert ((answer.kind, answer.subject) == ("reminder-which", "cancel")) is (said == "Which one?")


async def test_a_reply_names_the_reminder(ports: Ports) -> None:
    """`done` as a reply to the post of it."""
    await say("remind me tomorrow at 9 to call mum", ports)
    await say("remind me tomorrow at 10 to shop", ports)
    row = next(row for row in await the_rows(ports) if row.text == "shop")
    post = {"effect_id": "e", "event_id": "$said", "room_id": ROOM, "about": ROOM, "kind": "reminder", "at": 0}
    await ports.database.write(lambda c: c.execute(insert(posts).values(**post, feature="reminders", subject=row.id)))

    await carry_out(await handler.change(a_call("done", "", reply_to=EventID("$said")), ports), ports)

    assert [row.text for row in await the_rows(ports)] == ["call mum"]


async def test_a_list_is_said_again_without_what_was_taken_back(ports: Ports) -> None:
    """The same list for the same asker, from what is still kept."""
    await say("remind me tomorrow at 9 to call mum", ports)
    said = Said(
        EffectID("e1"),
        EventID("$list"),
        "reminders",
        "reminders",
        "",
        ROOM,
        ROOM,
        MEI,
        EventID("$question"),
        None,
        {"whole": False},
        "en",
        "final",
    )

    (post,) = await carry_out(await handler.remake(Remake(a_room(), said, None, NOON), ports), ports)

    assert post.words.body.startswith("Posted again: something in it was taken back or changed.\nReminders:\n1. ")
    assert post.reply_to == "$question"
    (private,) = await handler.remake(Remake(a_room(), replace(said, room_id=RoomID("!dm")), None, NOON), ports)
    assert isinstance(private, Private)
    assert await handler.remake(Remake(a_room(), replace(said, kind="reminder"), None, NOON), ports) == ()


async def test_zone_words(ports: Ports) -> None:
    """Nothing named shows what is known; unclear and unknown places are asked about."""

    async def answer(argument: str) -> str:
        return (await carry_out(await handler.zone(a_call("zone", argument), ports), ports))[0].words.body

    assert "don't know your time zone" in await answer("")
    assert "don't know that place" in await answer("blue banana")
    assert "fits several" in await answer("CST")
    assert "Your time zone is Europe/Berlin" in await answer("Berlin")
    assert await answer("") == "I use Europe/Berlin for you. Change it with for example “zone Berlin”."


async def test_the_rooms_zone_is_for_who_decides(ports: Ports) -> None:
    """Others get one kind line; it takes up what waits in the room."""
    await ports.database.write(lambda c: c.execute(insert(rooms).values(room_id=ROOM, create={}, names=[])))
    await say("remind me tomorrow at 9 to call mum", ports, zone=None)

    (refused,) = await handler.room_zone(a_call("room-zone", "Paris"), ports)
    assert isinstance(refused, Post)
    assert "for an admin to set" in refused.words.body

    effects = await handler.room_zone(a_call("room-zone", "Paris", decides=True), ports)
    await carry_out(effects, ports)
    assert [effect for effect in effects if isinstance(effect, WakeAt)]
    assert await ports.database.read(lambda c: store.zones(c, LI, ROOM)) == "Europe/Paris"
    (shown,) = await handler.room_zone(a_call("room-zone", ""), ports)
    assert isinstance(shown, Post)
    assert "Europe/Berlin" in shown.words.body


def test_every_command_speaks_both_languages() -> None:
    """Words, help and a handler in English and Chinese."""
    for command in FEATURE.commands:
        assert command.words["en"], command.name
        assert command.words["zh"], command.name
        assert set(command.help) == {"en", "zh"}


@pytest.mark.parametrize(
    ("words", "reached"),
    [
        ("remind us in 10 minutes to go", {MEI, LI}),
        ("remind Li in 10 minutes to go", {MEI, LI}),
        ("remind Ann in 10 minutes to go", {MEI}),
        ("remind me in 10 minutes to go", {MEI}),
    ],
)
async def test_a_reminder_reaches_all_who_were_meant(words: str, reached: set[UserID], clock: FakeClock) -> None:
    """Everybody of the room, or the one it names and whoever asked."""
    ports = some_ports(clock=clock, names=FakeNames({MEI: "Mei", LI: "Li"}))

    def join(connection: Connection) -> None:
        for user in (MEI, LI):
            connection.execute(insert(members).values(room_id=ROOM, user_id=user, membership="join"))

    await ports.database.write(join)
    await say(words, ports, asker=MEI, zone="Europe/Berlin")
    clock.advance(timedelta(minutes=10))
    (post,) = await fire(ports, (await the_rows(ports))[0].id)
    assert set(post.ping) == reached


async def test_the_zone_question_loses_no_name(ports: Ports, clock: FakeClock) -> None:
    """Whom it is for stands in what waits, and is said when it is set."""
    ports = some_ports(clock=clock, names=FakeNames({MEI: "Mei", LI: "Li"}))
    await say("remind Li tomorrow at 9 to bring salad", ports, zone=None)
    effects = await handler.zone(a_call("zone", "Shanghai"), ports)
    await carry_out(effects, ports)
    (told,) = await fire(ports, next(each.key for each in effects if isinstance(each, WakeAt)))

    assert told.words.body.startswith("I'll remind Li here tomorrow (Tue 2 Feb) 09:00: bring salad")
    assert (await the_rows(ports))[0].text == "Li: bring salad"


@pytest.mark.parametrize("words", ["remind {} in 10 minutes to go", "十分钟后提醒{}出发"])
async def test_of_two_with_one_name_one_is_asked_for_by_address(words: str, clock: FakeClock) -> None:
    """Neither is pinged in the other's place; by the address it is set, and reaches that one."""
    other = UserID("@li2:far.example")
    ports = some_ports(clock=clock, names=FakeNames({MEI: "Mei", LI: "Li", other: "Li"}))

    def join(connection: Connection) -> None:
        for user in (MEI, LI, other):
            connection.execute(insert(members).values(room_id=ROOM, user_id=user, membership="join"))

    await ports.database.write(join)
    (asks,) = await say(words.format("Li"), ports, asker=MEI, zone="Europe/Berlin")
    assert LI in asks.words.body
    assert other in asks.words.body
    assert await the_rows(ports) == ()

    await say(words.format(f"{other} "), ports, asker=MEI, zone="Europe/Berlin")
    clock.advance(timedelta(minutes=10))
    (post,) = await fire(ports, (await the_rows(ports))[0].id)
    assert set(post.ping) == {MEI, other}
