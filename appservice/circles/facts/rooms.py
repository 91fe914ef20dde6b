"""Rooms and people as rows: read into frozen values, written by the control lane. Synchronous; a connection is
given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Case, Column, Connection, Select, case, exists, func, select, update

from circles.core.call import Room
from circles.core.ids import EventID, RoomID, UserID, server_of
from circles.core.language import Language, as_language
from circles.core.quiet import Quiet
from circles.core.voice import Dial
from circles.dialects import insert
from circles.facts.tables import marks, members, people, policies, rooms, threads, upgrades
from circles.facts.tables import off_record as off_record_table
from circles_policies.content import Malformed, read_content
from circles_policies.minimum import Choice, RunningMinimum, fold_choice
from circles_policies.model import DIRECT_MESSAGE, Level, Mark, Member, Policy
from circles_policies.off_record import OffRecord
from circles_policies.power import Power
from circles_policies.retention import Span, from_rows

EVERYWHERE = RoomID("")
LOST = "lost"
"""The membership of a room that the homeserver knows nothing of, though we were in it."""


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """One row of `rooms`, with the power levels computed."""

    room_id: RoomID
    direct: bool
    invited_as_direct: bool
    version: str
    power: Power
    encrypted: bool
    membership: str
    inviter: UserID | None
    invite_event: EventID | None
    invited_at: int | None
    filled: bool
    language: str | None
    zone: str | None
    names: tuple[str, ...]
    number: int | None
    generation: int
    successor: RoomID | None
    shut_out: bool
    retention: tuple[Span, ...]


def room_facts(connection: Connection, room_id: RoomID) -> RoomFacts | None:
    """Return what we know of a room, None if nothing."""
    row = connection.execute(select(rooms).where(rooms.c.room_id == room_id)).mappings().first()
    if row is None:
        return None
    return RoomFacts(
        room_id=room_id,
        direct=bool(row["direct"]),
        invited_as_direct=bool(row["invited_as_direct"]),
        version=str(row["version"]),
        power=_power(row),
        encrypted=bool(row["encrypted"]),
        membership=str(row["membership"]),
        inviter=UserID(row["inviter"]) if row["inviter"] else None,
        invite_event=EventID(row["invite_event"]) if row["invite_event"] else None,
        invited_at=row["invited_at"],
        filled=bool(row["filled"]),
        language=row["language"],
        zone=row["zone"],
        names=tuple(row["names"]),
        number=row["number"],
        generation=int(row["generation"]),
        successor=RoomID(row["successor"]) if row["successor"] else None,
        shut_out=bool(row["shut_out"]),
        retention=from_rows(row["retention"]),
    )


def _power(row: Mapping[Any, Any]) -> Power:
    create = cast("Mapping[str, Any]", row["create"])
    return Power.of(
        cast("Mapping[str, object]", create.get("content", {})),
        str(create.get("sender", "")),
        cast("Mapping[str, object] | None", row["levels"]),
        str(row["version"]),
    )


def created_with(connection: Connection, room_id: RoomID) -> Mapping[str, object]:
    """Return the content of a room's create event, as it passed the gate; empty where it is not known."""
    create = connection.execute(select(rooms.c.create).where(rooms.c.room_id == room_id)).scalar()
    return cast("Mapping[str, object]", cast("Mapping[str, Any]", create or {}).get("content", {}))


def save_room(connection: Connection, room_id: RoomID, **values: object) -> None:
    """Write some columns of a room's row, making the row if there is none."""
    fresh: dict[str, object] = {"room_id": room_id, "create": {}, "names": [], "version": "1", **values}
    statement = insert(rooms).values(fresh)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["room_id"], set_=values)
        if values
        else statement.on_conflict_do_nothing()
    )


def tighten(connection: Connection, room_id: RoomID) -> None:
    """Note that something got stricter here: an answer in the making is decided again before it is sent."""
    connection.execute(update(rooms).where(rooms.c.room_id == room_id).values(generation=rooms.c.generation + 1))


def tighten_with(connection: Connection, user_id: UserID) -> None:
    """Note so in every room that a person is or was in."""
    theirs = select(members.c.room_id).where(members.c.user_id == user_id)
    connection.execute(update(rooms).where(rooms.c.room_id.in_(theirs)).values(generation=rooms.c.generation + 1))


