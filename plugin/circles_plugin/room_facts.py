"""The only reader of what Synapse knows: state by the module API, single events by read-only SQL.

The module API has no get_event, so `events`, `event_json`, `redactions` and `event_relations` are read by
`run_db_interaction`. Those tables are no stable contract: `is_readable` tries every statement once, and where one
fails nothing that needs it is done. Works on SQLite and PostgreSQL; writes nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from synapse.module_api import EventBase, LoggingTransaction, ModuleApi, StateMap
from twisted.internet.defer import CancelledError

from circles_plugin.approval import AGREE_KEY, Stored
from circles_policies import POLICY_TYPE, Malformed, Policy, Power, read_content

logger = logging.getLogger(__name__)

_COLUMNS: Final = """
    SELECT e.event_id, e.room_id, e.type, e.state_key, e.sender, e.stream_ordering, e.origin_server_ts, e.received_ts,
           j.json, j.internal_metadata
    FROM events AS e JOIN event_json AS j ON j.event_id = e.event_id
    WHERE e.rejection_reason IS NULL AND """
_ONE_EVENT: Final = _COLUMNS + "e.event_id = ? AND NOT e.outlier"
# With outliers: what stood when this homeserver joined the room is one.
_POLICIES: Final = _COLUMNS + "e.room_id = ? AND e.type = ? AND e.state_key = '' ORDER BY e.stream_ordering DESC"
_REDACTIONS: Final = """
    SELECT d.sender, r.recheck FROM redactions AS r JOIN events AS d ON d.event_id = r.event_id
    WHERE r.redacts = ? AND d.room_id = ? AND d.rejection_reason IS NULL"""
_AGREEMENTS: Final = """
    SELECT l.relates_to_id, e.sender, e.origin_server_ts, e.received_ts
    FROM events AS e JOIN event_relations AS l ON l.event_id = e.event_id
    LEFT JOIN redactions AS r ON r.redacts = e.event_id
    WHERE e.room_id = ? AND e.stream_ordering > ? AND e.type = 'm.reaction' AND e.rejection_reason IS NULL
      AND l.relation_type = 'm.annotation' AND l.aggregation_key IN (?, ?) AND r.event_id IS NULL"""
_STATEMENTS: Final[tuple[tuple[str, tuple[object, ...]], ...]] = (
    (_ONE_EVENT, ("$none",)),
    (_POLICIES, ("!none", "none")),
    (_REDACTIONS, ("$none", "!none")),
    (_AGREEMENTS, ("!none", 0, "", "")),
)

LOOK_AGAIN_MS: Final = 10_000
"""How long Synapse's tables count as unreadable before they are looked at again."""

_STATE: Final = (("m.room.create", ""), ("m.room.power_levels", ""), (POLICY_TYPE, ""), ("m.room.member", None))


@dataclass(frozen=True, slots=True)
class RoomState:
    """What the module asks of a room's state.

    Attributes:
        power: None while the room is being created, when its power levels are not to be seen yet.
        policy: what the policy event says, None where there is none that counts.
        policy_event: the event ID of the policy event, valid or not.
    """

    power: Power | None
    joined: frozenset[str]
    policy: Policy | None
    policy_event: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a new policy is compared with.

    Attributes:
        policy: the last valid policy, None if there never was one.
        order: the place of the last policy event of any kind, 0 if there never was one.
    """

    policy: Policy | None
    order: int


def content_of(event: EventBase) -> Mapping[str, object]:
    """Return an event's content; its values are plain JSON."""
    return cast("Mapping[str, object]", event.content)


def read_state(state: StateMap[EventBase]) -> RoomState:
    """Return what a map of state events says about the room."""
    create, levels = state.get(("m.room.create", "")), state.get(("m.room.power_levels", ""))
    power = None
    if create is not None and levels is not None:
        power = Power.of(content_of(create), create.sender, content_of(levels), create.room_version.identifier)
    joined = frozenset(
        key
        for (event_type, key), event in state.items()
        if event_type == "m.room.member" and event.content.get("membership") == "join"
    )
    return RoomState(power, joined, *policy_in_force(state))


def policy_in_force(state: StateMap[EventBase]) -> tuple[Policy | None, str | None]:
    """Return the policy of a map of state events, None where none counts, and the event ID of its event."""
    event = state.get((POLICY_TYPE, ""))
    if event is None:
        return None, None
    policy = read_content(content_of(event))
    return None if isinstance(policy, Malformed) else policy, event.event_id


