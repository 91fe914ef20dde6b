"""The rows of the reminders. What stands here is what someone asked to keep; done or cancelled, it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    String,
    Table,
    delete,
    false,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from circles.core.coming import Coming
from circles.core.effects import CancelWake, Effect
from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language, as_language
from circles.core.quiet import Quiet
from circles.core.schedule import Rule
from circles.errors import Stale
from circles.facts.rooms import quiet_hours
from circles.facts.tables import members, metadata, people, posts, rooms, wakes
from circles.feature import Followed, Held
from circles.features.reminders import strings
from circles.features.reminders.decide import Around
from circles.features.reminders.values import (
    NAME,
    AddPending,
    AddReminder,
    ChangeReminder,
    DropPending,
    DropReminder,
    Pending,
    RememberQuiet,
    RememberRoomZone,
    RememberZone,
    Reminder,
    wake_keys,
)

reminders: Final = Table(
    "reminders",
    metadata,
    Column("id", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("room_id", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("text", String, nullable=False),
    Column("rule", JSON, nullable=False),
    Column("zone", String, nullable=False),
    Column("next_due", BigInteger, nullable=False),
    Column("again", BigInteger),
    Column("fired_at", BigInteger),
    Column("done_at", BigInteger),
    Column("state", String, nullable=False, default="active"),
    Column("for_room", Boolean, nullable=False, default=False),
    Column("private", Boolean, nullable=False, default=False),
    Column("source_event", String, nullable=False),
    Column("thread", String),
    Column("language", String, nullable=False, default="en"),
    Column("created_at", BigInteger, nullable=False),
    Column("alarm", Boolean, nullable=False, default=False, server_default=false()),
    Column("origin", String),
    Column("rings", Integer, nullable=False, default=0, server_default="0"),
    Index(None, "room_id", "state"),
    Index(None, "owner"),
    Index(None, "source_event"),
)
"""state: active, paused, or fired (said once, kept a few days so that it can be put off). `again` is a snooze, or an
alarm's next ring, still to come.
"""

reminder_pending: Final = Table(
    "reminder_pending",
    metadata,
    Column("id", String, primary_key=True),
    Column("room_id", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("text", String, nullable=False),
    Column("options", JSON, nullable=False),
    Column("for_room", Boolean, nullable=False, default=False),
    Column("private", Boolean, nullable=False, default=False),
    Column("source_event", String, nullable=False),
    Column("thread", String),
    Column("language", String, nullable=False, default="en"),
    Column("asked_at", BigInteger, nullable=False),
    Column("alarm", Boolean, nullable=False, default=False, server_default=false()),
    Index(None, "owner"),
    Index(None, "source_event"),
)
"""Requests that wait for a time zone (no options) or for a choice among times. Gone after a day."""


# ---- reading


def reminder(connection: Connection, key: str) -> Reminder | None:
    """Return one reminder."""
    row = connection.execute(select(reminders).where(reminders.c.id == key)).mappings().one_or_none()
    return _reminder(row) if row else None


def in_room(connection: Connection, room_id: RoomID) -> tuple[Reminder, ...]:
    """Return the reminders of a room, the next one first."""
    return _many(connection, reminders.c.room_id == room_id)


def of_owner(connection: Connection, owner: UserID) -> tuple[Reminder, ...]:
    """Return a person's reminders in all rooms, the next one first."""
    return _many(connection, reminders.c.owner == owner)


def around(connection: Connection, room_id: RoomID, owner: UserID) -> tuple[Reminder, ...]:
    """Return the reminders of a room and those of a person, whose numbers must differ."""
    return _many(connection, or_(reminders.c.room_id == room_id, reminders.c.owner == owner))


def meets(connection: Connection, room_id: RoomID, owner: UserID) -> Around:
    """Return what a new reminder of a person in a room meets."""
    return Around(
        rows=around(connection, room_id, owner),
        waiting=len(pending_of(connection, owner)),
        quiet=quiet_hours(connection, room_id),
        own=_own_quiet(connection, owner),
    )


def said_about(connection: Connection, event_id: EventID) -> str | None:
    """Return the reminder that a post of the AI's speaks of, found by the post's event."""
    found = select(posts.c.subject).where(posts.c.event_id == event_id, posts.c.feature == NAME)
    return connection.execute(found).scalar_one_or_none() or None


