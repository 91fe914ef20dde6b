"""The journal: what passed the gate, committed before the homeserver gets its 200, handled after. Synchronous.

There is deliberately no state "running": a crash leaves a row pending, and pending rows are handled again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from sqlalchemy import Connection, Select, and_, delete, func, select, update

from circles.adapters.store.tables import UNSETTLED, WAITS, journal, transactions, withheld
from circles.bulk import insert_rows, numbers, run
from circles.core.ids import EventID, RoomID, UserID
from circles.dialects import insert

PARKED, PENDING, SETTLED, QUARANTINED = "parked", "pending", "settled", "quarantined"
_STANDS = and_(UNSETTLED, journal.c.state.in_((PARKED, PENDING)))
"""What waits, for its turn or for its key."""
MAX_ATTEMPTS = 3
TRANSACTION_DAYS = 14
_NOTE_TRANSACTION: Final = """
    INSERT INTO transactions (txn_id, digest, received_at) VALUES (?, ?, ?)
    ON CONFLICT (txn_id) DO UPDATE SET digest = excluded.digest, received_at = excluded.received_at
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One pending event. `event` is what the gate forwarded; only the worker and crypto see it."""

    seq: int
    event_id: EventID
    room_id: RoomID
    received_at: int
    attempts: int
    event: Mapping[str, Any]


def is_repeated(connection: Connection, txn_id: str, event_ids: Iterable[str], now: int) -> bool:
    """Note a transaction and return whether the same one, by id and by the events in it, came before."""
    digest = hashlib.sha256("\0".join(event_ids).encode(errors="surrogatepass")).hexdigest()
    known = run(connection, "SELECT digest FROM transactions WHERE txn_id = ?", txn_id).fetchone()
    if known is not None and known[0] == digest:
        return True
    run(connection, _NOTE_TRANSACTION, txn_id, digest, now)
    return False


def drop_transactions(connection: Connection, now: int) -> None:
    """Forget the transactions of long ago: the table does not grow for ever, and events stay known by their ids."""
    connection.execute(delete(transactions).where(transactions.c.received_at < now - TRANSACTION_DAYS * 86_400_000))


def is_known(connection: Connection, event_id: str) -> bool:
    """Return whether an event was taken in before."""
    return connection.execute(select(journal.c.seq).where(journal.c.event_id == event_id)).first() is not None


def last_seq(connection: Connection) -> int:
    """Return the number of the newest row; 0 where there is none."""
    return connection.execute(select(func.max(journal.c.seq))).scalar() or 0


def seqs(connection: Connection, event_ids: Iterable[str]) -> dict[str, int]:
    """Return the rows' numbers of those of these events that were taken in."""
    query = select(journal.c.event_id, journal.c.seq).where(journal.c.event_id.in_(list(event_ids)))
    return {row.event_id: row.seq for row in connection.execute(query)}


def add(
    connection: Connection,
    event: Mapping[str, Any],
    *,
    at: int,
    received_at: int,
    pending: bool,
    reference: str | None = None,
    thread: str | None = None,
    edits: str | None = None,
) -> None:
    """Write one event: pending with its payload, or settled with none. `reference` makes it quarantined.

    What was parked keeps its place in the order.
    """
    values: dict[str, object] = {
        "room_id": event["room_id"],
        "sender": event["sender"],
        "at": at,
        "received_at": received_at,
        "state": QUARANTINED if reference else PENDING if pending else SETTLED,
        "payload": orjson.dumps(event) if pending else None,
        "attempts": 0,
        "reference": reference,
        "thread": thread,
        "edits": edits,
    }
    statement = insert(journal).values(event_id=event["event_id"], **values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["event_id"], set_={**values, "session": None}, where=journal.c.state == PARKED
        )
    )


_NOTED: Final = ("seq", "event_id", "room_id", "sender", "at", "thread", "received_at", "state", "attempts")


