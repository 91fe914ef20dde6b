"""Notes through their handlers and rows."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest
from sqlalchemy import Connection

from circles.core.effects import Effect, Post, Private
from circles.core.ids import EventID, RoomID, Source, UserID
from circles.core.language import Language
from circles.facts import rooms
from circles.facts.tables import policies, posts
from circles.features.notes import FEATURE, handler, store, strings
from circles.features.notes.decide import AddNote, DropNote, Note
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


async def replied(ports: Ports, event_id: EventID, argument: str, language: Language = "en") -> tuple[Effect, ...]:
    """Reply `keep` to a message."""
    return await handler.keep(a_call("keep", argument, reply_to=event_id, language=language), ports)


@pytest.mark.parametrize("key", list(Preset))
async def test_a_reply_keep_says_the_same_whosever_message_it_is(key: Preset) -> None:
    """Own, another's, one of somebody who is kept out, the AI's: else it would tell everyone who opted out."""
    talk = FakeTalk()
    own, theirs, hidden = talk.say(MEI, "I cook"), talk.say(LI, "I bring tea"), talk.say(LI, "I bring cake")
    talk.kept_out.add(hidden)
    ports = await world(key, talk=talk)
    ours = EventID("$ours")
    await ports.database.write(
        lambda c: c.execute(
            posts.insert().values(
                effect_id="e", room_id=ROOM, about=ROOM, event_id=ours, kind="answer", feature="ask", at=0
            )
        )
    )
    await ports.database.write(lambda c: rooms.save_choice(c, ROOM, LI, Member(level=Level.OUT)))

    for language in get_args(Language):
        for target in (own, theirs, hidden, ours, EventID("$unknown")):
            for blank in ("", "  "):
                (answer,) = await replied(ports, target, blank, language)
                assert isinstance(answer, Post)
                assert answer.words.body == strings.OWN_WORDS[language]
                assert answer.sources == ()


async def test_a_reply_with_words_keeps_the_words() -> None:
    """They are the asker's own; the message it answers is not looked at, nor named."""
    talk = FakeTalk()
    theirs = talk.say(LI, "I bring tea")
    ports = await world(talk=talk)

    add, answer = await replied(ports, theirs, "Li brings tea")

    assert isinstance(add, AddNote)
    assert isinstance(answer, Post)
    assert (add.note.text, add.note.author, add.note.source.sender) == ("Li brings tea", MEI, MEI)
    assert theirs not in {add.note.source.event_id, *(source.event_id for source in answer.sources)}


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
    """Only that one."""
    ports = await world()
    first, second = a_call("keep", "tea"), a_call("keep", "cake")
    for call in (first, second):
        await perform(ports, await handler.keep(call, ports))

    await ports.database.write(lambda c: store.forget(c, (first.event_id,)))
    assert [n.text for n in await ports.database.read(lambda c: store.in_room(c, ROOM))] == ["cake"]
    await ports.database.write(lambda c: store.forget(c, (second.event_id,)))
    assert await ports.database.read(lambda c: store.in_room(c, ROOM)) == ()


async def test_a_person_sees_and_forgets_all_of_theirs() -> None:
    """What they kept, and nothing of anybody else's."""
    ports = await world()
    for call in (a_call("keep", "I bring tea", asker=LI), a_call("keep", "mine")):
        await perform(ports, await handler.keep(call, ports))

    (held,) = await ports.database.read(lambda c: store.held(c, LI, None, "en"))
    assert (held.count, held.lines) == (1, ("I bring tea",))
    assert await ports.database.read(lambda c: store.held(c, LI, RoomID("!other"), "en")) == ()

    await ports.database.write(lambda c: store.forget_person(c, LI, RoomID("!other")))
    assert len(await ports.database.read(lambda c: store.in_room(c, ROOM))) == 2
    await ports.database.write(lambda c: store.forget_person(c, LI, None))
    assert await ports.database.read(lambda c: store.held(c, LI, None, "en")) == ()
    assert len(await ports.database.read(lambda c: store.in_room(c, ROOM))) == 1


async def test_a_row_with_anothers_words_is_shown_to_nobody_and_goes_with_them() -> None:
    """None is made any more; where one is left, it is still theirs to see, to take back and to have forgotten."""
    theirs, asked = EventID("$theirs"), EventID("$asked")
    left = Note("n1", ROOM, 1, MEI, "I bring tea", Source(theirs, LI), asked, NOON, NOON)
    ports = await world()

    async def rows() -> int:
        await ports.database.write(lambda c: store.write(c, AddNote(left)))
        return len(await ports.database.read(lambda c: store.in_room(c, ROOM)))

    assert await rows() == 1
    assert "No notes" in await perform(ports, await handler.show(a_call("notes"), ports))
    assert await ports.database.read(lambda c: store.confirmed(c, ROOM, START, "en")) == ()
    assert not any(isinstance(e, DropNote) for e in await handler.drop(a_call("unkeep", "1"), ports))
    (held,) = await ports.database.read(lambda c: store.held(c, LI, None, "en"))
    assert held.lines == ("I bring tea",)
    await ports.database.write(lambda c: store.forget(c, (theirs,)))
    assert await ports.database.read(lambda c: store.in_room(c, ROOM)) == ()
    assert await rows() == 1
    await ports.database.write(lambda c: store.forget(c, (asked,)))
    assert await ports.database.read(lambda c: store.in_room(c, ROOM)) == ()
    assert await rows() == 1
    await ports.database.write(lambda c: store.forget_person(c, LI, None))
    assert await ports.database.read(lambda c: store.in_room(c, ROOM)) == ()


async def test_what_was_kept_is_confirmed() -> None:
    """A digest may repeat it, from when it was kept."""
    ports = await world()
    await perform(ports, await handler.keep(a_call("keep", "dinner is at six"), ports))

    (found,) = await ports.database.read(lambda c: store.confirmed(c, ROOM, START, "en"))
    later = int((NOON + timedelta(days=1)).timestamp() * 1000)

    assert (found.text, found.by, found.at) == ("dinner is at six", MEI, NOON)
    assert await ports.database.read(lambda c: store.confirmed(c, ROOM, later, "en")) == ()


async def test_a_stranger_cannot_drop_what_is_not_shown() -> None:
    """A note that is hidden because its author wants nothing acted on is not there for anyone to ask about."""
    ports = await world()
    await perform(ports, await handler.keep(a_call("keep", "I bring tea", asker=LI), ports))
    await ports.database.write(lambda c: rooms.save_choice(c, ROOM, LI, Member(level=Level.NOT_AT_ALL)))

    assert "No notes" in await perform(ports, await handler.show(a_call("notes"), ports))
    assert not any(isinstance(e, DropNote) for e in await handler.drop(a_call("unkeep", "1"), ports))
