"""A room upgrade on real rows: what is held goes along once, when both rooms say so and a policy stands."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from circles.adapters.store.tables import messages
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, Source, UserID
from circles.core.schedule import Repeat, Rule
from circles.facts import events as event_facts
from circles.facts import posts, rooms, upgrades, wakes
from circles.facts.tables import wakes as wakes_table
from circles.features.consent import store as consent
from circles.features.digest import store as digests
from circles.features.digest.decide import Digest, SaveDigest
from circles.features.notes import store as notes
from circles.features.notes.decide import AddNote, Note
from circles.features.reminders import store as reminders
from circles.features.reminders.values import AddReminder, Reminder
from circles.testing import AI, NOON, ROOM
from circles_policies.content import POLICY_TYPE, to_content
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Level, Preset, preset
from knocks import Knocks, in_force, knocking
from rows import LI, MEI, NOW, message

NEW, ELSEWHERE = RoomID("!new"), RoomID("!elsewhere")
KIM = UserID("@kim:home.example")
LEVELS: dict[str, Any] = {"users": {MEI: 100, LI: 50}, "state_default": 50, "events": {"m.room.tombstone": 100}}
CANARY = "the plates are in the attic"


@dataclass
class Upgrading:
    """Two rooms behind the door: the old one holds things, the new one is new."""

    door: Knocks
    count: int = 0

    async def state(
        self, type_: str, content: dict[str, Any], *, sender: str = MEI, room: RoomID = ROOM, key: str = ""
    ) -> str:
        """Deliver a state event and return its id."""
        self.count += 1
        event_id = f"$state{self.count}"
        event = message(event_id=event_id, sender=sender) | {"type": type_, "state_key": key, "content": content}
        await self.door.put(event_id, event | {"room_id": room})
        return event_id

    async def tombstone(self, *, sender: str = MEI, to: object = NEW) -> str:
        """Upgrade the old room."""
        return await self.state("m.room.tombstone", {"replacement_room": to, "body": "moved"}, sender=sender)

    async def create(self, *, predecessor: object, room: RoomID = NEW, version: str = "12") -> None:
        """Be in a new room, as after entering it."""
        content: dict[str, Any] = {"room_version": version}
        content |= {"predecessor": predecessor} if predecessor is not None else {}

        def enter(connection: Connection) -> None:
            rooms.save_room(connection, room, membership="join", filled=True, levels=LEVELS)
            event_facts.created(connection, room, MEI, content)
            for user in (AI, MEI, LI):
                rooms.save_member(connection, room, user, membership="join")
            upgrade = upgrades.into(connection, room)
            if upgrade is not None:
                upgrades.carry_choices(connection, upgrade, NOW)

        await self.door.rows.do(enter)

    async def choose(self, which: Preset = Preset.ON_CALL, *, room: RoomID = NEW, sender: str = MEI) -> None:
        """Put a policy in force in a room."""
        await self.state(POLICY_TYPE, to_content(preset(which)), room=room, sender=sender)

    async def held(self, room: RoomID) -> dict[str, int]:
        """Return how much is held for a room."""

        def look(connection: Connection) -> dict[str, int]:
            return {
                "reminders": len(reminders.in_room(connection, room)),
                "digest": int(digests.digest(connection, room) is not None),
                "notes": len(notes.in_room(connection, room)),
                "messages": len(connection.execute(select(messages).where(messages.c.room_id == room)).all()),
            }

        return await self.door.rows.do(look)

    async def wakes(self, room: RoomID) -> dict[str, dict[str, Any]]:
        """Return the wakes of a room."""
        query = select(wakes_table).where(wakes_table.c.room_id == room)
        found = await self.door.rows.do(lambda c: c.execute(query).mappings().all())
        return {row["key"]: dict(row) for row in found}


ALL = {"reminders": 2, "digest": 1, "notes": 1, "messages": 1}
NONE = dict.fromkeys(ALL, 0)


@pytest.fixture
async def upgrading(tmp_path: Path) -> AsyncIterator[Upgrading]:
    async with knocking(tmp_path, policy=False) as door:

        def old(connection: Connection) -> None:
            in_force(connection)
            rooms.save_room(connection, ROOM, levels=LEVELS, zone="Asia/Shanghai", number=4821, language="zh")
            event_facts.created(connection, ROOM, MEI, {"room_version": "10", "creator": MEI})

        await door.rows.do(old)
        rule = Rule(Repeat.DAYS, time(12), "UTC")
        due = NOON + timedelta(days=1)
        asked = {"room_id": ROOM, "text": "water", "rule": rule, "zone": "UTC", "created_at": NOON, "next_due": due}
        one = Reminder(id="r1", number=1, owner=MEI, source_event=EventID("$asked1"), for_room=True, **asked)  # type: ignore[arg-type]
        other = Reminder(
            id="r2",
            number=2,
            owner=KIM,
            source_event=EventID("$asked2"),
            thread=EventID("$t"),
            **asked,  # type: ignore[arg-type]
        )
        note = Note("n1", ROOM, 1, MEI, CANARY, Source(EventID("$said"), MEI), EventID("$said"), NOON, NOON)
        await door.rows.perform(
            AddReminder(one),
            fx.WakeAt("reminders", "r1", ROOM, due),
            AddReminder(other),
            SaveDigest(Digest(ROOM, MEI, rule, "UTC", due, NOON)),
            fx.WakeAt("digest", ROOM, ROOM, due),
            AddNote(note),
        )
        await door.rows.keep("something kept")
        yield Upgrading(door)


async def test_everything_goes_along_once_when_a_policy_stands(upgrading: Upgrading) -> None:
    """From version 10 to 12: the tombstone alone moves nothing, an admin's choice in the new room does."""
    await upgrading.tombstone()
    await upgrading.create(predecessor={"room_id": ROOM})
    assert (await upgrading.held(ROOM), await upgrading.held(NEW)) == (ALL, NONE)
    await upgrading.choose()

    assert (await upgrading.held(ROOM), await upgrading.held(NEW)) == (NONE, ALL)
    there = await upgrading.wakes(NEW)
    assert {"r1", NEW, f"followed:{ROOM}"} <= set(there)
    assert there[f"followed:{ROOM}"]["payload"]["things"] == ALL
    assert await upgrading.wakes(ROOM) == {}
    facts = await upgrading.door.rows.do(lambda c: rooms.room_facts(c, NEW))
    assert facts is not None
    assert (facts.zone, facts.number, facts.language) == ("Asia/Shanghai", 4821, "zh")

    await upgrading.door.rows.perform(fx.CancelWake("room_upgrade", f"followed:{ROOM}"))
    await upgrading.choose(Preset.ADDRESSED)
    await upgrading.tombstone(to=ELSEWHERE)
    assert f"followed:{ROOM}" not in await upgrading.wakes(NEW), "once"
    assert await upgrading.held(NEW) == ALL