def pending(connection: Connection, key: str) -> Pending | None:
    """Return one request that waits for an answer."""
    found = select(reminder_pending).where(reminder_pending.c.id == key)
    row = connection.execute(found).mappings().one_or_none()
    return _pending(row) if row else None


def pending_of(connection: Connection, owner: UserID) -> tuple[Pending, ...]:
    """Return the requests of a person that wait for an answer, the oldest first."""
    found = select(reminder_pending).where(reminder_pending.c.owner == owner).order_by(reminder_pending.c.asked_at)
    return tuple(_pending(row) for row in connection.execute(found).mappings())


def pending_in(connection: Connection, room_id: RoomID) -> tuple[Pending, ...]:
    """Return the requests in a room that wait for an answer."""
    found = select(reminder_pending).where(reminder_pending.c.room_id == room_id)
    return tuple(_pending(row) for row in connection.execute(found).mappings())


def was_said(connection: Connection, subject: str) -> bool:
    """Return whether a kind line with this subject was said already."""
    found = select(posts.c.effect_id).where(posts.c.feature == NAME, posts.c.subject == subject)
    return connection.execute(found).first() is not None


def zones(connection: Connection, user_id: UserID, room_id: RoomID) -> str | None:
    """Return the zone to reckon with for a person in a room: their own, else the room's."""
    own = connection.execute(select(people.c.zone).where(people.c.user_id == user_id)).scalar_one_or_none()
    return own or connection.execute(select(rooms.c.zone).where(rooms.c.room_id == room_id)).scalar_one_or_none()


def quiet_for(connection: Connection, row: Reminder) -> Quiet | None:
    """Return the quiet hours of where a reminder speaks: its room, or of a private one its owner's private chat."""
    return _own_quiet(connection, row.owner) if row.private else quiet_hours(connection, row.room_id)


def _own_quiet(connection: Connection, user_id: UserID) -> Quiet | None:
    found = select(people.c.direct_room).where(people.c.user_id == user_id)
    direct = connection.execute(found).scalar_one_or_none()
    return quiet_hours(connection, RoomID(direct)) if direct else None


def ringing(connection: Connection, room_id: RoomID, owner: UserID, *, everyone: bool) -> tuple[Reminder, ...]:
    """Return the alarms that ring now in a room (`everyone`: also those of others), or in private for `owner`.

    In their private chat that is every private one of theirs, wherever it was asked for.
    """
    direct = connection.execute(select(people.c.direct_room).where(people.c.user_id == owner)).scalar_one_or_none()
    here = (reminders.c.room_id == room_id) & reminders.c.private.is_(False)
    if not everyone:
        here &= reminders.c.owner == owner
    if direct == room_id:
        here |= (reminders.c.owner == owner) & reminders.c.private
    return _many(connection, here & reminders.c.again.is_not(None) & (reminders.c.rings > 0))


def has_left(connection: Connection, user_id: UserID, room_id: RoomID) -> bool:
    """Return whether a person is known to be no longer in a room."""
    found = select(members.c.membership).where(members.c.room_id == room_id, members.c.user_id == user_id)
    return connection.execute(found).scalar_one_or_none() in ("leave", "ban")


def coming(connection: Connection, room_id: RoomID, start: int, until: int, _language: Language) -> tuple[Coming, ...]:
    """Return the dates of a room's reminders between two instants (ms), for its digest. Personal ones stay personal."""
    found = select(reminders).where(
        reminders.c.room_id == room_id,
        reminders.c.state == "active",
        reminders.c.for_room,
        reminders.c.next_due.between(start, until),
    )
    rows = [_reminder(row) for row in connection.execute(found.order_by(reminders.c.next_due)).mappings()]
    return tuple(Coming(row.next_due, row.text, row.source, row.owner) for row in rows)


# ---- writing, each for one effect of `decide`


