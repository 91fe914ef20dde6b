"""What the rows say about one person: posts on their words, uses by a model, choices. It keeps no rows of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select, update

from circles.core.effects import Effect, Withdraw
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.facts import ledger, rooms
from circles.facts.tables import people, posts, sources
from circles.features.mine.decide import ASKING, EXPORTED, NAME, QUESTION_STANDS, SHOWN, Resting, Use
from circles_policies import Member


def resting(connection: Connection, user_id: UserID, scope: RoomID | None) -> tuple[Resting, ...]:
    """Return the AI's standing posts that rest on a person's words, the newest first.

    Of a private answer to someone else they learn that it was, not whose it is or where it stands.
    """
    theirs = select(sources.c.effect_id).where(sources.c.sender == user_id)
    query = (
        select(posts)
        .where(posts.c.effect_id.in_(theirs), posts.c.state != "gone", posts.c.feature != NAME, posts.c.root.is_(None))
        .order_by(posts.c.at.desc())
    )
    if scope is not None:
        query = query.where(posts.c.about == scope)
    return tuple(
        Resting(
            stands_in=RoomID(row["room_id"]),
            event_id=EventID(row["event_id"])
            if row["event_id"] and (row["room_id"] == row["about"] or row["asker"] == user_id)
            else None,
            feature=row["feature"],
            at=row["at"],
            via=rooms.servers(connection, RoomID(row["room_id"])),
            in_reach=_is_in_reach(connection, RoomID(row["room_id"])),
        )
        for row in connection.execute(query).mappings()
    )


def _is_in_reach(connection: Connection, room_id: RoomID) -> bool:
    facts = rooms.room_facts(connection, room_id)
    return facts is None or facts.membership not in ("leave", "ban")


def uses(connection: Connection, user_id: UserID, scope: RoomID | None) -> tuple[Use, ...]:
    """Return every request to a model that carried a person's words, the newest first."""
    return tuple(
        Use(each.at, each.purpose, each.model, each.host) for each in ledger.uses_of(connection, user_id, scope)
    )


def choices(connection: Connection, user_id: UserID, circles: Iterable[RoomID]) -> dict[RoomID, Member]:
    """Return what is in force for a person in each circle."""
    return {room_id: rooms.member(connection, room_id, user_id) for room_id in circles}


def question(connection: Connection, user_id: UserID, place: RoomID, now: datetime) -> tuple[RoomID, RoomID] | None:
    """Return what the latest standing question to a person in a direct message is about, and where it stands."""
    since = int((now - QUESTION_STANDS).timestamp() * 1000)
    row = connection.execute(
        select(posts.c.about, posts.c.room_id)
        .where(
            posts.c.feature == NAME,
            posts.c.kind == ASKING,
            posts.c.asker == user_id,
            posts.c.room_id == place,
            posts.c.state == "final",
            posts.c.event_id.is_not(None),
            posts.c.at >= since,
        )
        .order_by(posts.c.at.desc())
        .limit(1)
    ).first()
    return (RoomID(row[0]), RoomID(row[1])) if row is not None else None


def forget(connection: Connection, event_ids: tuple[EventID, ...]) -> tuple[Effect, ...]:
    """Take back the lists of those whose messages are taken back: a list may show what rested on them.

    The newest list of each is shown again as things are now; a question that was taken back is answered no more.
    """
    theirs = select(sources.c.sender).where(sources.c.event_id.in_(event_ids))
    asked = select(posts.c.asker).where(posts.c.answers.in_(event_ids))
    whose = {user for user in connection.execute(theirs.union(asked)).scalars() if user}
    gone = set(connection.execute(select(posts.c.effect_id).where(posts.c.answers.in_(event_ids))).scalars())
    found: list[Effect] = []
    for user in sorted(whose):
        lists = _lists_of(connection, UserID(user))
        shown = [each for each in lists if each.root not in gone and _is_list(connection, each.root)]
        found += [replace(each, again=each in shown[-1:]) for each in lists]
    return tuple(found)


def forget_person(connection: Connection, user_id: UserID, room_id: RoomID | None) -> tuple[Effect, ...]:
    """Take back a person's lists, wherever they are about: one about everything shows this room's things too."""
    if room_id is None:
        connection.execute(update(people).where(people.c.user_id == user_id).values(language=None))
    return _lists_of(connection, user_id)


def _is_list(connection: Connection, effect_id: EffectID) -> bool:
    """Say whether a post is a list that stands in a room, and not a question or a file."""
    which = (posts.c.effect_id == effect_id) & (posts.c.kind == SHOWN)
    return connection.execute(select(posts.c.effect_id).where(which)).first() is not None


def _lists_of(connection: Connection, user_id: UserID) -> tuple[Withdraw, ...]:
    found = connection.execute(
        select(posts.c.effect_id)
        .where(
            posts.c.feature == NAME,
            posts.c.kind.in_((SHOWN, ASKING, EXPORTED)),
            posts.c.asker == user_id,
            posts.c.state != "gone",
            posts.c.root.is_(None),
        )
        .order_by(posts.c.at, posts.c.effect_id)
    ).scalars()
    return tuple(Withdraw(EffectID(effect_id)) for effect_id in found)
