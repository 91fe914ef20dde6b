"""What the AI said, and what it rests on, as rows of ids. Synchronous; a connection is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select, true

from circles.core.call import Said
from circles.core.coming import Unsaid
from circles.core.ids import EffectID, EventID, RoomID, Source, UserID
from circles.core.language import as_language
from circles.facts.tables import posts, sources
from circles.facts.tables import unsaid as unsaid_table

FOUND: Final = "found"
"""The state of a post that stands in a room and that no row spoke of: the database is younger than it looks."""


def is_ours(connection: Connection, event_id: str) -> bool:
    """Return whether an event is one of the AI's own."""
    return connection.execute(select(posts.c.effect_id).where(posts.c.event_id == event_id)).first() is not None


def said(connection: Connection, event_id: str) -> Said | None:
    """Return the post an event is, or is an edit of; None if it is not the AI's."""
    row = connection.execute(select(posts).where(posts.c.event_id == event_id)).mappings().first()
    if row is not None and row["root"]:
        row = connection.execute(select(posts).where(posts.c.effect_id == row["root"])).mappings().first()
    return _said(row) if row is not None else None


def by_effect(connection: Connection, effect_id: EffectID, *, sent: bool = True) -> Said | None:
    """Return a post by the id its feature or the outbox chose; None if there is none, or `sent` is asked and it was
    not.
    """
    row = connection.execute(select(posts).where(posts.c.effect_id == effect_id)).mappings().first()
    return _said(row) if row is not None and (row["event_id"] or not sent) else None


def answers_to(connection: Connection, event_id: EventID) -> tuple[Said, ...]:
    """Return the posts that answer an event, oldest first."""
    rows = connection.execute(select(posts).where(posts.c.answers == event_id).order_by(posts.c.at)).mappings()
    return tuple(_said(row) for row in rows if row["event_id"])


def answered_at(connection: Connection, event_id: EventID) -> datetime | None:
    """Return when an event was first answered, None if it was not."""
    at = connection.execute(select(func.min(posts.c.at)).where(posts.c.answers == event_id)).scalar()
    return datetime.fromtimestamp(at / 1000, UTC) if at is not None else None