def note(connection: Connection, events: Sequence[tuple[str, str, str, int, str | None]], received_at: int) -> bool:
    """Write many events that need no work. False: some of them were there already.

    Args:
        events: of each its id, room, sender, instant (ms) and the root of its thread.
    """
    if not events:
        return True
    fresh = numbers(connection, journal, len(events))
    rows = [(seq, *event, received_at, SETTLED, 0) for seq, event in zip(fresh, events, strict=True)]
    return insert_rows(connection, journal, _NOTED, rows)


def rooms_waiting(connection: Connection) -> tuple[RoomID, ...]:
    """Return the rooms that have pending events."""
    query = select(journal.c.room_id).where(WAITS).distinct()
    return tuple(RoomID(room) for room in connection.execute(query).scalars())


def next_of(connection: Connection, room_id: RoomID, besides: Iterable[int]) -> Entry | None:
    """Return the oldest pending event of a room whose seq is not among `besides` (those in hand)."""
    row = (
        connection.execute(
            select(journal)
            .where(WAITS, journal.c.room_id == room_id, journal.c.seq.not_in(list(besides)))
            .order_by(journal.c.seq)
            .limit(1)
        )
        .mappings()
        .first()
    )
    if row is None:
        return None
    return Entry(
        seq=row["seq"],
        event_id=EventID(row["event_id"]),
        room_id=RoomID(row["room_id"]),
        received_at=row["received_at"],
        attempts=row["attempts"],
        event=cast("Mapping[str, Any]", orjson.loads(row["payload"])),
    )


def settle(connection: Connection, seq: int) -> bool:
    """Mark an event as handled and drop its payload. False: it was no longer pending, so its effects must not be
    written.
    """
    result = connection.execute(update(journal).where(journal.c.seq == seq, WAITS).values(state=SETTLED, payload=None))
    return result.rowcount == 1


def failed(connection: Connection, seq: int, reference: str) -> bool:
    """Count a failed attempt; return whether it quarantined the event. Its payload goes with that.

    An event that waits no longer (it was taken back, or the AI left the room) is not quarantined.
    """
    attempts = connection.execute(select(journal.c.attempts).where(journal.c.seq == seq)).scalar() or 0
    given_up = attempts + 1 >= MAX_ATTEMPTS
    values: dict[str, object] = {"attempts": attempts + 1, "reference": reference}
    if given_up:
        values |= {"state": QUARANTINED, "payload": None}
    changed = connection.execute(update(journal).where(journal.c.seq == seq, WAITS).values(values))
    return given_up and changed.rowcount == 1


def take_out(connection: Connection, room_id: RoomID, besides: Iterable[str]) -> list[dict[str, Any]]:
    """Return what waits in a room, the oldest first, except some events, and forget it: it is to be taken in anew."""
    theirs = _STANDS, journal.c.room_id == room_id, journal.c.event_id.not_in(list(besides))
    payloads = connection.execute(select(journal.c.payload).where(*theirs).order_by(journal.c.seq)).scalars().all()
    connection.execute(delete(journal).where(*theirs))
    return [cast("dict[str, Any]", orjson.loads(payload)) for payload in payloads]


def release(connection: Connection, event_id: str) -> bool:
    """Forget a quarantined event, so that it can be taken in anew. False: it is not quarantined."""
    held = journal.c.event_id == event_id, journal.c.state == QUARANTINED
    return connection.execute(delete(journal).where(*held)).rowcount == 1


@dataclass(frozen=True, slots=True)
class Parked:
    """Ciphertext that waits to be opened."""

    seq: int
    event_id: EventID
    room_id: RoomID
    session: str
    received_at: int
    event: Mapping[str, Any]


def park(connection: Connection, event: Mapping[str, Any], *, session: str, at: int, received_at: int) -> None:
    """Write ciphertext that may be opened."""
    connection.execute(
        insert(journal)
        .values(
            event_id=event["event_id"],
            room_id=event["room_id"],
            sender=event["sender"],
            at=at,
            received_at=received_at,
            state=PARKED,
            payload=orjson.dumps(event),
            attempts=0,
            session=session,
        )
        .on_conflict_do_nothing()
    )


