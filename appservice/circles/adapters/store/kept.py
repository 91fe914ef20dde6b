"""Kept messages, where the policy keeps them, and the index that finds their words. Synchronous."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, select, update

from circles.adapters.store.tables import erasures, messages
from circles.bulk import index_words, insert_rows, numbers
from circles.core.extract.tokens import index_terms, query_terms
from circles.core.ids import EventID, RoomID, UserID
from circles.dialects import dialect_of, insert
from circles.facts.rooms import EVERYWHERE


class Message(NamedTuple):
    """A message to keep until `until` (ms): a row of `messages` without its number."""

    event_id: str
    room_id: str
    sender: str
    at: int
    until: int | None
    thread: str | None
    reply_to: str | None
    text: str


def stands() -> ColumnElement[bool]:
    """Return the condition that a kept message is not among those that are being deleted."""
    here = (erasures.c.room_id == EVERYWHERE) | (erasures.c.room_id == messages.c.room_id)
    going = (erasures.c.user_id == messages.c.sender) & here & (messages.c.seq <= erasures.c.upto)
    return ~select(erasures.c.seq).where(going).correlate(messages).exists()


def keep_all(connection: Connection, found: Sequence[Message]) -> bool:
    """Keep many messages and index their words. False: some of them were there already."""
    if not found:
        return True
    fresh = numbers(connection, messages, len(found))
    rows = [(seq, *message) for seq, message in zip(fresh, found, strict=True)]
    if not insert_rows(connection, messages, ("seq", *Message._fields), rows):
        return False
    index_words(connection, [(seq, index_terms(message.text)) for seq, message in zip(fresh, found, strict=True)])
    return True


def keep(
    connection: Connection,
    *,
    event_id: EventID,
    room_id: RoomID,
    sender: UserID,
    at: int,
    until: int | None,
    body: str,
    thread: EventID | None,
    reply_to: EventID | None,
) -> None:
    """Keep one message until `until` (ms), and index its words."""
    seq = connection.execute(
        insert(messages)
        .values(
            event_id=event_id,
            room_id=room_id,
            sender=sender,
            at=at,
            until=until,
            text=body,
            thread=thread,
            reply_to=reply_to,
        )
        .on_conflict_do_nothing()
        .returning(messages.c.seq)
    ).scalar()
    if seq is not None:
        index(connection, seq, body)


def index(connection: Connection, seq: int, body: str) -> None:
    """Put a message's words into the index."""
    dialect_of(connection.dialect.name).index(connection, seq, index_terms(body))


def matching(connection: Connection, words: str) -> list[int]:
    """Return the `seq` of every message that holds all of these words, the oldest first."""
    terms = query_terms(words)
    return list(connection.execute(dialect_of(connection.dialect.name).matching(terms)).scalars()) if terms else []


def revise(connection: Connection, event_id: EventID, sender: UserID, body: str | None) -> None:
    """Put an edit's words in the place of a kept message's own; None: the edit may not be kept, so nothing may."""
    query = select(messages).where(messages.c.event_id == event_id, messages.c.sender == sender, stands())
    row = connection.execute(query).mappings().first()
    if row is None:
        return
    drop(connection, (event_id,))
    if body is not None:
        again = {name: row[name] for name in ("event_id", "room_id", "sender", "at", "until", "thread", "reply_to")}
        keep(connection, body=body, **again)
        connection.execute(update(messages).where(messages.c.event_id == event_id).values(origin=row["origin"]))


def in_thread(connection: Connection, room_id: RoomID, root: EventID) -> frozenset[EventID]:
    """Return the kept messages of a thread, its root among them."""
    of_it = (messages.c.thread == root) | (messages.c.event_id == root)
    query = select(messages.c.event_id).where(messages.c.room_id == room_id, of_it)
    return frozenset(EventID(event_id) for event_id in connection.execute(query).scalars())


def since(connection: Connection, room_id: RoomID, at: int) -> frozenset[EventID]:
    """Return a room's kept messages written at an instant (ms) or later."""
    query = select(messages.c.event_id).where(messages.c.room_id == room_id, messages.c.at >= at)
    return frozenset(EventID(event_id) for event_id in connection.execute(query).scalars())


def drop(connection: Connection, event_ids: Iterable[EventID]) -> int:
    """Delete messages and their index entries; return how many there were."""
    return drop_rows(
        connection,
        list(connection.execute(select(messages.c.seq).where(messages.c.event_id.in_(list(event_ids)))).scalars()),
    )


def drop_room(connection: Connection, room_id: RoomID) -> int:
    """Delete all of a room's messages."""
    return drop_rows(
        connection, list(connection.execute(select(messages.c.seq).where(messages.c.room_id == room_id)).scalars())
    )


def count_before(connection: Connection, room_id: RoomID, before: int) -> int:
    """Return how many of a room's messages were written before an instant (ms)."""
    return (
        connection.execute(select(func.count()).where(messages.c.room_id == room_id, messages.c.at < before)).scalar()
        or 0
    )


def trim(connection: Connection, room_id: RoomID, before: int, days: int | None) -> None:
    """Delete a room's messages written before an instant (ms); the rest stays no longer than `days`, where given."""
    here = messages.c.room_id == room_id
    drop_rows(
        connection, list(connection.execute(select(messages.c.seq).where(here, messages.c.at < before)).scalars())
    )
    if days is not None:
        shorten(connection, room_id, days * 86_400_000)


def shorten(connection: Connection, room_id: RoomID, lifetime: int) -> None:
    """Let no message of a room stay longer than so many ms from when it was written; none stays longer than before.

    Also those that went along into another room when this one was upgraded.
    """
    here = (messages.c.room_id == room_id) | (messages.c.origin == room_id)
    end = messages.c.at + lifetime
    longer = messages.c.until.is_(None) | (messages.c.until > end)
    connection.execute(update(messages).where(here, longer).values(until=end))


def follow(connection: Connection, old: RoomID, new: RoomID) -> int:
    """Let a room's messages be those of the room it was upgraded to; return how many there are."""
    values = {"room_id": new, "origin": func.coalesce(messages.c.origin, messages.c.room_id)}
    return connection.execute(update(messages).where(messages.c.room_id == old).values(values)).rowcount


def drop_expired(connection: Connection, now: int, most: int | None = None) -> int:
    """Delete messages whose time is over, so many at most; return how many that were."""
    query = select(messages.c.seq).where(messages.c.until <= now).limit(most)
    return drop_rows(connection, list(connection.execute(query).scalars()))


def count_from(connection: Connection, sender: UserID, room_id: RoomID | None) -> int:
    """Return how many messages of a person are kept."""
    query = select(func.count()).where(messages.c.sender == sender, stands())
    if room_id is not None:
        query = query.where(messages.c.room_id == room_id)
    return connection.execute(query).scalar() or 0


def words_from(connection: Connection, sender: UserID, room_id: RoomID | None) -> tuple[tuple[int, str], ...]:
    """Return the kept messages of a person, for them alone: when (ms) and their words, oldest first."""
    query = select(messages.c.at, messages.c.text).where(messages.c.sender == sender, stands())
    if room_id is not None:
        query = query.where(messages.c.room_id == room_id)
    return tuple((at, words) for at, words in connection.execute(query.order_by(messages.c.at, messages.c.seq)))


def drop_rows(connection: Connection, rows: Sequence[int]) -> int:
    """Delete messages by their numbers, and their index entries; return how many there were."""
    if rows:
        dialect_of(connection.dialect.name).unindex(connection, rows)
        connection.execute(delete(messages).where(messages.c.seq == bindparam("row")), [{"row": row} for row in rows])
    return len(rows)