def last_said(connection: Connection, room_id: RoomID, asker: UserID, at: int) -> Said | None:
    """Return what the AI said last to somebody in a room, if that was at an instant (ms) or later and still stands."""
    query = (
        select(posts)
        .where(posts.c.room_id == room_id, posts.c.asker == asker, posts.c.state.in_(("final", "gone")))
        .order_by(posts.c.at.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return _said(row) if row is not None and row["at"] >= at and row["state"] == "final" else None


def told_since(connection: Connection, asker: UserID, feature: str, kind: str, at: int) -> int:
    """Return how often somebody was answered by a kind of post since an instant (ms)."""
    of_them = (posts.c.asker == asker) & (posts.c.feature == feature) & (posts.c.kind == kind) & (posts.c.at >= at)
    return connection.execute(select(func.count()).select_from(posts).where(of_them)).scalar() or 0


def resting_on(
    connection: Connection,
    event_ids: Iterable[EventID],
    room_ids: Sequence[RoomID] | None = None,
    *,
    by: UserID | None = None,
) -> tuple[EffectID, ...]:
    """Return the effect ids of the posts that rest on any of these events and still stand, about these rooms or any.

    `by`: only where this person wrote them.
    """
    here = posts.c.about.in_(room_ids) | posts.c.room_id.in_(room_ids) if room_ids is not None else true()
    theirs = sources.c.sender == by if by is not None else true()
    return tuple(
        EffectID(effect)
        for effect in connection.execute(
            select(sources.c.effect_id)
            .join(posts, posts.c.effect_id == sources.c.effect_id)
            .where(sources.c.event_id.in_(list(event_ids)), posts.c.state != "gone", here, theirs)
            .distinct()
        ).scalars()
    )


def to_say_again(connection: Connection, effect_ids: Sequence[EffectID]) -> tuple[tuple[EffectID, RoomID], ...]:
    """Return which of some withdrawn posts are to be said again, each with the room it is about, oldest first.

    Of those that stand: the newest of each kind, about one room, in one room and thread, in one language. All of those
    that were never sent: somebody waits for each.
    """
    columns = (posts.c.room_id, posts.c.about, posts.c.thread, posts.c.feature, posts.c.kind, posts.c.subject)
    query = (
        select(posts.c.effect_id, posts.c.event_id, posts.c.remake, posts.c.language, *columns)
        .where(posts.c.effect_id.in_(list(effect_ids)))
        .order_by(posts.c.at, posts.c.effect_id)
    )
    newest: dict[object, tuple[EffectID, RoomID]] = {}
    for row in connection.execute(query):
        if row.remake is None:
            continue
        place = (row.language, *(getattr(row, column.name) for column in columns)) if row.event_id else row.effect_id
        _ = newest.pop(place, None)
        newest[place] = (EffectID(row.effect_id), RoomID(row.about))
    return tuple(newest.values())


def sources_of(connection: Connection, effect_id: EffectID) -> tuple[Source, ...]:
    """Return the events a post rests on and who sent each, with the room of those that stand in another one."""
    query = select(sources.c.event_id, sources.c.sender, sources.c.room_id).where(sources.c.effect_id == effect_id)
    return tuple(
        Source(EventID(event_id), UserID(sender), room=RoomID(room_id) if room_id else None)
        for event_id, sender, room_id in connection.execute(query)
    )


def unsaid(connection: Connection, room_id: RoomID, since: int, until: int) -> tuple[Unsaid, ...]:
    """Return the unasked posts of a room that did not fit between two instants (ms) and still stand, oldest first."""
    rows = connection.execute(
        select(posts.c.effect_id, posts.c.at, unsaid_table.c.brief, sources.c.event_id, sources.c.sender)
        .join(unsaid_table, unsaid_table.c.effect_id == posts.c.effect_id)
        .outerjoin(sources, sources.c.effect_id == posts.c.effect_id)
        .where(posts.c.room_id == room_id, posts.c.state == "unsaid", posts.c.at >= since, posts.c.at < until)
        .order_by(posts.c.at, posts.c.effect_id)
    ).all()
    found: dict[str, Unsaid] = {}
    for effect_id, at, brief, event_id, sender in rows:
        one = found.get(effect_id) or Unsaid(datetime.fromtimestamp(at / 1000, UTC), brief)
        rests_on = (Source(EventID(event_id), UserID(sender)),) if event_id is not None else ()
        found[effect_id] = replace(one, sources=(*one.sources, *rests_on))
    return tuple(found.values())


def sources_in_thread(connection: Connection, room_id: RoomID, root: EventID) -> frozenset[EventID]:
    """Return the messages of a thread, its root among them, that any post about a room rests on."""
    of_it = (sources.c.thread == root) | (sources.c.event_id == root)
    return _sources(connection, room_id, of_it)


def talk_since(connection: Connection, room_id: RoomID, at: int) -> frozenset[EventID]:
    """Return the talk written at an instant (ms) or later that any post about a room rests on."""
    return _sources(connection, room_id, (sources.c.at >= at) & sources.c.to_ai.is_(False))


def _sources(connection: Connection, room_id: RoomID, which: ColumnElement[bool]) -> frozenset[EventID]:
    query = (
        select(sources.c.event_id)
        .join(posts, posts.c.effect_id == sources.c.effect_id)
        .where((posts.c.about == room_id) | (posts.c.room_id == room_id), which)
    )
    return frozenset(EventID(event_id) for event_id in connection.execute(query).scalars())


def sources_from(connection: Connection, sender: UserID, room_id: RoomID | None) -> tuple[EventID, ...]:
    """Return a person's events that any standing post rests on, in the posts about one room or about any."""
    query = (
        select(sources.c.event_id)
        .join(posts, posts.c.effect_id == sources.c.effect_id)
        .where(sources.c.sender == sender, posts.c.state != "gone")
        .distinct()
    )
    if room_id is not None:
        query = query.where(posts.c.about == room_id)
    return tuple(EventID(event_id) for event_id in connection.execute(query).scalars())


def _said(row: Mapping[Any, Any]) -> Said:
    return Said(
        effect_id=EffectID(row["effect_id"]),
        event_id=EventID(row["event_id"] or ""),
        kind=row["kind"],
        feature=row["feature"],
        subject=row["subject"],
        room_id=RoomID(row["room_id"]),
        about=RoomID(row["about"]),
        asker=UserID(row["asker"]) if row["asker"] else None,
        answers=EventID(row["answers"]) if row["answers"] else None,
        thread=EventID(row["thread"]) if row["thread"] else None,
        remake=row["remake"],
        language=as_language(row["language"], "en"),
        state=row["state"],
    )
