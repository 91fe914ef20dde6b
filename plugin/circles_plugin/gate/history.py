"""What the gate reads of Synapse's database to judge events: policies over time, relations, names, who is here.

The policy in force at an event is that of its state group; those since are the accepted policy events that came after
it. Together they are the running minimum (docs/explanation/architecture, "gate"). Neither `current_state_delta_stream`
(its positions are those of a batch) nor `prev_content` (it still shows redacted policies) tells it.

Read only. These tables are no stable contract, so `try_statements` runs every statement once at start-up; where one
fails, the gate answers 503 and Synapse tries again later. Works on SQLite and PostgreSQL. A split state database is
not read.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from synapse.module_api import LoggingTransaction

from circles_policies import (
    POLICY_TYPE,
    Authorisation,
    Malformed,
    Policy,
    RunningMinimum,
    is_within,
    read_authorisation,
    read_content,
)

_EVENTS: Final = """
    SELECT e.event_id, e.room_id, e.sender, e.stream_ordering, e.origin_server_ts, e.received_ts, e.outlier,
           e.rejection_reason, j.internal_metadata, g.state_group
    FROM events AS e JOIN event_json AS j ON j.event_id = e.event_id
    LEFT JOIN event_to_state_groups AS g ON g.event_id = e.event_id
    WHERE e.event_id IN ({})"""
_POLICY_OF_GROUPS: Final = """
    WITH RECURSIVE chain(origin, state_group, depth) AS (
        SELECT DISTINCT g.state_group, g.state_group, 0 FROM event_to_state_groups AS g WHERE g.event_id IN ({})
        UNION ALL
        SELECT c.origin, l.prev_state_group, c.depth + 1
        FROM state_group_edges AS l JOIN chain AS c ON l.state_group = c.state_group
    )
    SELECT c.origin, s.event_id, c.depth FROM chain AS c
    JOIN state_groups_state AS s ON s.state_group = c.state_group
    WHERE s.type = '{type}' AND s.state_key = ''"""
_POLICIES: Final = """
    SELECT e.room_id, e.event_id, e.sender, e.stream_ordering, e.origin_server_ts, e.received_ts,
           j.json, j.internal_metadata, r.event_id IS NOT NULL
    FROM events AS e JOIN event_json AS j ON j.event_id = e.event_id
    LEFT JOIN redactions AS r ON r.redacts = e.event_id
    WHERE e.room_id IN ({}) AND e.type = '{type}' AND e.state_key = '' AND e.rejection_reason IS NULL"""
_OURS: Final = "SELECT e.event_id FROM events AS e WHERE e.event_id IN ({}) AND e.sender = ?"
_THREADS: Final = """
    SELECT DISTINCT l.relates_to_id FROM event_relations AS l JOIN events AS e ON e.event_id = l.event_id
    WHERE l.relates_to_id IN ({}) AND l.relation_type = 'm.thread' AND e.sender = ?"""
_HIDDEN: Final = """
    SELECT DISTINCT l.relates_to_id FROM event_relations AS l JOIN events AS e ON e.event_id = l.event_id
    LEFT JOIN redactions AS r ON r.redacts = e.event_id
    WHERE l.relates_to_id IN ({}) AND l.relation_type = 'm.annotation' AND e.rejection_reason IS NULL
      AND r.event_id IS NULL AND l.aggregation_key IN ('\U0001f648', '\U0001f648\ufe0f')"""
_NAMES: Final = """
    SELECT DISTINCT m.room_id, m.display_name FROM room_memberships AS m
    WHERE m.room_id IN ({}) AND m.user_id = ? AND m.display_name IS NOT NULL"""
_PEOPLE: Final = """
    SELECT DISTINCT m.user_id FROM room_memberships AS m
    WHERE m.room_id = ? AND m.membership IN ('join', 'invite') AND m.user_id <> ? AND m.user_id NOT LIKE ?
    LIMIT 2"""
_INVITES: Final = """
    SELECT j.json FROM room_memberships AS m JOIN event_json AS j ON j.event_id = m.event_id
    WHERE m.room_id = ? AND m.membership = 'invite' LIMIT 10"""
_POSITION: Final = """
    SELECT COUNT(*) FROM events AS e LEFT JOIN event_relations AS l
        ON l.event_id = e.event_id AND l.relation_type = 'm.replace'
    WHERE e.room_id = ? AND e.stream_ordering > ? AND e.type IN ('m.room.message', 'm.room.encrypted')
      AND e.sender <> ? AND l.event_id IS NULL"""
_SHARED: Final = """
    SELECT theirs.room_id FROM current_state_events AS theirs
    JOIN current_state_events AS ours ON ours.room_id = theirs.room_id
    WHERE theirs.type = 'm.room.member' AND theirs.state_key = ? AND theirs.membership = 'join'
      AND ours.type = 'm.room.member' AND ours.state_key = ? AND ours.membership = 'join'"""
_FIRST_SAID: Final = """
    SELECT MIN(e.received_ts) FROM events AS e
    WHERE e.room_id = ? AND e.sender = ? AND e.type IN ('m.room.message', 'm.room.encrypted')
      AND e.received_ts >= ? AND e.rejection_reason IS NULL"""
MOST_POLICIES: Final = 1_000
"""A room whose policy changed more often is judged as one without a policy."""


@dataclass(frozen=True, slots=True)
class Row:
    """Where one event stands; `origin` is what its sender's homeserver says, `received` when it came here, in ms.

    Attributes:
        order: its place in the order in which this homeserver took events in.
        group: the state group that holds the room's state at it.
        counts: whether it is an accepted part of the timeline here: no outlier, not rejected, not soft-failed.
    """

    room_id: str
    sender: str
    order: int
    origin: int
    received: int
    group: int | None
    counts: bool


@dataclass(frozen=True, slots=True)
class Written:
    """One accepted policy event of a room, whether it reads as a policy or not."""

    event_id: str
    sender: str
    order: int
    received: int
    policy: Policy | None
    authorised: Authorisation | None


class Minima(NamedTuple):
    """What is in force from an event until now: for one that was received before `until` (ms), and for a later one."""

    until_then: tuple[Policy, ...]
    until: int
    from_then: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class History:
    """Everything read for one batch of events.

    `minima`: what was worked out of it, by room, the policy event of the events' state and their place among the
    room's policies.
    """

    rows: Mapping[str, Row]
    group_policy: Mapping[int, str]
    policies: Mapping[str, tuple[Written, ...]]
    ours: frozenset[str]
    threads: frozenset[str]
    hidden: frozenset[str]
    names: Mapping[str, tuple[str, ...]]
    direct: frozenset[str]
    positions: Mapping[str, int] = field(default_factory=dict[str, int])
    minima: dict[tuple[str, str | None, int], Minima] = field(default_factory=dict[tuple[str, str | None, int], Minima])


def read(
    txn: LoggingTransaction,
    events: Sequence[Mapping[str, object]],
    related: Collection[str],
    ai: str,
    prefix: str,
    *,
    called: bool,
) -> History:
    """Read what is needed to judge a batch.

    Args:
        txn: a read-only use of Synapse's database.
        events: in client format, of any rooms.
        related: event IDs that the events relate to.
        ai: the AI's user ID.
        prefix: how the user IDs of the AI's helpers begin, `@` included.
        called: whether this is a look back, for which a policy may limit how many messages.
    """
    ids = sorted({str(event.get("event_id")) for event in events})
    rooms = sorted({str(event.get("room_id")) for event in events})
    rows = {str(row[0]): _row(row) for row in _among(txn, _EVENTS, ids)}
    hidden = {str(row[0]) for row in _among(txn, _HIDDEN, sorted({*ids, *related}))}
    named: dict[str, list[str]] = {}
    for room_id, name in _among(txn, _NAMES, rooms, ai):
        named.setdefault(str(room_id), []).append(str(name))
    policies = _policies(txn, rooms)
    counted = {room_id for room_id, written in policies.items() if called and any(map(_counts_messages, written))}
    return History(
        rows=rows,
        group_policy=_policies_of_groups(txn, ids),
        policies=policies,
        ours=frozenset(str(row[0]) for row in _among(txn, _OURS, sorted(related), ai)),
        threads=frozenset(str(row[0]) for row in _among(txn, _THREADS, sorted(related), ai)),
        hidden=frozenset(hidden),
        names={room_id: tuple(names) for room_id, names in named.items()},
        direct=frozenset(room_id for room_id in rooms if _is_direct(txn, room_id, ai, prefix)),
        positions={
            event_id: _position(txn, row, ai) for event_id, row in rows.items() if row.room_id in counted and row.counts
        },
    )


def minimum_at(row: Row, history: History, server_name: str, wait_ms: int) -> tuple[Policy, ...]:
    """Return every policy in force from an event until now; empty where at some moment none was. Pure.

    Folded are the policy of the event's own state, the one in force here when it arrived, and all that came since: what
    is late, forked or reset can only tighten. A looser policy that somebody wrote as state by their own hand starts
    after the day of notice (`wait_ms`), so until then what bound before binds too. One that rests on an approval was
    checked by this homeserver's module, if it was written here.
    """
    written = history.policies.get(row.room_id, ())
    at_event = None if row.group is None else history.group_policy.get(row.group)
    place = bisect_right(written, row.order, key=lambda each: each.order)
    key = (row.room_id, at_event, place)
    minima = history.minima.get(key)
    if minima is None:
        # Nearly all events of a batch have this in common.
        minima = history.minima[key] = _minima(at_event, written, place, server_name, wait_ms)
    return minima.until_then if row.received < minima.until else minima.from_then


def _minima(at_event: str | None, written: Sequence[Written], place: int, server_name: str, wait_ms: int) -> Minima:
    of_state = next((each for each in written if each.event_id == at_event), None)
    if of_state is None or len(written) > MOST_POLICIES:
        return Minima((), 0, ())
    bound, until = _bound(written[:place], server_name, wait_ms)
    since = [each.policy for each in written[place:]]

    def folded(bound: Sequence[Policy | None]) -> tuple[Policy, ...]:
        minimum = RunningMinimum()
        for policy in (of_state.policy, *bound, *since):
            minimum = minimum.fold(policy)
        return minimum.room

    return Minima(folded(bound), until, folded(bound[-1:]))


def _bound(written: Sequence[Written], server_name: str, wait_ms: int) -> tuple[tuple[Policy | None, ...], int]:
    """Return what binds after some policies, and until when (ms): from then on only the last of it does."""
    bound: tuple[Policy, ...] = ()
    until = 0
    broken = False
    for each in written:
        broken = each.policy is None
        if each.policy is None:
            continue  # What was valid before it is still what a new one is compared with.
        if each.received >= until:
            bound = bound[-1:]
        checked = each.authorised is not None and _server(each.sender) == server_name
        if checked or all(is_within(each.policy, old) for old in bound):
            bound, until = (each.policy,), 0
        else:
            bound = (*bound, each.policy)
            until = each.received + wait_ms
    return ((None,), 0) if broken else (bound, until)


def _server(user_id: str) -> str:
    return user_id.partition(":")[2]


def _row(row: Sequence[Any]) -> Row:
    _, room_id, sender, order, origin, received, outlier, rejected, metadata, group = row
    return Row(
        room_id=str(room_id),
        sender=str(sender),
        order=int(order),
        origin=int(origin),
        received=int(received or origin),
        group=None if group is None else int(group),
        counts=not outlier and rejected is None and not _is_soft_failed(metadata),
    )


def _policies_of_groups(txn: LoggingTransaction, ids: Sequence[str]) -> dict[int, str]:
    found: dict[int, tuple[int, str]] = {}
    for group, event_id, depth in _among(txn, _POLICY_OF_GROUPS.replace("{type}", POLICY_TYPE), ids):
        nearest = found.get(int(group))
        if nearest is None or int(depth) < nearest[0]:
            found[int(group)] = (int(depth), str(event_id))
    return {group: event_id for group, (_, event_id) in found.items()}


def _policies(txn: LoggingTransaction, rooms: Sequence[str]) -> dict[str, tuple[Written, ...]]:
    found: dict[str, dict[str, Written]] = {}
    for row in _among(txn, _POLICIES.replace("{type}", POLICY_TYPE), rooms):
        room_id, event_id, sender, order, origin, received, whole, metadata, redacted = row
        if _is_soft_failed(metadata):
            continue
        read = _read_policy(str(whole))
        # Of a redacted one nobody knows since when: it counts as one that never read as a policy.
        policy, authorised = (None, None) if redacted else read
        found.setdefault(str(room_id), {})[str(event_id)] = Written(
            event_id=str(event_id),
            sender=str(sender),
            order=int(order),
            received=int(origin if received is None else received),
            policy=policy,
            authorised=authorised,
        )
    return {room_id: tuple(sorted(each.values(), key=lambda one: one.order)) for room_id, each in found.items()}


@lru_cache(maxsize=256)
def _read_policy(whole: str) -> tuple[Policy | None, Authorisation | None]:
    """Return what the JSON of a policy event says; the same events are read for every batch of their room."""
    content = _object(whole).get("content")
    policy = read_content(content)
    return (None, None) if isinstance(policy, Malformed) else (policy, read_authorisation(content))


def _is_soft_failed(metadata: object) -> bool:
    # Nearly none has it, and most have other things that would be read for nothing.
    return "soft_failed" in str(metadata) and bool(_object(metadata).get("soft_failed"))


def _is_direct(txn: LoggingTransaction, room_id: str, ai: str, prefix: str) -> bool:
    """Say whether a room is a direct message with the AI: one other person ever, and an invite that said so."""
    if len(_rows(txn, _PEOPLE, room_id, ai, f"{_like(prefix)}%")) != 1:
        return False
    for (whole,) in _rows(txn, _INVITES, room_id):
        content = _object(whole).get("content")
        if isinstance(content, Mapping) and cast("Mapping[str, object]", content).get("is_direct") is True:
            return True
    return False


def _like(prefix: str) -> str:
    # SQLite knows no escape in LIKE unless it is named; "_" as any character only counts more people as helpers
    # of the AI, and of one exclusive namespace: nobody else can hold such a name.
    return prefix.replace("%", "")


def _counts_messages(written: Written) -> bool:
    return written.policy is not None and written.policy.read.messages is not None


def _position(txn: LoggingTransaction, row: Row, ai: str) -> int:
    return int(_rows(txn, _POSITION, row.room_id, row.order, ai)[0][0])


def shared(txn: LoggingTransaction, user_id: str, ai: str) -> list[str]:
    """Return the rooms in which a person and the AI both are now."""
    return [str(row[0]) for row in _rows(txn, _SHARED, user_id, ai)]


def first_said(txn: LoggingTransaction, room_id: str, sender: str, after: int) -> int | None:
    """Return when somebody first said something in a room after an instant (ms), None if never."""
    found = _rows(txn, _FIRST_SAID, room_id, sender, after)[0][0]
    return None if found is None else int(found)


def try_statements(txn: LoggingTransaction) -> None:
    """Run every statement once on nothing. Raises whatever the driver raises where a table has another shape."""
    for statement in (_EVENTS, _POLICY_OF_GROUPS, _POLICIES, _HIDDEN):
        _among(txn, statement.replace("{type}", POLICY_TYPE), ["none"])
    for statement in (_OURS, _THREADS, _NAMES):
        _among(txn, statement, ["none"], "@none")
    _rows(txn, _PEOPLE, "!none", "@none", "@none%")
    _rows(txn, _INVITES, "!none")
    _rows(txn, _SHARED, "@none", "@none")
    _rows(txn, _POSITION, "!none", 0, "@none")
    _rows(txn, _FIRST_SAID, "!none", "@none", 0)


def _among(txn: LoggingTransaction, sql: str, values: Sequence[str], *arguments: object) -> Iterable[tuple[Any, ...]]:
    """Run a statement for many values; in slices, since SQLite takes no more than 999."""
    for start in range(0, len(values), 500):
        part = values[start : start + 500]
        yield from _rows(txn, sql.replace("({})", f"({','.join('?' * len(part))})"), *part, *arguments)


def _rows(txn: LoggingTransaction, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    txn.execute(sql, arguments)
    # Synapse's annotation is a bare tuple, which strict checking knows nothing about.
    found: list[tuple[Any, ...]] = txn.fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found


def _object(text: object) -> Mapping[str, object]:
    value: object = json.loads(str(text))
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
