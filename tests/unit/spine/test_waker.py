"""The waker: rows are the truth. Fired once, late if need be, made anew where the room got stricter meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from circles.adapters.matrix.client import MatrixClient
from circles.core import effects as fx
from circles.core.call import Fire, Remake
from circles.core.ids import EffectID, EventID, RoomID
from circles.entrypoints.entering import Entering
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath
from circles.entrypoints.waker import AT_ONCE, GIVE_UP_AFTER, RETRY, RETRY_LONG, Waker
from circles.errors import MatrixForbidden, MatrixRateLimited, MatrixUnavailable
from circles.facts import rooms, wakes
from circles.feature import Entered, Feature
from circles.metrics import Metrics
from circles.ports import Ports
from circles.testing import AI, NOON, ROOM, FakeClock, some_ports
from rows import LI, MEI, Rows, a_post, opened, rested

Effects = tuple[fx.Effect, ...]


class FakeScheduler:
    """Remembers what was armed."""

    def __init__(self) -> None:
        self.due: datetime | None = None
        self.look: Callable[[], None] | None = None

    def arm(self, due: datetime | None, look: Callable[[], None]) -> None:
        self.look = look
        self.due = due

    def disarm(self) -> None:
        self.due = None


class FakeState:
    """A room's state, or why it cannot be read."""

    def __init__(self) -> None:
        self.answer: list[dict[str, Any]] | Exception = []

    async def state(self, _room_id: str) -> list[dict[str, Any]]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Waking:
    """A waker on real rows with one feature that a test scripts."""

    rows: Rows
    clock: FakeClock
    scheduler: FakeScheduler
    state: FakeState
    waker: Waker
    told: list[Aftermath]
    fired: list[Fire] = field(default_factory=list[Fire])
    remade: list[Remake] = field(default_factory=list[Remake])
    entered: list[Entered] = field(default_factory=list[Entered])
    chores: list[tuple[RoomID, str]] = field(default_factory=list[tuple[RoomID, str]])
    on_fire: Callable[[Fire], Awaitable[Effects]] | None = None
    on_entered: Callable[[], Awaitable[Effects]] | None = None

    async def fire(self, fire: Fire, _ports: Ports) -> Effects:
        self.fired.append(fire)
        return await self.on_fire(fire) if self.on_fire is not None else (a_post(f"fired {fire.key}"),)

    async def remake(self, remake: Remake, _ports: Ports) -> Effects:
        self.remade.append(remake)
        return (a_post("posted again"),)

    async def enter(self, entered: Entered, _ports: Ports) -> Effects:
        self.entered.append(entered)
        return await self.on_entered() if self.on_entered is not None else (a_post("hello", id=EffectID("hello")),)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.to_thread(lambda: None)

    async def look(self) -> None:
        """Let it look, and wait until it rests."""
        self.waker.look()
        await rested(self.waker)

    async def bodies(self) -> list[str]:
        return [str(row.payload["body"]) for row in await self.rows.waiting() if row.kind == "post"]


@pytest.fixture
async def waking(tmp_path: Path) -> AsyncIterator[Waking]:
    box: list[Waking] = []

    async def fire(given: Fire, ports: Ports) -> Effects:
        return await box[0].fire(given, ports)

    async def remake(given: Remake, ports: Ports) -> Effects:
        return await box[0].remake(given, ports)

    async def enter(given: Entered, ports: Ports) -> Effects:
        return await box[0].enter(given, ports)

    feature = Feature("fake", "fake", fire=fire, remake=remake, entered=enter)
    async with opened(tmp_path, (feature,)) as rows:
        clock, scheduler, state, told = FakeClock(), FakeScheduler(), FakeState(), list[Aftermath]()
        ports = some_ports(database=rows.database, clock=clock)
        entering = Entering(
            rows.database, cast("MatrixClient", state), cast("Intake", None), ports, features=(feature,)
        )

        async def sleep(_seconds: float) -> None:
            return

        async def chore(room_id: RoomID, rest: str) -> None:
            box[0].chores.append((room_id, rest))
            if len(box[0].chores) == 1:
                raise MatrixUnavailable

        waker = Waker(
            rows.database,
            scheduler,
            entering,
            rows.performer,
            ports,
            Metrics(),
            told.append,
            (feature,),
            sleep,
            {"chore": chore},
        )
        box.append(Waking(rows, clock, scheduler, state, waker, told))
        await waker.start()
        yield box[0]
        await waker.stop()


def at(minutes: float, key: str = "w") -> fx.WakeAt:
    return fx.WakeAt("fake", key, ROOM, NOON + timedelta(minutes=minutes), {"k": key})


async def test_what_is_due_fires_once_and_the_next_is_armed(waking: Waking) -> None:
    """Its row goes with what came of it."""
    await waking.rows.perform(at(0, "one"), at(5, "two"))
    await waking.look()
    await waking.look()

    assert await waking.bodies() == ["fired one"]
    assert list(await waking.rows.wakes()) == ["two"]
    assert waking.scheduler.due == NOON + timedelta(minutes=5)


