"""The worker: in order within a room, through cancellations and outages, and never over what was taken back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from circles.adapters.store import journal
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID
from circles.entrypoints.performing import Aftermath
from circles.entrypoints.reading import Ignored, Read, Reader
from circles.entrypoints.worker import MOST_AT_ONCE, Worker
from circles.errors import MatrixForbidden, MatrixUnavailable, RequestProblem
from circles.ports import Ports
from circles.testing import ROOM, some_ports
from rows import MEI, Rows, a_post, message, opened

OTHER = RoomID("!other")
Handle = Callable[[Ports], Awaitable[tuple[fx.Effect, ...]]]


@dataclass
class Script:
    """Says what reading an event gives: by its words."""

    rows: Rows
    handlers: dict[str, Callable[[journal.Entry], Read | Ignored]] = field(
        default_factory=dict[str, Callable[[journal.Entry], Read | Ignored]]
    )
    read_order: list[str] = field(default_factory=list[str])

    async def read(self, entry: journal.Entry) -> Read | Ignored:
        words = str(entry.event["content"]["body"])
        self.read_order.append(words)
        return self.handlers.get(words, plain)(entry)


def plain(entry: journal.Entry) -> Read:
    """Echo the words."""
    words = str(entry.event["content"]["body"])

    async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
        return (a_post(f"re: {words}", answers=entry.event_id),)

    return made(entry, handle)


def made(entry: journal.Entry, handle: Handle, *, slow: bool = False) -> Read:
    return Read(
        handle=handle,
        excuse=lambda words: fx.Post(ROOM, words, kind="excuse", feature="help", answers=entry.event_id),
        circle=ROOM,
        language="en",
        slow=slow,
        placeholder=fx.Placeholder(ROOM, entry.event_id),
    )


@dataclass
class Working:
    """A worker on real rows, with scripted reading."""

    rows: Rows
    script: Script
    worker: Worker
    told: list[Aftermath]
    pauses: list[float]
    patient: bool = True
    """Whether a placeholder's pause never ends."""

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.to_thread(lambda: None)

    async def idle(self) -> None:
        await self.until(lambda: self.worker.busy == 0)
        await asyncio.sleep(0)
        await self.until(lambda: self.worker.busy == 0)

    async def bodies(self) -> list[str]:
        return [str(row.payload["body"]) for row in await self.rows.waiting() if row.kind in ("post", "edit")]


PLACEHOLDER = 3.0


@pytest.fixture
async def working(tmp_path: Path) -> AsyncIterator[Working]:
    async with opened(tmp_path) as rows:
        script, told = Script(rows), list[Aftermath]()
        box: list[Working] = []

        async def sleep(seconds: float) -> None:
            box[0].pauses.append(seconds)
            if seconds == PLACEHOLDER and box[0].patient:
                await asyncio.Event().wait()

        def after(aftermath: Aftermath) -> None:
            told.append(aftermath)
            for room_id in aftermath.interrupted:
                box[0].worker.interrupt(room_id)

        ports = some_ports(database=rows.database)
        worker = Worker(rows.database, cast("Reader", script), rows.performer, ports, after, PLACEHOLDER, sleep)
        box.append(Working(rows, script, worker, told, []))
        await worker.start()
        yield box[0]
        await worker.stop()


async def take_back(working: Working, *event_ids: EventID) -> None:
    after = await working.rows.perform(fx.TakeBack(ROOM, event_ids))
    for room_id in after.interrupted:
        working.worker.interrupt(room_id)


async def test_events_are_answered_in_order(working: Working) -> None:
    """However often the room is kicked, also while it is at work and just as it ends."""
    for number in range(20):
        await working.rows.ask(f"q{number}")
        working.worker.kick(ROOM)
    await working.idle()

    assert await working.bodies() == [f"re: q{number}" for number in range(20)]
    assert working.script.read_order == [f"q{number}" for number in range(20)]