def write(connection: Connection, effect: Effect) -> None:
    """Write what one of our effects says, in the unit of work of the posts that tell of it."""
    match effect:
        case AddReminder(reminder=new):
            if reminder(connection, new.id) is None:
                _is_free(connection, new)
                connection.execute(insert(reminders).values(_row(new)))
        case ChangeReminder(id=key, changes=changes):
            values = {name: _ms(value) if isinstance(value, datetime) else value for name, value in changes.items()}
            connection.execute(update(reminders).where(reminders.c.id == key).values(values))
        case DropReminder(id=key):
            connection.execute(delete(reminders).where(reminders.c.id == key))
        case AddPending(pending=new):
            connection.execute(delete(reminder_pending).where(reminder_pending.c.id == new.id))
            connection.execute(insert(reminder_pending).values(_pending_row(new)))
        case DropPending(id=key):
            connection.execute(delete(reminder_pending).where(reminder_pending.c.id == key))
        case RememberZone(user_id=user_id, zone=zone):
            changed = connection.execute(update(people).where(people.c.user_id == user_id).values(zone=zone))
            if not changed.rowcount:
                connection.execute(insert(people).values(user_id=user_id, zone=zone))
        case RememberRoomZone(room_id=room_id, zone=zone):
            connection.execute(update(rooms).where(rooms.c.room_id == room_id).values(zone=zone))
        case RememberQuiet(room_id=room_id, quiet=quiet):
            value = quiet.to_json() if quiet else null()
            connection.execute(update(rooms).where(rooms.c.room_id == room_id).values(quiet=value))
        case _:
            raise TypeError(f"not an effect of the reminders: {type(effect).__name__}")


def _is_free(connection: Connection, new: Reminder) -> None:
    """Raise Stale where a number was given to another meanwhile: it is what people say to name a reminder.

    Whoever counted the same rows chose the same number, so this holds the limits on their number, too.
    """
    around_it = or_(reminders.c.room_id == new.room_id, reminders.c.owner == new.owner)
    taken = select(reminders.c.id).where(around_it, reminders.c.number == new.number)
    if connection.execute(taken).first() is not None:
        raise Stale


# ---- taking back


def forget(connection: Connection, event_ids: tuple[EventID, ...]) -> tuple[Effect, ...]:
    """Delete what was asked for in these events, and the wakes with it."""
    return _drop(connection, reminders.c.source_event.in_(event_ids), reminder_pending.c.source_event.in_(event_ids))


def forget_person(connection: Connection, user_id: UserID, room_id: RoomID | None) -> tuple[Effect, ...]:
    """Delete a person's reminders, in one room or everywhere; their time zone and quiet hours go with the last."""
    ours, waiting = reminders.c.owner == user_id, reminder_pending.c.owner == user_id
    if room_id is not None:
        ours, waiting = ours & (reminders.c.room_id == room_id), waiting & (reminder_pending.c.room_id == room_id)
        return _drop(connection, ours, waiting)
    direct = select(people.c.direct_room).where(people.c.user_id == user_id).scalar_subquery()
    connection.execute(update(rooms).where(rooms.c.room_id == direct).values(quiet=null()))
    connection.execute(update(people).where(people.c.user_id == user_id).values(zone=None))
    return _drop(connection, ours, waiting)


def follow(connection: Connection, old: RoomID, new: RoomID, _now: int) -> Followed:
    """Take a room's reminders into the one it was upgraded to; who is not there gets theirs in private.

    Requests that wait for an answer are dropped: they stand in the old room, for a day at most.
    """
    gone = _drop(connection, false(), reminder_pending.c.room_id == old)
    ours = reminders.c.room_id == old
    count = connection.execute(select(func.count()).where(ours, reminders.c.state != "fired")).scalar() or 0
    there = select(members.c.user_id).where(members.c.room_id == new, members.c.membership == "join")
    absent = reminders.c.for_room.is_(False), reminders.c.owner.not_in(there)
    connection.execute(update(reminders).where(ours, *absent).values(private=True))
    moved = {"room_id": new, "origin": func.coalesce(reminders.c.origin, reminders.c.room_id), "thread": None}
    connection.execute(update(reminders).where(ours).values(moved))
    connection.execute(update(wakes).where(wakes.c.feature == NAME, wakes.c.room_id == old).values(room_id=new))
    return Followed({"reminders": count}, gone)


def forget_room(connection: Connection, room_id: RoomID) -> None:
    """Drop a room's reminders and what waits for an answer there: the AI has left it."""
    _drop(connection, reminders.c.room_id == room_id, reminder_pending.c.room_id == room_id)


def _drop(connection: Connection, which: ColumnElement[bool], waiting: ColumnElement[bool]) -> tuple[Effect, ...]:
    gone = connection.execute(select(reminders.c.id).where(which)).scalars().all()
    gone_waiting = connection.execute(select(reminder_pending.c.id).where(waiting)).scalars().all()
    connection.execute(delete(reminders).where(which))
    connection.execute(delete(reminder_pending).where(waiting))
    keys = [key for found in gone for key in wake_keys(found)] + list(gone_waiting)
    return tuple(CancelWake(NAME, key) for key in keys)


