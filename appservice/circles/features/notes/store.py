"""The rows of the notes: what someone asked to keep, until it is dropped or taken back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from circles.core.coming import Confirmed
from circles.core.effects import Effect
from circles.core.ids import EventID, RoomID, Source, UserID
from circles.core.language import Language
from circles.core.permitted import Permitted
from circles.facts import rooms
from circles.facts.tables import metadata
from circles.feature import Followed, Held
from circles.features.notes import strings
from circles.features.notes.decide import AddNote, DropNote, Note, is_shown
from circles_policies import Ceiling, Decision, Keep, Request, Right, Scopes, decide

notes: Final = Table(
    "notes",
    metadata,
    Column("id", String, primary_key=True),
    Column("room_id", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("author", String, nullable=False),
    Column("text", String, nullable=False),
    Column("source_event", String, nullable=False),
    Column("source_sender", String, nullable=False),
    Column("asked_event", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
    Column("origin", String),
    Index(None, "room_id", "number"),
    Index(None, "source_event"),
    Index(None, "asked_event"),
    Index(None, "author"),
    Index(None, "source_sender"),
)
"""`origin` is the room it was kept in, where that was upgraded to this one. `asked_event` is the message that asked for
it, `source_event` the one whose words it holds: now always the same."""


# ---- reading


def in_room(connection: Connection, room_id: RoomID) -> tuple[Note, ...]:
    """Return the notes of a room, the oldest first, also those that are not shown now: a number is not given twice."""
    found = select(notes).where(notes.c.room_id == room_id).order_by(notes.c.number)
    return tuple(_note(row) for row in connection.execute(found).mappings())


def shown(connection: Connection, room_id: RoomID) -> tuple[Note, ...]:
    """Return the notes of a room that may be shown now, the oldest first."""
    found = in_room(connection, room_id)
    members = rooms.members_of(connection, room_id, {note.author for note in found})
    return tuple(note for note in found if is_shown(note, members))


def may_keep(connection: Connection, room_id: RoomID, words: Permitted, now: int, ceiling: Ceiling) -> Decision:
    """Return whether somebody's own words may stay here. Whoever asks to keep them says them to the AI by that."""
    scopes = Scopes(
        room=rooms.policies_since(connection, room_id, words.at),
        member=rooms.member(connection, room_id, words.sender),
        mark=rooms.mark(connection, room_id, words.event_id),
        operator=ceiling,
    )
    return decide(scopes, Request(Right.STORE, at=words.at, now=now, addressed=True, called=True, keep=Keep.ASKED))


def confirmed(connection: Connection, room_id: RoomID, since: int, language: Language) -> tuple[Confirmed, ...]:
    """Return what people kept since an instant: they are their own words, which they confirmed by that."""
    del language  # A note is in the words it was kept in.
    start = datetime.fromtimestamp(since / 1000, UTC)
    return tuple(
        Confirmed(note.kept_at, note.text, note.source, note.author)
        for note in shown(connection, room_id)
        if note.kept_at >= start
    )


def held(connection: Connection, user_id: UserID, room_id: RoomID | None, language: Language) -> tuple[Held, ...]:
    """Return the notes a person made or whose words they are, in one room or everywhere.

    What they had kept of somebody else's words is counted alone: those words are not theirs to take along.
    """
    found = select(notes).where(or_(notes.c.author == user_id, notes.c.source_sender == user_id))
    if room_id is not None:
        found = found.where(notes.c.room_id == room_id)
    rows = list(connection.execute(found.order_by(notes.c.kept_at)).mappings())
    theirs = tuple(str(row["text"]) for row in rows if row["source_sender"] in (None, user_id))
    kinds = (
        Held(strings.HELD[language], len(theirs), theirs),
        Held(strings.HELD_OF_OTHERS[language], len(rows) - len(theirs)),
    )
    return tuple(kind for kind in kinds if kind.count)


# ---- writing


def write(connection: Connection, effect: Effect) -> None:
    """Write what one of our effects says, in the unit of work of the post that tells of it."""
    match effect:
        case AddNote(note=new):
            known = connection.execute(select(notes.c.id).where(notes.c.id == new.id)).first()
            if known is None:
                connection.execute(insert(notes).values(_row(new)))
        case DropNote(id=key):
            connection.execute(delete(notes).where(notes.c.id == key))
        case _:
            raise TypeError(f"not an effect of the notes: {type(effect).__name__}")


def forget(connection: Connection, event_ids: tuple[EventID, ...]) -> tuple[Effect, ...]:
    """Delete the notes whose words, or whose asking, were taken back."""
    gone = or_(notes.c.source_event.in_(event_ids), notes.c.asked_event.in_(event_ids))
    connection.execute(delete(notes).where(gone))
    return ()


def forget_person(connection: Connection, user_id: UserID, room_id: RoomID | None) -> tuple[Effect, ...]:
    """Delete the notes a person made or whose words they are, in one room or everywhere."""
    gone = or_(notes.c.author == user_id, notes.c.source_sender == user_id)
    connection.execute(delete(notes).where(gone if room_id is None else gone & (notes.c.room_id == room_id)))
    return ()


def follow(connection: Connection, old: RoomID, new: RoomID, _now: int) -> Followed:
    """Take a circle's notes into the room it was upgraded to. Only those that may be shown are counted."""
    moved = {"room_id": new, "origin": func.coalesce(notes.c.origin, notes.c.room_id)}
    connection.execute(update(notes).where(notes.c.room_id == old).values(moved))
    return Followed({"notes": len(shown(connection, new))})


def forget_room(connection: Connection, room_id: RoomID) -> None:
    """Delete a circle's notes: the AI has left it."""
    connection.execute(delete(notes).where(notes.c.room_id == room_id))


def _row(note: Note) -> dict[str, object]:
    return {
        "id": note.id,
        "room_id": note.room_id,
        "number": note.number,
        "author": note.author,
        "text": note.text,
        "source_event": note.source.event_id,
        "source_sender": note.source.sender,
        "asked_event": note.asked,
        "at": int(note.at.timestamp() * 1000),
        "kept_at": int(note.kept_at.timestamp() * 1000),
        "origin": note.source.room,
    }


def _note(row: Mapping[Any, Any]) -> Note:
    return Note(
        id=row["id"],
        room_id=RoomID(row["room_id"]),
        number=row["number"],
        author=UserID(row["author"]),
        text=row["text"],
        source=Source(
            EventID(row["source_event"]),
            UserID(row["source_sender"]),
            room=RoomID(row["origin"]) if row["origin"] else None,
        ),
        asked=EventID(row["asked_event"]),
        at=datetime.fromtimestamp(row["at"] / 1000, UTC),
        kept_at=datetime.fromtimestamp(row["kept_at"] / 1000, UTC),
    )
