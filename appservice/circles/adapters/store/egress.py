"""The egress ledger: one row for each request that leaves for a model, committed before it does. No message text.

A row whose outcome is still "leaving" after a restart is one of which nobody knows whether it arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Index, Integer, String, Table, insert, select, update

from circles.core.ids import EventID, RoomID, UserID
from circles.dialects import Serial
from circles.facts.tables import metadata

egress: Final = Table(
    "egress",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("room_id", String, nullable=False),
    Column("asker", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("host", String, nullable=False),
    Column("model", String, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("policy_id", Serial),
    Column("generation", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Index(None, "room_id", "at"),
    Index(None, "asker", "at"),
)
"""`bytes` is the exact size of the request's body. `policy_id` and `generation` are what the decision rested on."""

egress_events: Final = Table(
    "egress_events",
    metadata,
    Column("egress_id", Serial, ForeignKey("egress.id", ondelete="CASCADE"), primary_key=True),
    Column("event_id", String, primary_key=True),
    Column("sender", String, nullable=False),
    Index(None, "event_id"),
    Index(None, "sender"),
)
"""Whose messages were in it, so that a person always sees every use of their own."""


class Outcome(StrEnum):
    """What became of a request."""

    LEAVING = "leaving"
    ANSWERED = "answered"
    BAD_ANSWER = "bad_answer"
    """An answer came: empty, cut off, or not in the form asked for."""
    REFUSED = "refused"
    REJECTED = "rejected"
    """The endpoint answered with an error."""
    NO_ANSWER = "no_answer"
    """The endpoint could not be reached, or broke off, or took too long."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Departure:
    """One request about to leave. `events` says whose messages are in it; ids only."""

    at: int
    room_id: RoomID
    asker: UserID
    purpose: str
    host: str
    model: str
    size: int
    policy_id: int | None
    generation: int
    events: Mapping[EventID, UserID]


def record(connection: Connection, departure: Departure) -> int:
    """Write the row of a request that is about to leave, and return its id."""
    row = insert(egress).values(
        at=departure.at,
        room_id=departure.room_id,
        asker=departure.asker,
        purpose=departure.purpose,
        host=departure.host,
        model=departure.model,
        bytes=departure.size,
        policy_id=departure.policy_id,
        generation=departure.generation,
        outcome=Outcome.LEAVING.value,
    )
    egress_id = int(connection.execute(row.returning(egress.c.id)).scalar_one())
    if departure.events:
        connection.execute(
            insert(egress_events),
            [
                {"egress_id": egress_id, "event_id": event_id, "sender": sender}
                for event_id, sender in departure.events.items()
            ],
        )
    return egress_id


def was_sent(connection: Connection, event_ids: Iterable[EventID]) -> bool:
    """Return whether any of these messages was in a request that left."""
    query = select(egress_events.c.egress_id).where(egress_events.c.event_id.in_(list(event_ids))).limit(1)
    return connection.execute(query).first() is not None


def settle(connection: Connection, egress_id: int, outcome: Outcome) -> None:
    """Write what became of a request."""
    connection.execute(update(egress).where(egress.c.id == egress_id).values(outcome=outcome.value))
