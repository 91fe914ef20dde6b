"""The rows of the reminders: round trips, writes that repeat harmlessly, and what taking back deletes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from typing import Any, TypeVar
from zlib import crc32

import pytest
from sqlalchemy import Connection, insert, select

from circles.core.effects import CancelWake, Effect
from circles.core.ids import EventID, RoomID, UserID
from circles.core.schedule import Repeat, Rule
from circles.facts.tables import members, people, posts, rooms
from circles.features.reminders import store
from circles.features.reminders.values import (
    AddPending,
    AddReminder,
    ChangeReminder,
    DropPending,
    DropReminder,
    Pending,
    RememberRoomZone,
    RememberZone,
    Reminder,
)
from circles.ports import Database
from circles.testing import NOON, ROOM

T = TypeVar("T")
MEI = UserID("@mei:home.example")
LI = UserID("@li:far.example")
SUNDAYS = Rule(Repeat.WEEKS, time(20, 0), "Europe/Berlin", weekdays=frozenset({6}))


def row(**changes: Any) -> Reminder:
    """Make a reminder for the room, with a number of its own."""
    base = Reminder(
        "r1",
        crc32(changes.get("id", "r1").encode()) % 99_999,
        ROOM,
        MEI,
        "倒垃圾",
        SUNDAYS,
        "Europe/Berlin",
        NOON,
        EventID("$asked"),
        NOON,
        "zh",
        for_room=True,
    )
    return replace(base, **changes)


def pending(**changes: Any) -> Pending:
    """Make a request that waits."""
    return replace(Pending("p1", ROOM, MEI, "tomorrow at 9 to call", EventID("$asked2"), NOON, (SUNDAYS,)), **changes)


async def write(database: Database, *effects: Effect) -> None:
    """Write effects in one unit of work."""

    def work(connection: Connection) -> None:
        for effect in effects:
            store.write(connection, effect)

    await database.write(work)


async def read(database: Database, work: Callable[[Connection], T]) -> T:
    """Read something."""
    return await database.read(work)


async def test_a_reminder_comes_back_as_it_went(database: Database) -> None:
    """Every field survives; adding the same one again changes nothing."""
    kept = row(again=NOON + timedelta(minutes=10), fired_at=NOON, thread=EventID("$thread"))
    await write(database, AddReminder(kept), AddReminder(replace(kept, text="other")))

    assert kept == await read(database, lambda c: store.reminder(c, "r1"))
    assert (kept,) == await read(database, lambda c: store.in_room(c, ROOM))
    assert (kept,) == await read(database, lambda c: store.of_owner(c, MEI))
    assert (kept,) == await read(database, lambda c: store.around(c, RoomID("!other"), MEI))


async def test_a_change_never_brings_a_deleted_one_back(database: Database) -> None:
    """Whoever took it back while it fired has the last word."""
    await write(database, AddReminder(row()), ChangeReminder("r1", {"state": "fired", "fired_at": NOON}))
    fired = await read(database, lambda c: store.reminder(c, "r1"))
    assert fired is not None
    assert (fired.state, fired.fired_at, fired.next_due) == ("fired", NOON, NOON)

    await write(database, DropReminder("r1"), ChangeReminder("r1", {"state": "active"}))

    assert await read(database, lambda c: store.reminder(c, "r1")) is None


async def test_a_pending_request_comes_back_as_it_went(database: Database) -> None:
    """Asked twice it waits once; dropped it is gone."""
    await write(database, AddPending(pending()), AddPending(pending()))

    assert pending() == await read(database, lambda c: store.pending(c, "p1"))
    assert (pending(),) == await read(database, lambda c: store.pending_of(c, MEI))
    assert (pending(),) == await read(database, lambda c: store.pending_in(c, ROOM))

    await write(database, DropPending("p1"))

    assert await read(database, lambda c: store.pending(c, "p1")) is None


async def test_zones_are_a_persons_own_before_the_rooms(database: Database) -> None:
    """What one said counts everywhere; else the room's."""
    await database.write(lambda c: c.execute(insert(rooms).values(room_id=ROOM, create={}, names=[])))

    assert await read(database, lambda c: store.zones(c, MEI, ROOM)) is None

    await write(database, RememberRoomZone(ROOM, "Europe/Paris"))

    assert await read(database, lambda c: store.zones(c, MEI, ROOM)) == "Europe/Paris"

    await write(database, RememberZone(MEI, "Asia/Tokyo"), RememberZone(MEI, "Asia/Shanghai"))

    assert await read(database, lambda c: store.zones(c, MEI, ROOM)) == "Asia/Shanghai"


