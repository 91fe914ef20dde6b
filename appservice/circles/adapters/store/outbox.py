"""The outbox: visible effects as rows, written together with what settles their cause. Synchronous.

A row's id is the transaction ID of its send (with `user_id` and `device_id`), so a repeat after a crash returns the
same event.
Rows hold words only while they are pending.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from circles.adapters.store import causes
from circles.adapters.store import journal as journal_state
from circles.adapters.store.tables import erasures, journal, outbox
from circles.core import effects as fx
from circles.core.ids import EffectID, EventID, RoomID, Source, UserID
from circles.core.language import language_of
from circles.dialects import insert
from circles.facts import tables
from circles.facts.posts import FOUND

PENDING, SENT, REFUSED, CANCELLED = "pending", "sent", "refused", "cancelled"
PLACEHOLDER = "placeholder"
PLACEHOLDER_KEY = "⏳"
"""The reaction on a question whose answer takes a while."""
UNSAID_MS = 35 * 86_400_000
"""What was left unsaid is dropped after this, if no digest came: longer than the longest time between two."""


@dataclass(frozen=True, slots=True)
class Row:
    """One effect to carry out. `target` is the outbox id whose event it refers to; `created_at` is in ms."""

    seq: int
    id: EffectID
    lane: str
    kind: str
    payload: Mapping[str, Any]
    target: EffectID | None
    attempts: int
    created_at: int = 0


def add(connection: Connection, effect: fx.Effect, now: int) -> None:
    """Write the row or rows of one visible effect.

    Raises:
        TypeError: it is not a visible effect; the caller has a bug.
    """
    match effect:
        case fx.Post():
            _add_post(connection, effect, effect.room_id, effect.about or effect.room_id, now)
        case fx.Private(user_id, post):
            _add_post(connection, post, user_id, post.about or post.room_id, now)
        case fx.Edit(room_id, root, words):
            _add_edit(connection, room_id, root, words, now)
        case fx.React(room_id, event_id, key):
            _row(connection, room_id, "react", {"event_id": event_id, "key": key}, now)
        case fx.ClearButtons(root):
            _clear_buttons(connection, root, now)
        case fx.Pin(room_id, root):
            _row(connection, room_id, "pin", {}, now, target=root)
        case fx.Withdraw(root):
            withdraw(connection, root, now)
        case fx.Redact(room_id, event_id):
            _redact(connection, room_id, event_id, now)
        case fx.SetState(room_id, type_, state_key, content):
            _row(connection, room_id, "state", {"type": type_, "state_key": state_key, "content": dict(content)}, now)
        case fx.SendEvent(room_id, type_, content):
            _row(connection, room_id, "event", {"type": type_, "content": dict(content)}, now)
        case fx.SetRoomName(room_id, name):
            _row(connection, room_id, "name", {"name": name}, now)
        case fx.Invite(room_id, user_id):
            _row(connection, room_id, "invite", {"user_id": user_id}, now)
        case fx.Join(room_id):
            _row(connection, room_id, "join", {}, now)
        case fx.Leave(room_id, reason):
            _row(connection, room_id, "leave", {"reason": reason}, now)
        case _:
            raise TypeError(f"{type(effect).__name__} is not carried out by the outbox.")


def _row(
    connection: Connection,
    lane: str,
    kind: str,
    payload: Mapping[str, Any],
    now: int,
    *,
    id: EffectID | None = None,  # the column's name
    target: EffectID | None = None,
) -> EffectID:
    row_id = id or causes.new_id(connection, kind)
    connection.execute(
        insert(outbox)
        .values(
            id=row_id,
            lane=lane,
            kind=kind,
            payload=orjson.dumps(payload),
            target=target,
            state=PENDING,
            created_at=now,
            attempts=0,
        )
        .on_conflict_do_nothing(index_elements=["id"])
    )
    return row_id


def _redact(connection: Connection, lane: str, event_id: str, now: int) -> None:
    """Write the redaction of an event, once: the row's id is made from the event's, so whoever asks again adds none."""
    row_id = EffectID(hashlib.sha256(f"redact {event_id}".encode()).hexdigest()[:32])
    _row(connection, lane, "redact", {"event_id": event_id}, now, id=row_id)


def _add_post(connection: Connection, post: fx.Post, lane: str, about: RoomID, now: int) -> None:
    payload: dict[str, Any] = {
        "body": post.words.body,
        "html": post.words.html,
        "ping": list(post.ping),
        "text": post.text or bool(post.ping),
        "reply_to": post.reply_to,
        "thread": post.thread,
        "kind": post.kind,
        "mark": dict(post.mark),
        "sources": [source.event_id for source in post.sources],
        "extra": dict(post.extra),
    }
    if post.attachment is not None:
        payload["attachment"] = {
            "name": post.attachment.name,
            "media_type": post.attachment.media_type,
            "data": base64.b64encode(post.attachment.data).decode(),
            "width": post.attachment.width,
            "height": post.attachment.height,
        }
    effect_id = post.id or causes.new_id(connection, "post")
    _note_post(connection, effect_id, post, lane, about, now)
    _row(connection, lane, "post", payload, now, id=effect_id)
    for key in post.buttons:
        _row(connection, lane, "react", {"key": key}, now, target=effect_id)
    if post.pin:
        _row(connection, lane, "pin", {}, now, target=effect_id)


def add_unsaid(connection: Connection, post: fx.Post, now: int) -> None:
    """Keep an unasked post that does not fit into the day's voice as one line for the next digest."""
    effect_id = post.id or causes.new_id(connection, "post")
    _note_post(connection, effect_id, post, post.room_id, post.about or post.room_id, now, state="unsaid")
    connection.execute(insert(tables.unsaid).values(effect_id=effect_id, brief=post.brief))
    stale = select(tables.posts.c.effect_id).where(tables.posts.c.at < now - UNSAID_MS)
    connection.execute(delete(tables.unsaid).where(tables.unsaid.c.effect_id.in_(stale)))


