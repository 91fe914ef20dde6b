"""The budgets on both databases: who is charged, what is refused, and who heard of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from circles.adapters.store import quota
from circles.adapters.store.quota import CONTROL_RESERVE, AnswerLimits, Budget, DailyLimits, QuotaSpent
from circles.core import effects as fx
from circles.core.ids import RoomID
from circles.facts.tables import quota as table
from circles.testing import NOON, ROOM
from rows import LI, MEI, NOW, Rows, opened

OTHER = RoomID("!other")
LIMITS = AnswerLimits(per_person=3, per_room=5)


@pytest.fixture
async def rows(tmp_path: Path, store_url: str) -> AsyncIterator[Rows]:
    async with opened(tmp_path, url=store_url) as given:
        yield given


async def standing(rows: Rows, who: str = MEI, room: RoomID = ROOM, now: datetime = NOON) -> quota.Standing:
    return await rows.do(lambda c: quota.standing(c, quota.account(now, room, who), LIMITS))  # type: ignore[arg-type]


async def test_answers_are_charged_to_who_asked_in_all_rooms_together(rows: Rows) -> None:
    """And a new day begins anew."""
    await rows.perform(*[fx.CountAnswer(ROOM, MEI)] * 2, fx.CountAnswer(OTHER, MEI))

    assert (await standing(rows)).spent is Budget.PERSON_ANSWERS
    assert (await standing(rows, room=OTHER)).spent is Budget.PERSON_ANSWERS
    assert (await standing(rows, LI)).spent is None
    assert (await standing(rows, now=NOON + timedelta(days=1))).spent is None


async def test_a_rooms_answers_are_those_of_all_its_people(rows: Rows) -> None:
    """Who comes last is refused there, and answered elsewhere."""
    await rows.perform(*[fx.CountAnswer(ROOM, MEI)] * 2, *[fx.CountAnswer(ROOM, LI)] * 3)

    assert (await standing(rows)).spent is Budget.ROOM_ANSWERS
    assert (await standing(rows, room=OTHER)).spent is None


async def test_one_hears_once_a_day_that_it_is_used_up(rows: Rows) -> None:
    """The note is a row, so that a restart does not say it again; the one of the model is another."""
    await rows.perform(*[fx.CountAnswer(ROOM, MEI)] * 3, fx.NoteTold(ROOM, MEI, of_model=True))
    assert not (await standing(rows)).told

    await rows.perform(fx.NoteTold(ROOM, MEI))
    assert (await standing(rows)).told
    assert not (await standing(rows, now=NOON + timedelta(days=1))).told


async def test_control_words_have_a_reserve(rows: Rows) -> None:
    """Beyond every budget, but not for ever."""
    await rows.perform(*[fx.CountAnswer(ROOM, MEI)] * 3)
    assert (await standing(rows)).reserve == CONTROL_RESERVE

    await rows.perform(*[fx.CountAnswer(ROOM, MEI)] * (CONTROL_RESERVE + 1))
    assert (await standing(rows)).reserve == 0


@pytest.mark.parametrize(
    ("limits", "which", "of_room"),
    [
        (DailyLimits(1, 9, 999, 999), Budget.PERSON_CALLS, False),
        (DailyLimits(9, 1, 999, 999), Budget.ROOM_CALLS, True),
        (DailyLimits(9, 9, 150, 999), Budget.ROOM_TOKENS, True),
        (DailyLimits(9, 9, 999, 150), Budget.PERSON_TOKENS, False),
    ],
)
async def test_what_a_model_costs_is_taken_from_all_budgets_or_from_none(
    rows: Rows, limits: DailyLimits, which: Budget, of_room: bool
) -> None:
    """The refusal knows whose budget it was, when it is back, and whether its asker heard of it."""
    payer = quota.account(NOON, ROOM, MEI)
    await rows.do(lambda c: quota.take(c, payer, limits, calls=1, tokens=100, now=NOON))
    with pytest.raises(QuotaSpent) as first:
        await rows.do(lambda c: quota.take(c, payer, limits, calls=1, tokens=100, now=NOON))
    await rows.perform(fx.NoteTold(ROOM, MEI, of_model=True))
    with pytest.raises(QuotaSpent) as second:
        await rows.do(lambda c: quota.take(c, payer, limits, calls=1, tokens=100, now=NOON))

    assert (first.value.which, first.value.of_room) == (which, of_room)
    assert (first.value.told, second.value.told) == (False, True)
    assert first.value.hours == 12
    used = await rows.do(lambda c: c.execute(select(table.c.model_calls, table.c.tokens)).one())
    assert tuple(used) == (1, 100)


async def test_old_counts_are_deleted(rows: Rows) -> None:
    """Who asked how much is nobody's business once the day is over."""
    await rows.perform(fx.CountAnswer(ROOM, MEI), now=NOW - 5 * 86_400_000)
    await rows.perform(fx.CountAnswer(ROOM, MEI))
    await rows.do(lambda c: quota.drop_before(c, NOON.date().isoformat()))

    assert await rows.do(lambda c: c.execute(select(func.count()).select_from(table)).scalar()) == 1


@pytest.mark.parametrize(("clock", "hours"), [("00:00", 24), ("12:00", 12), ("22:30", 2), ("23:59", 1)])
def test_hours_that_are_left(clock: str, hours: int) -> None:
    """A begun hour counts."""
    assert quota.hours_left(datetime.fromisoformat(f"2027-02-01T{clock}").replace(tzinfo=UTC)) == hours