async def test_forgetting_an_event_deletes_what_it_asked_for(database: Database) -> None:
    """The rows go, and their wakes are cancelled."""
    await write(
        database, AddReminder(row()), AddReminder(row(id="r2", source_event=EventID("$else"))), AddPending(pending())
    )
    effects = await database.write(lambda c: store.forget(c, (EventID("$asked"), EventID("$asked2"))))

    assert set(effects) == {CancelWake("reminders", key) for key in ("r1", "r1/again", "p1")}
    assert [one.id for one in await read(database, lambda c: store.in_room(c, ROOM))] == ["r2"]
    assert await read(database, lambda c: store.pending(c, "p1")) is None


async def test_forgetting_a_person(database: Database) -> None:
    """In one room only what they set there; everywhere their time zone too; others' stay."""
    other = RoomID("!other")
    await write(
        database,
        AddReminder(row()),
        AddReminder(row(id="r2", room_id=other)),
        AddReminder(row(id="r3", owner=LI)),
        RememberZone(MEI, "Asia/Tokyo"),
    )
    await database.write(lambda c: store.forget_person(c, MEI, ROOM))

    assert [one.id for one in await read(database, lambda c: store.of_owner(c, MEI))] == ["r2"]
    assert await read(database, lambda c: store.zones(c, MEI, ROOM)) == "Asia/Tokyo"

    await database.write(lambda c: store.forget_person(c, MEI, None))

    assert await read(database, lambda c: store.of_owner(c, MEI)) == ()
    assert await read(database, lambda c: c.execute(select(people.c.zone)).scalar_one()) is None
    assert [one.id for one in await read(database, lambda c: store.in_room(c, ROOM))] == ["r3"]


async def test_what_is_held_is_shown(database: Database) -> None:
    """Their reminders with the words, what waits, and their zone; nothing of others."""
    assert await read(database, lambda c: store.held(c, MEI, None, "en")) == ()

    await write(database, AddReminder(row()), AddReminder(row(id="r3", owner=LI)), AddPending(pending()))
    await write(database, RememberZone(MEI, "Asia/Tokyo"))
    held = await read(database, lambda c: store.held(c, MEI, ROOM, "zh"))

    assert [(one.kind, one.count, one.lines) for one in held] == [
        ("提醒", 1, ("倒垃圾",)),
        ("等你回话的提醒", 1, ("tomorrow at 9 to call",)),
        ("时区", 1, ("Asia/Tokyo",)),
    ]


async def test_only_the_rooms_own_dates_are_offered(database: Database) -> None:
    """What is for one person, done, or further off is not in a digest."""
    soon = NOON + timedelta(days=1)
    await write(
        database,
        AddReminder(row(next_due=soon)),
        AddReminder(row(id="mine", for_room=False, next_due=soon)),
        AddReminder(row(id="private", for_room=False, private=True, next_due=soon)),
        AddReminder(row(id="fired", state="fired", next_due=soon)),
        AddReminder(row(id="far", next_due=NOON + timedelta(days=30))),
        AddReminder(row(id="else", room_id=RoomID("!other"), next_due=soon)),
    )
    start, until = (int((NOON + timedelta(days=days)).timestamp() * 1000) for days in (0, 7))
    coming = await read(database, lambda c: store.coming(c, ROOM, start, until, "en"))

    assert [(date.at, date.text, date.source, date.host) for date in coming] == [(soon, "倒垃圾", row().source, MEI)]


async def test_a_reply_finds_the_reminder_and_a_note_is_remembered(database: Database) -> None:
    """Both through the AI's own posts; another feature's post is not ours."""

    def post(effect_id: str, feature: str, subject: str) -> dict[str, object]:
        return {
            "effect_id": effect_id,
            "room_id": ROOM,
            "about": ROOM,
            "event_id": f"${effect_id}",
            "kind": "reminder",
            "feature": feature,
            "subject": subject,
            "at": 0,
        }

    await database.write(lambda c: c.execute(insert(posts), [post("a", "reminders", "r1"), post("b", "todo", "r1")]))

    assert await read(database, lambda c: store.said_about(c, EventID("$a"))) == "r1"
    assert await read(database, lambda c: store.said_about(c, EventID("$b"))) is None
    assert await read(database, lambda c: store.was_said(c, "r1"))
    assert not await read(database, lambda c: store.was_said(c, "r2"))


async def test_who_left_is_known(database: Database) -> None:
    """Someone nothing is known of counts as there."""
    await database.write(lambda c: c.execute(insert(members).values(room_id=ROOM, user_id=MEI, membership="leave")))

    assert await read(database, lambda c: store.has_left(c, MEI, ROOM))
    assert not await read(database, lambda c: store.has_left(c, LI, ROOM))


async def test_a_foreign_effect_is_a_mistake(database: Database) -> None:
    """The writer writes its own effects only."""
    with pytest.raises(TypeError):
        await write(database, CancelWake("reminders", "r1"))