def generation(connection: Connection, room_id: RoomID) -> int:
    """Return how often something got stricter in a room; of an unknown one 0."""
    return connection.execute(select(rooms.c.generation).where(rooms.c.room_id == room_id)).scalar() or 0


def quiet_hours(connection: Connection, room_id: RoomID) -> Quiet | None:
    """Return a room's quiet hours, None where it has none."""
    value = connection.execute(select(rooms.c.quiet).where(rooms.c.room_id == room_id)).scalar()
    return Quiet.from_json(cast("Mapping[str, object]", value)) if value else None


def retention(connection: Connection, room_id: RoomID) -> tuple[Span, ...]:
    """Return what a room's `m.room.retention` said over time."""
    return from_rows(connection.execute(select(rooms.c.retention).where(rooms.c.room_id == room_id)).scalar())


def is_authority(connection: Connection, room_id: RoomID, event_id: EventID) -> bool:
    """Say whether a person's event asked for a policy and was obeyed."""
    here = (policies.c.room_id == room_id) & (policies.c.authority == event_id)
    return connection.execute(select(policies.c.id).where(here).limit(1)).first() is not None


def dial(connection: Connection, room_id: RoomID) -> Dial:
    """Return how much a room wants to hear unasked."""
    value = connection.execute(select(rooms.c.dial).where(rooms.c.room_id == room_id)).scalar()
    return Dial(value) if value else Dial.QUIET


def pace(connection: Connection, room_id: RoomID) -> tuple[int, bool]:
    """Return how often something got stricter in a room, and whether nothing may happen there for now.

    That is where we have lost it, where it goes on in another one, or where our server is shut out.
    """
    columns = rooms.c.generation, rooms.c.membership, rooms.c.successor, rooms.c.shut_out
    row = connection.execute(select(*columns).where(rooms.c.room_id == room_id)).first()
    if row is None:
        return 0, False
    return row.generation or 0, row.membership == LOST or row.successor is not None or row.shut_out


def is_direct(connection: Connection, room_id: RoomID) -> bool:
    """Return whether a room is a direct message with the AI."""
    return bool(connection.execute(select(rooms.c.direct).where(rooms.c.room_id == room_id)).scalar())


def is_silent(connection: Connection, room_id: RoomID) -> bool:
    """Return whether nothing is said in a room: it goes on in another one, or our server is shut out."""
    row = connection.execute(select(rooms.c.successor, rooms.c.shut_out).where(rooms.c.room_id == room_id)).first()
    return row is not None and (row.successor is not None or row.shut_out)


def is_shut_out(connection: Connection, room_id: RoomID) -> bool:
    """Return whether a room's list of servers does not let ours take part."""
    return bool(connection.execute(select(rooms.c.shut_out).where(rooms.c.room_id == room_id)).scalar())


def whereabouts(connection: Connection) -> dict[RoomID, str]:
    """Return the rooms we are in or have lost, with our membership."""
    query = select(rooms.c.room_id, rooms.c.membership).where(rooms.c.membership.in_(["join", LOST]))
    return {RoomID(room_id): str(membership) for room_id, membership in connection.execute(query)}


def view(connection: Connection, room_id: RoomID, language: Language, *, links: bool = True) -> Room | None:
    """Return the room as features see it; `language` is the default where the room has none.

    `links`: whether links into it may be made; else which servers they would go through is not looked up.
    """
    facts = room_facts(connection, room_id)
    return view_of(connection, facts, language, links=links) if facts is not None else None


def view_of(connection: Connection, facts: RoomFacts, language: Language, *, links: bool = True) -> Room:
    """Return what `view` does, of a room whose row was just read."""
    return Room(
        room_id=facts.room_id,
        direct=facts.direct,
        policy=DIRECT_MESSAGE if facts.direct else _policy_in_force(connection, facts.room_id),
        language=as_language(facts.language, language),
        zone=facts.zone,
        via=servers(connection, facts.room_id) if links else (),
        generation=facts.generation,
        number=facts.number,
    )


ENOUGH = 300
"""Of so many members' servers a link's are chosen: a room of ten thousand is not counted through for each answer."""


