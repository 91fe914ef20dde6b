"""A person's many kept messages go a batch at a time: at once out of sight, to the last one, and nobody waits."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from circles import dialects
from circles.adapters.store import erasures, kept, outbox
from circles.adapters.store.tables import erasures as erasures_table
from circles.adapters.store.tables import messages
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, UserID
from circles.entrypoints.erasing import Erasing
from circles.entrypoints.performing import Aftermath
from circles.facts import rooms
from circles.testing import ROOM
from rows import LI, MEI, NOW, Rows, an_edit, opened

WORD = "zebraumbrella"
OTHER = RoomID("!other")
BATCH = 5
MANY = 3 * BATCH + 2


@pytest.fixture
async def rows(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rows]:
    """Many messages of Mei's in two rooms, and Li's among them."""
    monkeypatch.setattr(erasures, "BATCH", BATCH)
    async with opened(tmp_path, url=store_url) as store:
        found = [
            kept.Message(f"${room}{number}{who[1]}", room, who, NOW, None, None, None, f"{WORD} by {who}")
            for number in range(MANY)
            for room in (ROOM, OTHER)
            for who in (MEI, LI)
        ]
        await store.do(lambda c: kept.keep_all(c, found))
        yield store


def erasing(rows: Rows) -> tuple[Erasing, list[Aftermath]]:
    told: list[Aftermath] = []
    return Erasing(rows.database, told.append), told


async def left(rows: Rows, who: UserID = MEI) -> int:
    query = select(func.count()).select_from(messages).where(messages.c.sender == who)
    return await rows.do(lambda c: int(c.execute(query).scalar_one()))


async def shown(rows: Rows, room_id: RoomID | None = None) -> int:
    count = await rows.do(lambda c: kept.count_from(c, MEI, room_id))
    assert len(await rows.do(lambda c: kept.words_from(c, MEI, room_id))) == count
    return count


def a_done(question: EventID) -> fx.Post:
    return fx.Post(ROOM, fx.Words("Done"), kind="forgotten", feature="mine", answers=question)


@pytest.mark.parametrize("scope", [None, OTHER])
async def test_all_of_it_is_out_of_sight_at_once_and_gone_to_the_last_after_a_kill(
    rows: Rows, tmp_path: Path, store_url: str, scope: RoomID | None
) -> None:
    """Killed between two batches, the next run goes on; "done" is said when it is done; what is not theirs stays."""
    question = await rows.ask("forget me yes")
    after = await rows.perform(a_done(question), fx.TakeBackPerson(MEI, scope, held=True, answers=question))

    assert after.erases
    assert await shown(rows, OTHER) == 0
    assert await shown(rows) == (0 if scope is None else MANY)
    assert await left(rows) == 2 * MANY - BATCH
    assert await rows.do(lambda c: outbox.next_of(c, ROOM)) is None, "not said yet"
    await rows.do(erasures.step)

    async with opened(tmp_path, url=store_url) as again:
        assert await again.do(lambda c: outbox.next_of(c, ROOM)) is None
        task, told = erasing(again)
        await task.finish()
        assert await left(again) == (0 if scope is None else MANY)
        assert await left(again, LI) == 2 * MANY
        assert len(await again.do(lambda c: kept.matching(c, WORD))) == await left(again) + 2 * MANY
        assert told[-1].lanes == {ROOM}
        said = await again.do(lambda c: outbox.next_of(c, ROOM))
        assert said is not None
        assert said.payload["body"] == "Done"
        assert await again.do(lambda c: c.execute(select(erasures_table)).all()) == []


async def test_few_go_in_the_commit_itself(rows: Rows) -> None:
    """Nothing is left to do then, and the answer waits for nothing."""
    await rows.do(lambda c: kept.drop(c, [EventID(f"${ROOM}{number}m") for number in range(MANY)]))
    await rows.do(lambda c: kept.drop(c, [EventID(f"${OTHER}{number}m") for number in range(BATCH - 1, MANY)]))
    question = await rows.ask("forget me yes")
    after = await rows.perform(a_done(question), fx.TakeBackPerson(MEI, None, held=True, answers=question))

    assert not after.erases
    assert await left(rows) == 0
    assert await rows.do(lambda c: outbox.next_of(c, ROOM)) is not None


async def test_what_is_said_meanwhile_is_kept_and_what_is_edited_is_not(rows: Rows) -> None:
    """What was forgotten does not come back by an edit; what comes after is another matter."""
    await rows.perform(fx.TakeBackPerson(MEI, None, held=True))
    new = await rows.keep("said after it")
    last = EventID(f"${OTHER}{MANY - 1}m")
    await rows.do(lambda c: kept.revise(c, last, MEI, an_edit(last, "other words")["content"]["body"]))
    assert await shown(rows) == 1

    task, _ = erasing(rows)
    await task.finish()
    texts = select(messages.c.event_id).where(messages.c.sender == MEI)
    assert await rows.do(lambda c: c.execute(texts).scalars().all()) == [new]


async def test_what_follows_a_room_does_not_escape(rows: Rows) -> None:
    """A room that is upgraded meanwhile takes nothing along that is to go."""
    await rows.do(lambda c: rooms.save_room(c, OTHER, membership="join"))
    await rows.perform(fx.TakeBackPerson(MEI, OTHER, held=True))
    await rows.do(lambda c: erasures.finish(c, OTHER))

    assert await left(rows) == MANY
    assert await rows.do(lambda c: kept.follow(c, OTHER, RoomID("!new"))) == MANY, "Li's"


async def test_others_write_between_any_two_steps(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the rows, and of the index: what asks after a step has begun is written before the next one begins."""
    await rows.perform(fx.TakeBackPerson(MEI, None, held=True))
    task, _ = erasing(rows)
    for work in (task.finish, rows.database.wipe) if rows.database.is_file else (task.finish,):
        monkeypatch.setattr(dialects, "MERGED_PAGES", 1)
        going = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        before = await left(rows)
        assert not going.done()
        await going
        assert before == (2 * MANY - 2 * BATCH if work == task.finish else 0)
    assert WORD.encode() in await rows.bytes(), "Li's"
