"""What a restored database does a second time has the ids it had the first time, and is found in the room by them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from circles.adapters.store import causes, echoes, outbox
from circles.adapters.store.tables import outbox as outbox_table
from circles.core import compose
from circles.core import effects as fx
from circles.core.ids import EventID
from circles.facts import posts as post_facts
from circles.facts.tables import posts, sources
from circles.testing import AI, ROOM
from rows import LI, NOW, Rows, a_post, opened

QUESTION = EventID("$question")


@pytest.fixture
async def rows(tmp_path: Path, store_url: str) -> AsyncIterator[Rows]:
    async with opened(tmp_path, url=store_url) as store:
        yield store


def echo(content: dict[str, Any], event_id: str = "$stands", kind: str = "m.room.message") -> dict[str, Any]:
    """Return an event of the AI's own as the homeserver hands it back."""
    return {"type": kind, "event_id": event_id, "room_id": ROOM, "sender": AI, "content": content}


def as_sent(row: outbox.Row) -> dict[str, Any]:
    """Return the content with which a post's row was sent."""
    return compose.message(row.payload, row.id)


async def heard(rows: Rows, raw: dict[str, Any]) -> None:
    await rows.do(lambda c: echoes.heard(c, raw, NOW))


async def put(rows: Rows, *effects: fx.Effect, cause: str | None) -> None:
    await rows.do(lambda c: rows.performer.perform(c, effects, NOW, cause))


async def test_one_cause_gives_one_id_for_each_effect(rows: Rows, tmp_path: Path) -> None:
    """The same in another database; a second handling of it in the same one gets new ids; no cause, random ones."""
    effects = (a_post("one", buttons=("✅",)), a_post("two"), fx.React(ROOM, EventID("$x"), "👍"))
    (tmp_path / "other").mkdir()
    async with opened(tmp_path / "other") as other:
        for store in (rows, other):
            await put(store, *effects, cause="wake 1")
        first, second = [[row.id for row in await store.waiting()] for store in (rows, other)]
        await put(other, *effects, cause="wake 1")
        await put(other, *effects, cause="wake 2")
        await put(other, *effects, cause=None)
        every = [row.id for row in await other.waiting()]

    assert first == second
    assert len(first) == len(set(first)) == 4
    assert len(every) == len(set(every)) == 16


async def test_an_answer_found_in_the_room_is_not_sent_again(rows: Rows) -> None:
    """Its row is settled with the event that stands; what it rests on can be taken back before and after that."""
    kept = await rows.keep("words of Li", sender=LI)
    await rows.ask("a question")
    answer = a_post(
        f"https://matrix.to/#/{ROOM}/{kept}", rests_on=[kept], sender=LI, answers=QUESTION, reply_to=QUESTION
    )
    cause = causes.answering(QUESTION)
    await put(rows, answer, cause=cause)
    (row,) = await rows.waiting()
    content = as_sent(row)
    await rows.do(lambda c: c.execute(posts.delete()))
    await rows.do(lambda c: c.execute(outbox_table.delete()))

    await heard(rows, echo(content))
    await heard(rows, echo(content))
    assert await rows.state_of(row.id) == post_facts.FOUND
    assert await rows.do(lambda c: outbox.is_answered(c, QUESTION))
    found = await rows.do(lambda c: c.execute(select(sources.c.event_id, sources.c.effect_id)).all())
    assert [tuple(each) for each in found] == [(kept, row.id)]
    await put(rows, answer, cause=cause)
    (again,) = await rows.waiting()

    assert again.id == row.id
    assert await rows.do(lambda c: outbox.standing(c, again)) == (ROOM, "$stands")
    assert await rows.state_of(row.id) == "final"
    await rows.perform(fx.TakeBack(ROOM, (kept,)))
    assert await rows.redacted() == {"$stands"}


async def test_a_found_placeholder_ends_with_its_question(rows: Rows) -> None:
    """While the question waits there is no second one; once it is answered, or never will be, it is taken away."""
    question = await rows.ask("a question")
    await rows.do(lambda c: rows.performer.placeholder(c, fx.Placeholder(ROOM, question), NOW))
    (row,) = await rows.waiting()
    sign = echo(compose.reaction(question, row.payload["key"], row.id, row.payload["kind"]), "$sign", "m.reaction")
    for table in (posts, outbox_table):
        await rows.do(lambda c, table=table: c.execute(table.delete()))  # type: ignore[misc]

    await heard(rows, sign)
    await heard(rows, sign)
    await rows.do(lambda c: rows.performer.placeholder(c, fx.Placeholder(ROOM, question), NOW))
    assert await rows.waiting() == []
    await rows.do(lambda c: rows.performer.end_placeholder(c, question, NOW))
    assert await rows.redacted() == {"$sign"}

    lost = compose.reaction(EventID("$forgotten"), row.payload["key"], "another", row.payload["kind"])
    await heard(rows, echo(lost, "$lost", "m.reaction"))
    assert await rows.redacted() == {"$sign", "$lost"}
    await heard(rows, echo(compose.reaction(EventID("$x"), "✅", "third"), "$button", "m.reaction"))
    assert await rows.redacted() == {"$sign", "$lost"}, "a button of ours is none"


async def test_what_stands_in_an_encrypted_room_is_known_by_the_id_beside_the_ciphertext(rows: Rows) -> None:
    """Nothing else of it can be read."""
    cause = causes.answering(QUESTION)
    effect_id = causes.effect_id(cause, "post")
    await heard(rows, echo({"io.github.matrix_circles.ai": {"effect": effect_id}}, kind="m.room.encrypted"))
    await put(rows, a_post("an answer", answers=QUESTION), cause=cause)
    (row,) = await rows.waiting()

    assert await rows.do(lambda c: outbox.standing(c, row)) == (ROOM, "$stands")


@pytest.mark.parametrize("mark", [{}, {"effect": 5}, {"effect": "x", "sources": "no list", "kind": 7}, "text"])
async def test_a_mark_of_any_shape_breaks_nothing(rows: Rows, mark: object) -> None:
    """Only ids are taken from it."""
    await heard(rows, echo({"io.github.matrix_circles.ai": mark, "m.relates_to": []}))

    assert await rows.waiting() == []