async def test_what_went_along_knows_where_it_was_asked(upgrading: Upgrading) -> None:
    """Links lead to the old room; nothing replies to an event of another room; who is not there is told in private."""
    await upgrading.tombstone()
    await upgrading.create(predecessor={"room_id": ROOM})
    await upgrading.choose()
    rows = {row.id: row for row in await upgrading.door.rows.do(lambda c: reminders.in_room(c, NEW))}
    (note,) = await upgrading.door.rows.do(lambda c: notes.in_room(c, NEW))
    kept = await upgrading.door.rows.do(lambda c: c.execute(select(messages.c.origin)).scalars().all())

    assert {row.origin for row in rows.values()} == {ROOM}
    assert {row.thread for row in rows.values()} == {None}
    assert {row.id: row.private for row in rows.values()} == {"r1": False, "r2": True}
    assert note.source.room == ROOM
    assert kept == [ROOM]


@pytest.mark.parametrize("version", ["10", "12"])
async def test_the_tombstone_may_reach_us_last(upgrading: Upgrading, version: str) -> None:
    """We were invited and a policy was chosen before: what is held goes along when the tombstone comes."""
    named = {"room_id": ROOM} if version == "12" else {"room_id": ROOM, "event_id": "$state2"}
    await upgrading.create(predecessor=named, version=version)
    await upgrading.choose()
    assert await upgrading.held(NEW) == NONE
    await upgrading.tombstone()

    assert await upgrading.held(NEW) == ALL


FORGED: dict[str, tuple[dict[str, Any] | None, object]] = {
    "no tombstone": (None, {"room_id": ROOM}),
    "a tombstone of low power": ({"sender": LI}, {"room_id": ROOM}),
    "a tombstone to another room": ({"to": ELSEWHERE}, {"room_id": ROOM}),
    "a new room that names none": ({}, None),
    "a new room that names another": ({}, {"room_id": ELSEWHERE}),
    "a new room that names another tombstone": ({}, {"room_id": ROOM, "event_id": "$other"}),
    "a new room whose word is junk": ({}, [ROOM]),
}


