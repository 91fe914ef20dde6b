"""Quarantine: what an operator sees of an event that broke us, and how it is tried again or dropped."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.store import journal, quarantine
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID
from circles.entrypoints import quarantine as shown_as
from circles.entrypoints.retrying import Retrying
from circles.errors import MatrixError, MatrixNotFound, MatrixUnavailable, NotFound
from circles.facts.tables import policies
from circles.testing import ROOM
from knocks import Knocks
from rows import LI, MEI, NOW, message

CANARY = "zebraumbrella"
STATE = {"type": "m.room.create", "state_key": ""}


@pytest.fixture
def broken() -> Iterator[Callable[[], None]]:
    """Break intake for whatever passed the gate; the result mends it."""

    def breaks(*_arguments: object) -> None:
        raise ZeroDivisionError(CANARY)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("circles.facts.events.apply", breaks)
        yield patch.undo


@dataclass
class Events:
    """The homeserver's copy of the events."""

    there: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    error: MatrixError | None = None
    asked: list[str] = field(default_factory=list[str])

    async def event(self, _room_id: RoomID, event_id: EventID) -> dict[str, Any]:
        self.asked.append(event_id)
        if self.error is not None:
            raise self.error
        return self.there[event_id]


def words(text: str = f"!circle ask {CANARY}", **changes: Any) -> dict[str, Any]:
    return {**message(text), **changes}


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def retrying(knocks: Knocks, events: Events) -> Retrying:
    return Retrying(knocks.rows.database, cast("MatrixClient", events), knocks.intake)


async def held(knocks: Knocks) -> tuple[quarantine.Held, ...]:
    return await knocks.rows.do(quarantine.rows)


@pytest.fixture
async def poisoned(
    knocks: Knocks, events: Events, broken: Callable[[], None]
) -> tuple[dict[str, Any], Callable[[], None]]:
    """Return an event that passed the gate and broke us, and what mends us."""
    event = words()
    event["content"] |= {"formatted_body": f"<b>{CANARY}</b>", CANARY: 1, "m.mentions": {}}
    events.there[event["event_id"]] = event
    await knocks.put("1", event)
    return event, broken


# --- what is seen -------------------------------------------------------------------------------------------------


async def test_what_passed_is_described_without_its_words(
    knocks: Knocks, poisoned: tuple[dict[str, Any], object], caplog: pytest.LogCaptureFixture
) -> None:
    """Ids, known type, size, known keys; an unknown key is counted, for anybody may write words into one."""
    event, _ = poisoned
    (row,) = await held(knocks)
    text = "\n".join(await shown_as.shown(knocks.rows.database, event["event_id"]))
    (line,) = await shown_as.listed(knocks.rows.database)

    assert (row.event_id, row.room_id, row.sender) == (event["event_id"], ROOM, MEI)
    assert (row.stage, row.type, row.error) == ("taking_in", "m.room.message", "ZeroDivisionError")
    assert (row.keys, row.other_keys) == (("body", "formatted_body", "m.mentions", "msgtype"), 1)
    assert 100 < row.size < len(json.dumps(event)) + 10
    assert row.reference in text
    assert row.reference in line
    assert "ZeroDivisionError" in text
    assert "m.room.message" in text
    await knocks.rows.clean()
    for seen in (text, line, caplog.text.replace("Traceback", ""), (await knocks.rows.bytes()).decode("latin-1")):
        assert CANARY not in seen


