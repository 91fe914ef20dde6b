"""What is off the record, as the gate knows it: rows of its own in Synapse's database, by the word that asked for each.

The gate reads those words itself, so here they hold without the service. In an encrypted room it cannot read them:
there the service alone keeps them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from synapse.module_api import LoggingTransaction

from circles_policies import USUAL_MINUTES, OffRecord, minutes_of

TABLE: Final = """
    CREATE TABLE IF NOT EXISTS circles_stretches (
        event_id TEXT NOT NULL PRIMARY KEY,
        room_id TEXT NOT NULL,
        thread TEXT,
        asker TEXT NOT NULL,
        since BIGINT NOT NULL,
        until BIGINT
    )"""
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A word that puts a thread (its root) or, without one, a room's talk off the record. Instants in ms."""

    event_id: str
    room_id: str
    thread: str | None
    asker: str
    since: int
    until: int | None


def asked(event_id: str, room_id: str, thread: str | None, asker: str, length: str, *, at: int, received: int) -> Asked:
    """Return what a word asks for, by the service's rule: a thread for good, a room for an hour, or as long as said.

    It counts from when it was said, and its time runs from when it was received.
    """
    minutes = minutes_of(length) or (None if thread is not None else USUAL_MINUTES)
    until = None if minutes is None else received + minutes * _MINUTE_MS
    return Asked(event_id, room_id, thread, asker, at, until)


def create_table(txn: LoggingTransaction) -> None:
    """Make the table, where it is not there yet."""
    txn.execute(TABLE)


def begin(txn: LoggingTransaction, stretch: Asked) -> None:
    """Write a stretch; one that is delivered again, perhaps after its end, changes nothing."""
    txn.execute(
        "INSERT INTO circles_stretches (event_id, room_id, thread, asker, since, until) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (event_id) DO NOTHING",
        (stretch.event_id, stretch.room_id, stretch.thread, stretch.asker, stretch.since, stretch.until),
    )


def end(txn: LoggingTransaction, room_id: str, thread: str | None, asker: str | None, at: int) -> None:
    """Let what one person asked for end, or with `asker` None what anybody did; what was said before stays shut."""
    where = "room_id = ? AND since < ? AND (until IS NULL OR until > ?)"
    arguments: list[object] = [at, room_id, at, at]
    if thread is None:
        where += " AND thread IS NULL"
    else:
        where += " AND thread = ?"
        arguments.append(thread)
    if asker is not None:
        where += " AND asker = ?"
        arguments.append(asker)
    txn.execute(f"UPDATE circles_stretches SET until = ? WHERE {where}", arguments)  # noqa: S608  # fixed text only


def of_rooms(txn: LoggingTransaction, rooms: Collection[str]) -> dict[str, tuple[OffRecord, ...]]:
    """Return every stretch that each of some rooms had: one that is over still covers what was said in it."""
    found: dict[str, list[OffRecord]] = {}
    names = sorted(rooms)
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        holes = ",".join("?" * len(part))
        sql = f"SELECT room_id, since, until, thread FROM circles_stretches WHERE room_id IN ({holes})"  # noqa: S608  # holes only
        for row in _rows(txn, sql, part):
            found.setdefault(str(row[0]), []).append(OffRecord(row[1], row[2], row[3]))
    return {room_id: tuple(stretches) for room_id, stretches in found.items()}


def _rows(txn: LoggingTransaction, sql: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
    txn.execute(sql, arguments)
    # Synapse's annotation is a bare tuple, which strict checking knows nothing about.
    found: list[tuple[Any, ...]] = txn.fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found