@pytest.mark.parametrize("how", FORGED)
async def test_what_only_one_side_says_moves_nothing(upgrading: Upgrading, how: str) -> None:
    """Whatever stands in the new room."""
    tombstone, predecessor = FORGED[how]
    if tombstone is not None:
        await upgrading.tombstone(**tombstone)
    await upgrading.create(predecessor=predecessor)
    await upgrading.choose()

    assert (await upgrading.held(ROOM), await upgrading.held(NEW)) == (ALL, NONE)


@pytest.mark.parametrize("sender", [MEI, LI], ids=["who may", "who may not"])
async def test_only_a_tombstone_that_counts_makes_the_old_room_silent(upgrading: Upgrading, sender: UserID) -> None:
    """Nothing is answered or said there, what was waiting is dropped, and its reminders wait."""
    rows = upgrading.door.rows
    question = message("!circle help")
    await upgrading.door.put("q", question)
    await rows.perform(fx.Post(ROOM, fx.Words("waiting"), "answer", "fake"))
    await upgrading.tombstone(sender=sender)
    await upgrading.door.put("later", message("!circle help", event_id="$later"))
    await rows.perform(
        fx.Post(ROOM, fx.Words("later"), "answer", "fake"), fx.Private(LI, fx.Post(ROOM, fx.Words("p"), "a", "b"))
    )
    silent = sender == MEI

    assert (await rows.journal_of(question["event_id"]) or ("",))[0] == ("settled" if silent else "pending")
    assert (await rows.journal_of("$later") or ("",))[0] == ("settled" if silent else "pending")
    assert [row.lane for row in await rows.waiting()] == ([LI] if silent else [ROOM, ROOM, LI])
    assert (await rows.do(lambda c: rooms.pace(c, ROOM)))[1] is silent
    assert any(ROOM in after.interrupted for after in upgrading.door.told) is silent


async def test_a_reminder_held_back_comes_late_in_the_new_room(upgrading: Upgrading) -> None:
    """It was due between the two: it knows when it should have come."""
    await upgrading.tombstone()
    due = NOON + timedelta(days=1)
    held = {wakes.FIRST_DUE: int(due.timestamp() * 1000), wakes.PUT_OFF: NOW}
    await upgrading.door.rows.perform(fx.WakeAt("reminders", "r1", ROOM, due + timedelta(hours=5), held))
    await upgrading.create(predecessor={"room_id": ROOM})
    await upgrading.choose()

    assert (await upgrading.wakes(NEW))["r1"]["due"] == int(due.timestamp() * 1000)


async def test_a_tombstone_taken_back_before_it_was_followed_is_none(upgrading: Upgrading) -> None:
    """The old room goes on as it was; afterwards nothing goes along."""
    tombstone = await upgrading.tombstone()
    redaction: dict[str, Any] = message(event_id="$redaction")
    redaction |= {"type": "m.room.redaction", "redacts": tombstone, "content": {}}
    await upgrading.door.put("r", redaction)
    assert not (await upgrading.door.rows.do(lambda c: rooms.pace(c, ROOM)))[1]
    await upgrading.create(predecessor={"room_id": ROOM})
    await upgrading.choose()

    assert await upgrading.held(ROOM) == ALL


@pytest.mark.parametrize("joins", ["before", "after"])
async def test_who_is_out_stays_out_whenever_they_come(upgrading: Upgrading, joins: str) -> None:
    """Out, not at all and kept out go along before anything can be looked at; a yes does not."""
    rows = upgrading.door.rows

    def chose(connection: Connection) -> None:
        for user, choices in ((LI, (Choice.OUT,)), (KIM, (Choice.NOT_AT_ALL, Choice.KEEP_OUT)), (MEI, (Choice.IN,))):
            standing = rooms.member(connection, ROOM, user)
            for choice in choices:
                standing = fold_choice(standing, choice, NOW)
            rooms.save_choice(connection, ROOM, user, standing)

    await rows.do(chose)
    await upgrading.tombstone()
    await upgrading.create(predecessor={"room_id": ROOM})
    if joins == "after":
        await rows.do(lambda c: rooms.save_member(c, NEW, LI, membership="leave"))
    await upgrading.choose()
    for user in (LI, KIM):
        await upgrading.state("m.room.member", {"membership": "join"}, sender=user, key=user, room=NEW)
    standing = await rows.do(lambda c: rooms.all_members(c, NEW))

    assert standing[LI].level is Level.OUT
    assert (standing[KIM].level, standing[KIM].kept_out) == (Level.NOT_AT_ALL, True)
    assert standing[MEI].level is Level.NONE
    kim = await rows.do(lambda c: rooms.is_joined(c, NEW, KIM))
    assert kim


