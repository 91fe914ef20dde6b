"""What the gate must know of many events, read in a few queries instead of several for each. Synchronous.

Holds within one unit of work and only until something is written that it rests on: nothing is remembered longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection

from circles.bulk import fetch, server_of
from circles.core.call import Room
from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language, as_language
from circles.facts import posts
from circles.facts.rooms import LOST, Period, minimum_since
from circles_policies.content import Malformed, read_content
from circles_policies.events import mapping
from circles_policies.minimum import interned
from circles_policies.model import DIRECT_MESSAGE, Level, Mark, Member, Policy
from circles_policies.off_record import OffRecord
from circles_policies.retention import Span, from_rows

Json = Mapping[str, Any]

_ROOMS: Final = """
    SELECT r.room_id, r.direct, CAST(r.names AS TEXT), CAST(p.content AS TEXT), p.starts_at, p.ends_at,
        EXISTS (SELECT 1 FROM marks AS m WHERE m.room_id = r.room_id),
        EXISTS (SELECT 1 FROM off_record AS o WHERE o.room_id = r.room_id),
        EXISTS (SELECT 1 FROM redactions AS x WHERE x.room_id = r.room_id), r.filled, r.shut_out,
        CAST(r.retention AS TEXT)
    FROM wanted CROSS JOIN rooms AS r
    LEFT JOIN policies AS p ON p.room_id = r.room_id AND p.state IN ('in_force', 'ended')
    WHERE r.room_id = wanted.a ORDER BY p.starts_at, p.id
"""
_MEMBERS: Final = """
    SELECT m.room_id, m.user_id, m.membership, m.level, m.kept_out, m.since, m.consented_since, m.addressed_since
    FROM wanted CROSS JOIN members AS m WHERE m.room_id = wanted.a AND m.user_id = wanted.b
"""
_MARKS: Final = """
    SELECT m.event_id, m.kind FROM wanted CROSS JOIN marks AS m WHERE m.room_id = wanted.a AND m.event_id = wanted.b
"""
_REDACTED: Final = """
    SELECT x.room_id, x.redacts FROM wanted CROSS JOIN redactions AS x
    WHERE x.room_id = wanted.a AND x.redacts = wanted.b
"""
_OFF_RECORD: Final = """
    SELECT o.room_id, o.since, o.until, o.thread FROM wanted CROSS JOIN off_record AS o WHERE o.room_id = wanted.a
"""
_OURS: Final = "SELECT p.event_id FROM wanted CROSS JOIN posts AS p WHERE p.event_id = wanted.a"
_STANDINGS: Final = """
    SELECT r.room_id, r.direct, r.language, r.zone, r.number, r.generation, r.membership, r.successor, r.shut_out,
        CAST(p.content AS TEXT)
    FROM wanted CROSS JOIN rooms AS r LEFT JOIN policies AS p ON p.room_id = r.room_id AND p.state = 'in_force'
    WHERE r.room_id = wanted.a
"""
_SERVERS: Final = """
    SELECT m.room_id, {server} AS server, count(*) FROM wanted CROSS JOIN members AS m
    WHERE m.room_id = wanted.a AND m.membership = 'join' GROUP BY m.room_id, server ORDER BY count(*) DESC, server
"""
_VIA: Final = 3
_STRANGER: Final = Member(since=None)


class Place(NamedTuple):
    """A room, as far as the gate asks.

    `periods`: its policies, the oldest first; `marked`: some message is; `awaited`: something was redacted there that
    never came; `filled`: its state was read; `retention`: what its `m.room.retention` said over time.
    """

    direct: bool
    names: tuple[str, ...]
    periods: tuple[Period, ...]
    marked: bool
    awaited: bool
    off_record: tuple[OffRecord, ...]
    filled: bool
    retention: tuple[Span, ...]

    def policies_since(self, at: int) -> tuple[Policy, ...]:
        """Return every distinct policy in force from `at` (ms) until now, as `rooms.policies_since` does."""
        if len(self.periods) == 1:
            policy, starts_at, ends_at = self.periods[0]
            return (policy,) if ends_at is None and starts_at <= at else ()
        return minimum_since(self.periods, at)


class Gathered:
    """What is known about the rooms, senders and relations of some events."""

    def __init__(self, connection: Connection, events: Sequence[Json]) -> None:
        """Read it. Every event has the strings that `intake` asks of one."""
        self._connection = connection
        self._rooms = _rooms(connection, {event["room_id"] for event in events})
        people = {(event["room_id"], event["sender"]) for event in events}
        rows = fetch(connection, _MEMBERS, tuple(people))
        self._members = {(row[0], row[1]): _member(*row[3:]) for row in rows}
        self._joined = {(row[0], row[1]) for row in rows if row[2] == "join"}
        kept_apart = {room_id for room_id, place in self._rooms.items() if place.marked}
        marked = [(event["room_id"], event["event_id"]) for event in events if event["room_id"] in kept_apart]
        self._marks = {row[0]: Mark(row[1]) for row in fetch(connection, _MARKS, marked)}
        asked = [(event["room_id"], event["event_id"]) for event in events if self._awaits(event["room_id"])]
        self._redacted = {(row[0], row[1]) for row in fetch(connection, _REDACTED, asked)}
        related = [event for event in events if "m.relates_to" in event["content"]]
        self._related = {target for event in related for target in _related(event)}
        self._ours = {row[0] for row in fetch(connection, _OURS, [(target,) for target in self._related])}

    def _awaits(self, room_id: RoomID) -> bool:
        place = self._rooms.get(room_id)
        return place is not None and place.awaited

    def room(self, room_id: RoomID) -> Place | None:
        """Return a room, None if nothing is known of it."""
        return self._rooms.get(room_id)

    def member(self, room_id: RoomID, user_id: UserID) -> Member:
        """Return what is in force for one person in one room; of a stranger nothing counts yet."""
        return self._members.get((room_id, user_id), _STRANGER)

    def is_joined(self, room_id: RoomID, user_id: UserID) -> bool:
        """Return whether a person is in a room now."""
        return (room_id, user_id) in self._joined

    def mark(self, event_id: EventID) -> Mark:
        """Return the mark on one message."""
        return self._marks.get(event_id, Mark.NONE)

    def is_redacted(self, room_id: RoomID, event_id: EventID) -> bool:
        """Return whether some redaction in this room named an event before it came."""
        return (room_id, event_id) in self._redacted

    def is_ours(self, event_id: str) -> bool:
        """Return whether an event is one of the AI's own."""
        return event_id in self._ours if event_id in self._related else posts.is_ours(self._connection, event_id)


