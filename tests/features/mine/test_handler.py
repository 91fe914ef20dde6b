"""Mine, from the rows to the rows: shown, asked, forgotten, and nothing left."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from circles.adapters.store import egress
from circles.adapters.store.egress import Departure, Outcome
from circles.core.call import Call, Fire, Remake, Tap
from circles.core.effects import CancelWake, Effect, Post, Private, TakeBack, TakeBackPerson, WakeAt
from circles.core.ids import EffectID, EventID, RoomID, Source, UserID
from circles.core.language import Language
from circles.entrypoints.performing import Performer, VoiceRules
from circles.facts import posts as post_facts
from circles.facts import rooms
from circles.facts.tables import posts, sources, wakes
from circles.feature import Control, Held
from circles.features import mine, notes
from circles.features.mine import handler
from circles.features.mine.control import control
from circles.features.notes import store as notes_store
from circles.features.notes.decide import AddNote, Note
from circles.ports import Ports
from circles.testing import AI, NOON, ROOM, MemoryDatabase, a_call, a_room, some_ports
from circles_policies import Classified, Kind, Level, Member
from circles_policies import Control as Why

MEI = UserID("@mei:home.example")
LI = UserID("@li:far.example")
DM, GARDEN = RoomID("!dm"), RoomID("!garden")
AT = int(NOON.timestamp() * 1000)
FEATURES = (notes.FEATURE, mine.FEATURE)


class WhatIsHeld:
    """What the features hold, as the composition root gathers it."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.database = database

    async def __call__(
        self, user_id: UserID, room_id: RoomID | None, language: Language, *, whole: bool = False
    ) -> tuple[Held, ...]:
        """Ask the notes."""
        return await self.database.read(lambda c: notes_store.held(c, user_id, room_id, language))


class World:
    """Two circles, a direct message with Mei, a note of hers in each circle, and what the outbox would do."""

    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.ports: Ports = some_ports(database=self.database, held=WhatIsHeld(self.database))
        self.performer = Performer(VoiceRules(), FEATURES)

    async def begin(self) -> World:
        """Fill the rows."""

        def write(connection: Connection) -> None:
            for room_id in (ROOM, GARDEN, DM):
                rooms.save_room(connection, room_id, membership="join", filled=True, direct=room_id == DM)
                for user in (MEI, AI):
                    rooms.save_member(connection, room_id, user, membership="join")
            for number, room_id in enumerate((ROOM, GARDEN), 1):
                asked = EventID(f"$asked{number}")
                note = Note(f"n{number}", room_id, 1, MEI, f"words {number}", Source(asked, MEI), asked, NOON, NOON)
                notes_store.write(connection, AddNote(note))

        await self.database.write(write)
        return self

    async def perform(self, effects: tuple[Effect, ...]) -> list[str]:
        """Write effects as the worker does, note them as sent, and return what the posts say."""

        def write(connection: Connection) -> None:
            self.performer.perform(connection, effects, AT)
            for row in connection.execute(posts.select().where(posts.c.event_id.is_(None))).mappings().all():
                key = row["effect_id"]
                place = DM if row["asker"] == MEI else row["room_id"]
                here = posts.update().where(posts.c.effect_id == key)
                connection.execute(here.values(event_id=f"${key}", room_id=place, asker=row["asker"] or MEI))

        await self.database.write(write)
        found = [each.post if isinstance(each, Private) else each for each in effects]
        return [each.words.body for each in found if isinstance(each, Post)]

    async def say(self, call: Call) -> str:
        """Say `me` or `forget me` and return the answer."""
        handle = handler.show if call.command == "me" else handler.forget
        (words,) = await self.perform(await handle(call, self.ports))
        return words

    async def came_or_went(self, membership: str, who: UserID = MEI) -> tuple[Effect, ...]:
        """Let somebody come into the second circle or leave it."""
        event = Control(
            event=Classified(Kind.MEMBERSHIP, AT, Why.JOIN_LEAVE),
            room=a_room(room_id=GARDEN),
            sender=who,
            event_id=EventID("$member"),
            at=AT,
            now=AT,
            content={"membership": membership},
            state_key=who,
            words=None,
            language="en",
            decides=False,
        )
        return await self.database.write(lambda c: control(event, c, self.ports.settings))

    def fire(self, wake: WakeAt, now: datetime) -> Fire:
        """Return a wake of the second circle's as it is fired."""
        return Fire(a_room(room_id=GARDEN), wake.key, wake.payload, wake.due, now)

    async def notes(self) -> list[str]:
        """Return the notes that are left."""
        return list(
            await self.database.read(lambda c: [n.text for r in (ROOM, GARDEN) for n in notes_store.in_room(c, r)])
        )

    async def standing(self) -> list[str]:
        """Return the kinds of our own posts that stand."""
        query = posts.select().where(posts.c.state != "gone", posts.c.root.is_(None)).order_by(posts.c.kind)
        return await self.database.read(lambda c: [row["kind"] for row in c.execute(query).mappings()])

    async def tap(self, kind: str, key: str, asker: UserID = MEI) -> tuple[Effect, ...]:
        """Tap the newest standing post of a kind."""
        query = posts.select().where(posts.c.kind == kind, posts.c.state != "gone")
        rows = await self.database.read(lambda c: [row["event_id"] for row in c.execute(query).mappings()])
        said = await self.database.read(lambda c: post_facts.said(c, rows[-1]))
        assert said is not None
        tap = Tap(a_room(room_id=DM, direct=True), asker, EventID("$tap"), NOON, key, said, "en", decides=True)
        return await mine.FEATURE.taps[kind](tap, self.ports)


