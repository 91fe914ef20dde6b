"""The rows of the digest: when it comes, in whose name, and whether anybody looks at it. No words of anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Column, Connection, Integer, String, Table, delete, insert, select, update

from circles.core.effects import CancelWake, Effect, WakeAt
from circles.core.ids import RoomID, UserID
from circles.core.language import Language, as_language
from circles.core.schedule import Rule
from circles.facts.tables import members, metadata, posts
from circles.feature import Followed, Held
from circles.features.digest import strings
from circles.features.digest.decide import NAME, Digest, DropDigest, NextDigest, SaveDigest, TouchDigest

digests: Final = Table(
    "digests",
    metadata,
    Column("room_id", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("rule", JSON, nullable=False),
    Column("zone", String, nullable=False),
    Column("language", String, nullable=False, default="en"),
    Column("next_due", BigInteger, nullable=False),
    Column("last_sent", BigInteger, nullable=False),
    Column("untouched", Integer, nullable=False, default=0),
    Column("question", String, nullable=False, default=""),
)
"""`question`: '' not asked whether to go on, asked, kept (somebody wants it: not asked again)."""


def digest(connection: Connection, room_id: RoomID) -> Digest | None:
    """Return a room's digest."""
    row = connection.execute(select(digests).where(digests.c.room_id == room_id)).mappings().one_or_none()
    return _digest(row) if row else None


def has_left(connection: Connection, user_id: UserID, room_id: RoomID) -> bool:
    """Return whether a person is known to be no longer in a room."""
    found = select(members.c.membership).where(members.c.room_id == room_id, members.c.user_id == user_id)
    return connection.execute(found).scalar_one_or_none() in ("leave", "ban")


def was_said(connection: Connection, subject: str) -> bool:
    """Return whether a kind line with this subject was said already."""
    found = select(posts.c.effect_id).where(posts.c.feature == NAME, posts.c.subject == subject)
    return connection.execute(found).first() is not None


def write(connection: Connection, effect: Effect) -> None:
    """Write what one of our effects says, in the unit of work of the posts that tell of it."""
    match effect:
        case SaveDigest(digest=new):
            connection.execute(delete(digests).where(digests.c.room_id == new.room_id))
            connection.execute(insert(digests).values(_row(new)))
        case NextDigest(room_id=room_id):
            values: dict[str, object] = {"next_due": _ms(effect.next_due)}
            if effect.sent:
                values |= {"last_sent": _ms(effect.sent), "untouched": digests.c.untouched + 1}
            if effect.asks:
                values["question"] = "asked"
            connection.execute(update(digests).where(digests.c.room_id == room_id).values(values))
        case TouchDigest(room_id=room_id, wanted=wanted):
            touched: dict[str, int | str] = {"untouched": 0, "question": "kept"} if wanted else {"untouched": 0}
            connection.execute(update(digests).where(digests.c.room_id == room_id).values(touched))
        case DropDigest(room_id=room_id):
            connection.execute(delete(digests).where(digests.c.room_id == room_id))
        case _:
            raise TypeError(f"not an effect of the digest: {type(effect).__name__}")


def forget_person(connection: Connection, user_id: UserID, room_id: RoomID | None) -> tuple[Effect, ...]:
    """Delete the digests that come in a person's name, in one room or everywhere."""
    which = digests.c.host == user_id
    if room_id is not None:
        which &= digests.c.room_id == room_id
    gone = connection.execute(select(digests.c.room_id).where(which)).scalars().all()
    connection.execute(delete(digests).where(which))
    return tuple(CancelWake(NAME, key) for key in gone)


def follow(connection: Connection, old: RoomID, new: RoomID, _now: int) -> Followed:
    """Take a room's digest into the one it was upgraded to."""
    row = digest(connection, old)
    if row is None or digest(connection, new) is not None:
        return Followed(effects=(CancelWake(NAME, old),))
    connection.execute(update(digests).where(digests.c.room_id == old).values(room_id=new))
    return Followed({"digest": 1}, (CancelWake(NAME, old), WakeAt(NAME, new, new, row.next_due)))


def forget_room(connection: Connection, room_id: RoomID) -> None:
    """Drop a room's digest: the AI has left it."""
    connection.execute(delete(digests).where(digests.c.room_id == room_id))


def held(connection: Connection, user_id: UserID, room_id: RoomID | None, language: Language) -> tuple[Held, ...]:
    """Return which digests come in a person's name."""
    which = digests.c.host == user_id
    if room_id is not None:
        which &= digests.c.room_id == room_id
    rows = [_digest(row) for row in connection.execute(select(digests).where(which)).mappings()]
    lines = tuple(strings.rhythm(row.rule, language).strip() for row in rows)
    return (Held(strings.HELD[language], len(rows), lines),) if rows else ()


def _row(value: Digest) -> dict[str, object]:
    return {
        "room_id": value.room_id,
        "host": value.host,
        "rule": value.rule.to_json(),
        "zone": value.zone,
        "language": value.language,
        "next_due": _ms(value.next_due),
        "last_sent": _ms(value.last_sent),
        "untouched": value.untouched,
        "question": value.question,
    }


def _digest(row: Mapping[Any, Any]) -> Digest:
    return Digest(
        room_id=RoomID(row["room_id"]),
        host=UserID(row["host"]),
        rule=Rule.from_json(row["rule"]),
        zone=row["zone"],
        language=as_language(row["language"], "en"),
        next_due=datetime.fromtimestamp(row["next_due"] / 1000, UTC),
        last_sent=datetime.fromtimestamp(row["last_sent"] / 1000, UTC),
        untouched=row["untouched"],
        question=row["question"],
    )


def _ms(value: datetime) -> int:
    return int(value.timestamp() * 1000)