def parked(connection: Connection, after: int = 0, most: int = 50) -> tuple[Parked, ...]:
    """Return what is parked beyond a row, the oldest first."""
    waiting = (journal.c.state == PARKED) & (journal.c.seq > after)
    return _parked(connection, select(journal).where(waiting).order_by(journal.c.seq).limit(most))


def parked_for(connection: Connection, room_id: RoomID, session: str) -> tuple[Parked, ...]:
    """Return what waits for one key, the oldest first."""
    waiting = (journal.c.state == PARKED) & (journal.c.room_id == room_id) & (journal.c.session == session)
    return _parked(connection, select(journal).where(waiting).order_by(journal.c.seq))


def _parked(connection: Connection, query: Select[Any]) -> tuple[Parked, ...]:
    return tuple(
        Parked(
            seq=row["seq"],
            event_id=EventID(row["event_id"]),
            room_id=RoomID(row["room_id"]),
            session=row["session"] or "",
            received_at=row["received_at"],
            event=cast("Mapping[str, Any]", orjson.loads(row["payload"])),
        )
        for row in connection.execute(query).mappings()
    )


def parked_events(connection: Connection) -> frozenset[EventID]:
    """Return the events whose ciphertext waits."""
    return frozenset(connection.execute(select(journal.c.event_id).where(journal.c.state == PARKED)).scalars())


def is_parked(connection: Connection, seq: int) -> bool:
    """Return whether ciphertext still waits. False: it was taken back meanwhile."""
    row = select(journal.c.seq).where(journal.c.seq == seq, journal.c.state == PARKED)
    return connection.execute(row).first() is not None


def unpark(connection: Connection, seq: int) -> None:
    """Settle a row whose event was opened and led to nothing."""
    parked_row = (journal.c.seq == seq) & (journal.c.state == PARKED)
    connection.execute(update(journal).where(parked_row).values(state=SETTLED, payload=None, session=None))


def parked_in(connection: Connection, room_id: RoomID) -> dict[str, int]:
    """Return how many parked events of a room wait for which session."""
    query = (
        select(journal.c.session, func.count())
        .where(journal.c.state == PARKED, journal.c.room_id == room_id)
        .group_by(journal.c.session)
    )
    return {str(session): int(count) for session, count in connection.execute(query)}


def parked_with(connection: Connection, room_id: RoomID, session: str) -> frozenset[UserID]:
    """Return who wrote what waits for a session."""
    waits = journal.c.state == PARKED, journal.c.room_id == room_id, journal.c.session == session
    return frozenset(
        UserID(str(sender)) for sender in connection.execute(select(journal.c.sender).where(*waits)).scalars()
    )


def parked_by(connection: Connection, sender: UserID) -> frozenset[tuple[RoomID, str]]:
    """Return the rooms and sessions of what waits and this person wrote."""
    query = select(journal.c.room_id, journal.c.session).where(journal.c.state == PARKED, journal.c.sender == sender)
    return frozenset((RoomID(str(room_id)), str(session)) for room_id, session in connection.execute(query))


def drop_parked(connection: Connection, before: int) -> int:
    """Give up ciphertext that was received before an instant (ms); return how much."""
    old = journal.c.received_at < before
    gone = connection.execute(
        update(journal).where(journal.c.state == PARKED, old).values(state=SETTLED, payload=None, session=None)
    )
    connection.execute(delete(withheld).where(withheld.c.at < before))
    return int(gone.rowcount)


def note_withheld(connection: Connection, room_id: RoomID, session: str, code: str, now: int) -> None:
    """Note that a key was refused us."""
    statement = insert(withheld).values(room_id=room_id, session=session, code=code, at=now)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["room_id", "session"], set_={"code": code, "at": now})
    )