@pytest.fixture
async def world() -> World:
    """Two circles with a note of Mei's in each."""
    return await World().begin()


def in_private(command: str, argument: str = "", **changes: Any) -> Call:
    """Say it in the direct message."""
    return a_call(command, argument, room=a_room(room_id=DM, direct=True), place=DM, private=True, **changes)


async def test_in_private_everything_is_shown(world: World) -> None:
    """From all circles, with what was chosen in each."""
    await world.database.write(lambda c: rooms.save_choice(c, GARDEN, MEI, Member(level=Level.OUT)))

    words = await world.say(in_private("me"))

    assert "Notes 2" in words
    assert "• words 1" in words
    assert "Family: out" in words


async def test_in_a_circle_only_that_circle(world: World) -> None:
    """And only by direct message."""
    effects = await handler.show(a_call("me"), world.ports)
    (words,) = await world.perform(effects)

    assert isinstance(effects[0], Private)
    assert "words 1" in words
    assert "words 2" not in words


async def test_everything_is_handed_over_as_two_files(world: World) -> None:
    """Nothing cut, the one to read and the one for programs alike; they go with what is forgotten."""
    others = Note("n9", ROOM, 2, MEI, "what Li said", Source(EventID("$li"), LI), EventID("$ask"), NOON, NOON)
    await world.database.write(lambda c: notes_store.write(c, AddNote(others)))
    await world.database.write(lambda c: rooms.save_choice(c, GARDEN, MEI, Member(level=Level.OUT)))

    effects = await handler.export(in_private("export"), world.ports)
    posted = [each.post if isinstance(each, Private) else each for each in effects]
    files = {
        each.attachment.name: each.attachment.data.decode()
        for each in posted
        if isinstance(each, Post) and each.attachment
    }
    await world.perform(effects)

    assert files.keys() == {"about-me.md", "about-me.json"}
    found = json.loads(files["about-me.json"])
    assert found["things"] == [
        {"kind": "Notes", "count": 2, "items": ["words 1", "words 2"]},
        {"kind": "Notes of what others said", "count": 1, "items": []},
    ]
    assert {"circle": "Family", "level": "out", "kept_out": False} in found["choices"]
    for said in ("- words 1", "- words 2", "Notes: 2", "Family: out"):
        assert said in files["about-me.md"]
    assert "what Li said" not in "".join(files.values())
    assert await world.standing() == ["export", "export"]

    await world.say(in_private("forget", "yes"))
    assert "export" not in await world.standing()