class Standing(NamedTuple):
    """How a room stands at an instant (ms): see `rooms.pace` and `rooms.view`. `room` None: nothing is known of it."""

    read_at: int
    generation: int = 0
    held: bool = False
    room: Room | None = None


def standings(
    connection: Connection, room_ids: Iterable[RoomID], language: Language, now: int
) -> dict[RoomID, Standing]:
    """Return how many rooms stand `now` (ms); `language` is the default where a room has none."""
    found = {room_id: Standing(now) for room_id in room_ids}
    keys = [(room_id,) for room_id in found]
    via: dict[str, tuple[str, ...]] = {}
    for room_id, server, _count in fetch(connection, _SERVERS.format(server=server_of(connection, "m.user_id")), keys):
        known = via.get(room_id, ())
        via[room_id] = (*known, server) if len(known) < _VIA else known
    for row in fetch(connection, _STANDINGS, keys):
        room_id, direct, spoken, zone, number, generation, membership, successor, shut_out, content = row
        policy = DIRECT_MESSAGE if direct else _policy(content) if content is not None else None
        room = Room(
            room_id=room_id,
            direct=bool(direct),
            policy=policy,
            language=as_language(spoken, language),
            zone=zone,
            via=via.get(room_id, ()),
            generation=generation,
            number=number,
        )
        held = membership == LOST or successor is not None or bool(shut_out)
        found[room_id] = Standing(now, generation, held, room)
    return found


def _rooms(connection: Connection, room_ids: Iterable[str]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    rows = fetch(connection, _ROOMS, [(room_id,) for room_id in room_ids])
    covered: set[str] = set()
    for row in rows:
        room_id, direct, names, content, starts_at, ends_at, marked, off_record, awaited, filled, shut_out, said = row
        place = found.get(room_id)
        if place is None:
            periods: tuple[Period, ...] = ((DIRECT_MESSAGE, 0, None),) if direct and not shut_out else ()
            place = found[room_id] = Place(
                bool(direct), _names(names), periods, bool(marked), bool(awaited), (), bool(filled), _spans(said)
            )
        if content is not None and not direct and not shut_out:
            found[room_id] = place._replace(periods=(*place.periods, (_policy(content), starts_at, ends_at)))
        if off_record:
            covered.add(room_id)
    for room_id, *stretch in fetch(connection, _OFF_RECORD, [(room_id,) for room_id in covered]):
        found[room_id] = found[room_id]._replace(off_record=(*found[room_id].off_record, OffRecord(*stretch)))
    return found


@lru_cache(maxsize=4_096)
def _policy(content: str) -> Policy:
    """Read a policy as it is written in its row. Rooms with the same one share it, in memory too."""
    policy = read_content(orjson.loads(content))
    return Policy() if isinstance(policy, Malformed) else interned(policy)


@lru_cache(maxsize=4_096)
def _member(level: str, kept_out: bool, since: int | None, consented_since: int | None, addressed_since: int) -> Member:
    """Make a standing from its row. Most people of a room were told in the same moment, and chose nothing since."""
    return Member(
        level=Level(level),
        kept_out=bool(kept_out),
        since=since,
        consented_since=consented_since,
        addressed_since=addressed_since,
    )


@lru_cache(maxsize=256)
def _names(names: str) -> tuple[str, ...]:
    return tuple(orjson.loads(names))


@lru_cache(maxsize=256)
def _spans(retention: str | None) -> tuple[Span, ...]:
    return from_rows(orjson.loads(retention)) if retention is not None else ()


def _related(event: Json) -> Iterable[str]:
    """Return the events that an event may refer to, in whatever way."""
    relation = mapping(event["content"].get("m.relates_to"))
    for target in (relation.get("event_id"), mapping(relation.get("m.in_reply_to")).get("event_id")):
        if isinstance(target, str):
            yield target