def servers(connection: Connection, room_id: RoomID) -> tuple[str, ...]:
    """Return up to three servers through which a link into the room works, the one with most members first."""
    joined = connection.execute(
        select(members.c.user_id).where(members.c.room_id == room_id, members.c.membership == "join").limit(ENOUGH)
    ).scalars()
    return tuple(server for server, _ in Counter(server_of(user) for user in joined).most_common(3))


# --- policies over time -------------------------------------------------------------------------------------------


def current_policy(connection: Connection, room_id: RoomID) -> Policy | None:
    """Return the policy in force now; a direct message has the built-in one; None where nobody decided."""
    if connection.execute(select(rooms.c.direct).where(rooms.c.room_id == room_id)).scalar():
        return DIRECT_MESSAGE
    return _policy_in_force(connection, room_id)


def model(connection: Connection, room_id: RoomID) -> str | None:
    """Return the name of the model that a room chose, None where it chose none."""
    policy = current_policy(connection, room_id)
    return policy.model if policy is not None else None


def _policy_in_force(connection: Connection, room_id: RoomID) -> Policy | None:
    content = connection.execute(
        select(policies.c.content).where(policies.c.room_id == room_id, policies.c.state == "in_force")
    ).scalar()
    return _policy(content) if content is not None else None


def policies_since(
    connection: Connection, room_id: RoomID, at: int, facts: RoomFacts | None = None
) -> tuple[Policy, ...]:
    """Return every distinct policy in force from `at` until now: the running minimum. Empty: none was in force at `at`.

    A time without a policy in between counts as one that denies. `facts`: the room's row, where it was just read.
    """
    return minimum_since(policy_periods(connection, room_id, facts), at)


def end_policy(connection: Connection, room_id: RoomID, at: int) -> None:
    """End the policy in force at an instant (ms): from then on nobody decided anything here."""
    connection.execute(
        update(policies)
        .where(policies.c.room_id == room_id, policies.c.state == "in_force")
        .values(state="ended", ends_at=at)
    )


Period = tuple[Policy, int, int | None]
"""A policy, from when (ms) and until when it is or was in force; until None: now."""


def policy_periods(connection: Connection, room_id: RoomID, facts: RoomFacts | None = None) -> tuple[Period, ...]:
    """Return every policy a room had, oldest first; a direct message has its built-in one from the beginning.

    Where our server is shut out none counts, so that nothing may be looked at.
    """
    flags = select(rooms.c.direct, rooms.c.shut_out).where(rooms.c.room_id == room_id)
    room = facts or connection.execute(flags).first()
    if room is not None and room.shut_out:
        return ()
    if room is not None and room.direct:
        return ((DIRECT_MESSAGE, 0, None),)
    rows = connection.execute(
        select(policies.c.content, policies.c.starts_at, policies.c.ends_at)
        .where(policies.c.room_id == room_id, policies.c.state.in_(["in_force", "ended"]))
        .order_by(policies.c.starts_at, policies.c.id)
    ).all()
    return tuple((_policy(content), starts_at, ends_at) for content, starts_at, ends_at in rows)


def minimum_since(periods: tuple[Period, ...], at: int) -> tuple[Policy, ...]:
    """Return every distinct policy in force from `at` (ms) until now; empty where at some moment there was none."""
    minimum = RunningMinimum()
    covered: int | None = at
    for policy, starts_at, ends_at in periods:
        if ends_at is not None and ends_at <= at:
            continue
        if covered is None or starts_at > covered:
            return ()
        minimum = minimum.fold(policy)
        covered = ends_at
    return minimum.room if covered is None else ()


def _policy(content: object) -> Policy:
    read = read_content(cast("Mapping[str, Any]", content))
    return Policy() if isinstance(read, Malformed) else read


# --- members ------------------------------------------------------------------------------------------------------


def member(connection: Connection, room_id: RoomID, user_id: UserID) -> Member:
    """Return what is in force for one person in one room; of a stranger nothing counts yet."""
    row = (
        connection.execute(select(members).where(members.c.room_id == room_id, members.c.user_id == user_id))
        .mappings()
        .first()
    )
    return _member(row) if row is not None else Member(since=None)