async def test_where_nothing_is_held_no_file_is_made(world: World) -> None:
    """An empty file would look like a mistake."""
    (effect,) = await handler.export(in_private("export", asker=LI), world.ports)
    assert isinstance(effect, Post)
    assert effect.attachment is None


async def test_forgotten_by_tap(world: World) -> None:
    """List, 🗑️, ✅: all by reactions, which pass under every choice; afterwards nothing is held."""
    await world.say(in_private("me"))
    await world.perform(await world.tap("me", "🗑️"))
    effects = await world.tap("forget", "✅")
    (done,) = await world.perform(effects)

    (taken,) = [each for each in effects if isinstance(each, TakeBackPerson)]
    assert (taken.user_id, taken.room_id, taken.held) == (MEI, None, True)
    assert done.startswith("Done")
    assert await world.notes() == []
    assert await world.standing() == ["forgotten"]
    assert "I hold nothing of yours" in await world.say(in_private("me"))


async def test_others_taps_do_nothing(world: World) -> None:
    """Nor do other reactions."""
    await world.say(in_private("me"))
    await world.say(in_private("forget"))

    assert await world.tap("forget", "✅", LI) == ()
    assert await world.tap("forget", "👍") == ()
    assert await world.tap("me", "🗑️", LI) == ()
    assert len(await world.notes()) == 2


async def test_forgotten_in_words(world: World) -> None:
    """Everywhere, twice: the second time there is nothing."""
    assert "This would go" in await world.say(in_private("forget"))
    assert (await world.say(in_private("forget", "yes"))).startswith("Done")
    assert await world.notes() == []
    assert "nothing to delete" in await world.say(in_private("forget", "yes"))


async def test_a_yes_in_private_answers_the_question_about_a_circle(world: World) -> None:
    """Asked in a circle, the yes said in private is about that circle only."""
    await world.say(a_call("forget"))
    words = await world.say(in_private("forget", "yes"))

    assert "from Family" in words
    assert await world.notes() == ["words 2"]


async def test_said_in_a_circle_with_yes_only_that_circle(world: World) -> None:
    """The answer still comes in private."""
    effects = await handler.forget(a_call("forget", "yes"), world.ports)
    await world.perform(effects)

    assert isinstance(effects[0], Private)
    assert await world.notes() == ["words 2"]


async def test_what_others_asked_in_private_is_not_told(world: World) -> None:
    """That their words were used is; in which room and for whom is not."""

    def write(connection: Connection) -> None:
        for key, room_id, asker in (("a", ROOM, LI), ("b", RoomID("!li-and-ai"), LI)):
            row = {"room_id": room_id, "about": ROOM, "event_id": f"${key}", "kind": "answer", "feature": "ask"}
            connection.execute(posts.insert().values(effect_id=key, asker=asker, at=AT, **row))
            connection.execute(sources.insert().values(effect_id=key, event_id="$hers", sender=MEI))

    await world.database.write(write)
    words = await world.say(in_private("me"))

    assert "/!family/$a" in words
    assert "in a private answer" in words
    assert "!li-and-ai" not in words
    assert LI not in words


async def test_each_use_by_a_model_is_told(world: World) -> None:
    """When, for what, which model, where; also after everything was forgotten, and never who asked."""
    departure = Departure(AT, ROOM, LI, "summary", "api.example.com", "gpt-x", 1, 1, 0, {EventID("$hers"): MEI})

    def write(connection: Connection) -> None:
        egress.settle(connection, egress.record(connection, departure), Outcome.ANSWERED)

    await world.database.write(write)
    line = "13:00 · summary · gpt-x at api.example.com"

    assert line in await world.say(in_private("me"))
    assert line in await world.say(a_call("me"))
    assert "A model has seen" in await world.say(in_private("forget", "yes"))
    after = await world.say(in_private("me"))
    assert line in after
    assert LI not in after


