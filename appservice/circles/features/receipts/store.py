"""What the rows say of a post of the AI's: its sources, what left for it, what was in force. Only read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from circles.core.call import Call as Asked
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.facts import ledger, rooms
from circles.facts.posts import said as said_by_us
from circles.facts.posts import sources_of
from circles.facts.tables import posts
from circles.features.receipts.decide import PASSED_OVER, SILENT, Call, Given, Receipt
from circles_policies import Policy


def meant(connection: Connection, call: Asked) -> EffectID | None:
    """Return the post a "why" is about: the one it replies to, else the latest answer to the asker in this place.

    A post of another room is nobody's to ask about from here; in private it is the asker's, if there is none here.
    """
    if call.reply_to is not None:
        found = said_by_us(connection, call.reply_to)
        return found.effect_id if found is not None and found.room_id == call.place else None
    here = (
        posts.c.room_id == call.place,
        posts.c.thread.is_(None) if call.thread is None else posts.c.thread == call.thread,
    )
    row = connection.execute(
        select(posts.c.effect_id)
        .where(
            # Asked in private it may be about an answer that stands elsewhere: only the asker hears of it.
            *(() if call.private else here),
            posts.c.asker == call.asker,
            posts.c.state == "final",
            posts.c.root.is_(None),
            posts.c.event_id.is_not(None),
            posts.c.feature.not_in(PASSED_OVER),
            posts.c.kind.not_in(SILENT),
        )
        .order_by((posts.c.room_id == call.place).desc(), posts.c.at.desc())
        .limit(1)
    ).scalar()
    return EffectID(row) if row is not None else None


def receipt(connection: Connection, effect_id: EffectID) -> Receipt | None:
    """Return what is known of a post."""
    row = connection.execute(select(posts).where(posts.c.effect_id == effect_id)).mappings().first()
    if row is None:
        return None
    about = RoomID(row["about"])
    sources = sources_of(connection, effect_id)
    calls = _calls(connection, row, about)
    before, after = _others(connection, row)
    return Receipt(
        about=about,
        via=rooms.servers(connection, about),
        asker=UserID(row["asker"]) if row["asker"] else None,
        sources=sources,
        # Without a model a post rests on what it quotes and links to; of a model's answer the rows do not say which.
        cited=sources if not calls else None,
        calls=calls,
        policy=_policy_at(connection, about, int(row["at"])),
        standing=row["state"] != "gone",
        again=before,
        successor=after,
        stands_in=RoomID(row["room_id"]),
    )


def answers(connection: Connection, asker: UserID, about: RoomID | None, since: int) -> tuple[Given, ...]:
    """Return what was answered to a person since an instant (ms), about one circle or any, oldest first."""
    query = (
        select(posts.c.effect_id, posts.c.event_id, posts.c.feature, posts.c.at)
        .where(
            posts.c.asker == asker,
            posts.c.at >= since,
            posts.c.root.is_(None),
            posts.c.event_id.is_not(None),
            posts.c.feature.not_in(PASSED_OVER),
            posts.c.kind.not_in(SILENT),
        )
        .order_by(posts.c.at, posts.c.effect_id)
    )
    if about is not None:
        query = query.where(posts.c.about == about)
    found: list[Given] = []
    for effect_id, event_id, feature, at in connection.execute(query):
        known = receipt(connection, EffectID(effect_id))
        if known is not None:
            found.append(Given(int(at), str(feature), EventID(event_id), known))
    return tuple(found)


def _calls(connection: Connection, row: Mapping[Any, Any], about: RoomID) -> tuple[Call, ...]:
    at = int(row["at"])
    same = (posts.c.about == about, posts.c.feature == row["feature"], posts.c.kind.not_in(SILENT))
    asker = posts.c.asker == row["asker"] if row["asker"] else posts.c.asker.is_(None)
    last = connection.execute(
        select(func.max(posts.c.at)).where(*same, asker, posts.c.at < at, posts.c.root.is_(None))
    ).scalar()
    found = ledger.sent_for(
        connection,
        room_id=about,
        asker=UserID(row["asker"]) if row["asker"] else None,
        purpose=row["feature"],
        question=EventID(row["answers"]) if row["answers"] else None,
        after=last or 0,
        at=at,
    )
    return tuple(Call(each.at, each.host, each.model, each.answered) for each in found)


def _others(connection: Connection, row: Mapping[Any, Any]) -> tuple[bool, EventID | None]:
    """Return whether a post answers what an earlier, withdrawn one answered, and which standing one came after it."""
    if row["answers"] is None:
        return False, None
    same = connection.execute(
        select(posts.c.effect_id, posts.c.state, posts.c.event_id, posts.c.at)
        .where(
            posts.c.answers == row["answers"],
            posts.c.feature == row["feature"],
            posts.c.kind == row["kind"],
            posts.c.room_id == row["room_id"],
            posts.c.root.is_(None),
            posts.c.effect_id != row["effect_id"],
        )
        .order_by(posts.c.at)
    ).all()
    before = any(state == "gone" and at <= row["at"] for _, state, _, at in same)
    after = [event_id for _, state, event_id, _ in same if state != "gone" and event_id]
    return before, EventID(after[-1]) if after else None


def _policy_at(connection: Connection, about: RoomID, at: int) -> Policy | None:
    for policy, starts_at, ends_at in reversed(rooms.policy_periods(connection, about)):
        if starts_at <= at and (ends_at is None or at < ends_at):
            return policy
    return None
