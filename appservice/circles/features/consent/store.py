"""Policies, choices, marks, votes and notices as rows. Synchronous; a connection is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import BigInteger, Boolean, Column, Connection, String, Table, delete, select, update

from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.dialects import insert
from circles.facts import rooms
from circles.facts.tables import members, metadata, policies, wakes
from circles.features.consent.decide import NAME, policy_subject
from circles_policies.content import Malformed, read_content, to_content
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Policy

approvals: Final = Table(
    "approvals",
    metadata,
    Column("subject", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("reaction", String, index=True),
)
"""Who tapped: on a waiting policy (`policy:<id>`), or on a vote (`vote:<effect id>`), by which reaction, so that it
can be taken back; and who has been told that it is not theirs to decide (`told:<effect id>`).
"""

welcomed: Final = Table(
    "welcomed",
    metadata,
    Column("effect_id", String, primary_key=True),
    Column("user_id", String, primary_key=True),
)
"""Which newcomers a notice names; their words count once it stands in the room."""

banners: Final = Table(
    "banners",
    metadata,
    Column("room_id", String, primary_key=True),
    Column("effect_id", String, nullable=False),
    Column("pinned", Boolean, nullable=False, default=False),
)
"""`pinned`: it was pinned once, so that whoever unpins it is left alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One row of `policies`."""

    id: int
    room_id: RoomID
    policy: Policy
    state: str
    by: UserID | None
    authority: EventID | None
    written: bool
    asked_at: int
    starts_at: int | None
    proposal: EventID | None = None
    option: str | None = None


def in_force(connection: Connection, room_id: RoomID) -> Asked | None:
    """Return the policy in force, None while nobody decided."""
    return _one(connection, (policies.c.room_id == room_id) & (policies.c.state == "in_force"))


def last_valid(connection: Connection, room_id: RoomID) -> Asked | None:
    """Return the policy in force, else the last that was: emptying a policy must not be a way round the day of
    notice.
    """
    return _one(connection, (policies.c.room_id == room_id) & policies.c.state.in_(["in_force", "ended"]))


def waiting(connection: Connection, room_id: RoomID) -> Asked | None:
    """Return the looser policy that waits for its day, if one does."""
    return _one(connection, (policies.c.room_id == room_id) & (policies.c.state == "waiting"))


def asked(connection: Connection, policy_id: int) -> Asked | None:
    """Return one row."""
    return _one(connection, policies.c.id == policy_id)


def _one(connection: Connection, where: Any) -> Asked | None:
    row = connection.execute(select(policies).where(where).order_by(policies.c.id.desc()).limit(1)).mappings().first()
    if row is None:
        return None
    policy = read_content(cast("Mapping[str, object]", row["content"]))
    return Asked(
        id=row["id"],
        room_id=RoomID(row["room_id"]),
        policy=Policy() if isinstance(policy, Malformed) else policy,
        state=row["state"],
        by=UserID(row["by"]) if row["by"] else None,
        authority=EventID(row["authority"]) if row["authority"] else None,
        written=bool(row["written"]),
        asked_at=row["asked_at"],
        starts_at=row["starts_at"],
        proposal=EventID(row["proposal"]) if row["proposal"] else None,
        option=row["option"],
    )


def ask(
    connection: Connection,
    room_id: RoomID,
    policy: Policy,
    *,
    by: UserID,
    authority: EventID,
    asked_at: int,
    starts_at: int,
    state: str,
    written: bool = False,
    tapped: tuple[EventID, str] | None = None,
) -> int:
    """Write a policy that was asked for, in force or waiting; return its row's id. A waiting one is replaced."""
    connection.execute(
        update(policies).where(policies.c.room_id == room_id, policies.c.state == "waiting").values(state="withdrawn")
    )
    if state == "in_force":
        end(connection, room_id, starts_at)
    result = connection.execute(
        insert(policies).values(
            room_id=room_id,
            content=to_content(policy),
            state=state,
            by=by,
            authority=authority,
            written=written,
            asked_at=asked_at,
            starts_at=starts_at,
            proposal=tapped[0] if tapped is not None else None,
            option=tapped[1] if tapped is not None else None,
        )
    )
    return int(cast("tuple[Any, ...]", result.inserted_primary_key)[0])