def _note_post(
    connection: Connection,
    effect_id: EffectID,
    post: fx.Post,
    lane: str,
    about: RoomID,
    now: int,
    *,
    state: str = "final",
) -> None:
    row: dict[str, Any] = {
        "room_id": post.room_id,
        "about": about,
        "kind": post.kind,
        "feature": post.feature,
        "subject": post.subject,
        "asker": _asker(connection, post, lane),
        "answers": post.answers,
        "thread": post.thread,
        "remake": dict(post.remake) if post.remake is not None else None,
        "language": post.language or language_of(post.words.body, "en"),
        "state": state,
        "at": now,
    }
    statement = insert(tables.posts).values(effect_id=effect_id, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["effect_id"], set_=row))
    note_sources(connection, effect_id, post.sources)


def _asker(connection: Connection, post: fx.Post, lane: str) -> str | None:
    if lane != post.room_id:
        return lane
    if post.answers is None:
        return None
    return connection.execute(select(journal.c.sender).where(journal.c.event_id == post.answers)).scalar()


def add_placeholder(connection: Connection, placeholder: fx.Placeholder, now: int) -> None:
    """Write the reaction that says an answer is coming: once for each question, also over restarts.

    A question that was taken back or answered in the same moment gets none: nothing would ever end it.
    """
    question = placeholder.answers
    if is_answered(connection, question) or not _is_waiting(connection, question):
        return
    effect_id = causes.effect_id(causes.waiting_for(question), "react")
    if _note_placeholder(connection, effect_id, placeholder.room_id, question, None, now):
        payload = {"event_id": question, "key": PLACEHOLDER_KEY, "kind": PLACEHOLDER}
        _row(connection, placeholder.room_id, "react", payload, now, id=effect_id)


def found_placeholder(
    connection: Connection, effect_id: EffectID, room_id: RoomID, event_id: EventID, question: EventID, now: int
) -> bool:
    """Note a placeholder that stands in a room and that no row spoke of; return whether it must be taken away."""
    _note_placeholder(connection, effect_id, room_id, question, event_id, now)
    if _is_waiting(connection, question):
        return False
    withdraw(connection, effect_id, now)
    return True


