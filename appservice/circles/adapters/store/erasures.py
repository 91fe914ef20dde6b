"""A person's kept messages, deleted a batch at a time, so that what comes in meanwhile need not wait. Synchronous.

A row says what is still to go.  From the commit that writes it on those messages are in no answer and no list
(`kept.stands`), also after a kill; only their bytes take a moment longer.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, func, select, update

from circles.adapters.store import kept
from circles.adapters.store.tables import erasures, messages
from circles.core.ids import EventID, RoomID, UserID
from circles.dialects import insert
from circles.facts.rooms import EVERYWHERE

BATCH: Final = 500
"""So many messages in one commit: about 50 ms, with their words in the index."""


def begin(connection: Connection, user_id: UserID, room_id: RoomID | None, answers: EventID | None = None) -> bool:
    """Delete a person's kept messages, in one room or everywhere; return whether more than a batch is left to go.

    `answers`: what is said in answer to this event waits until all is gone.
    """
    upto = connection.execute(select(func.max(messages.c.seq))).scalar() or 0
    deleted = _delete(connection, user_id, room_id or EVERYWHERE, 0, upto)
    if len(deleted) < BATCH:
        return False
    values = {"user_id": user_id, "room_id": room_id or EVERYWHERE, "done": deleted[-1], "upto": upto}
    connection.execute(insert(erasures).values(answers=answers, **values))
    return True


def step(connection: Connection) -> bool | None:
    """Delete the next batch. True: with it something is finished; False: it is not; None: nothing was to do."""
    row = connection.execute(select(erasures).order_by(erasures.c.seq).limit(1)).first()
    if row is None:
        return None
    deleted = _delete(connection, row.user_id, row.room_id, row.done, row.upto)
    this = erasures.c.seq == row.seq
    if len(deleted) < BATCH:
        connection.execute(delete(erasures).where(this))
        return True
    connection.execute(update(erasures).where(this).values(done=deleted[-1]))
    return False


def finish(connection: Connection, room_id: RoomID) -> None:
    """Delete what is still to go from one room at once, before its messages become another's."""
    for row in connection.execute(select(erasures).where(erasures.c.room_id == room_id)).all():
        which = messages.c.sender == row.user_id, messages.c.room_id == room_id, messages.c.seq <= row.upto
        kept.drop_rows(connection, list(connection.execute(select(messages.c.seq).where(*which)).scalars()))


def _delete(connection: Connection, user_id: str, room_id: str, done: int, upto: int) -> list[int]:
    """Delete one batch of a person's messages between two numbers; return theirs."""
    theirs = messages.c.sender == user_id, messages.c.seq > done, messages.c.seq <= upto
    query = select(messages.c.seq).where(*theirs).order_by(messages.c.seq).limit(BATCH)
    if room_id != EVERYWHERE:
        query = query.where(messages.c.room_id == room_id)
    found = list(connection.execute(query).scalars())
    kept.drop_rows(connection, found)
    return found
