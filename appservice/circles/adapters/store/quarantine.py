"""Events that broke us, as an operator may see them: ids, sizes and codes, never a word anyone wrote. Synchronous.

What passed the gate is described; of what did not, only its id, its room and our own error are noted.  No row holds the
event: to try it again it is asked of the homeserver anew and goes through the gate as it is then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from sqlalchemy import JSON, BigInteger, Column, Connection, Integer, String, Table, delete, func, or_, select

from circles.core.effects import SPINE
from circles.core.ids import EventID, RoomID, UserID
from circles.dialects import insert
from circles.facts.tables import metadata, wakes

quarantine: Final = Table(
    "quarantine",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("room_id", String, nullable=False, index=True),
    Column("sender", String, nullable=False, default=""),
    Column("stage", String, nullable=False),
    Column("type", String, nullable=False, default=""),
    Column("size", Integer, nullable=False, default=0),
    Column("keys", JSON, nullable=False),
    Column("other_keys", Integer, nullable=False, default=0),
    Column("error", String, nullable=False),
    Column("place", String, nullable=False, default=""),
    Column("reference", String, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
)
"""stage: reading (no JSON to us), taking_in, handling. `keys` are those of the content that every client knows; the
others are counted, for anybody may write words into a key. '' and 0: it did not pass the gate."""

RETRY: Final = "retry"
"""The spine's wake that asks for an event again: `retry:<event id>`."""

_TYPES: Final = frozenset(
    {
        "m.poll.start", "m.poll.response", "m.poll.end", "m.reaction", "m.room.avatar", "m.room.canonical_alias",
        "m.room.create", "m.room.encrypted", "m.room.encryption", "m.room.guest_access", "m.room.history_visibility",
        "m.room.join_rules", "m.room.member", "m.room.message", "m.room.name", "m.room.pinned_events",
        "m.room.power_levels", "m.room.redaction", "m.room.retention", "m.room.server_acl", "m.room.tombstone",
        "m.room.topic", "m.space.child", "m.space.parent", "m.sticker", "org.matrix.msc3381.poll.start",
        "org.matrix.msc3381.poll.response", "org.matrix.msc3381.poll.end", "io.github.matrix_circles.policy",
    }
)  # fmt: skip
_KEYS: Final = frozenset(
    {
        "additional_creators", "algorithm", "allow", "ban", "body", "ciphertext", "creator", "deny", "device_id",
        "displayname", "events", "events_default", "file", "filename", "format", "formatted_body", "geo_uri", "info",
        "invite", "is_direct", "join_rule", "kick", "m.mentions", "m.new_content", "m.poll", "m.poll.start",
        "m.relates_to", "m.text", "max_lifetime", "membership", "msgtype", "notifications",
        "org.matrix.msc3381.poll.start", "predecessor", "read", "reason", "redact", "redacts", "replacement_room",
        "room_version", "schema", "sender_key", "session_id", "state_default", "store", "trigger", "type", "url",
        "users", "users_default",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """One row. `at` is when it was put there, in ms."""

    event_id: EventID
    room_id: RoomID
    sender: UserID
    stage: str
    type: str
    size: int
    keys: tuple[str, ...]
    other_keys: int
    error: str
    place: str
    reference: str
    at: int


def note(
    connection: Connection,
    *,
    event_id: str,
    room_id: str,
    stage: str,
    error: str,
    reference: str,
    now: int,
    place: str = "",
    passed: Mapping[str, Any] | None = None,
) -> None:
    """Write what an operator may see of an event; `passed` is what the gate forwarded of it, None if nothing."""
    values: dict[str, Any] = {
        "event_id": event_id,
        "room_id": room_id,
        "stage": stage,
        "error": error,
        "place": place,
        "reference": reference,
        "at": now,
        **_described(passed),
    }
    statement = insert(quarantine).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["event_id"], set_=values))


def _described(passed: Mapping[str, Any] | None) -> dict[str, Any]:
    if passed is None:
        return {"sender": "", "type": "", "size": 0, "keys": [], "other_keys": 0}
    content = passed.get("content")
    names = set(cast("Mapping[str, Any]", content)) if isinstance(content, Mapping) else set[str]()
    known = sorted(names & _KEYS)
    event_type = passed.get("type")
    return {
        "sender": str(passed.get("sender", "")),
        "type": event_type if event_type in _TYPES else "other",
        "size": _size(passed),
        "keys": known,
        "other_keys": len(names) - len(known),
    }


def _size(passed: Mapping[str, Any]) -> int:
    try:
        return len(orjson.dumps(passed))
    except TypeError:
        return 0  # It is too deep or too odd to be written: that may be what broke us.


def rows(connection: Connection) -> tuple[Held, ...]:
    """Return everything that is there, the oldest first."""
    found = connection.execute(select(quarantine).order_by(quarantine.c.at, quarantine.c.event_id)).mappings()
    return tuple(_held(row) for row in found)


def find(connection: Connection, key: str) -> Held | None:
    """Return one row, by its event's id or by the reference that stands in the log and was told to a person."""
    query = select(quarantine).where(or_(quarantine.c.event_id == key, quarantine.c.reference == key))
    row = connection.execute(query.order_by(quarantine.c.at).limit(1)).mappings().first()
    return _held(row) if row is not None else None


def count(connection: Connection) -> int:
    """Return how many events are there."""
    return connection.execute(select(func.count()).select_from(quarantine)).scalar() or 0


def ask_again(connection: Connection, row: Held, now: int) -> None:
    """Let the service ask the homeserver for an event and take it in anew, as soon as it looks."""
    values: dict[str, object] = {"room_id": row.room_id, "due": now, "payload": dict[str, object]()}
    statement = insert(wakes).values(feature=SPINE, key=f"{RETRY}:{row.event_id}", **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["feature", "key"], set_=values))


def drop(connection: Connection, event_ids: Iterable[str]) -> int:
    """Forget rows; the events stay known and are not tried again. Return how many there were."""
    ids = list(event_ids)
    connection.execute(
        delete(wakes).where(wakes.c.feature == SPINE, wakes.c.key.in_([f"{RETRY}:{each}" for each in ids]))
    )
    return connection.execute(delete(quarantine).where(quarantine.c.event_id.in_(ids))).rowcount


def drop_room(connection: Connection, room_id: RoomID) -> None:
    """Forget a room's rows: the AI has left it."""
    connection.execute(delete(quarantine).where(quarantine.c.room_id == room_id))


def drop_from(connection: Connection, sender: UserID, room_id: RoomID | None) -> None:
    """Forget the rows of a person's events, in one room or everywhere."""
    statement = delete(quarantine).where(quarantine.c.sender == sender)
    connection.execute(statement if room_id is None else statement.where(quarantine.c.room_id == room_id))


def _held(row: Mapping[Any, Any]) -> Held:
    return Held(
        event_id=EventID(row["event_id"]),
        room_id=RoomID(row["room_id"]),
        sender=UserID(row["sender"]),
        stage=row["stage"],
        type=row["type"],
        size=row["size"],
        keys=tuple(row["keys"]),
        other_keys=row["other_keys"],
        error=row["error"],
        place=row["place"],
        reference=row["reference"],
        at=row["at"],
    )