def _is_waiting(connection: Connection, question: EventID) -> bool:
    state = connection.execute(select(journal.c.state).where(journal.c.event_id == question)).scalar()
    return bool(state == journal_state.PENDING)


def _note_placeholder(
    connection: Connection, effect_id: EffectID, room_id: RoomID, question: EventID, event_id: EventID | None, now: int
) -> bool:
    noted = connection.execute(
        insert(tables.posts)
        .values(
            effect_id=effect_id,
            room_id=room_id,
            about=room_id,
            event_id=event_id,
            kind=PLACEHOLDER,
            feature="help",
            asker=connection.execute(select(journal.c.sender).where(journal.c.event_id == question)).scalar(),
            answers=question,
            state="open",
            at=now,
        )
        .on_conflict_do_nothing()
        .returning(tables.posts.c.effect_id)
    )
    return noted.first() is not None


def is_answered(connection: Connection, event_id: EventID) -> bool:
    """Return whether an answer of ours was found in the room, which no row knew of: it is not to be given again."""
    ids = [causes.effect_id(causes.answering(event_id), kind) for kind in ("post", "edit")]
    query = select(tables.posts.c.effect_id).where(tables.posts.c.effect_id.in_(ids), tables.posts.c.state == FOUND)
    return connection.execute(query).first() is not None


def withdraw_placeholder(connection: Connection, answers: EventID, now: int) -> bool:
    """Take back the placeholders that still wait for an answer to an event; return whether there were any."""
    query = select(tables.posts.c.effect_id).where(tables.posts.c.answers == answers, tables.posts.c.state == "open")
    waiting = connection.execute(query).scalars().all()
    for effect_id in waiting:
        withdraw(connection, EffectID(effect_id), now)
    return bool(waiting)


def withdraw_answers(connection: Connection, event_id: EventID, now: int) -> tuple[EffectID, ...]:
    """Take back every post that answers an event, those not sent yet too; return which, with those gone before."""
    query = select(tables.posts.c.effect_id).where(tables.posts.c.answers == event_id)
    answers = tuple(EffectID(effect_id) for effect_id in connection.execute(query).scalars())
    for effect_id in answers:
        withdraw(connection, effect_id, now)
    return answers


def withdraw_open(connection: Connection, asker: UserID | None, room_id: RoomID | None, now: int) -> None:
    """Take back the placeholders of what is no longer being answered: of one person or all, in one room or all."""
    query = select(tables.posts.c.effect_id).where(tables.posts.c.state == "open")
    if asker is not None:
        query = query.where(tables.posts.c.asker == asker)
    if room_id is not None:
        query = query.where(tables.posts.c.room_id == room_id)
    for effect_id in connection.execute(query).scalars().all():
        withdraw(connection, EffectID(effect_id), now)


def _add_edit(connection: Connection, room_id: RoomID, root: EffectID, words: fx.Words, now: int) -> None:
    row = connection.execute(select(tables.posts).where(tables.posts.c.effect_id == root)).mappings().first()
    if row is None or row["state"] == "gone":
        return
    edit_id = causes.new_id(connection, "edit")
    payload: dict[str, Any] = {
        "body": words.body,
        "html": words.html,
        "ping": [],
        "text": row["kind"] == "admission",
        "kind": row["kind"],
    }
    _row(connection, room_id, "edit", payload, now, id=edit_id, target=root)
    connection.execute(
        insert(tables.posts).values(
            effect_id=edit_id,
            room_id=room_id,
            about=row["about"],
            kind=row["kind"],
            feature=row["feature"],
            subject=row["subject"],
            root=root,
            state="final",
            at=now,
        )
    )


def _clear_buttons(connection: Connection, root: EffectID, now: int) -> None:
    _take_off(connection, outbox.c.target == root, now)