def start(connection: Connection, policy_id: int, at: int) -> None:
    """Put a waiting policy in force."""
    row = asked(connection, policy_id)
    if row is not None and row.state == "waiting":
        end(connection, row.room_id, at)
        connection.execute(
            update(policies).where(policies.c.id == policy_id).values(state="in_force", starts_at=at, ends_at=None)
        )


def end(connection: Connection, room_id: RoomID, at: int) -> None:
    """End the policy in force."""
    rooms.end_policy(connection, room_id, at)


def withdraw(connection: Connection, policy_id: int) -> None:
    """Take a waiting policy back."""
    connection.execute(
        update(policies).where(policies.c.id == policy_id, policies.c.state == "waiting").values(state="withdrawn")
    )


def started_by(connection: Connection, room_id: RoomID, authority: EventID) -> bool:
    """Return whether the policy in force rests on this event."""
    found = in_force(connection, room_id)
    return found is not None and found.authority == authority


def trimming(connection: Connection, room_id: RoomID) -> tuple[Mapping[str, Any], ...]:
    """Return the deletions that a tighter keeping still waits with in a room."""
    rows = connection.execute(
        select(wakes.c.key, wakes.c.payload).where(wakes.c.feature == NAME, wakes.c.room_id == room_id)
    ).all()
    return tuple(payload for key, payload in rows if key.partition(":")[0] in ("less", "delete"))


def drop_wakes(connection: Connection, room_id: RoomID) -> None:
    """Forget what was to be shown or started in a room."""
    connection.execute(delete(wakes).where(wakes.c.feature == NAME, wakes.c.room_id == room_id))


# --- choices ------------------------------------------------------------------------------------------------------


def choose(connection: Connection, room_id: RoomID, user_id: UserID, choice: Choice, at: int, because: EventID) -> None:
    """Fold a choice into what is in force for a person in a room, or everywhere (room '').

    Args:
        connection: of the commit.
        room_id: where it holds.
        user_id: for whom.
        choice: what was chosen.
        at: when, in ms.
        because: the event that said so: the person's own, or a decider's.
    """
    standing = fold_choice(rooms.member(connection, room_id, user_id), choice, at)
    rooms.save_choice(connection, room_id, user_id, standing, because)
    if room_id != rooms.EVERYWHERE:
        rooms.tighten(connection, room_id)


def forget_everywhere(connection: Connection, user_id: UserID) -> None:
    """Drop a choice for circles to come."""
    connection.execute(delete(members).where(members.c.room_id == rooms.EVERYWHERE, members.c.user_id == user_id))


def newcomers(connection: Connection, room_id: RoomID, most: int) -> tuple[UserID, ...]:
    """Return who is in the room and has not been told yet: so many at most, who came first before the others."""
    rows = connection.execute(
        select(members.c.user_id)
        .where(members.c.room_id == room_id, members.c.membership == "join", members.c.since.is_(None))
        .order_by(members.c.joined_at)
        .limit(most)
    ).scalars()
    return tuple(UserID(user) for user in rows)


def is_untold(connection: Connection, room_id: RoomID, user_id: UserID) -> bool:
    """Return whether a person in the room has not been told yet."""
    row = select(members.c.since).where(
        members.c.room_id == room_id, members.c.user_id == user_id, members.c.membership == "join"
    )
    found = connection.execute(row).first()
    return found is not None and found.since is None


def welcome(connection: Connection, effect_id: EffectID, users: Iterable[UserID]) -> None:
    """Note whom a notice names."""
    rows = [{"effect_id": effect_id, "user_id": user} for user in users]
    connection.execute(insert(welcomed).on_conflict_do_nothing(), rows)


