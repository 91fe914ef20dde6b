"""Room upgrades as rows: which room goes on in which, and whether what is held for it went along. Synchronous.

Nothing a homeserver or a person says is enough alone.  The old room must name the new one, in a tombstone by somebody
whose level counts there; the new one must name the old one in the event that created it, and that tombstone where its
version has a place for it (before 12; from then on a room's id is made of that event, so it cannot know the tombstone).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select, update

from circles.core.ids import EventID, RoomID, UserID
from circles.dialects import insert
from circles.facts import rooms
from circles.facts.tables import members, upgrades
from circles.facts.tables import rooms as rooms_table
from circles_policies.events import mapping, text
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Level, Member

MOST: Final = 20
"""So many upgrades of one room are followed back and forth; rooms that name each other in a ring end there."""
NOT_YET: Final = "not_yet"
"""The membership of somebody who chose in the old room and has not come to the new one: they have not left it."""
_LIKE_THE_OLD: Final = ("language", "zone", "quiet", "dial")
"""What people set for a room, and what the room that goes on has until somebody sets it anew."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A tombstone that counts: `old` goes on in `new`, said by `by` in the event `tombstone` at an instant (ms)."""

    old: RoomID
    new: RoomID
    tombstone: EventID
    by: UserID
    at: int
    followed: bool


def note(connection: Connection, upgrade: Upgrade) -> bool:
    """Write an upgrade; a later tombstone replaces it until it was followed. Return whether it stands now."""
    known = _of(connection, upgrade.old)
    if known is not None and known.followed:
        return False
    values: dict[str, object] = {
        "replacement": upgrade.new,
        "tombstone": upgrade.tombstone,
        "by": upgrade.by,
        "at": upgrade.at,
    }
    statement = insert(upgrades).values(room_id=upgrade.old, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["room_id"], set_=values))
    rooms.save_room(connection, upgrade.old, successor=upgrade.new)
    return True


def undo(connection: Connection, tombstone: EventID) -> RoomID | None:
    """Forget an upgrade whose tombstone was redacted before it was followed; return the room that goes on as it was."""
    found = select(upgrades.c.room_id).where(upgrades.c.tombstone == tombstone, upgrades.c.followed_at.is_(None))
    room_id = connection.execute(found).scalar()
    if room_id is None:
        return None
    connection.execute(delete(upgrades).where(upgrades.c.room_id == room_id))
    rooms.save_room(connection, RoomID(room_id), successor=None)
    return RoomID(room_id)


def into(connection: Connection, room_id: RoomID) -> Upgrade | None:
    """Return the upgrade that made a room, if both rooms say so; None for a room that replaces none we know."""
    predecessor = mapping(rooms.created_with(connection, room_id).get("predecessor"))
    old = text(predecessor.get("room_id"))
    upgrade = _of(connection, RoomID(old)) if old is not None else None
    if upgrade is None or upgrade.new != room_id or upgrade.old == room_id:
        return None
    named = predecessor.get("event_id")
    return upgrade if named is None or named == upgrade.tombstone else None


def ready(connection: Connection, room_id: RoomID) -> Upgrade | None:
    """Return the upgrade into a room that is to be followed now: a policy stands there, and it was not followed yet."""
    upgrade = into(connection, room_id)
    if upgrade is None or upgrade.followed or rooms.current_policy(connection, room_id) is None:
        return None
    old, new = rooms.room_facts(connection, upgrade.old), rooms.room_facts(connection, room_id)
    alike = old is not None and new is not None and old.direct == new.direct
    return upgrade if alike and new is not None and new.membership == "join" else None


def mark_followed(connection: Connection, upgrade: Upgrade, now: int) -> None:
    """Note that what is held went along: it does so once."""
    connection.execute(update(upgrades).where(upgrades.c.room_id == upgrade.old).values(followed_at=now))


def onward(connection: Connection, room_id: RoomID, *, followed: bool = True) -> tuple[RoomID, ...]:
    """Return a room and those in which what was held for it is now; also those it is to go to, unless `followed`."""
    line = [room_id]
    while len(line) < MOST:
        upgrade = _of(connection, line[-1])
        if upgrade is None or (followed and not upgrade.followed) or upgrade.new in line:
            break
        line.append(upgrade.new)
    return tuple(line)


def carry_choices(connection: Connection, upgrade: Upgrade, now: int) -> None:
    """Let everybody who is out in the old room be out in the new one, whether they are there yet or not.

    What they chose in the new room stands where it is stricter, or is their own yes. A yes of the old room is not
    carried: it was said to the people and the admins of then.
    """
    barred = (members.c.level != Level.NONE.value) | members.c.kept_out
    query = select(members.c.user_id, members.c.because).where(members.c.room_id == upgrade.old, barred)
    for user_id, because in connection.execute(query).all():
        user = UserID(user_id)
        old, new = rooms.member(connection, upgrade.old, user), rooms.member(connection, upgrade.new, user)
        folded = new
        for choice in _restrictions(old, new):
            folded = fold_choice(folded, choice, now)
        if folded == new:
            continue
        there = connection.execute(
            select(members.c.membership).where(members.c.room_id == upgrade.new, members.c.user_id == user)
        ).scalar()
        if there is None:
            rooms.save_member(connection, upgrade.new, user, membership=NOT_YET)
        rooms.save_choice(connection, upgrade.new, user, folded, EventID(because) if because else None)
        rooms.tighten(connection, upgrade.new)


def _restrictions(old: Member, new: Member) -> tuple[Choice, ...]:
    """Return what the old room adds to a standing in the new one."""
    own: tuple[Choice, ...] = ()
    if new.level in (Level.NONE, Level.OUT):
        own = {Level.NOT_AT_ALL: (Choice.NOT_AT_ALL,), Level.OUT: (Choice.OUT,)}.get(old.level, ())
    return (*own, Choice.KEEP_OUT) if old.kept_out else own


def carry_room(connection: Connection, upgrade: Upgrade) -> None:
    """Give the new room what people had set for the old one, and its number: the address that has it moves too."""
    row = connection.execute(select(rooms_table).where(rooms_table.c.room_id == upgrade.old)).mappings().one()
    new = connection.execute(select(rooms_table).where(rooms_table.c.room_id == upgrade.new)).mappings().one()
    values = {key: row[key] for key in _LIKE_THE_OLD if new[key] is None and row[key] is not None}
    if row["number"] is not None and new["number"] is None:
        rooms.save_room(connection, upgrade.old, number=None)
        values["number"] = row["number"]
    if values:
        rooms.save_room(connection, upgrade.new, **values)


def _of(connection: Connection, room_id: RoomID) -> Upgrade | None:
    row = connection.execute(select(upgrades).where(upgrades.c.room_id == room_id)).mappings().first()
    if row is None:
        return None
    return Upgrade(
        old=RoomID(row["room_id"]),
        new=RoomID(row["replacement"]),
        tombstone=EventID(row["tombstone"]),
        by=UserID(row["by"]),
        at=row["at"],
        followed=row["followed_at"] is not None,
    )