def members_of(connection: Connection, room_id: RoomID, users: Collection[UserID]) -> dict[UserID, Member]:
    """Return what is in force for some people in a room; of a stranger nothing counts yet."""
    wanted = members.c.room_id == room_id, members.c.user_id.in_(list(users))
    rows = connection.execute(select(members).where(*wanted)).mappings()
    found = {UserID(row["user_id"]): _member(row) for row in rows}
    return {user: found.get(user, Member(since=None)) for user in users}


def all_members(connection: Connection, room_id: RoomID) -> dict[UserID, Member]:
    """Return what is in force for everyone who ever was a member here."""
    rows = connection.execute(select(members).where(members.c.room_id == room_id)).mappings()
    return {UserID(row["user_id"]): _member(row) for row in rows}


def _member(row: Mapping[Any, Any]) -> Member:
    return Member(
        level=Level(row["level"]),
        kept_out=bool(row["kept_out"]),
        since=row["since"],
        consented_since=row["consented_since"],
        addressed_since=row["addressed_since"],
    )


def save_member(connection: Connection, room_id: RoomID, user_id: UserID, **values: object) -> None:
    """Write some columns of a member's row, making the row if there is none."""
    statement = insert(members).values(room_id=room_id, user_id=user_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["room_id", "user_id"], set_=values))


def save_choice(
    connection: Connection, room_id: RoomID, user_id: UserID, choice: Member, because: EventID | None = None
) -> None:
    """Write what a person's choices come to; `because`: the event in which somebody chose just now."""
    chosen: dict[str, object] = {"because": because} if because is not None else {}
    save_member(
        connection,
        room_id,
        user_id,
        level=choice.level.value,
        kept_out=choice.kept_out,
        since=choice.since,
        consented_since=choice.consented_since,
        addressed_since=choice.addressed_since,
        at_gate=False,
        **chosen,
    )


@dataclass(frozen=True, slots=True)
class Untold:
    """A standing that the homeserver's gate has not stored yet."""

    room_id: RoomID
    user_id: UserID
    member: Member
    because: EventID | None


def not_at_gate(connection: Connection, limit: int, besides: Collection[UserID]) -> list[Untold]:
    """Return standings that the gate does not have as they are; those of direct messages it needs not."""
    direct = select(rooms.c.room_id).where(rooms.c.direct.is_(True))
    rows = connection.execute(
        select(members)
        .where(members.c.at_gate.is_(False), members.c.room_id.not_in(direct), members.c.user_id.not_in(besides))
        .limit(limit)
    ).mappings()
    return [
        Untold(
            RoomID(row["room_id"]),
            UserID(row["user_id"]),
            _member(row),
            EventID(row["because"]) if row["because"] else None,
        )
        for row in rows
    ]


def now_at_gate(connection: Connection, told: Untold) -> None:
    """Note that the gate stored a standing, unless it changed meanwhile."""
    if member(connection, told.room_id, told.user_id) == told.member:
        save_member(connection, told.room_id, told.user_id, at_gate=True)


def standing_row(
    room_id: RoomID, user_id: UserID, standing: Member, membership: str, joined_at: int
) -> dict[str, object]:
    """Return a member's row for `save_standings`."""
    return {
        "room_id": room_id,
        "user_id": user_id,
        "membership": membership,
        "joined_at": joined_at,
        "level": standing.level.value,
        "kept_out": standing.kept_out,
        "since": standing.since,
        "consented_since": standing.consented_since,
        "addressed_since": standing.addressed_since,
        "at_gate": False,
    }


def save_standings(connection: Connection, rows: list[dict[str, object]]) -> None:
    """Write many members' rows at once."""
    if not rows:
        return
    statement = insert(members)
    written = {key: statement.excluded[key] for key in rows[0] if key not in ("room_id", "user_id")}
    connection.execute(statement.on_conflict_do_update(index_elements=["room_id", "user_id"], set_=written), rows)


def told(connection: Connection, room_id: RoomID, user_id: UserID, at: int) -> None:
    """Note that a notice which concerns a person was posted: what they write from then on counts (PRODUCT.md G17)."""
    save_choice(connection, room_id, user_id, fold_choice(member(connection, room_id, user_id), Choice.TOLD, at))


