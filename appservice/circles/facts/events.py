"""What an event that passed the gate changes about a room: membership, power, encryption, creation. Synchronous.

Run inside the intake commit, before any feature sees the event, so that whoever asks afterwards asks of the present.
Policies, choices and marks are the consent feature's, tombstones those of room upgrades.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from sqlalchemy import Connection, select

from circles.core.ids import RoomID, UserID
from circles.facts import rooms
from circles.facts.tables import members
from circles_policies.events import Classified, Control
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Level, Member

Json = Mapping[str, Any]


def apply(connection: Connection, event: Json, what: Classified, ai: UserID) -> None:
    """Write what a control event changes; an event that changes nothing of this kind is left alone."""
    room_id = RoomID(event["room_id"])
    content = cast("Json", event["content"])
    match what.control:
        case Control.AI_MEMBERSHIP:
            _own_membership(connection, room_id, event, content, what.at, ai)
        case Control.JOIN_LEAVE | Control.MEMBER:
            membership(connection, room_id, UserID(event["state_key"]), str(content.get("membership")), what.at)
        case Control.CREATE:
            created(connection, room_id, str(event["sender"]), content)
        case Control.POWER:
            rooms.save_room(connection, room_id, levels=dict(content))
        case Control.ENCRYPTION:
            rooms.save_room(connection, room_id, encrypted=True)
        case _:
            pass


def departed(connection: Connection, room_id: RoomID, at: int) -> None:
    """Note that we are out of a room for good, where no event says so: what was decided there ends."""
    rooms.save_room(connection, room_id, membership="leave", filled=False)
    rooms.end_policy(connection, room_id, at)
    rooms.tighten(connection, room_id)


def created(connection: Connection, room_id: RoomID, sender: str, content: Json) -> None:
    """Note how a room was created. A room without `room_version` has version 1 (spec "m.room.create")."""
    rooms.save_room(
        connection,
        room_id,
        version=str(content.get("room_version", "1")),
        create={"sender": sender, "content": dict(content)},
    )


def membership(connection: Connection, room_id: RoomID, user_id: UserID, value: str, at: int) -> None:
    """Note that a person came or went. Whoever comes has not been told of the AI yet (PRODUCT.md G17)."""
    known = connection.execute(
        select(members.c.membership).where(members.c.room_id == room_id, members.c.user_id == user_id)
    ).scalar()
    if value == "join" and known != "join":
        standing = fold_choice(rooms.member(connection, room_id, user_id), Choice.JOINED, at)
        standing = _with_choice_for_everywhere(connection, user_id, standing, at)
        rooms.save_member(connection, room_id, user_id, membership="join", joined_at=at)
        rooms.save_choice(connection, room_id, user_id, standing)
    elif value != known:
        rooms.save_member(connection, room_id, user_id, membership=value)


def found_there(connection: Connection, room_id: RoomID, found: Mapping[UserID, str], at: int) -> None:
    """Note who was in a room when its state was read, as `membership` and `rooms.told` do for each, for any number.

    Whoever is there already sees the notice that follows, so nobody of them is a newcomer.
    """
    columns = members.c.user_id, members.c.membership, members.c.joined_at
    rows = connection.execute(select(*columns).where(members.c.room_id == room_id))
    known = {UserID(user_id): (str(value), int(joined_at)) for user_id, value, joined_at in rows}
    for some in _parts(list(found)):
        standings = rooms.members_of(connection, room_id, some)
        everywhere = rooms.members_of(connection, rooms.EVERYWHERE, some)
        changed: list[dict[str, object]] = []
        for user_id in some:
            value, standing = found[user_id], standings[user_id]
            before, joined_at = known.get(user_id, (None, 0))
            if value == "join":
                if before != "join":
                    joined_at = at
                    standing = fold_choice(standing, Choice.JOINED, at)
                    standing = _restricted(standing, everywhere[user_id], at)
                standing = fold_choice(standing, Choice.TOLD, at)
            elif value == before:
                continue
            changed.append(rooms.standing_row(room_id, user_id, standing, value, joined_at))
        rooms.save_standings(connection, changed)


AT_ONCE: Final = 500
"""So many people are looked up in one query."""


def _parts(users: list[UserID]) -> Iterator[list[UserID]]:
    for begin in range(0, len(users), AT_ONCE):
        yield users[begin : begin + AT_ONCE]


def _with_choice_for_everywhere(connection: Connection, user_id: UserID, standing: Member, at: int) -> Member:
    """Apply an "out" a person said for every circle. A yes is for the circles of that moment only."""
    return _restricted(standing, rooms.member(connection, rooms.EVERYWHERE, user_id), at)


def _restricted(standing: Member, everywhere: Member, at: int) -> Member:
    match everywhere.level:
        case Level.NOT_AT_ALL:
            return fold_choice(standing, Choice.NOT_AT_ALL, at)
        case Level.OUT if standing.level is not Level.NOT_AT_ALL:
            return fold_choice(standing, Choice.OUT, at)
        case _:
            return standing


def _own_membership(connection: Connection, room_id: RoomID, event: Json, content: Json, at: int, ai: UserID) -> None:
    value = str(content.get("membership"))
    facts = rooms.room_facts(connection, room_id)
    if value == "invite":
        state = cast("list[Json]", event.get("unsigned", {}).get("invite_room_state", []))
        rooms.save_room(
            connection,
            room_id,
            membership="invite",
            inviter=event["sender"],
            invite_event=event["event_id"],
            invited_at=at,
            filled=False,
            direct=False,
            invited_as_direct=content.get("is_direct") is True,
            encrypted=any(each.get("type") == "m.room.encryption" for each in state),
        )
    elif value == "join" and (facts is None or facts.membership != "join"):
        rooms.save_room(connection, room_id, membership="join", filled=False)
        rooms.save_member(connection, room_id, ai, membership="join", joined_at=at, since=0)
    elif value in ("leave", "ban"):
        rooms.save_room(connection, room_id, membership=value, filled=False)
        rooms.save_member(connection, room_id, ai, membership=value)
        rooms.tighten(connection, room_id)