def welcomed_by(connection: Connection, effect_id: EffectID) -> tuple[UserID, ...]:
    """Return whom a notice names."""
    rows = connection.execute(select(welcomed.c.user_id).where(welcomed.c.effect_id == effect_id)).scalars()
    return tuple(UserID(user) for user in rows)


def deletion(connection: Connection, policy_id: int) -> Mapping[str, Any] | None:
    """Return what a deletion that still waits will do, None where none waits."""
    row = connection.execute(
        select(wakes.c.payload).where(wakes.c.feature == NAME, wakes.c.key == f"delete:{policy_id}")
    ).scalar()
    return cast("Mapping[str, Any] | None", row)


def before(connection: Connection, policy_id: int) -> Asked | None:
    """Return the policy that was in force before another one of the same room."""
    row = asked(connection, policy_id)
    if row is None:
        return None
    where = (policies.c.room_id == row.room_id) & (policies.c.state == "ended") & (policies.c.id < policy_id)
    return _one(connection, where)


# --- taps ---------------------------------------------------------------------------------------------------------


def approve(connection: Connection, subject: str, user_id: UserID, at: int, reaction: EventID | None = None) -> bool:
    """Note a tap; return whether it is the person's first on this."""
    row = {"subject": subject, "user_id": user_id, "at": at, "reaction": reaction}
    # Not by the number of rows: of an insert PostgreSQL's driver does not tell it.
    first = insert(approvals).values(row).on_conflict_do_nothing().returning(approvals.c.user_id)
    return connection.execute(first).first() is not None


def retract(connection: Connection, reaction: EventID) -> None:
    """Take a tap back."""
    connection.execute(delete(approvals).where(approvals.c.reaction == reaction))


def does_not_agree(connection: Connection, waiting: Asked, ai: UserID) -> UserID | None:
    """Return somebody in the room who has not tapped 👍 on a looser policy and did not ask for it; None: all agree.

    Stops at the first one, so that a room of thousands is not counted through with every tap.
    """
    tapped = select(approvals.c.user_id).where(
        approvals.c.subject == policy_subject(waiting.id), approvals.c.user_id == members.c.user_id
    )
    query = (
        select(members.c.user_id)
        .where(members.c.room_id == waiting.room_id, members.c.membership == "join")
        .where(members.c.user_id.not_in([ai, waiting.by or ""]), ~tapped.exists())
        .limit(1)
    )
    found = connection.execute(query).scalar()
    return UserID(found) if found is not None else None


def has_majority(connection: Connection, room_id: RoomID, subject: str, ai: UserID) -> bool:
    """Return whether more than half of the people in a room, the AI aside, tapped."""
    voted = select(approvals.c.user_id).where(approvals.c.subject == subject, approvals.c.user_id != ai)
    people = rooms.joined_count(connection, room_id) - rooms.is_joined(connection, room_id, ai)
    return rooms.joined_count(connection, room_id, voted) * 2 > people


# --- banner -------------------------------------------------------------------------------------------------------


def banner_of(connection: Connection, room_id: RoomID) -> EffectID | None:
    """Return the post that is a room's banner."""
    found = connection.execute(select(banners.c.effect_id).where(banners.c.room_id == room_id)).scalar()
    return EffectID(found) if found else None


def save_banner(connection: Connection, room_id: RoomID, effect_id: EffectID, *, pinned: bool) -> None:
    """Note which post is a room's banner, and whether it was pinned."""
    values = {"effect_id": effect_id, "pinned": pinned}
    statement = insert(banners).values(room_id=room_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["room_id"], set_=values))


def unpinned_banner(connection: Connection, room_id: RoomID) -> EffectID | None:
    """Return a room's banner if it was never pinned."""
    query = select(banners.c.effect_id).where(banners.c.room_id == room_id, banners.c.pinned.is_(False))
    found = connection.execute(query).scalar()
    return EffectID(found) if found else None


def drop_banner(connection: Connection, room_id: RoomID) -> None:
    """Forget a room's banner: coming back, the AI posts a new one."""
    connection.execute(delete(banners).where(banners.c.room_id == room_id))
