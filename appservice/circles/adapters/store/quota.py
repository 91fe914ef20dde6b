"""What a person and a room may still ask of a model today. A day is a day in UTC.

A call and the tokens of its request are taken in the unit of work that commits its egress row, so two calls at once
cannot both take the last one. What the model then really used is put right afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from circles.core.ids import RoomID, UserID
from circles.dialects import insert
from circles.errors import BudgetSpent
from circles.facts.tables import quota


class Budget(StrEnum):
    """The three budgets."""

    PERSON_CALLS = "person_calls"
    ROOM_CALLS = "room_calls"
    ROOM_TOKENS = "room_tokens"


_SENTENCES: Final = {
    Budget.PERSON_CALLS: "The person's model calls for today are used up.",
    Budget.ROOM_CALLS: "The room's model calls for today are used up.",
    Budget.ROOM_TOKENS: "The room's tokens for today are used up.",
}


class QuotaSpent(BudgetSpent):
    """One of the budgets for today is used up; `which` says which."""

    def __init__(self, which: Budget) -> None:
        super().__init__(_SENTENCES[which])
        self.which: Final = which


@dataclass(frozen=True, slots=True)
class DailyLimits:
    """What a person and a room may use a day. 0 means nothing."""

    calls_per_person: int
    calls_per_room: int
    tokens_per_room: int


@dataclass(frozen=True, slots=True)
class Account:
    """Who is charged, and for which day."""

    day: str
    room_id: RoomID
    user_id: UserID


def account(now: datetime, room_id: RoomID, user_id: UserID) -> Account:
    """Return who is charged for something asked `now`."""
    return Account(now.astimezone(UTC).date().isoformat(), room_id, user_id)


def take(connection: Connection, payer: Account, limits: DailyLimits, *, calls: int, tokens: int) -> None:
    """Take `calls` and `tokens` from all three budgets, or from none.

    Raises:
        QuotaSpent: one of them has not that much left.
    """
    mine = quota.c.user_id == payer.user_id
    room = quota.c.room_id == payer.room_id
    if calls and _used(connection, payer, quota.c.model_calls, mine) + calls > limits.calls_per_person:
        raise QuotaSpent(Budget.PERSON_CALLS)
    if calls and _used(connection, payer, quota.c.model_calls, room) + calls > limits.calls_per_room:
        raise QuotaSpent(Budget.ROOM_CALLS)
    if _used(connection, payer, quota.c.tokens, room) + tokens > limits.tokens_per_room:
        raise QuotaSpent(Budget.ROOM_TOKENS)
    charge(connection, payer, calls=calls, tokens=tokens)


def charge(connection: Connection, payer: Account, *, calls: int = 0, tokens: int = 0) -> None:
    """Add to what was used, without asking. `tokens` may be negative: what was taken and not needed."""
    row = insert(quota).values(
        day=payer.day, room_id=payer.room_id, user_id=payer.user_id, commands=0, model_calls=calls, tokens=tokens
    )
    more = {"model_calls": quota.c.model_calls + calls, "tokens": quota.c.tokens + tokens}
    connection.execute(row.on_conflict_do_update(index_elements=["day", "room_id", "user_id"], set_=more))


def _used(connection: Connection, payer: Account, column: ColumnElement[int], whose: ColumnElement[bool]) -> int:
    total = select(func.coalesce(func.sum(column), 0)).where(quota.c.day == payer.day, whose)
    return int(connection.execute(total).scalar_one())