def told_all(connection: Connection, room_id: RoomID, at: int, besides: UserID) -> None:
    """Note that everybody who is in a room was told, as `told` does for each, in a few statements for any number."""
    here = members.c.room_id == room_id, members.c.membership == "join", members.c.user_id != besides
    closed = members.c.kept_out | members.c.level.in_([Level.OUT.value, Level.NOT_AT_ALL.value])
    fresh = update(members).where(*here, members.c.since.is_(None)).values(since=at, at_gate=False)
    stale = update(members).where(*here, closed, members.c.since < at).values(since=at, at_gate=False)
    silent = members.c.level == Level.NOT_AT_ALL.value, members.c.addressed_since < at
    unheard = update(members).where(*here, *silent).values(addressed_since=at, at_gate=False)
    for statement in (fresh, stale, unheard):
        connection.execute(statement)


def seal(connection: Connection, room_id: RoomID, user_id: UserID, at: int) -> None:
    """Let nothing a person wrote before `at` (ms) count any more; what they chose stands."""
    standing = member(connection, room_id, user_id)
    sealed = standing.model_copy(
        update={
            "since": None if standing.since is None else max(standing.since, at),
            "addressed_since": max(standing.addressed_since, at),
            "consented_since": None if standing.consented_since is None else max(standing.consented_since, at),
        }
    )
    save_choice(connection, room_id, user_id, sealed)


def seal_everywhere(connection: Connection, user_id: UserID, at: int) -> None:
    """Do what `seal` does in every room that a person is or was in, at once: there may be hundreds."""

    def later(column: Column[Any]) -> Case[Any]:
        return case((column < at, at), else_=column)  # what is NULL is not before it, and stays

    instants = {name: later(members.c[name]) for name in ("since", "addressed_since", "consented_since")}
    theirs = members.c.user_id == user_id, members.c.room_id != EVERYWHERE
    connection.execute(update(members).where(*theirs).values(at_gate=False, **instants))


def memberships(connection: Connection, room_id: RoomID) -> dict[UserID, str]:
    """Return the membership of everybody of whom one was heard in a room."""
    query = select(members.c.user_id, members.c.membership).where(members.c.room_id == room_id)
    return {UserID(str(user)): str(membership) for user, membership in connection.execute(query)}


def joined(connection: Connection, room_id: RoomID) -> tuple[UserID, ...]:
    """Return who is in a room now, the AI included."""
    return tuple(
        UserID(user)
        for user in connection.execute(
            select(members.c.user_id).where(members.c.room_id == room_id, members.c.membership == "join")
        ).scalars()
    )


def some_joined(connection: Connection, room_id: RoomID, most: int, *, besides: UserID) -> tuple[UserID, ...]:
    """Return a few of those who are in a room now."""
    query = (
        select(members.c.user_id)
        .where(members.c.room_id == room_id, members.c.membership == "join", members.c.user_id != besides)
        .limit(most)
    )
    return tuple(UserID(user) for user in connection.execute(query).scalars())


def joined_count(connection: Connection, room_id: RoomID, among: Select[tuple[str]] | None = None) -> int:
    """Return how many are in a room now, the AI included; of those in a subquery of user ids, where one is given."""
    query = select(func.count()).where(members.c.room_id == room_id, members.c.membership == "join")
    return connection.execute(query if among is None else query.where(members.c.user_id.in_(among))).scalar() or 0


def invited(connection: Connection, room_id: RoomID) -> tuple[UserID, ...]:
    """Return who is invited to a room and has not come yet."""
    query = select(members.c.user_id).where(members.c.room_id == room_id, members.c.membership == "invite")
    return tuple(UserID(user) for user in connection.execute(query).scalars())


def is_joined(connection: Connection, room_id: RoomID, user_id: UserID) -> bool:
    """Return whether a person is in a room now."""
    row = select(members.c.membership).where(members.c.room_id == room_id, members.c.user_id == user_id)
    return connection.execute(row).scalar() == "join"