async def test_a_slow_answer_holds_up_nothing(working: Working) -> None:
    """A reminder set after a question does not wait for its answer; many slow ones leave room for quick ones."""
    go = asyncio.Event()

    def slow(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            await go.wait()
            return (a_post("slow", answers=entry.event_id),)

        return made(entry, handle, slow=True)

    working.script.handlers["slow"] = slow
    for _ in range(MOST_AT_ONCE + 4):
        await working.rows.ask("slow")
    await working.rows.ask("quick")
    working.worker.kick(ROOM)
    await working.until(lambda: len(working.told) == 1)
    assert await working.bodies() == ["re: quick"]

    go.set()
    await working.idle()
    assert await working.bodies() == ["re: quick", *["slow"] * (MOST_AT_ONCE + 4)]


async def test_a_slow_answer_has_one_placeholder_until_it_stands(working: Working) -> None:
    """After the pause, and only for what is slow."""
    working.patient = False
    go = asyncio.Event()

    def slow(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            await go.wait()
            return (a_post("the answer", answers=entry.event_id),)

        return made(entry, handle, slow=True)

    working.script.handlers["slow"] = slow
    await working.rows.ask("slow")
    working.worker.kick(ROOM)
    await working.until(lambda: working.told)
    go.set()
    await working.idle()

    assert [(row.kind, row.payload["body"]) for row in await working.rows.waiting()] == [("post", "the answer")]
    assert await working.rows.reactions() == {"cancelled"}, "it had not been sent yet, so it never is"


async def test_an_answer_made_from_old_words_is_made_anew(working: Working) -> None:
    """Where a message it rests on, or the question itself, was edited meanwhile; any other edit changes nothing."""
    runs: list[str] = []
    begun, go = asyncio.Event(), asyncio.Event()

    def slow(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            runs.append(str(entry.event["content"]["body"]))
            begun.set()
            await go.wait()
            return (a_post(f"{runs[-1]} {len(runs)}", answers=entry.event_id, rests_on=["$used"]),)

        return made(entry, handle, slow=True)

    async def edited(event_id: EventID) -> None:
        await working.rows.perform(fx.TakeBackWords(ROOM, event_id, MEI))

    for words, event_id in (("one", "$used"), ("two", "$unused"), ("three", "")):
        working.script.handlers[words] = working.script.handlers["four"] = slow
        begun.clear()
        go.clear()
        question = await working.rows.ask(words)
        working.worker.kick(ROOM)
        await begun.wait()
        await edited(EventID(event_id or question))
        if not event_id:
            await working.rows.do(lambda c, id_=question: journal.reword(c, message("four", event_id=id_)))  # type: ignore[misc]
        go.set()
        await working.idle()

    assert runs == ["one", "one", "two", "three", "four"]
    assert await working.bodies() == ["one 2", "two 3", "four 5"]


async def test_what_tightens_breaks_off_an_answer_and_it_begins_anew(working: Working) -> None:
    """The answer says nothing of what was read before; once."""
    runs: list[int] = []
    go = asyncio.Event()

    def slow(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            runs.append(len(runs))
            if len(runs) == 1:
                await go.wait()
            return (a_post(f"answer {len(runs)}", answers=entry.event_id),)

        return made(entry, handle, slow=True)

    working.script.handlers["slow"] = slow
    await working.rows.ask("slow")
    working.worker.kick(ROOM)
    await working.until(lambda: runs)
    await take_back(working, EventID("$something"))
    await working.idle()

    assert await working.bodies() == ["answer 2"]


async def test_a_quick_answer_made_before_a_tightening_is_made_again(working: Working) -> None:
    """It was decided under rules that no longer hold when it would be written."""
    runs: list[int] = []

    def quick(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            runs.append(len(runs))
            if len(runs) == 1:
                await working.rows.perform(fx.TakeBack(ROOM, (EventID("$something"),)))
            return (a_post(f"answer {len(runs)}", answers=entry.event_id),)

        return made(entry, handle)

    working.script.handlers["quick"] = quick
    await working.rows.ask("quick")
    working.worker.kick(ROOM)
    await working.idle()

    assert await working.bodies() == ["answer 2"]


async def test_a_question_taken_back_while_it_is_answered_gets_no_answer(working: Working) -> None:
    """Neither placeholder nor answer."""
    working.patient = False
    begun, go = asyncio.Event(), asyncio.Event()

    def slow(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            begun.set()
            await go.wait()
            return (a_post("answer", answers=entry.event_id),)

        return made(entry, handle, slow=True)

    working.script.handlers["slow"] = slow
    question = await working.rows.ask("slow")
    working.worker.kick(ROOM)
    await begun.wait()
    await take_back(working, question)
    go.set()
    await working.idle()

    assert await working.bodies() == []


async def test_a_commit_that_is_cancelled_still_tells_the_parts(working: Working) -> None:
    """Interrupted at every moment: whatever was committed is sent, and it is answered once."""

    def slow(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            return (a_post("answer", answers=entry.event_id),)

        return made(entry, handle, slow=True)

    working.script.handlers["slow"] = slow
    for number in range(40):
        await working.rows.ask("slow")
        working.worker.kick(ROOM)
        for _ in range(number % 20):
            await asyncio.sleep(0)
        working.worker.interrupt(ROOM)
    await working.idle()

    assert await working.bodies() == ["answer"] * 40
    assert sum(ROOM in after.lanes for after in working.told) == 40


@pytest.mark.parametrize("slow", [True, False])
async def test_a_homeserver_that_is_away_is_waited_for(working: Working, slow: bool) -> None:
    """However long; the event keeps its place and is answered in the end, once."""
    failures = 30

    def away(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            nonlocal failures
            failures -= 1
            if failures >= 0:
                raise MatrixUnavailable
            return (a_post("back again", answers=entry.event_id),)

        return made(entry, handle, slow=slow)

    working.script.handlers["away"] = away
    await working.rows.ask("away")
    await working.rows.ask("next")
    working.worker.kick(ROOM)
    await working.until(lambda: failures < 0)
    await working.idle()

    assert sorted(await working.bodies()) == ["back again", "re: next"]
    if not slow:
        assert await working.bodies() == ["back again", "re: next"]
    assert max(working.pauses) == 30


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RequestProblem(), "I can't do it that way"),
        (ZeroDivisionError(), "Reference "),
        (MatrixForbidden(), "Reference "),
    ],
)
async def test_what_fails_ends_in_one_plain_sentence(working: Working, error: Exception, words: str) -> None:
    """Never a stack trace, never silence; and the next event is answered."""

    def fails(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            raise error

        return made(entry, handle)

    working.script.handlers["fails"] = fails
    await working.rows.ask("fails")
    await working.rows.ask("next")
    working.worker.kick(ROOM)
    await working.idle()
    bodies = await working.bodies()

    assert words in bodies[0]
    assert bodies[1:] == ["re: next"]


async def test_an_effect_that_cannot_be_written_is_given_up_and_told(working: Working) -> None:
    """Three attempts, then the excuse; it does not spin for ever."""

    def fails(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            return (fx.Effect(),)

        return made(entry, handle, slow=True)

    working.script.handlers["fails"] = fails
    question = await working.rows.ask("fails")
    working.worker.kick(ROOM)
    await working.until(lambda: working.told)
    await working.idle()

    assert len(await working.bodies()) == 1
    assert await working.rows.journal_of(question) == ("quarantined", None)


async def test_an_event_that_cannot_be_read_does_not_stop_its_room(working: Working) -> None:
    """Quarantined in the end."""

    def unreadable(_entry: journal.Entry) -> Read:
        raise ZeroDivisionError

    working.script.handlers["unreadable"] = unreadable
    await working.rows.ask("unreadable")
    await working.rows.ask("next")
    working.worker.kick(ROOM)
    await working.idle()

    assert await working.bodies() == ["re: next"]


async def test_what_waits_for_the_rooms_state_goes_on_when_it_is_there(working: Working) -> None:
    """And until then nothing behind it overtakes it."""
    entered = False

    def waits(entry: journal.Entry) -> Read | Ignored:
        return plain(entry) if entered else Ignored(wait=True)

    working.script.handlers["first"] = waits
    await working.rows.ask("first")
    await working.rows.ask("second")
    working.worker.kick(ROOM)
    await working.idle()
    assert await working.bodies() == []

    entered = True
    working.worker.kick(ROOM)
    await working.idle()
    assert await working.bodies() == ["re: first", "re: second"]


async def test_what_an_earlier_run_left_is_handled(working: Working) -> None:
    """Pending rows are the only thing durable."""
    await working.worker.stop()
    await working.rows.ask("left")
    working.worker.kick(ROOM)
    assert await working.bodies() == []
    await working.worker.start()
    await working.idle()

    assert await working.bodies() == ["re: left"]


async def test_what_is_begun_comes_to_its_end_before_it_stops(working: Working) -> None:
    """And nothing more is begun: that waits for the next start."""
    go = asyncio.Event()

    begun = asyncio.Event()

    def slow(entry: journal.Entry) -> Read:
        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            begun.set()
            await go.wait()
            return (a_post("the answer", answers=entry.event_id),)

        return made(entry, handle, slow=True)

    working.script.handlers["slow"] = slow
    await working.rows.ask("slow")
    working.worker.kick(ROOM)
    await begun.wait()
    draining = asyncio.create_task(working.worker.drain(20))
    await asyncio.sleep(0)
    left = await working.rows.ask("left")
    working.worker.kick(ROOM)
    go.set()
    await draining

    assert await working.bodies() == ["the answer"]
    assert (await working.rows.journal_of(left) or ("",))[0] == "pending"


async def test_who_still_waits_when_it_stops_is_told(working: Working) -> None:
    """Once, and the question is settled: the next start says nothing more."""

    begun = asyncio.Event()

    async def endless(_ports: Ports) -> tuple[fx.Effect, ...]:
        begun.set()
        await asyncio.Event().wait()
        return ()

    working.script.handlers["slow"] = lambda entry: made(entry, endless, slow=True)
    question = await working.rows.ask("slow")
    working.worker.kick(ROOM)
    await begun.wait()
    await working.worker.drain(0.01)
    await working.worker.start()
    await working.idle()

    (body,) = await working.bodies()
    assert "Ask me again" in body
    assert await working.rows.journal_of(question) == ("settled", None)