async def test_what_was_due_while_nothing_ran_fires_once_and_knows_when_it_should_have(waking: Waking) -> None:
    """So that it can say that it is late."""
    await waking.rows.perform(at(0))
    waking.clock.advance(timedelta(hours=3))
    await waking.look()

    assert [fire.due for fire in waking.fired] == [NOON]
    assert waking.fired[0].now == NOON + timedelta(hours=3)


async def test_in_a_lost_room_nothing_fires_until_it_is_found(waking: Waking) -> None:
    """Then it comes, and knows when it should have; nothing was said and nothing is gone."""
    await waking.rows.do(lambda c: rooms.save_room(c, ROOM, membership=rooms.LOST))
    await waking.rows.perform(at(0))
    await waking.look()
    assert waking.fired == []
    assert await waking.rows.wakes() == {"w": int((NOON + RETRY_LONG).timestamp() * 1000)}
    await waking.rows.do(lambda c: rooms.save_room(c, ROOM, membership="join"))
    await waking.rows.do(lambda c: wakes.let_go(c, ROOM))
    await waking.look()

    assert [fire.due for fire in waking.fired] == [NOON]


async def test_a_chore_of_the_spine_is_done_and_gone(waking: Waking) -> None:
    """It is told the room and the rest of its key; where the homeserver is away it is done later."""
    await waking.rows.perform(fx.WakeAt(fx.SPINE, "chore:$rest:x", ROOM, NOON))
    await waking.look()
    assert waking.chores == [(ROOM, "$rest:x")]
    assert len(await waking.rows.wakes()) == 1, "it failed the first time"
    waking.clock.advance(RETRY)
    await waking.look()

    assert waking.chores == [(ROOM, "$rest:x")] * 2
    assert await waking.rows.wakes() == {}


async def test_a_great_many_at_once_fire_each_once(waking: Waking) -> None:
    """More than a batch."""
    await waking.rows.perform(*(at(0, f"w{number:03}") for number in range(250)))
    await waking.look()

    assert sorted(await waking.bodies()) == [f"fired w{number:03}" for number in range(250)]


async def test_one_that_hangs_delays_no_other(waking: Waking) -> None:
    """A digest that waits for a model; a reminder due meanwhile comes in time."""
    go = asyncio.Event()

    async def hang(fire: Fire) -> Effects:
        if fire.key == "hangs":
            await go.wait()
        return (a_post(f"fired {fire.key}"),)

    waking.on_fire = hang
    await waking.rows.perform(at(0, "hangs"))
    waking.waker.look()
    await waking.until(lambda: waking.fired)
    await waking.rows.perform(*(at(0, f"w{number}") for number in range(AT_ONCE - 1)))
    waking.waker.look()
    async with asyncio.timeout(60):
        while len(await waking.bodies()) < AT_ONCE - 1:
            continue
    assert "fired hangs" not in await waking.bodies()

    go.set()
    await waking.look()
    assert len(await waking.bodies()) == AT_ONCE


@pytest.mark.parametrize("change", ["cancelled", "moved", "moved to now"])
async def test_a_wake_changed_while_it_fires_does_as_it_was_changed(waking: Waking, change: str) -> None:
    """Nothing is said that was cancelled, and what was moved comes then."""
    moved = {"moved": at(30), "moved to now": at(-1)}

    async def changes(fire: Fire) -> Effects:
        if len(waking.fired) == 1:
            await waking.rows.perform(moved.get(change) or fx.CancelWake("fake", "w"))
        return (a_post(f"fired {len(waking.fired)}"),)

    waking.on_fire = changes
    await waking.rows.perform(at(0))
    await waking.look()

    assert await waking.bodies() == (["fired 2"] if change == "moved to now" else [])
    assert len(await waking.rows.wakes()) == (change == "moved")


async def test_what_was_made_before_a_tightening_is_made_anew(waking: Waking) -> None:
    """A digest under way when a message in it is taken back."""

    async def digest(_fire: Fire) -> Effects:
        if len(waking.fired) == 1:
            await waking.rows.perform(fx.TakeBack(ROOM, (EventID("$m"),)))
        return (a_post(f"digest {len(waking.fired)}"),)

    waking.on_fire = digest
    await waking.rows.perform(at(0))
    await waking.look()

    assert await waking.bodies() == ["digest 2"]


@pytest.mark.parametrize("error", [MatrixUnavailable(), ZeroDivisionError()])
async def test_what_fails_fires_later_and_the_others_now(waking: Waking, error: Exception) -> None:
    """Soon for an hour, then seldom, and after a month never; one that is late already is no less wanted."""

    async def fails(fire: Fire) -> Effects:
        if fire.key == "fails":
            raise error
        return (a_post(f"fired {fire.key}"),)

    waking.on_fire = fails
    await waking.rows.perform(at(-300, "fails"), at(0, "other"))
    await waking.look()
    assert await waking.bodies() == ["fired other"]
    pauses: list[float] = []
    for _ in range(7):
        (due,) = (await waking.rows.wakes()).values()
        pauses.append(due / 1000 - waking.clock.now().timestamp())
        waking.clock.advance(timedelta(seconds=pauses[-1]))
        await waking.look()
    assert pauses == [1, 1, 2, 4, 8, 10, 10]

    waking.clock.advance(timedelta(hours=2))
    await waking.look()
    assert waking.scheduler.due == waking.clock.now() + timedelta(hours=1)
    assert {fire.due for fire in waking.fired if fire.key == "fails"} == {NOON - timedelta(hours=5)}

    waking.clock.advance(GIVE_UP_AFTER)
    await waking.look()
    assert await waking.rows.wakes() == {}