def _take_off(connection: Connection, which: ColumnElement[bool], now: int) -> None:
    """Take reactions of ours away, or never put them."""
    reactions = which & (outbox.c.kind == "react")
    connection.execute(update(outbox).where(reactions, outbox.c.state == PENDING).values(state=CANCELLED, payload=None))
    standing = connection.execute(
        select(outbox.c.id, outbox.c.lane, outbox.c.event_id).where(reactions, outbox.c.state == SENT)
    ).all()
    for row_id, lane, event_id in standing:
        # The state says that this was done, so that a second clearing redacts nothing twice.
        connection.execute(update(outbox).where(outbox.c.id == row_id).values(state=CANCELLED))
        if event_id is not None:
            _redact(connection, lane, event_id, now)


def note_sources(connection: Connection, effect_id: EffectID, sources: Iterable[Source]) -> None:
    """Note what a post rests on."""
    rows = [
        {
            "effect_id": effect_id,
            "event_id": source.event_id,
            "sender": source.sender,
            "at": source.at,
            "thread": source.thread,
            "to_ai": source.to_ai,
            "room_id": source.room,
        }
        for source in sources
    ]
    if rows:
        connection.execute(insert(tables.sources).on_conflict_do_nothing(), rows)


def lanes_waiting(connection: Connection) -> tuple[str, ...]:
    """Return the lanes that have pending rows."""
    return tuple(connection.execute(select(outbox.c.lane).where(outbox.c.state == PENDING).distinct()).scalars())


def _waits_for_erasure() -> ColumnElement[bool]:
    """Return the condition that a post says that something is deleted which is not yet."""
    query = select(erasures.c.seq).join(tables.posts, tables.posts.c.answers == erasures.c.answers)
    return query.where(tables.posts.c.effect_id == outbox.c.id).correlate(outbox).exists()


def next_of(connection: Connection, lane: str) -> Row | None:
    """Return the oldest pending row of a lane that may be sent."""
    waiting = outbox.c.state == PENDING, outbox.c.lane == lane, ~_waits_for_erasure()
    row = connection.execute(select(outbox).where(*waiting).order_by(outbox.c.seq).limit(1)).mappings().first()
    if row is None:
        return None
    return Row(
        seq=row["seq"],
        id=EffectID(row["id"]),
        lane=row["lane"],
        kind=row["kind"],
        payload=cast("Mapping[str, Any]", orjson.loads(row["payload"])),
        target=EffectID(row["target"]) if row["target"] else None,
        attempts=row["attempts"],
        created_at=row["created_at"],
    )


def event_of(connection: Connection, effect_id: EffectID) -> tuple[RoomID, EventID] | None:
    """Return where an outbox row's event stands, None if it was not sent."""
    row = connection.execute(
        select(tables.posts.c.room_id, tables.posts.c.event_id).where(tables.posts.c.effect_id == effect_id)
    ).first()
    return (RoomID(row[0]), EventID(row[1])) if row is not None and row[1] else None


def seen(connection: Connection, effect_id: EffectID, room_id: RoomID, event_id: EventID, now: int) -> bool:
    """Note from the homeserver's echo where an event of ours stands; return whether it must be taken away again.

    The echo comes also when our own request broke off after the homeserver had taken it, and before any answer or
    tap on it: so what was withdrawn in that moment is still found, and no tap meets a post we do not know.
    """
    post = connection.execute(
        select(tables.posts.c.event_id, tables.posts.c.root).where(tables.posts.c.effect_id == effect_id)
    ).first()
    reaction = connection.execute(
        select(outbox.c.state).where(outbox.c.id == effect_id, outbox.c.kind == "react")
    ).scalar()
    if reaction is not None:
        connection.execute(
            update(outbox).where(outbox.c.id == effect_id, outbox.c.event_id.is_(None)).values(event_id=event_id)
        )
        unwanted = bool(reaction == CANCELLED)
    elif post is not None:
        if post.event_id is None:
            connection.execute(
                update(tables.posts)
                .where(tables.posts.c.effect_id == effect_id)
                .values(event_id=event_id, room_id=room_id)
            )
        unwanted = _is_gone(connection, post.root or effect_id)
    else:
        unwanted = False
    if unwanted:
        _redact(connection, room_id, event_id, now)
    return unwanted


