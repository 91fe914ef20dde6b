"""A room's list of servers: while it shuts ours out, nothing is looked at or said; let in again, all goes on."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from circles.core import effects as fx
from circles.facts import rooms, wakes
from circles.testing import AI, NOON, ROOM
from knocks import Knocks, knocking
from rows import LI, MEI, NOW, message

OPEN, SHUT, OTHERS = {"allow": ["*"]}, {"allow": ["*"], "deny": ["home.example"]}, {"allow": ["*"], "deny": ["far.*"]}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Knocks]:
    async with knocking(tmp_path) as door:

        def here(connection: Connection) -> None:
            rooms.save_room(connection, ROOM, membership="join", filled=True, levels={"users": {MEI: 100}})
            for user in (MEI, LI, AI):
                rooms.save_member(connection, ROOM, user, membership="join")

        await door.rows.do(here)
        yield door


async def listed(door: Knocks, content: dict[str, list[str]], number: int = 1) -> None:
    """Deliver a list."""
    event = message(event_id=f"$acl{number}") | {"type": "m.room.server_acl", "state_key": "", "content": content}
    await door.put(f"acl{number}", event)


async def test_while_our_server_is_shut_out_nothing_is_kept_answered_or_said(door: Knocks) -> None:
    """Others would not hear us, and said that they do not want us; what waits is held, choices are obeyed."""
    question = message("!circle help")
    await door.put("q", question)
    await door.rows.perform(
        fx.Post(ROOM, fx.Words("waiting"), "answer", "fake"),
        fx.WakeAt("reminders", "r1", ROOM, NOON + timedelta(days=1)),
    )
    await listed(door, SHUT)
    await door.put("talk", message("the plates are in the attic", event_id="$talk"))
    await door.put("later", message("!circle help", event_id="$later"))
    await door.put("out", message("!circle out", sender=LI))
    await door.rows.perform(fx.Post(ROOM, fx.Words("later"), "answer", "fake"))

    assert (await door.rows.journal_of(question["event_id"]) or ("",))[0] == "settled"
    assert (await door.rows.journal_of("$later") or ("",))[0] == "settled"
    assert await door.rows.journal_of("$talk") is None
    assert b"attic" not in await door.rows.bytes()
    assert [row for row in await door.rows.waiting() if row.lane == ROOM] == []
    assert (await door.rows.do(lambda c: rooms.pace(c, ROOM)))[1]
    assert "r1" in await door.rows.wakes()
    assert (await door.rows.do(lambda c: rooms.member(c, ROOM, LI))).level.value == "out"
    assert any(ROOM in after.interrupted for after in door.told)


async def test_let_in_again_its_state_is_read_and_all_goes_on(door: Knocks) -> None:
    """A reminder that was due meanwhile comes late."""
    await listed(door, SHUT)
    held = {wakes.FIRST_DUE: NOW, wakes.PUT_OFF: NOW}
    await door.rows.perform(fx.WakeAt("reminders", "r1", ROOM, NOON + timedelta(hours=1), held))
    await listed(door, OPEN, 2)

    found = await door.rows.wakes()
    assert found["r1"] == NOW
    assert f"enter:{ROOM}" in found
    assert not (await door.rows.do(lambda c: rooms.pace(c, ROOM)))[1]
    await door.put("talk", message("the plates are in the attic", event_id="$talk"))
    assert b"attic" in await door.rows.bytes()


async def test_a_list_that_lets_us_take_part_changes_nothing(door: Knocks) -> None:
    """Whomever else it shuts out."""
    for number, content in enumerate((OTHERS, OPEN)):
        await listed(door, content, number)

    assert await door.rows.wakes() == {}
    assert not any(after.interrupted for after in door.told)