async def test_a_wake_waits_as_long_as_the_homeserver_asks(waking: Waking) -> None:
    """`Retry-After`, for reads too."""

    async def limited(_fire: Fire) -> Effects:
        raise MatrixRateLimited(status=429, retry_after=timedelta(seconds=90))

    waking.on_fire = limited
    await waking.rows.perform(at(0))
    await waking.look()

    assert await waking.rows.wakes() == {"w": int((NOON + timedelta(seconds=90)).timestamp() * 1000)}


async def test_a_wake_moved_while_it_fails_keeps_its_new_time(waking: Waking) -> None:
    """To be put off is for the old one only."""

    async def fails(_fire: Fire) -> Effects:
        await waking.rows.perform(at(30))
        raise MatrixUnavailable

    waking.on_fire = fails
    await waking.rows.perform(at(0))
    await waking.look()

    assert await waking.rows.wakes() == {"w": int((NOON + timedelta(minutes=30)).timestamp() * 1000)}


async def test_an_effect_that_cannot_be_written_does_not_stop_the_others(waking: Waking) -> None:
    """It is put off like any failure."""

    async def broken(fire: Fire) -> Effects:
        return (fx.Effect(),) if fire.key == "broken" else (a_post(f"fired {fire.key}"),)

    waking.on_fire = broken
    await waking.rows.perform(at(0, "broken"), at(0, "other"))
    await waking.look()

    assert await waking.bodies() == ["fired other"]
    assert list(await waking.rows.wakes()) == ["broken"]


async def test_a_withdrawn_post_is_said_again_once(waking: Waking) -> None:
    """In its room, by its feature, from a row that outlives a restart."""
    kept = await waking.rows.keep("one")
    await waking.rows.post(a_post("answer", rests_on=[kept], remake={"how": 1}))
    await waking.rows.perform(fx.TakeBack(ROOM, (kept,)))
    await waking.look()
    await waking.look()

    assert [remake.said.remake for remake in waking.remade] == [{"how": 1}]
    assert await waking.bodies() == ["posted again"]


# --- entering -----------------------------------------------------------------------------------------------------

STATE: list[dict[str, Any]] = [
    {"type": "m.room.create", "sender": MEI, "state_key": "", "content": {"room_version": "12"}},
    *(
        {"type": "m.room.member", "sender": user, "state_key": user, "content": {"membership": "join"}}
        for user in (AI, MEI, LI)
    ),
]


async def unread(waking: Waking) -> None:
    await waking.rows.do(lambda c: rooms.save_room(c, ROOM, filled=False))
    await waking.rows.perform(fx.enter(ROOM, NOON))


async def facts(waking: Waking) -> rooms.RoomFacts:
    found = await waking.rows.do(lambda c: rooms.room_facts(c, ROOM))
    assert found is not None
    return found


async def test_a_room_is_entered_once_and_what_waits_for_it_goes_on(waking: Waking) -> None:
    """Its state is written, the features begin, the worker is kicked."""
    waking.state.answer = STATE
    await unread(waking)
    await waking.look()

    assert (await facts(waking)).filled
    assert (await facts(waking)).version == "12"
    assert await waking.bodies() == ["hello"]
    assert waking.told[-1].rooms == {ROOM}


@pytest.mark.parametrize("error", [MatrixUnavailable(), ZeroDivisionError()])
async def test_entering_that_breaks_off_begins_again(waking: Waking, error: Exception) -> None:
    """As after a crash in between: the notice still comes, once."""

    async def breaks() -> Effects:
        if len(waking.entered) == 1:
            raise error
        return (a_post("hello", id=EffectID("hello")),)

    waking.on_entered = breaks
    waking.state.answer = STATE
    await unread(waking)
    await waking.look()
    assert not (await facts(waking)).filled
    assert await waking.bodies() == []

    waking.clock.advance(RETRY)
    await waking.look()
    assert (await facts(waking)).filled
    assert await waking.bodies() == ["hello"]


@pytest.mark.parametrize("gone", ["forbidden", "left"])
async def test_a_room_we_are_not_in_is_not_entered(waking: Waking, gone: str) -> None:
    """The invite was revoked, or it is a helper's room: what waits there is for nobody."""
    left = {"type": "m.room.member", "sender": MEI, "state_key": AI, "content": {"membership": "leave"}}
    waking.state.answer = MatrixForbidden() if gone == "forbidden" else [*STATE[:1], left, *STATE[2:]]
    await unread(waking)
    await waking.look()

    assert ((await facts(waking)).filled, (await facts(waking)).membership) == (False, "leave")
    assert await waking.bodies() == []
    assert waking.entered == []
    assert await waking.rows.wakes() == {}
