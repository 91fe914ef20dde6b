"""How far the homeserver's timelines are known to have reached us. Synchronous; what writes it is the catching up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select, update

from circles.adapters.store.tables import positions
from circles.dialects import insert

TIMELINES: Final = "timelines"
DATABASE: Final = "database"
"""Its token is the name of this database, for the numbers of changes count within one: see `adapters.store.purges`."""
TRIGGERS: Final = "triggers"
"""Its token is of the triggers that stand."""
LEAD: Final = "lead"
"""Its token is the name of the process that leads, or led last; see `adapters.store.lead`."""
IDENTITY: Final = "identity"
"""Its token is the AI's cross-signing seeds, the same on each host; see `adapters.matrix.crypto.cross_signing`."""
RESTORED: Final = "restored"
"""There from the moment a backup was restored until what happened since then was read; `at` is the backup's time."""


@dataclass(frozen=True, slots=True)
class Position:
    """Everything before `token` (taken at `at`, in ms) has reached us. `broken_seq`: see `tables.positions`."""

    token: str | None
    at: int
    broken_seq: int | None = None


def load(connection: Connection) -> Position:
    """Return the position; of a new database one without a token."""
    query = select(positions.c.token, positions.c.at, positions.c.broken_seq).where(positions.c.name == TIMELINES)
    row = connection.execute(query).first()
    return Position(row.token, row.at, row.broken_seq) if row is not None else Position(None, 0)


def save(connection: Connection, token: str | None, at: int) -> None:
    """Write a new position: nothing before it is missing any more."""
    values = {"token": token, "at": at, "broken_seq": None}
    statement = insert(positions).values(name=TIMELINES, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def broke(connection: Connection, seq: int) -> None:
    """Note that contact broke off behind a journal row, unless an earlier break is not made good yet."""
    statement = insert(positions).values(name=TIMELINES, token=None, at=0, broken_seq=seq)
    connection.execute(statement.on_conflict_do_nothing())
    open_ = (positions.c.name == TIMELINES, positions.c.broken_seq.is_(None))
    connection.execute(update(positions).where(*open_).values(broken_seq=seq))


def note(connection: Connection, name: str, token: str | None, at: int) -> None:
    """Write one of the other rows."""
    values = {"token": token, "at": at}
    statement = insert(positions).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def token_of(connection: Connection, name: str) -> str | None:
    """Return the token of one of the other rows."""
    return connection.execute(select(positions.c.token).where(positions.c.name == name)).scalar()


def restored_from(connection: Connection) -> int | None:
    """Return the time of the backup that was restored and not caught up with yet, in ms; None mostly."""
    return connection.execute(select(positions.c.at).where(positions.c.name == RESTORED)).scalar()


def is_caught_up(connection: Connection) -> None:
    """Note that what happened since the backup was read."""
    connection.execute(delete(positions).where(positions.c.name == RESTORED))
