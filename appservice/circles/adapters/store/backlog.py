"""How far behind we are and what today cost: counts and ages for whoever runs it, no ids and no words. Synchronous."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from circles.adapters.store import quarantine
from circles.adapters.store.tables import UNSETTLED, WAITS, journal, outbox
from circles.facts.rooms import LOST
from circles.facts.tables import quota, rooms, wakes


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in one place: how many, and for how many seconds the oldest has."""

    count: int = 0
    oldest_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """Everything that waits, and what was used since midnight UTC.

    Attributes:
        journal, outbox: events not settled, effects not carried out.
        due: wakes whose hour has come; `wakes` counts those to come, too.
        parked, quarantined: events that wait for a key, and that were set aside.
        rooms: where the AI is.
        lost: rooms the AI was in and of which the homeserver knows nothing.
        shut_out: rooms the AI is in whose server ACL denies our homeserver.
        answers, calls, tokens: what today cost.
    """

    journal: Waiting
    outbox: Waiting
    due: Waiting
    wakes: int
    parked: int
    quarantined: int
    rooms: int
    lost: int
    shut_out: int
    answers: int
    calls: int
    tokens: int


def server_bytes(connection: Connection) -> int | None:
    """Return how large the database is on its server; None: it is a file, whose size the disk tells."""
    if connection.dialect.name != "postgresql":
        return None
    return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def look(connection: Connection, now: int, day: str) -> Backlog:
    """Return what waits `now` (ms), and what `day` cost so far."""
    return Backlog(
        journal=_waiting(connection, journal.c.received_at, WAITS, now),
        outbox=_waiting(connection, outbox.c.created_at, outbox.c.state == "pending", now),
        due=_waiting(connection, wakes.c.due, wakes.c.due <= now, now),
        wakes=connection.execute(select(func.count()).select_from(wakes)).scalar() or 0,
        parked=_count(connection, UNSETTLED & (journal.c.state == "parked")),
        quarantined=quarantine.count(connection),
        rooms=_count(connection, rooms.c.membership == "join"),
        lost=_count(connection, rooms.c.membership == LOST),
        shut_out=_count(connection, (rooms.c.membership == "join") & rooms.c.shut_out),
        answers=_used(connection, quota.c.commands, day),
        calls=_used(connection, quota.c.model_calls, day),
        tokens=_used(connection, quota.c.tokens, day),
    )


def _waiting(connection: Connection, since: ColumnElement[int], which: ColumnElement[bool], now: int) -> Waiting:
    count = _count(connection, which)
    oldest = connection.execute(select(func.min(since)).where(which)).scalar()
    return Waiting(count, max(0.0, (now - oldest) / 1000) if oldest is not None else 0.0)


def _count(connection: Connection, which: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).where(which)).scalar() or 0


def _used(connection: Connection, what: ColumnElement[int], day: str) -> int:
    return int(connection.execute(select(func.coalesce(func.sum(what), 0)).where(quota.c.day == day)).scalar_one())
