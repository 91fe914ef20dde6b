"""What left for a model, read from the egress ledger: ids, instants and places, never words. Synchronous.

The rows are written by the model port alone (`adapters.store.egress`); here they are only read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Integer, String, column, select, table

from circles.core.ids import EventID, RoomID, UserID

_EGRESS: Final = table(
    "egress",
    column("id", Integer),
    column("at", BigInteger),
    column("room_id", String),
    column("asker", String),
    column("purpose", String),
    column("host", String),
    column("model", String),
    column("outcome", String),
)
_EVENTS: Final = table(
    "egress_events", column("egress_id", Integer), column("event_id", String), column("sender", String)
)

BEFORE_POST_MS: Final = 15 * 60_000
"""A request stands before the post it was made for, by no more than a model may take with all its repeats."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that left, or was about to when we stopped."""

    at: int
    room_id: RoomID
    purpose: str
    host: str
    model: str
    outcome: str

    @property
    def answered(self) -> bool:
        """Whether an answer came back that could be used."""
        return self.outcome == "answered"


def sent_for(
    connection: Connection,
    *,
    room_id: RoomID,
    asker: UserID | None,
    purpose: str,
    question: EventID | None,
    after: int,
    at: int,
) -> tuple[Sent, ...]:
    """Return the requests made for one post, the oldest first.

    They are those about its room that carried the question itself, or were made for its asker (None: for anyone)
    and its purpose since `after`, when the last post of that kind was made.
    """
    query = (
        select(_EGRESS)
        .where(_EGRESS.c.room_id == room_id, _EGRESS.c.at.between(at - BEFORE_POST_MS, at))
        .order_by(_EGRESS.c.at, _EGRESS.c.id)
    )
    if asker is not None:
        query = query.where(_EGRESS.c.asker == asker)
    carrying = select(_EVENTS.c.egress_id).where(_EVENTS.c.event_id == question)
    asked = set(connection.execute(carrying).scalars()) if question is not None else set[int]()
    return tuple(
        _sent(row)
        for row in connection.execute(query).mappings()
        if row["id"] in asked or (row["purpose"] == purpose and row["at"] > after)
    )


def uses_of(connection: Connection, sender: UserID, room_id: RoomID | None) -> tuple[Sent, ...]:
    """Return every request that carried a person's messages, about one room or any, the newest first.

    Who asked is not among it: nobody learns of another's private question.
    """
    query = (
        select(_EGRESS)
        .join(_EVENTS, _EVENTS.c.egress_id == _EGRESS.c.id)
        .where(_EVENTS.c.sender == sender)
        .distinct()
        .order_by(_EGRESS.c.at.desc(), _EGRESS.c.id.desc())
    )
    if room_id is not None:
        query = query.where(_EGRESS.c.room_id == room_id)
    return tuple(_sent(row) for row in connection.execute(query).mappings())


def _sent(row: Mapping[Any, Any]) -> Sent:
    return Sent(
        at=int(row["at"]),
        room_id=RoomID(row["room_id"]),
        purpose=row["purpose"],
        host=row["host"],
        model=row["model"],
        outcome=row["outcome"],
    )