def held(connection: Connection, user_id: UserID, room_id: RoomID | None, language: Language) -> tuple[Held, ...]:
    """Return what is held about a person: reminders, in one room or everywhere, their time zone and quiet hours."""
    mine = [row for row in of_owner(connection, user_id) if room_id in (None, row.room_id)]
    waiting = [row for row in pending_of(connection, user_id) if room_id in (None, row.room_id)]
    zone = connection.execute(select(people.c.zone).where(people.c.user_id == user_id)).scalar_one_or_none()
    quiet = _own_quiet(connection, user_id)
    kinds = (
        (strings.HELD_REMINDERS, tuple(row.text for row in mine)),
        (strings.HELD_PENDING, tuple(row.text for row in waiting)),
        (strings.HELD_ZONE, (zone,) if zone else ()),
        (strings.HELD_QUIET, ("{start}\u2013{end} ({zone})".format(**quiet.to_json()),) if quiet else ()),
    )
    return tuple(Held(kind[language], len(lines), lines) for kind, lines in kinds if lines)


# ---- rows


def _many(connection: Connection, which: ColumnElement[bool]) -> tuple[Reminder, ...]:
    found = select(reminders).where(which).order_by(reminders.c.next_due, reminders.c.number)
    return tuple(_reminder(row) for row in connection.execute(found).mappings())


def _row(value: Reminder) -> dict[str, object]:
    return {
        "id": value.id,
        "number": value.number,
        "room_id": value.room_id,
        "owner": value.owner,
        "text": value.text,
        "rule": value.rule.to_json(),
        "zone": value.zone,
        "next_due": _ms(value.next_due),
        "again": _ms(value.again),
        "fired_at": _ms(value.fired_at),
        "done_at": _ms(value.done_at),
        "state": value.state,
        "for_room": value.for_room,
        "private": value.private,
        "source_event": value.source_event,
        "thread": value.thread,
        "language": value.language,
        "created_at": _ms(value.created_at),
        "alarm": value.alarm,
        "rings": value.rings,
        "origin": value.origin,
    }


def _reminder(row: Mapping[Any, Any]) -> Reminder:
    return Reminder(
        id=row["id"],
        number=row["number"],
        room_id=RoomID(row["room_id"]),
        owner=UserID(row["owner"]),
        text=row["text"],
        rule=Rule.from_json(row["rule"]),
        zone=row["zone"],
        next_due=_at(row["next_due"]),
        again=_maybe(row["again"]),
        fired_at=_maybe(row["fired_at"]),
        done_at=_maybe(row["done_at"]),
        state=row["state"],
        for_room=row["for_room"],
        private=row["private"],
        source_event=EventID(row["source_event"]),
        thread=EventID(row["thread"]) if row["thread"] else None,
        language=as_language(row["language"], "en"),
        created_at=_at(row["created_at"]),
        alarm=row["alarm"],
        rings=row["rings"],
        origin=RoomID(row["origin"]) if row["origin"] else None,
    )


def _pending_row(value: Pending) -> dict[str, object]:
    return {
        "id": value.id,
        "room_id": value.room_id,
        "owner": value.owner,
        "text": value.text,
        "options": [option.to_json() for option in value.options],
        "for_room": value.for_room,
        "private": value.private,
        "source_event": value.source_event,
        "thread": value.thread,
        "language": value.language,
        "asked_at": _ms(value.asked_at),
        "alarm": value.alarm,
    }


def _pending(row: Mapping[Any, Any]) -> Pending:
    return Pending(
        id=row["id"],
        room_id=RoomID(row["room_id"]),
        owner=UserID(row["owner"]),
        text=row["text"],
        options=tuple(Rule.from_json(option) for option in row["options"]),
        for_room=row["for_room"],
        private=row["private"],
        source_event=EventID(row["source_event"]),
        thread=EventID(row["thread"]) if row["thread"] else None,
        language=as_language(row["language"], "en"),
        asked_at=_at(row["asked_at"]),
        alarm=row["alarm"],
    )


def _ms(value: datetime | None) -> int | None:
    return None if value is None else int(value.timestamp() * 1000)


def _at(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def _maybe(value: int | None) -> datetime | None:
    return None if value is None else _at(value)
