"""Notes through their handlers and rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from circles.core.effects import Effect, Post, Private
from circles.core.ids import EventID, RoomID, UserID
from circles.facts import rooms
from circles.facts.tables import policies, posts
from circles.features.notes import FEATURE, handler, store
from circles.features.notes.decide import AddNote, DropNote
from circles.ports import Ports
from circles.testing import NOON, ROOM, FakeTalk, a_call, some_ports
from circles_policies import Level, Member, Preset, preset, to_content

MEI = UserID("@mei:home.example")
LI = UserID("@li:far.example")
START = int((NOON - timedelta(days=2)).timestamp() * 1000)


async def world(key: Preset = Preset.ON_CALL, **changes: object) -> Ports:
    """Make ports with one room in which a policy is in force since two days."""
    ports = some_ports(**changes)

    def write(connection: Connection) -> None:
        rooms.save_room(connection, ROOM, membership="join", filled=True)
        content = to_content(preset(key))
        connection.execute(
            policies.insert().values(room_id=ROOM, content=content, state="in_force", asked_at=START, starts_at=START)
        )
        for user in (MEI, LI):
            rooms.save_choice(connection, ROOM, user, Member())

    await ports.database.write(write)
    return ports


async def perform(ports: Ports, effects: tuple[Effect, ...]) -> str:
    """Write our own effects and return what the post says."""

    def write(connection: Connection) -> None:
        for effect in effects:
            if type(effect) in FEATURE.writers:
                FEATURE.writers[type(effect)](connection, effect)

    await ports.database.write(write)
    (words,) = [
        each.post.words if isinstance(each, Private) else each.words
        for each in effects
        if isinstance(each, Post | Private)
    ]
    return words.body


async def test_kept_listed_dropped() -> None:
    """The round of a note."""
    ports = await world()

    assert "note 1" in await perform(ports, await handler.keep(a_call("keep", "dinner is at six"), ports))
    assert "dinner is at six" in await perform(ports, await handler.show(a_call("notes"), ports))
    assert "deleted" in await perform(ports, await handler.drop(a_call("unkeep", "1"), ports))
    assert "No notes" in await perform(ports, await handler.show(a_call("notes"), ports))


async def test_one_asking_makes_one_note() -> None:
    """However often it is handled."""
    ports = await world()
    call = a_call("keep", "tea")

    for _ in range(2):
        await perform(ports, await handler.keep(call, ports))

    assert len(await ports.database.read(lambda c: store.in_room(c, ROOM))) == 1


async def test_a_reply_keeps_what_it_answers() -> None:
    """With its own link, and only if it may be looked at."""
    talk = FakeTalk()
    theirs = talk.say(LI, "I bring tea")
    ports = await world(talk=talk)
    call = a_call("keep", "", reply_to=theirs)

    (add, _) = await handler.keep(call, ports)
    talk.kept_out.add(theirs)
    refused = await perform(ports, await handler.keep(call, ports))

    assert isinstance(add, AddNote)
    assert (add.note.text, add.note.source.event_id) == ("I bring tea", theirs)
    assert refused.startswith("I may not look at that message.")


async def test_a_post_of_the_ai_is_not_kept() -> None:
    """Its words are from others, whose words could not be taken back out of the note."""
    ports = await world()
    await ports.database.write(
        lambda c: c.execute(
            posts.insert().values(
                effect_id="e", room_id=ROOM, about=ROOM, event_id="$ours", kind="answer", feature="ask", at=0
            )
        )
    )

    effects = await handler.keep(a_call("keep", "", reply_to=EventID("$ours")), ports)

    assert "made from others' words" in await perform(ports, effects)


@pytest.mark.parametrize(
    ("key", "level", "kept"),
    [
        pytest.param(Preset.ADDRESSED, Level.NONE, True, id="what is said to it"),
        pytest.param(Preset.ON_CALL, Level.OUT, True, id="out: what they say to it counts"),
        pytest.param(Preset.AGREED, Level.NONE, False, id="no yes yet"),
        pytest.param(Preset.RESTING, Level.NONE, False, id="resting"),
        pytest.param(Preset.NOTEBOOK, Level.NONE, True, id="notebook"),
    ],
)
async def test_the_policy_decides_what_stays(key: Preset, level: Level, kept: bool) -> None:
    """Every preset, own words."""
    ports = await world(key)
    await ports.database.write(lambda c: rooms.save_choice(c, ROOM, MEI, Member(level=level)))

    effects = await handler.keep(a_call("keep", "tea"), ports)

    assert any(isinstance(effect, AddNote) for effect in effects) is kept


async def test_taken_back_words_take_their_note_with_them() -> None:
    """Those that were quoted, and those that asked."""
    talk = FakeTalk()
    theirs = talk.say(LI, "I bring tea")
    ports = await world(talk=talk)
    first, second = a_call("keep", "", reply_to=theirs), a_call("keep", "mine")
    for call in (first, second):
        await perform(ports, await handler.keep(call, ports))

    await ports.database.write(lambda c: store.forget(c, (theirs,)))
    assert [n.text for n in await ports.database.read(lambda c: store.in_room(c, ROOM))] == ["mine"]
    await ports.database.write(lambda c: store.forget(c, (second.event_id,)))
    assert await ports.database.read(lambda c: store.in_room(c, ROOM)) == ()


async def test_a_person_sees_and_forgets_all_of_theirs() -> None:
    """What they kept, and what others kept of their words."""
    talk = FakeTalk()
    theirs = talk.say(LI, "I bring tea")
    ports = await world(talk=talk)
    for call in (a_call("keep", "", reply_to=theirs), a_call("keep", "mine")):
        await perform(ports, await handler.keep(call, ports))

    (held,) = await ports.database.read(lambda c: store.held(c, LI, None, "en"))
    assert (held.count, held.lines) == (1, ("I bring tea",))
    assert await ports.database.read(lambda c: store.held(c, LI, RoomID("!other"), "en")) == ()

    await ports.database.write(lambda c: store.forget_person(c, LI, RoomID("!other")))
    assert len(await ports.database.read(lambda c: store.in_room(c, ROOM))) == 2
    await ports.database.write(lambda c: store.forget_person(c, LI, None))
    assert await ports.database.read(lambda c: store.held(c, LI, None, "en")) == ()
    assert len(await ports.database.read(lambda c: store.in_room(c, ROOM))) == 1


async def test_only_own_words_are_confirmed() -> None:
    """A digest may repeat what someone kept of their own, and nothing that others picked."""
    talk = FakeTalk()
    theirs = talk.say(LI, "I bring tea")
    ports = await world(talk=talk)
    for call in (a_call("keep", "", reply_to=theirs), a_call("keep", "dinner is at six")):
        await perform(ports, await handler.keep(call, ports))

    (found,) = await ports.database.read(lambda c: store.confirmed(c, ROOM, START, "en"))
    later = int((NOON + timedelta(days=1)).timestamp() * 1000)

    assert (found.text, found.by, found.at) == ("dinner is at six", MEI, NOON)
    assert await ports.database.read(lambda c: store.confirmed(c, ROOM, later, "en")) == ()


async def test_a_stranger_cannot_drop_what_is_not_shown() -> None:
    """A note that is hidden because its speaker is out is not there for anyone to ask about."""
    talk = FakeTalk()
    theirs = talk.say(LI, "I bring tea")
    ports = await world(talk=talk)
    await perform(ports, await handler.keep(a_call("keep", "", reply_to=theirs), ports))
    await ports.database.write(lambda c: rooms.save_choice(c, ROOM, LI, Member(level=Level.OUT)))

    assert "No notes" in await perform(ports, await handler.show(a_call("notes"), ports))
    assert not any(isinstance(e, DropNote) for e in await handler.drop(a_call("unkeep", "1"), ports))
