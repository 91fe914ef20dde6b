"""Our own events as the homeserver hands them back: where an effect stands, and what stands that no row speaks of.

The latter is what a database that was restored from a backup finds of the time since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from sqlalchemy import Connection, select

from circles.adapters.store import outbox
from circles.adapters.store.tables import journal
from circles.adapters.store.tables import outbox as outbox_table
from circles.core import compose
from circles.core.ids import EffectID, EventID, RoomID, Source, UserID
from circles.dialects import insert
from circles.facts import posts as post_facts
from circles.facts import tables
from circles_policies.content import MARK_KEY
from circles_policies.events import mapping, text

Json = Mapping[str, Any]
MESSAGES: Final = ("m.room.message", "m.room.encrypted")


def heard(connection: Connection, raw: Json, now: int) -> RoomID | None:
    """Note where an event of ours stands; return its room if something must be done about it there.

    Nothing else of it is looked at, unless no row speaks of it: then the ids in it are noted, so that it is not said
    again, and can be taken back.
    """
    effect = compose.effect_of(raw.get("content"))
    if effect is None:
        return None
    effect_id, room_id, event_id = EffectID(effect), RoomID(raw["room_id"]), EventID(raw["event_id"])
    if outbox.seen(connection, effect_id, room_id, event_id, now):
        return room_id
    if _is_written(connection, effect_id):
        return None
    if raw.get("type") in MESSAGES:
        _note(connection, raw, effect_id, room_id, event_id, now)
    question = _waited_for(raw)
    if question is not None and outbox.found_placeholder(connection, effect_id, room_id, event_id, question, now):
        return room_id
    return None


def _waited_for(raw: Json) -> EventID | None:
    """Return the question whose placeholder an event of ours is, None for any other."""
    content = mapping(raw.get("content"))
    if raw.get("type") != "m.reaction" or mapping(content.get(MARK_KEY)).get("kind") != outbox.PLACEHOLDER:
        return None
    question = text(mapping(content.get("m.relates_to")).get("event_id"))
    return EventID(question) if question is not None else None


def _is_written(connection: Connection, effect_id: EffectID) -> bool:
    known = select(tables.posts.c.effect_id).where(tables.posts.c.effect_id == effect_id)
    row = select(outbox_table.c.seq).where(outbox_table.c.id == effect_id)
    return any(connection.execute(query).first() is not None for query in (known, row))


def _note(connection: Connection, raw: Json, effect_id: EffectID, room_id: RoomID, event_id: EventID, now: int) -> None:
    content = mapping(raw.get("content"))
    relation = mapping(content.get("m.relates_to"))
    mark = mapping(content.get(MARK_KEY))
    root = text(relation.get("event_id")) if relation.get("rel_type") == "m.replace" else None
    answers = text(mapping(relation.get("m.in_reply_to")).get("event_id"))
    of = select(tables.posts.c.effect_id).where(tables.posts.c.event_id == root)
    connection.execute(
        insert(tables.posts)
        .values(
            effect_id=effect_id,
            room_id=room_id,
            about=room_id,
            event_id=event_id,
            root=connection.execute(of).scalar() if root is not None else None,
            kind=text(mark.get("kind")) or "",
            feature="",
            subject="",
            asker=_sender(connection, answers) if answers is not None else None,
            answers=answers,
            thread=text(relation.get("event_id")) if relation.get("rel_type") == "m.thread" else None,
            state=post_facts.FOUND,
            at=now,
        )
        .on_conflict_do_nothing()
    )
    cited = mark.get("sources")
    ids = [each for each in cast("list[object]", cited) if isinstance(each, str)] if isinstance(cited, list) else []
    known = [Source(EventID(each), UserID(_sender(connection, each) or "")) for each in ids]
    outbox.note_sources(connection, effect_id, known)


def _sender(connection: Connection, event_id: str) -> str | None:
    return connection.execute(select(journal.c.sender).where(journal.c.event_id == event_id)).scalar()
