"""What a person and a room may still ask today: answers, and what a model costs. A day is a day in UTC.

A call and the tokens of its request are taken in the unit of work that commits its egress row, so two calls at once
cannot both take the last one. What the model then really used is put right afterwards. An answer is counted in the
unit of work that settles its question.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select, update

from circles.core.ids import RoomID, UserID
from circles.dialects import insert
from circles.errors import BudgetSpent
from circles.facts.tables import quota


class Budget(StrEnum):
    """The budgets."""

    PERSON_CALLS = "person_calls"
    PERSON_TOKENS = "person_tokens"
    ROOM_CALLS = "room_calls"
    ROOM_TOKENS = "room_tokens"
    PERSON_ANSWERS = "person_answers"
    ROOM_ANSWERS = "room_answers"

    @property
    def of_room(self) -> bool:
        """Whether it is shared by a room."""
        return self in (Budget.ROOM_CALLS, Budget.ROOM_TOKENS, Budget.ROOM_ANSWERS)


class QuotaSpent(BudgetSpent):
    """One of the budgets for today is used up; `which` says which."""

    def __init__(self, which: Budget, *, hours: int, told: bool) -> None:
        super().__init__(f"{which} is used up for today", of_room=which.of_room, hours=hours, told=told)
        self.which: Final = which


@dataclass(frozen=True, slots=True)
class DailyLimits:
    """What a person and a room may use a day. 0 means nothing."""

    calls_per_person: int
    calls_per_room: int
    tokens_per_room: int
    tokens_per_person: int = 10**9


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How many answers a person and a room get a day. 0 means none but to control words."""

    per_person: int
    per_room: int


CONTROL_RESERVE: Final = 50
"""So many control words of one person are answered beyond any budget. They are obeyed however many there are."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who is charged, and for which day."""

    day: str
    room_id: RoomID
    user_id: UserID


def account(now: datetime, room_id: RoomID, user_id: UserID) -> Account:
    """Return who is charged for something asked `now`."""
    return Account(now.astimezone(UTC).date().isoformat(), room_id, user_id)


def hours_left(now: datetime) -> int:
    """Return in how many hours, begun ones counted, the next day begins."""
    midnight = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
    return -(-(midnight - now) // timedelta(hours=1))


def take(
    connection: Connection, payer: Account, limits: DailyLimits, *, calls: int, tokens: int, now: datetime
) -> None:
    """Take `calls` and `tokens` from all budgets of the model, or from none.

    Raises:
        QuotaSpent: one of them has not that much left.
    """
    mine, room = _whose(payer)
    wanted = (
        (Budget.PERSON_CALLS, quota.c.model_calls, mine, calls, limits.calls_per_person),
        (Budget.ROOM_CALLS, quota.c.model_calls, room, calls, limits.calls_per_room),
        (Budget.PERSON_TOKENS, quota.c.tokens, mine, tokens, limits.tokens_per_person),
        (Budget.ROOM_TOKENS, quota.c.tokens, room, tokens, limits.tokens_per_room),
    )
    for budget, column, whose, amount, most in wanted:
        # The repeat of a request is part of a call that was taken already.
        if (amount or column is quota.c.tokens) and _used(connection, payer, column, whose) + amount > most:
            told = _is_told(connection, payer, quota.c.told_model)
            raise QuotaSpent(budget, hours=hours_left(now), told=told)
    charge(connection, payer, calls=calls, tokens=tokens)


def charge(connection: Connection, payer: Account, *, calls: int = 0, tokens: int = 0, answers: int = 0) -> None:
    """Add to what was used, without asking. `tokens` may be negative: what was taken and not needed."""
    row = insert(quota).values(
        day=payer.day,
        room_id=payer.room_id,
        user_id=payer.user_id,
        commands=answers,
        model_calls=calls,
        tokens=tokens,
    )
    more = {
        "commands": quota.c.commands + answers,
        "model_calls": quota.c.model_calls + calls,
        "tokens": quota.c.tokens + tokens,
    }
    connection.execute(row.on_conflict_do_update(index_elements=["day", "room_id", "user_id"], set_=more))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a person stands with the budget for answers. `spent`: which one is used up; `told`: and they heard of it.

    `reserve`: how many control words of theirs are still answered beyond it.
    """

    spent: Budget | None
    told: bool = False
    reserve: int = CONTROL_RESERVE


def standing(connection: Connection, payer: Account, limits: AnswerLimits) -> Standing:
    """Return whether one more answer fits into the budgets."""
    mine, room = _whose(payer)
    used = _used(connection, payer, quota.c.commands, mine)
    if used >= limits.per_person:
        spent = Budget.PERSON_ANSWERS
    elif _used(connection, payer, quota.c.commands, room) >= limits.per_room:
        spent = Budget.ROOM_ANSWERS
    else:
        return Standing(None)
    told = _is_told(connection, payer, quota.c.told_answers)
    return Standing(spent, told, max(0, limits.per_person + CONTROL_RESERVE - used))


def note_told(connection: Connection, payer: Account, *, of_model: bool) -> None:
    """Note that a person heard that a budget is used up: of the model, else of answers."""
    charge(connection, payer)
    column = quota.c.told_model if of_model else quota.c.told_answers
    connection.execute(update(quota).where(*_row(payer)).values({column: True}))


def drop_before(connection: Connection, day: str) -> None:
    """Delete what was used on days before `day`: nobody is charged for it any more."""
    connection.execute(quota.delete().where(quota.c.day < day))


def _whose(payer: Account) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return quota.c.user_id == payer.user_id, quota.c.room_id == payer.room_id


def _row(payer: Account) -> tuple[ColumnElement[bool], ...]:
    return (quota.c.day == payer.day, *_whose(payer))


def _is_told(connection: Connection, payer: Account, column: ColumnElement[bool]) -> bool:
    return bool(connection.execute(select(column).where(*_row(payer))).scalar())


def _used(connection: Connection, payer: Account, column: ColumnElement[int], whose: ColumnElement[bool]) -> int:
    total = select(func.coalesce(func.sum(column), 0)).where(quota.c.day == payer.day, whose)
    return int(connection.execute(total).scalar_one())