def circles_of(connection: Connection, user_id: UserID, ai: UserID) -> tuple[RoomID, ...]:
    """Return the circles (not direct messages) a person shares with the AI now, the oldest first.

    One that goes on in another room, with all that was held for it, is that other one.
    """
    theirs, ours = members.alias(), members.alias()
    went_on = exists().where(upgrades.c.room_id == rooms.c.room_id, upgrades.c.followed_at.is_not(None))
    return tuple(
        RoomID(room)
        for room in connection.execute(
            select(rooms.c.room_id)
            .join(theirs, theirs.c.room_id == rooms.c.room_id)
            .join(ours, ours.c.room_id == rooms.c.room_id)
            .where(
                rooms.c.direct.is_(False),
                theirs.c.user_id == user_id,
                theirs.c.membership == "join",
                ours.c.user_id == ai,
                ours.c.membership == "join",
                ~went_on,
            )
            .order_by(rooms.c.invited_at, rooms.c.room_id)
        ).scalars()
    )


def joined_rooms(connection: Connection) -> tuple[RoomID, ...]:
    """Return every room the AI is in."""
    query = select(rooms.c.room_id).where(rooms.c.membership == "join").order_by(rooms.c.room_id)
    return tuple(RoomID(room) for room in connection.execute(query).scalars())


def rooms_with(connection: Connection, user_id: UserID) -> tuple[RoomID, ...]:
    """Return every room in which a person is or was."""
    query = select(members.c.room_id).where(members.c.user_id == user_id, members.c.room_id != EVERYWHERE)
    return tuple(RoomID(room) for room in connection.execute(query).scalars())


# --- people -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
    """One row of `people`."""

    direct_room: RoomID | None = None
    zone: str | None = None
    language: str | None = None


def person(connection: Connection, user_id: UserID) -> Person:
    """Return what a person told us about themself."""
    row = connection.execute(select(people).where(people.c.user_id == user_id)).mappings().first()
    if row is None:
        return Person()
    return Person(RoomID(row["direct_room"]) if row["direct_room"] else None, row["zone"], row["language"])


def save_person(connection: Connection, user_id: UserID, **values: object) -> None:
    """Write some columns of a person's row, making the row if there is none."""
    statement = insert(people).values(user_id=user_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))


def end_direct(connection: Connection, room_id: RoomID) -> None:
    """Note that a room is no direct message any more: nothing private is said there from now on."""
    connection.execute(update(people).where(people.c.direct_room == room_id).values(direct_room=None))
    save_room(connection, room_id, direct=False, invited_as_direct=False, filled=False)
    tighten(connection, room_id)


# --- marks and threads --------------------------------------------------------------------------------------------


def mark(connection: Connection, room_id: RoomID, event_id: EventID) -> Mark:
    """Return the mark on one message."""
    kinds = connection.execute(
        select(marks.c.kind).where(marks.c.room_id == room_id, marks.c.event_id == event_id)
    ).scalar()
    return Mark(kinds) if kinds else Mark.NONE


def all_marks(connection: Connection, room_id: RoomID) -> dict[EventID, Mark]:
    """Return every mark in a room."""
    rows = connection.execute(select(marks.c.event_id, marks.c.kind).where(marks.c.room_id == room_id))
    return {EventID(event_id): Mark(kind) for event_id, kind in rows}


def marks_since(connection: Connection, by: UserID, since: int) -> int:
    """Return how often a person asked since an instant (ms) that something be left out: messages, threads, hours."""
    hidden = select(func.count()).where(marks.c.by == by, marks.c.at >= since)
    stretches = select(func.count()).where(off_record_table.c.by == by, off_record_table.c.since >= since)
    return (connection.execute(hidden).scalar() or 0) + (connection.execute(stretches).scalar() or 0)


def off_record(connection: Connection, room_id: RoomID) -> tuple[OffRecord, ...]:
    """Return every stretch off the record that a room had: one that is over still covers what was said in it."""
    rows = connection.execute(
        select(off_record_table.c.since, off_record_table.c.until, off_record_table.c.thread).where(
            off_record_table.c.room_id == room_id
        )
    )
    return tuple(OffRecord(since, until, thread) for since, until, thread in rows)


def called_into(connection: Connection, room_id: RoomID, root: EventID) -> bool:
    """Return whether the AI was called into a thread."""
    query = select(func.count()).where(threads.c.room_id == room_id, threads.c.root == root)
    return bool(connection.execute(query).scalar())


def note_thread(connection: Connection, room_id: RoomID, root: EventID) -> None:
    """Note that the AI was called into a thread: what follows there speaks to it."""
    connection.execute(insert(threads).values(room_id=room_id, root=root).on_conflict_do_nothing())
