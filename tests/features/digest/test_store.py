"""The rows of the digest."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from circles.core.effects import CancelWake, Effect
from circles.core.ids import RoomID, UserID
from circles.core.schedule import Repeat, Rule
from circles.facts.tables import members, posts
from circles.features.digest import store
from circles.features.digest.decide import Digest, DropDigest, NextDigest, SaveDigest, TouchDigest
from circles.ports import Database
from circles.testing import NOON, ROOM

MEI = UserID("@mei:home.example")
SUNDAYS = Rule(Repeat.WEEKS, time(18, 0), "Europe/Berlin", weekdays=frozenset({6}))


def row(**changes: Any) -> Digest:
    """Make a weekly digest."""
    return replace(Digest(ROOM, MEI, SUNDAYS, "Europe/Berlin", NOON, NOON, "zh"), **changes)


async def write(database: Database, *effects: Effect) -> None:
    """Write effects in one unit of work."""

    def work(connection: Connection) -> None:
        for effect in effects:
            store.write(connection, effect)

    await database.write(work)


async def kept(database: Database, room_id: RoomID = ROOM) -> Digest | None:
    """Return what is kept."""
    return await database.read(lambda c: store.digest(c, room_id))


async def test_a_digest_comes_back_as_it_went(database: Database) -> None:
    """A room has one: setting it again replaces it."""
    await write(database, SaveDigest(row(untouched=2)), SaveDigest(row()))

    assert await kept(database) == row()


async def test_a_change_moves_it_on_but_never_brings_it_back(database: Database) -> None:
    """Only how far it came is changed, and only while it is there."""
    later = NOON + timedelta(days=7)
    await write(database, SaveDigest(row(untouched=1)), NextDigest(ROOM, later))

    assert await kept(database) == row(untouched=1, next_due=later)

    await write(database, NextDigest(ROOM, later, later, asks=True))

    assert await kept(database) == row(untouched=2, next_due=later, last_sent=later, question="asked")

    await write(database, TouchDigest(ROOM, wanted=True))

    assert await kept(database) == row(untouched=0, next_due=later, last_sent=later, question="kept")

    await write(database, DropDigest(ROOM), NextDigest(ROOM, later, later), TouchDigest(ROOM, wanted=False))

    assert await kept(database) is None


async def test_forgetting_its_host_ends_it(database: Database) -> None:
    """In the room asked about, or everywhere; the wakes are cancelled."""
    other = RoomID("!other")
    await write(database, SaveDigest(row()), SaveDigest(row(room_id=other)))

    assert [one.lines for one in await database.read(lambda c: store.held(c, MEI, ROOM, "zh"))] == [("每周日 18:00",)]
    assert await database.write(lambda c: store.forget_person(c, MEI, ROOM)) == (CancelWake("digest", ROOM),)
    assert await kept(database) is None
    assert await database.write(lambda c: store.forget_person(c, MEI, None)) == (CancelWake("digest", other),)
    assert await database.read(lambda c: store.held(c, MEI, None, "en")) == ()


async def test_who_left_and_what_was_said(database: Database) -> None:
    """Facts of the room that the digest asks for."""
    note = {"effect_id": "n", "room_id": ROOM, "about": ROOM, "kind": "digest-note", "feature": "digest", "at": 0}
    await database.write(lambda c: c.execute(insert(members).values(room_id=ROOM, user_id=MEI, membership="ban")))
    await database.write(lambda c: c.execute(insert(posts).values(**note, subject="e/@li")))

    assert await database.read(lambda c: store.has_left(c, MEI, ROOM))
    assert not await database.read(lambda c: store.has_left(c, UserID("@li:far.example"), ROOM))
    assert await database.read(lambda c: store.was_said(c, "e/@li"))
    assert not await database.read(lambda c: store.was_said(c, "e/@mei"))


async def test_a_foreign_effect_is_a_mistake(database: Database) -> None:
    """The writer writes its own effects only."""
    with pytest.raises(TypeError):
        await write(database, CancelWake("digest", ROOM))
