"""Ciphertext that waits for its key, in each kind of database: in its order, once, and gone with what closes it."""

from typing import Any

from sqlalchemy import Connection, select

from circles.adapters.store import journal
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.tables import journal as rows_of
from circles.core.ids import EventID, RoomID
from rows import LI, MEI, NOW

ROOM, OTHER = RoomID("!garden"), RoomID("!other")


def park(connection: Connection, name: str, *, sender: str = MEI, session: str = "a", at: int = NOW) -> None:
    """Park one event."""
    event: dict[str, Any] = {
        "event_id": f"${name}",
        "room_id": ROOM,
        "sender": sender,
        "type": "m.room.encrypted",
        "content": {},
    }
    journal.park(connection, event, session=session, at=at, received_at=at)


def parked(connection: Connection) -> list[str]:
    """Return what waits, in its order."""
    return [row.event_id for row in journal.parked(connection)]


def standing(connection: Connection, name: str) -> dict[str, Any]:
    """Return an event's row."""
    return dict(connection.execute(select(rows_of).where(rows_of.c.event_id == f"${name}")).mappings().one())


async def test_what_is_opened_keeps_its_place(database: SqlDatabase) -> None:
    """Parked twice is parked once; opened, it stands before what came after it, with nothing of its ciphertext."""

    def work(connection: Connection) -> None:
        park(connection, "one")
        park(connection, "two", session="b")
        park(connection, "one", session="c")
        assert parked(connection) == ["$one", "$two"]
        assert journal.parked_in(connection, ROOM) == {"a": 1, "b": 1}
        seq = standing(connection, "one")["seq"]

        clear: dict[str, Any] = {
            "event_id": "$one",
            "room_id": ROOM,
            "sender": MEI,
            "type": "m.room.message",
            "content": {},
        }
        journal.add(connection, clear, at=NOW, received_at=NOW, pending=True)

        opened = standing(connection, "one")
        assert (opened["seq"], opened["state"], opened["session"]) == (seq, "pending", None)
        assert parked(connection) == ["$two"]
        assert not journal.is_parked(connection, seq)

    await database.write(work)


async def test_what_is_closed_waits_no_longer(database: SqlDatabase) -> None:
    """Taken back, its writer out, the room left, or seven days old: nothing of it stays but its id."""

    def work(connection: Connection) -> None:
        for name, sender, at in (("back", MEI, NOW), ("theirs", LI, NOW), ("old", MEI, NOW - 10), ("left", MEI, NOW)):
            park(connection, name, sender=sender, at=at)
        journal.drop(connection, [EventID("$back")])
        journal.drop_from(connection, LI, None)
        journal.drop_parked(connection, NOW - 5)
        assert parked(connection) == ["$left"]
        journal.drop_in(connection, ROOM, None)
        assert parked(connection) == []
        assert [standing(connection, name)["payload"] for name in ("back", "theirs", "old", "left")] == [None] * 4
        assert journal.is_known(connection, "$old")

    await database.write(work)


async def test_the_last_word_on_a_refused_key_counts(database: SqlDatabase) -> None:
    """And it is forgotten with what it was the reason for."""

    def work(connection: Connection) -> None:
        journal.note_withheld(connection, ROOM, "a", "m.unverified", NOW - 20)
        journal.note_withheld(connection, ROOM, "a", "m.blacklisted", NOW - 10)
        assert journal.why_withheld(connection, ROOM, "a") == "m.blacklisted"
        assert journal.why_withheld(connection, OTHER, "a") is None
        journal.drop_parked(connection, NOW)
        assert journal.why_withheld(connection, ROOM, "a") is None

    await database.write(work)