class RoomFacts:
    """Reads rooms and events; see the module's docstring."""

    def __init__(self, api: ModuleApi) -> None:
        self._api = api
        self._readable = False
        self._look_at = 0
        """When (ms) to look next, while they are not readable."""

    async def is_readable(self) -> bool:
        """Say whether this Synapse's tables have the known shape; if not, that is logged once and looked at again."""
        now = self.now()
        if not self._readable and now >= self._look_at:
            try:
                await self._api.run_db_interaction("circles_self_check", _try_statements)
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - any database driver's error means the same: another shape
                # The name only: a driver's text quotes the statement.
                name, off = type(error).__name__, "publication is off, the AI may set no policy"
                if not self._look_at:
                    logger.warning("Cannot read Synapse's tables (%s): %s", name, off)
                self._look_at = now + LOOK_AGAIN_MS
            else:
                self._readable = True
                if self._look_at:
                    logger.warning("Synapse's tables can be read again: publication is on")
        return self._readable

    async def state(self, room_id: str) -> RoomState:
        """Return the current state of a room."""
        return read_state(await self._api.get_room_state(room_id, _STATE))

    async def event(self, event_id: str) -> Stored | None:
        """Return one accepted event, None if there is none."""
        return await self._api.run_db_interaction("circles_event", _event, event_id)

    async def standing(self, room_id: str, state: RoomState) -> Standing:
        """Return what a new policy of this room is compared with.

        Where the state holds no valid policy, it is the last valid one of the history, read as it was sent: neither
        emptying a policy nor redacting it is a way round the day of notice.
        """
        if state.policy is not None and state.policy_event is not None:
            event = await self.event(state.policy_event)
            return Standing(state.policy, event.order if event else 0)
        history = await self._api.run_db_interaction("circles_policies", _policies, room_id)
        read = (read_content(event.content) for event in history)
        last = next((policy for policy in read if not isinstance(policy, Malformed)), None)
        return Standing(last, history[0].order if history else 0)

    async def agreements(self, room_id: str, after: int) -> Mapping[str, Mapping[str, int]]:
        """Return who put 👍 when on which event, of what came after a place in this homeserver's order."""
        return await self._api.run_db_interaction("circles_agreements", _agreements, room_id, after)

    def now(self) -> int:
        """Return the time in ms."""
        return self._api.get_current_time_msec()


def _try_statements(txn: LoggingTransaction) -> None:
    for sql, arguments in _STATEMENTS:
        _rows(txn, sql, *arguments)


def _rows(txn: LoggingTransaction, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    txn.execute(sql, arguments)
    # Synapse's annotation is a bare tuple, which strict checking knows nothing about.
    found: list[tuple[Any, ...]] = txn.fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found


def _event(txn: LoggingTransaction, event_id: str) -> Stored | None:
    found = _rows(txn, _ONE_EVENT, event_id)
    return _stored(found[0], redacted=_is_redacted(txn, found[0])) if found else None


def _policies(txn: LoggingTransaction, room_id: str) -> list[Stored]:
    found = (_stored(row, redacted=False) for row in _rows(txn, _POLICIES, room_id, POLICY_TYPE))
    return [event for event in found if event is not None]


def _is_redacted(txn: LoggingTransaction, row: Sequence[object]) -> bool:
    event_id, room_id, sender = row[0], row[1], str(row[4])
    redactions = _rows(txn, _REDACTIONS, event_id, room_id)
    # As in Synapse: a redaction to be rechecked counts only from the homeserver of the redacted event's sender.
    return any(not recheck or _server(redacter) == _server(sender) for redacter, recheck in redactions)


def _agreements(txn: LoggingTransaction, room_id: str, after: int) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    keys = (AGREE_KEY, f"{AGREE_KEY}\ufe0f")
    for target, sender, origin, received in _rows(txn, _AGREEMENTS, room_id, after, *keys):
        found.setdefault(str(target), {})[str(sender)] = max(int(origin), int(received or 0))
    return found


def _stored(row: Sequence[object], *, redacted: bool) -> Stored | None:
    event_id, room_id, event_type, state_key, sender, order, origin, received, whole, metadata = row
    if _object(metadata).get("soft_failed"):
        return None
    content = _object(whole).get("content")
    return Stored(
        event_id=str(event_id),
        room_id=str(room_id),
        event_type=str(event_type),
        is_state=state_key is not None,
        sender=str(sender),
        content=cast("Mapping[str, object]", content) if isinstance(content, Mapping) else {},
        order=cast("int", order),
        at=max(cast("int", origin), cast("int | None", received) or 0),
        redacted=redacted,
    )


def _object(text: object) -> Mapping[str, object]:
    value: object = json.loads(str(text))
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _server(user_id: str) -> str:
    return user_id.partition(":")[2]