async def test_a_list_goes_when_what_it_shows_is_taken_back(world: World) -> None:
    """It may quote a note that rests on that message."""
    answered = {"room_id": ROOM, "about": ROOM, "event_id": "$kept", "kind": "kept", "feature": "notes"}
    await world.database.write(
        lambda c: c.execute(posts.insert().values(effect_id="k", asker=MEI, answers="$asked1", at=AT, **answered))
    )
    await world.say(in_private("me"))
    assert "me" in await world.standing()

    await world.perform((TakeBack(ROOM, (EventID("$asked1"),)),))

    assert "me" not in await world.standing()
    assert await world.notes() == ["words 2"]


async def test_without_anything_wired_it_still_answers() -> None:
    """No rows, no features: nothing is held."""
    ports = replace(some_ports(), held=None)
    (effect,) = await handler.show(in_private("me"), ports)

    assert isinstance(effect, Post)
    assert "I hold nothing of yours" in effect.words.body


async def test_who_leaves_is_offered_what_is_theirs_and_a_week_later_it_goes(world: World) -> None:
    """From that circle only; nothing they wrote before counts any more, at once."""
    (left,) = await world.came_or_went("leave")
    assert isinstance(left, WakeAt)
    sealed = await world.database.read(lambda c: rooms.member(c, GARDEN, MEI))
    assert sealed.addressed_since == AT

    (told, over) = await handler.left(world.fire(left, NOON), world.ports)

    assert isinstance(told, Private)
    assert told.user_id == MEI
    assert "say “export me”" in told.post.words.body
    assert isinstance(over, WakeAt)
    assert (over.key, over.due) == (left.key, NOON + timedelta(days=7))
    await world.perform(await handler.left(world.fire(over, over.due), world.ports))
    assert await world.notes() == ["words 1"]


async def test_who_comes_back_within_the_week_loses_nothing(world: World) -> None:
    """The wake is forgotten."""
    (left,) = await world.came_or_went("ban")

    assert isinstance(left, WakeAt)
    assert await world.came_or_went("join") == (CancelWake(mine.FEATURE.name, left.key),)


async def test_who_leaves_and_left_nothing_is_not_written_to(world: World) -> None:
    """Nor is anybody told of a circle that goes on in another room, which everybody leaves."""
    (left,) = await world.came_or_went("leave", who=LI)
    assert isinstance(left, WakeAt)
    assert await handler.left(world.fire(left, NOON), world.ports) == ()

    await world.database.write(lambda c: rooms.save_room(c, GARDEN, shut_out=True))
    assert await world.came_or_went("leave") == ()


async def test_a_list_that_showed_what_is_taken_back_is_shown_again_without_it(world: World) -> None:
    """To the same person alone; the older list only goes."""

    def write(connection: Connection) -> None:
        row = {"room_id": ROOM, "about": ROOM, "event_id": "$used", "kind": "answer", "feature": "ask", "asker": LI}
        connection.execute(posts.insert().values(effect_id="used", at=AT, **row))
        connection.execute(sources.insert().values(effect_id="used", event_id="$hers", sender=MEI))

    await world.database.write(write)
    await world.say(in_private("me"))

    await world.perform((TakeBack(ROOM, (EventID("$hers"),)),))
    lost = await world.database.read(lambda c: post_facts.by_effect(c, EffectID(one_wake(c)), sent=False))
    assert lost is not None
    (again,) = await handler.remake(Remake(a_room(room_id=DM, direct=True), lost, None, NOON), world.ports)

    assert isinstance(again, Post)
    assert again.room_id == DM
    assert again.words.body.startswith("Posted again")
    assert "/!family/$used" not in again.words.body
    assert "words 1" in again.words.body


def one_wake(connection: Connection) -> str:
    """Return the one post that is to be said again."""
    (key,) = connection.execute(select(wakes.c.key).where(wakes.c.key.startswith("remake:"))).scalars()
    return str(key).removeprefix("remake:")