async def test_ones_own_yes_in_the_new_room_stands(upgrading: Upgrading) -> None:
    """It is newer than the out of the old one, and their own."""
    rows = upgrading.door.rows
    out = fold_choice(await rows.do(lambda c: rooms.member(c, ROOM, LI)), Choice.OUT, NOW)
    await rows.do(lambda c: rooms.save_choice(c, ROOM, LI, out))
    await upgrading.create(predecessor={"room_id": ROOM})
    yes = fold_choice(await rows.do(lambda c: rooms.member(c, NEW, LI)), Choice.IN, NOW)
    await rows.do(lambda c: rooms.save_choice(c, NEW, LI, yes))
    await upgrading.tombstone()
    await upgrading.choose()

    assert (await rows.do(lambda c: rooms.member(c, NEW, LI))).level is Level.IN


async def test_out_said_in_the_old_room_counts_in_the_new_one(upgrading: Upgrading) -> None:
    """Before and after what is held went along."""
    await upgrading.tombstone()
    await upgrading.create(predecessor={"room_id": ROOM})
    await upgrading.choose()
    await upgrading.door.put("out", message("!circle out", sender=LI))

    standing = await upgrading.door.rows.do(lambda c: rooms.member(c, NEW, LI))
    assert standing.level is Level.OUT


async def test_what_is_taken_back_in_the_old_room_goes_in_the_new_one(upgrading: Upgrading) -> None:
    """The note, the reminder, and what was posted of them."""
    rows = upgrading.door.rows
    await upgrading.tombstone()
    await upgrading.create(predecessor={"room_id": ROOM})
    await upgrading.choose()
    source = Source(EventID("$said"), MEI, room=ROOM)
    await rows.perform(fx.Post(NEW, fx.Words("notes"), "notes", "notes", sources=(source,), remake={"a": 1}))
    (post,) = [row for row in await rows.waiting() if row.kind == "post"]
    assert (await rows.do(lambda c: posts.sources_of(c, post.id)))[0].room == ROOM
    gone: dict[str, Any] = message(event_id="$gone")
    gone |= {"type": "m.room.redaction", "redacts": "$said", "content": {}}
    await upgrading.door.put("g", gone)

    assert (await upgrading.held(NEW))["notes"] == 0
    assert await rows.state_of(post.id) == "gone"


async def test_a_room_that_keeps_less_is_asked_before_anything_is_deleted(upgrading: Upgrading) -> None:
    """The notebook's messages under a policy that keeps none: counted, shown, deleted after a day or a ✅."""
    await upgrading.tombstone()
    await upgrading.create(predecessor={"room_id": ROOM})
    await upgrading.choose(Preset.ADDRESSED)
    current = await upgrading.door.rows.do(lambda c: consent.in_force(c, NEW))

    assert current is not None
    assert f"less:{current.id}" in await upgrading.wakes(NEW)
    assert (await upgrading.held(NEW))["messages"] == 1


async def test_a_room_upgraded_twice_brings_all_to_the_last(upgrading: Upgrading) -> None:
    """10 to 12 to 12; what was taken back in the first counts in the third."""
    await upgrading.tombstone()
    await upgrading.create(predecessor={"room_id": ROOM})
    await upgrading.choose()
    await upgrading.state("m.room.tombstone", {"replacement_room": ELSEWHERE}, room=NEW)
    await upgrading.create(predecessor={"room_id": NEW}, room=ELSEWHERE)
    await upgrading.choose(room=ELSEWHERE)

    assert (await upgrading.held(NEW), await upgrading.held(ELSEWHERE)) == (NONE, ALL)
    (note,) = await upgrading.door.rows.do(lambda c: notes.in_room(c, ELSEWHERE))
    assert note.source.room == ROOM
    assert await upgrading.door.rows.do(lambda c: upgrades.onward(c, ROOM)) == (ROOM, NEW, ELSEWHERE)
    circles = await upgrading.door.rows.do(lambda c: rooms.circles_of(c, LI, AI))
    assert circles == (ELSEWHERE,)
