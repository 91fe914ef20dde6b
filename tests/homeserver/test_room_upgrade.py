"""Room upgrades on a real Synapse: from version 10 and 12 to 12, with Element's buttons; and what is forged."""

import contextlib
import sqlite3

import pytest

from circles_harness import Person, Service
from walks import (
    NOTEBOOK,
    ON_CALL,
    admission,
    admitted,
    answer,
    ask,
    banner,
    body,
    chat,
    kind,
    private_room,
    settled,
)

from .conftest import NewPerson

BEFORE = "🔁"


def held(service: Service, room: str) -> dict[str, int]:
    """Return how much the service holds for a room."""
    with contextlib.closing(sqlite3.connect(service.database_path, timeout=60)) as database:
        return {
            table: int(database.execute(f"SELECT count(*) FROM {table} WHERE room_id = ?", (room,)).fetchone()[0])  # noqa: S608  # fixed names
            for table in ("notes", "reminders", "digests", "messages")
        }


@pytest.mark.parametrize(
    ("version", "option", "name", "shown"),
    [
        ("10", ON_CALL, "Looks back when called", "Circle looks back only when called."),
        ("12", NOTEBOOK, "Group notebook", "Circle keeps a notebook of all said here."),
    ],
)
async def test_what_the_circle_had_follows_it_once(
    service: Service, mei: Person, li: Person, version: str, option: str, name: str, shown: str
) -> None:
    """Upgraded to version 12: the AI waits for its invite and an admin's tap, then says in one message what came."""
    old = await admitted(mei, service, li, version=version, option=option)
    await chat(old, [(mei, "We decided to paint the shed on Saturday")])
    await ask(mei, old, "!circle zone Berlin", service)
    await ask(mei, old, "!circle keep the plates are in the attic", service)
    await ask(mei, old, "!circle remind us in 3 hours to water the tomatoes", service)
    await ask(mei, old, "!circle digest daily at 20:00", service)
    await ask(li, await private_room(li, service), "out", service)

    new = await mei.upgrade(old, "12")
    for guest in (service.user_id, li.user_id):
        await mei.invite(new, guest)
    await li.join(new)
    question = await admission(mei, new, service)
    assert f"This room goes on from an earlier one, with “{name}”. 🔁 is as before." in body(question)
    kept = held(service, old)["messages"]
    assert (kept > 0) is (option == NOTEBOOK)
    assert set(held(service, new).values()) == {0}, "nothing before an admin chose"
    await li.react(new, question["event_id"], BEFORE)
    await li.wait_for_text(new, "An admin of this room decides", sender=service.user_id, after=question["event_id"])
    await mei.react(new, question["event_id"], BEFORE)
    assert shown in body(await banner(mei, new, service))
    told = await mei.wait_for(new, lambda event: kind(event) == "followed", what="what came along")

    also = f", {kept} kept messages" if kept else ""
    assert f"Came along: 1 reminder, the digest, 1 note{also}." in body(told)
    assert "attic" in await ask(mei, new, "!circle notes", service)
    assert "tomatoes" in await ask(mei, new, "!circle reminders", service)
    moved = held(service, new)
    assert (moved["notes"], moved["reminders"], moved["digests"]) == (1, 1, 1)
    assert moved["messages"] >= kept
    assert set(held(service, old).values()) == {0}
    with contextlib.closing(sqlite3.connect(service.database_path, timeout=60)) as database:
        query = "SELECT level FROM members WHERE room_id = ? AND user_id = ?"
        assert database.execute(query, (new, li.user_id)).fetchone() == ("out",)

    silent = await mei.say(old, "!circle help")
    said = await settled(mei, new, service)
    await mei.sync()
    assert len([text for text in said if "Came along" in text]) == 1
    relations = [event["content"].get("m.relates_to", {}) for event in mei.timeline(old)]
    assert not [each for each in relations if each.get("m.in_reply_to", {}).get("event_id") == silent]


async def test_a_room_that_only_claims_to_go_on_from_another_gets_nothing(
    service: Service, mei: Person, li: Person
) -> None:
    """A member's new room names the old one, and their tombstone names theirs, where everybody may send one."""
    old = await admitted(mei, service, li)
    await ask(mei, old, "!circle keep the plates are in the attic", service)
    levels = await mei.state(old, "m.room.power_levels")
    assert levels is not None
    await mei.set_state(old, "m.room.power_levels", levels | {"events": levels["events"] | {"m.room.tombstone": 0}})

    forged = await li.create_room("Garden", creation_content={"predecessor": {"room_id": old}})
    await li.set_state(old, "m.room.tombstone", {"body": "moved", "replacement_room": forged})
    await li.invite(forged, service.user_id)
    question = await admission(li, forged, service)
    assert "goes on from" not in body(question)
    await li.react(forged, question["event_id"], "1️⃣")
    await banner(li, forged, service)
    await settled(li, forged, service)

    assert set(held(service, forged).values()) == {0}
    assert "attic" in await ask(mei, old, "!circle notes", service), "and the old room is not silent"


async def test_an_upgraded_direct_message_goes_on(service: Service, person: NewPerson) -> None:
    """Nobody has to choose: its rule is built in."""
    mei = await person("mei")
    old = await private_room(mei, service)
    await ask(mei, old, "zone Berlin", service)
    await ask(mei, old, "remind me in 3 hours to call Li", service)
    new = await mei.upgrade(old, "12")
    await mei.request("POST", f"/v3/rooms/{new}/invite", {"user_id": service.user_id})
    await mei.wait_for_member(new, service.user_id, "join")
    question = await mei.say(new, "reminders")

    assert "call Li" in body(await answer(mei, new, question, service))
