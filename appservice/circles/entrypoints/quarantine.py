"""`circles quarantine`: what broke us, as lines an operator reads. Ids, codes and sizes; no words of anybody's.

The command writes rows only. A running service looks at them within `timing.checkpoint_seconds`, another one when it
starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from circles.adapters.store import quarantine
from circles.adapters.store.quarantine import Held
from circles.errors import NotFound
from circles.ports import Database, TellsTime

NOTHING = "Nothing is in quarantine."
GONE = "There is nothing in quarantine with this id or reference: see `circles quarantine list`."
UNREADABLE = "It has no id to ask the homeserver for: it can only be dropped."


async def listed(database: Database) -> tuple[str, ...]:
    """Return a line for each event, the oldest first."""
    rows = await database.read(quarantine.rows)
    return tuple(_line(row) for row in rows) or (NOTHING,)


async def shown(database: Database, key: str) -> tuple[str, ...]:
    """Return all that is known of one event.

    Raises:
        NotFound: it is not there.
    """
    return tuple(_lines(await _find(database, key)))


async def retried(database: Database, clock: TellsTime, key: str) -> tuple[str, ...]:
    """Have one event asked for and taken in again; `all` for every one.

    Raises:
        NotFound: it is not there, or cannot be asked for.
    """
    rows = [row for row in await _chosen(database, key) if row.room_id]
    if not rows:
        raise NotFound(UNREADABLE)
    now = int(clock.now().timestamp() * 1000)
    for row in rows:
        await database.write(partial(quarantine.ask_again, row=row, now=now))
    return tuple(f"asked for again: {row.event_id}" for row in rows)


async def dropped(database: Database, key: str) -> tuple[str, ...]:
    """Forget one event, or `all`.

    Raises:
        NotFound: it is not there.
    """
    ids = [row.event_id for row in await _chosen(database, key)]
    await database.write(partial(quarantine.drop, event_ids=ids))
    return tuple(f"dropped: {event_id}" for event_id in ids)


async def _chosen(database: Database, key: str) -> tuple[Held, ...]:
    rows = await database.read(quarantine.rows) if key == "all" else (await _find(database, key),)
    if not rows:
        raise NotFound(NOTHING)
    return rows


async def _find(database: Database, key: str) -> Held:
    row = await database.read(partial(quarantine.find, key=key))
    if row is None:
        raise NotFound(GONE)
    return row


def _line(row: Held) -> str:
    what = row.type or row.stage
    return f"{_when(row.at)}  {row.reference}  {what}  {row.error}  {row.event_id}"


def _lines(row: Held) -> Iterator[str]:
    yield f"event      {row.event_id}"
    if row.room_id:
        yield f"room       {row.room_id}"
    yield f"since      {_when(row.at)}"
    yield f"broke      {row.stage.replace('_', ' ')}"
    yield f"error      {row.error}" + (f" at {row.place}" if row.place else "")
    yield f"reference  {row.reference}"
    if not row.type:
        yield "It did not pass the gate, so nothing else of it is kept."
        return
    yield f"sender     {row.sender}"
    yield f"type       {row.type}"
    yield f"size       {row.size} bytes as it passed the gate"
    more = f" and {row.other_keys} more" if row.other_keys else ""
    yield f"content    {' '.join(row.keys)}{more}"


def _when(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
