"""A room's current state as the homeserver shows it, against our rows. Synchronous.

State resolution may change what holds in a room without any event that says so ("state reset"), and an event may be
lost.  We notice by what cannot be: an event that was accepted, from somebody who by our rows is not there or had not
the level for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import Connection, select, update

from circles.core.ids import RoomID, UserID
from circles.facts import rooms
from circles.facts.tables import members
from circles.facts.tables import rooms as rooms_table
from circles_policies.content import POLICY_TYPE
from circles_policies.events import mapping
from circles_policies.retention import RETENTION_TYPE, current, from_rows, read_retention

Json = Mapping[str, Any]
REREAD: Final = "reread"
"""The spine's wake that reads a room's state anew: `reread:<room id>`."""
MEMBER: Final = "m.room.member"
POWER: Final = "m.room.power_levels"
ACL: Final = "m.room.server_acl"
_HOLDS_IF_NEW: Final = frozenset({POLICY_TYPE, "m.room.tombstone"})
"""Which of these holds is ours to decide from when we first hear of it on: what we heard before is not heard again."""


def contradicts(connection: Connection, event: Json, facts: rooms.RoomFacts | None) -> bool:
    """Return whether an event that a homeserver accepted could not be there if our rows were right.

    `facts` is the row of its room, None if there is none.

    Nothing is asked of a room whose state was not read yet, nor of how people come and go: that changes the rows.
    """
    if event["type"] == MEMBER:
        return False
    room_id, sender = RoomID(event["room_id"]), UserID(event["sender"])
    if facts is None or not facts.filled or facts.membership != "join":
        return False
    if not rooms.is_joined(connection, room_id, sender):
        return True
    return "state_key" in event and not facts.power.may_set_state(sender, event["type"])


@dataclass(frozen=True, slots=True)
class Differences:
    """Where the homeserver's current state is not what our rows say.

    Attributes:
        events: state events that hold there and not here, in the order in which they must count.
        absent: who is here by our rows, and not there.
        levels_gone: whether there are no power levels there any more.
    """

    events: tuple[Json, ...]
    absent: tuple[UserID, ...]
    levels_gone: bool

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.events or self.absent or self.levels_gone)


def differences(connection: Connection, room_id: RoomID, state: Sequence[Json]) -> Differences:
    """Compare a room's current state with our rows."""
    row = connection.execute(select(rooms_table).where(rooms_table.c.room_id == room_id)).mappings().one()
    people = select(members.c.user_id, members.c.membership).where(members.c.room_id == room_id)
    known = {str(user): str(membership) for user, membership in connection.execute(people)}
    by_key = {(str(event.get("type")), str(event.get("state_key"))): event for event in state}
    events: list[Json] = []
    levels = by_key.get((POWER, ""))
    if levels is not None and mapping(levels.get("content")) != (row["levels"] or {}):
        events.append(levels)
    there: dict[str, str] = {}
    for (type_, user), event in by_key.items():
        if type_ == MEMBER:
            there[user] = str(mapping(event.get("content")).get("membership"))
            if known.get(user) != there[user] and "join" in (known.get(user), there[user]):
                events.append(event)
    events += [by_key[ACL, ""]] if (ACL, "") in by_key else []  # it changes nothing where it lets us in as before
    retention = by_key.get((RETENTION_TYPE, ""))
    if retention is not None and read_retention(mapping(retention.get("content"))) != current(
        from_rows(row["retention"])
    ):
        events.append(retention)
    if not row["encrypted"] and ("m.room.encryption", "") in by_key:
        events.append(by_key["m.room.encryption", ""])
    events += [by_key[type_, ""] for type_ in sorted(_HOLDS_IF_NEW) if (type_, "") in by_key]
    absent = tuple(UserID(user) for user, value in known.items() if value == "join" and user not in there)
    return Differences(tuple(events), absent, levels is None and row["levels"] is not None)


def only_if_new(event: Json) -> bool:
    """Return whether a state event counts only if it was never taken in before."""
    return event.get("type") in _HOLDS_IF_NEW


def leave_out(connection: Connection, room_id: RoomID, found: Differences) -> None:
    """Write what no event says: who is not there, and that nobody has a level."""
    for user in found.absent:
        here = members.c.room_id == room_id, members.c.user_id == user
        connection.execute(update(members).where(*here).values(membership="leave"))
    if found.levels_gone:
        rooms.save_room(connection, room_id, levels=None)


def as_delivered(event: Json, room_id: RoomID) -> dict[str, Any]:
    """Return a state event as it would have been delivered: `/state` may leave the room out."""
    return {**cast("dict[str, Any]", event), "room_id": room_id}