@pytest.mark.parametrize(
    "event",
    [
        words(sender=LI),
        words(f"the {CANARY} is mine", sender=LI),
        words(type=f"io.{CANARY}", sender=LI),
        words(type=f"io.{CANARY}", state_key=CANARY, sender=LI),
    ],
    ids=["command", "talk", "type", "state"],
)
async def test_of_what_the_gate_stops_only_the_ids_are_noted(
    knocks: Knocks, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No sender, type, size or key of it, and no word of its type either: it broke us before it was let in."""

    def breaks(*_arguments: object, **_named: object) -> None:
        raise KeyError(CANARY)

    for place in ("intake.filter_event", "keeping.weigh"):
        monkeypatch.setattr(f"circles.entrypoints.{place}", breaks)
    await knocks.put("1", event)
    (row,) = await held(knocks)

    assert (row.event_id, row.room_id) == (event["event_id"], ROOM)
    assert (row.sender, row.type, row.size, row.keys, row.other_keys) == ("", "", 0, (), 0)
    assert "did not pass the gate" in "\n".join(await shown_as.shown(knocks.rows.database, row.reference))
    await knocks.rows.clean()
    assert CANARY.encode() not in await knocks.rows.bytes()


async def test_an_event_whose_ids_cannot_be_written_is_noted_by_a_digest(knocks: Knocks) -> None:
    """The same each time; there is nothing to ask the homeserver for."""
    for txn_id in ("1", "2"):
        await knocks.put(txn_id, words(event_id="$p\ud800"))
    (row,) = await held(knocks)

    assert row.event_id.startswith("unreadable:")
    with pytest.raises(NotFound):
        await shown_as.retried(knocks.rows.database, knocks.clock, row.event_id)
    await shown_as.dropped(knocks.rows.database, row.event_id)
    assert await held(knocks) == ()


async def test_nothing_there_is_said(knocks: Knocks) -> None:
    """An unknown id too."""
    assert await shown_as.listed(knocks.rows.database) == (shown_as.NOTHING,)
    for work in (shown_as.shown, shown_as.dropped):
        with pytest.raises(NotFound):
            await work(knocks.rows.database, "$nothing")
    with pytest.raises(NotFound):
        await shown_as.dropped(knocks.rows.database, "all")


# --- again --------------------------------------------------------------------------------------------------------


async def test_an_event_is_tried_again_once(
    knocks: Knocks, retrying: Retrying, poisoned: tuple[dict[str, Any], Callable[[], None]]
) -> None:
    """Taken in as if it came now; a second retry, or a repeat of the homeserver, changes nothing."""
    event, mend = poisoned
    lines = await shown_as.retried(knocks.rows.database, knocks.clock, event["event_id"])
    mend()

    assert event["event_id"] in lines[0]
    assert list(await knocks.rows.wakes()) == [f"retry:{event['event_id']}"]
    await retrying.retry(ROOM, event["event_id"])
    await retrying.retry(ROOM, event["event_id"])
    await knocks.put("9", event)

    assert await held(knocks) == ()
    assert await knocks.states() == ["pending"]
    assert [after.rooms for after in knocks.told if after.rooms] == [{ROOM}]


async def test_what_breaks_us_again_is_set_aside_again(
    knocks: Knocks, retrying: Retrying, poisoned: tuple[dict[str, Any], Callable[[], None]]
) -> None:
    """With a new reference."""
    event, _ = poisoned
    (before,) = await held(knocks)
    await retrying.retry(ROOM, event["event_id"])
    (after,) = await held(knocks)

    assert before.reference != after.reference
    assert await knocks.states() == ["quarantined"]


async def test_a_retry_goes_through_the_gate_of_now(
    knocks: Knocks, retrying: Retrying, events: Events, poisoned: tuple[dict[str, Any], Callable[[], None]]
) -> None:
    """The policy was ended since: nothing of it is written. It was deleted since: there are no words any more."""
    event, mend = poisoned
    mend()
    await knocks.rows.do(lambda c: c.execute(policies.update().values(state="ended", ends_at=NOW + 1)))
    await retrying.retry(ROOM, event["event_id"])

    assert await held(knocks) == ()
    assert await knocks.states() == []
    await knocks.rows.clean()
    assert CANARY.encode() not in await knocks.rows.bytes()


async def test_an_event_the_homeserver_has_no_more_stays(
    knocks: Knocks, retrying: Retrying, events: Events, poisoned: tuple[dict[str, Any], Callable[[], None]]
) -> None:
    """For the operator to drop; a homeserver that does not answer is asked later."""
    event, _ = poisoned
    events.error = MatrixNotFound(status=404)
    await retrying.retry(ROOM, event["event_id"])
    events.error = MatrixUnavailable()
    with pytest.raises(MatrixUnavailable):
        await retrying.retry(ROOM, event["event_id"])

    assert len(await held(knocks)) == 1


# --- gone ---------------------------------------------------------------------------------------------------------


async def test_a_dropped_event_is_not_tried_again(
    knocks: Knocks, retrying: Retrying, events: Events, poisoned: tuple[dict[str, Any], Callable[[], None]]
) -> None:
    """Nor when the homeserver repeats it, nor by a retry that was asked for before."""
    event, mend = poisoned
    mend()
    await shown_as.retried(knocks.rows.database, knocks.clock, "all")
    lines = await shown_as.dropped(knocks.rows.database, "all")
    await retrying.retry(ROOM, event["event_id"])
    await knocks.put("9", event)

    assert lines == (f"dropped: {event['event_id']}",)
    assert await knocks.rows.wakes() == {}
    assert events.asked == []
    assert await knocks.states() == ["quarantined"]


@pytest.mark.parametrize("how", ["deleted", "forget me here", "forget me", "the AI left"])
async def test_what_is_taken_back_is_not_even_described(
    knocks: Knocks, poisoned: tuple[dict[str, Any], object], how: str
) -> None:
    """Its row goes too."""
    effects: dict[str, fx.Effect] = {
        "deleted": fx.TakeBack(ROOM, (poisoned[0]["event_id"],)),
        "forget me here": fx.TakeBackPerson(MEI, ROOM, held=True),
        "forget me": fx.TakeBackPerson(MEI, None, held=True),
        "the AI left": fx.Depart(ROOM),
    }
    await knocks.rows.perform(effects[how])

    assert await held(knocks) == ()


async def test_an_event_that_waits_no_more_is_not_quarantined(knocks: Knocks) -> None:
    """It was taken back while it was tried: no attempt counts it as given up, so nobody is told of it."""
    event_id = await knocks.rows.ask()
    entry = await knocks.rows.do(lambda c: journal.next_of(c, ROOM, ()))
    assert entry is not None
    await knocks.rows.perform(fx.TakeBack(ROOM, (event_id,)))
    failed = partial(journal.failed, seq=entry.seq, reference="ref")

    assert not any([await knocks.rows.do(failed) for _ in range(5)])
    assert await knocks.rows.journal_of(event_id) == ("settled", None)