def why_withheld(connection: Connection, room_id: RoomID, session: str) -> str | None:
    """Return the code with which a key was refused, None if it was not."""
    query = select(withheld.c.code).where(withheld.c.room_id == room_id, withheld.c.session == session)
    return connection.execute(query).scalar()


def elsewhere(connection: Connection, event_ids: Iterable[EventID], room_id: RoomID) -> frozenset[EventID]:
    """Return which of these events are known to stand in another room."""
    query = select(journal.c.event_id).where(journal.c.event_id.in_(list(event_ids)), journal.c.room_id != room_id)
    return frozenset(EventID(event_id) for event_id in connection.execute(query).scalars())


def wrote(connection: Connection, room_id: RoomID, sender: UserID, event_id: EventID) -> bool:
    """Return whether an event that was taken in is this person's, in this room."""
    theirs = journal.c.event_id == event_id, journal.c.room_id == room_id, journal.c.sender == sender
    return connection.execute(select(journal.c.seq).where(*theirs)).first() is not None


def waiting(connection: Connection, room_id: RoomID, sender: UserID, event_id: EventID) -> dict[str, Any] | None:
    """Return a person's event as it waits for its turn; None where it does not, or waits for its key."""
    theirs = WAITS, journal.c.event_id == event_id, journal.c.room_id == room_id, journal.c.sender == sender
    payload = connection.execute(select(journal.c.payload).where(*theirs)).scalar()
    return cast("dict[str, Any]", orjson.loads(payload)) if payload is not None else None


def reword(connection: Connection, event: Mapping[str, Any]) -> None:
    """Let an event that waits say something else."""
    which = WAITS, journal.c.event_id == event["event_id"]
    connection.execute(update(journal).where(*which).values(payload=orjson.dumps(event)))


def edit_that_stands(connection: Connection, room_id: RoomID, event_id: EventID) -> tuple[EventID, UserID] | None:
    """Return which message an edit gave its words to, and whose it is; None: it is no edit, or another came after."""
    row = connection.execute(
        select(journal.c.seq, journal.c.edits, journal.c.sender).where(
            journal.c.event_id == event_id, journal.c.room_id == room_id, journal.c.edits.is_not(None)
        )
    ).first()
    if row is None:
        return None
    same = journal.c.edits == row.edits, journal.c.sender == row.sender, journal.c.edits.is_not(None)
    newest = connection.execute(select(func.max(journal.c.seq)).where(*same)).scalar()
    return (EventID(row.edits), UserID(row.sender)) if newest == row.seq else None


def in_thread(connection: Connection, room_id: RoomID, root: EventID) -> frozenset[EventID]:
    """Return the messages of a thread that passed the gate, control words excepted."""
    query = select(journal.c.event_id).where(journal.c.thread == root, journal.c.room_id == room_id)
    return frozenset(EventID(event_id) for event_id in connection.execute(query).scalars())


def drop(connection: Connection, event_ids: Iterable[EventID]) -> None:
    """Forget pending events that were taken back before they were handled."""
    connection.execute(
        update(journal).where(journal.c.event_id.in_(list(event_ids)), _STANDS).values(state=SETTLED, payload=None)
    )


def drop_from(connection: Connection, sender: UserID, room_id: RoomID | None) -> None:
    """Forget a person's pending events, in one room or everywhere."""
    statement = update(journal).where(journal.c.sender == sender, _STANDS)
    if room_id is not None:
        statement = statement.where(journal.c.room_id == room_id)
    connection.execute(statement.values(state=SETTLED, payload=None))


def drop_in(connection: Connection, room_id: RoomID, sender: UserID | None) -> None:
    """Forget what waits in one room, of one person or of everyone."""
    statement = update(journal).where(journal.c.room_id == room_id, _STANDS)
    if sender is not None:
        statement = statement.where(journal.c.sender == sender)
    connection.execute(statement.values(state=SETTLED, payload=None))


def pending_count(connection: Connection) -> int:
    """Return how many events wait."""
    return connection.execute(select(func.count()).where(WAITS)).scalar() or 0
