"""What each person chose, as the gate knows it: rows of its own in Synapse's database, without any content.

A row says what `circles_policies.Member` says. It gets stricter on anybody's word, looser only where an event that this
homeserver holds shows that it may: the person's own, a decider's for "keep out", or, for a newcomer, something the AI
said in the room after they came.  So a service that errs, or lies, can keep people out and never let them in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from synapse.module_api import LoggingTransaction

from circles_policies import Choice, Level, Member, fold_choice

NOBODY_YET: Final = Member(since=None)
"""Somebody of whom nothing is known: no notice that concerns them was posted yet."""

TABLE: Final = """
    CREATE TABLE IF NOT EXISTS circles_standings (
        room_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        level TEXT NOT NULL,
        kept_out INTEGER NOT NULL,
        since BIGINT,
        consented_since BIGINT,
        addressed_since BIGINT NOT NULL,
        came_at BIGINT NOT NULL,
        chosen_at BIGINT NOT NULL,
        PRIMARY KEY (room_id, user_id)
    )"""
_COLUMNS: Final = "room_id, user_id, level, kept_out, since, consented_since, addressed_since, came_at, chosen_at"
_PLACES: Final = ",".join("?" * 9)
_SAVE: Final = f"""
    INSERT INTO circles_standings ({_COLUMNS}) VALUES ({_PLACES})
    ON CONFLICT (room_id, user_id) DO UPDATE SET level = EXCLUDED.level, kept_out = EXCLUDED.kept_out,
        since = EXCLUDED.since, consented_since = EXCLUDED.consented_since,
        addressed_since = EXCLUDED.addressed_since, came_at = EXCLUDED.came_at,
        chosen_at = EXCLUDED.chosen_at"""  # noqa: S608  # fixed names only
_OF_ROOMS: Final = f"SELECT {_COLUMNS} FROM circles_standings WHERE room_id IN "  # noqa: S608  # fixed names only
_ONE: Final = f"SELECT {_COLUMNS} FROM circles_standings WHERE room_id = ? AND user_id = ?"  # noqa: S608  # as above
_SENDERS: Final = " AND user_id IN "
_ALL: Final = f"SELECT {_COLUMNS} FROM circles_standings WHERE room_id = ?"  # noqa: S608  # fixed names only

_STRICTNESS: Final = (Level.IN, Level.NONE, Level.OUT, Level.NOT_AT_ALL)


@dataclass(frozen=True, slots=True)
class Standing:
    """A person in a room. Instants are receipts by this homeserver in ms.

    Attributes:
        came_at: when they last came in or went; nothing that was said before it can have told them.
        chosen_at: of the last event that changed what they chose; an older one that is delivered again says nothing.
    """

    member: Member = NOBODY_YET
    came_at: int = 0
    chosen_at: int = 0


@dataclass(frozen=True, slots=True)
class Looser:
    """In which respects a new standing is looser than an old one."""

    level: bool
    kept_out: bool
    told: bool

    def __bool__(self) -> bool:
        return self.level or self.kept_out or self.told


def compare(old: Member, new: Member) -> Looser:
    """Return what of `new` allows more than `old`."""
    return Looser(
        level=_STRICTNESS.index(new.level) < _STRICTNESS.index(old.level)
        or new.addressed_since < old.addressed_since
        or _earlier(new.consented_since, old.consented_since),
        kept_out=old.kept_out and not new.kept_out,
        told=_earlier(new.since, old.since),
    )


def _earlier(new: int | None, old: int | None) -> bool:
    return new is not None and (old is None or new < old)


def came(standing: Standing, received: int) -> Standing:
    """Return the standing of somebody who just came in, or went: they have to be told again."""
    if received <= standing.came_at:
        return standing
    return replace(standing, member=fold_choice(standing.member, Choice.JOINED, received), came_at=received)


def chose(standing: Standing, choice: Choice, received: int) -> Standing:
    """Return the standing after a choice that the gate read from the person's own event."""
    if received <= standing.chosen_at:
        return standing
    return replace(standing, member=fold_choice(standing.member, choice, received), chosen_at=received)


def create_table(txn: LoggingTransaction) -> None:
    """Make the table, where it is not there yet."""
    txn.execute(TABLE)


def load(txn: LoggingTransaction, rooms: Sequence[str], people: Collection[str]) -> dict[tuple[str, str], Standing]:
    """Return the standings of some people in some rooms; who is not in it has none."""
    found: dict[tuple[str, str], Standing] = {}
    names = sorted(people)
    for start in range(0, len(names), 400):
        part = names[start : start + 400]
        sql = f"{_OF_ROOMS}({_holes(rooms)}){_SENDERS}({_holes(part)})"
        for row in _rows(txn, sql, *rooms, *part):
            found[str(row[0]), str(row[1])] = _standing(row)
    return found


def one(txn: LoggingTransaction, room_id: str, user_id: str) -> Standing:
    """Return one person's standing in a room."""
    found = _rows(txn, _ONE, room_id, user_id)
    return _standing(found[0]) if found else Standing()


def of_room(txn: LoggingTransaction, room_id: str) -> dict[str, Standing]:
    """Return everybody's standing in a room."""
    return {str(row[1]): _standing(row) for row in _rows(txn, _ALL, room_id)}


def save(txn: LoggingTransaction, changed: Mapping[tuple[str, str], Standing]) -> None:
    """Write standings."""
    for (room_id, user_id), standing in changed.items():
        member = standing.member
        txn.execute(
            _SAVE,
            (
                room_id,
                user_id,
                member.level.value,
                int(member.kept_out),
                member.since,
                member.consented_since,
                member.addressed_since,
                standing.came_at,
                standing.chosen_at,
            ),
        )


def _standing(row: Sequence[Any]) -> Standing:
    _, _, level, kept_out, since, consented_since, addressed_since, came_at, chosen_at = row
    return Standing(_member(level, bool(kept_out), since, consented_since, addressed_since), came_at, chosen_at)


@lru_cache(maxsize=4_096)
def _member(level: str, kept_out: bool, since: int | None, consented_since: int | None, addressed_since: int) -> Member:
    """Make a person's standing. Most people of a room were told in the same moment, and chose nothing since."""
    return Member(
        level=Level(level),
        kept_out=kept_out,
        since=since,
        consented_since=consented_since,
        addressed_since=addressed_since,
    )


def _holes(values: Collection[str]) -> str:
    return ",".join("?" * len(values))


def _rows(txn: LoggingTransaction, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    txn.execute(sql, arguments)
    # Synapse's annotation is a bare tuple, which strict checking knows nothing about.
    found: list[tuple[Any, ...]] = txn.fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found