def standing(connection: Connection, row: Row) -> tuple[RoomID, EventID] | None:
    """Return where the event of a row stands already, though the row still waits; None: not known to stand."""
    if row.kind in ("post", "edit"):
        return event_of(connection, row.id)
    event_id = connection.execute(select(outbox.c.event_id).where(outbox.c.id == row.id)).scalar()
    return (RoomID(row.lane), EventID(event_id)) if event_id and row.kind == "react" else None


def _is_gone(connection: Connection, effect_id: str) -> bool:
    state = connection.execute(select(tables.posts.c.state).where(tables.posts.c.effect_id == effect_id)).scalar()
    return state == "gone"


def sent(connection: Connection, row: Row, room_id: RoomID, event_id: EventID | None, now: int) -> None:
    """Mark a row as sent and drop its words; a post that was taken back meanwhile is redacted next."""
    cancelled = connection.execute(select(outbox.c.state).where(outbox.c.id == row.id)).scalar() == CANCELLED
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(state=SENT, event_id=event_id, payload=None))
    if cancelled and row.kind == "react" and event_id:
        # It stays cancelled, as the buttons do that were cleared after they were sent.
        connection.execute(update(outbox).where(outbox.c.id == row.id).values(state=CANCELLED))
        _redact(connection, room_id, event_id, now)
    if row.kind not in ("post", "edit"):
        return
    connection.execute(
        update(tables.posts).where(tables.posts.c.effect_id == row.id).values(event_id=event_id, room_id=room_id)
    )
    if event_id and _is_gone(connection, row.target or row.id):
        _redact(connection, room_id, event_id, now)


def refused(connection: Connection, row: Row, *, cancelled: bool = False) -> None:
    """Give a row up and drop its words."""
    state = CANCELLED if cancelled else REFUSED
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(state=state, payload=None))


def retried(connection: Connection, row: Row) -> None:
    """Count one more attempt."""
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(attempts=row.attempts + 1))


def withdraw(connection: Connection, effect_id: EffectID, now: int) -> None:
    """Take a post back: redact it with each edit of it, or never send what is not sent yet."""
    post = connection.execute(select(tables.posts).where(tables.posts.c.effect_id == effect_id)).mappings().first()
    if post is None or post["state"] == "gone":
        return
    connection.execute(
        update(tables.posts)
        .where((tables.posts.c.effect_id == effect_id) | (tables.posts.c.root == effect_id))
        .values(state="gone")
    )
    connection.execute(delete(tables.unsaid).where(tables.unsaid.c.effect_id == effect_id))
    _take_off(connection, outbox.c.id == effect_id, now)
    connection.execute(
        update(outbox)
        .where(outbox.c.state == PENDING, (outbox.c.id == effect_id) | (outbox.c.target == effect_id))
        .where(outbox.c.kind != "redact")
        .values(state=CANCELLED, payload=None)
    )
    events = connection.execute(
        select(tables.posts.c.room_id, tables.posts.c.event_id)
        .where((tables.posts.c.effect_id == effect_id) | (tables.posts.c.root == effect_id))
        .where(tables.posts.c.event_id.is_not(None))
        .order_by(tables.posts.c.at.desc())
    ).all()
    for room_id, event_id in events:
        _redact(connection, room_id, event_id, now)


def pending_count(connection: Connection) -> int:
    """Return how many effects wait."""
    return connection.execute(select(func.count()).where(outbox.c.state == PENDING)).scalar() or 0


def hush(connection: Connection, lane: str) -> None:
    """Drop what waits to be said in a room; what is to be taken back there still is."""
    connection.execute(
        update(outbox)
        .where(outbox.c.state == PENDING, outbox.c.lane == lane, outbox.c.kind.not_in(["redact", "leave"]))
        .values(state=CANCELLED, payload=None)
    )


def cancel_lane(connection: Connection, lane: str) -> None:
    """Drop what waits for a room that can no longer be spoken to."""
    connection.execute(
        update(outbox)
        .where(outbox.c.state == PENDING, outbox.c.lane == lane, outbox.c.kind != "leave")
        .values(state=CANCELLED, payload=None)
    )
