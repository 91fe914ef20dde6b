"""The waker: one in-memory trigger for the next due row; the rows are the truth.

A wake's row goes in the same commit that writes what came of it, so a crash fires it again and a fired one is gone.
The spine's own wakes read a room's state and say withdrawn answers again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, select, update

from circles.adapters.matrix.client import CALLED_BY
from circles.adapters.store.faults import is_the_machines
from circles.bulk import fetch, loads, run, run_many
from circles.core import effects as fx
from circles.core.call import Fire, Remake, Room
from circles.core.ids import EffectID, RoomID
from circles.entrypoints.entering import Entering, Entry
from circles.entrypoints.performing import Aftermath, Performer
from circles.errors import MatrixError, Stale
from circles.facts import posts, rooms
from circles.facts.gathered import Standing, standings
from circles.facts.tables import wakes
from circles.facts.wakes import FIRST_DUE, PUT_OFF
from circles.feature import Feature
from circles.metrics import Metrics
from circles.ports import Database, Ports, SchedulesWakes
from circles.registry import FEATURES

log = logging.getLogger(__name__)

MOST_DUE: Final = 2_000
"""So many due rows are read at a time."""
BATCH: Final = 250
"""For so many of them at a time it is read how their rooms stand, and so many are settled in one commit."""
AT_ONCE: Final = 8
"""So many wakes of one kind are fired at a time."""
MOST_IN_HAND: Final = 500
"""No more are begun until half of these have ended."""
RETRY_FIRST: Final = timedelta(seconds=1)
IDLE_LOOKS: Final = 600
IDLE_SECONDS: Final = 0.1
RETRY: Final = timedelta(seconds=10)
RETRY_LONG: Final = timedelta(hours=1)
GIVE_UP_AFTER: Final = timedelta(days=30)
LATE_MS: Final = 2 * 60_000
FRESH_MS: Final = 2_000
"""How a room stands is read again after this, also for a wake that waited so long for its turn."""

_DUE: Final = "SELECT feature, key, room_id, due, CAST(payload AS TEXT) FROM wakes WHERE due <= ? ORDER BY due LIMIT ?"
_TAKE: Final = "DELETE FROM wakes WHERE feature = ? AND key = ? AND due = ?"
"""Only as it was read: one that was changed since is not taken."""
_STANDING: Final = """
    SELECT w.feature, w.key, w.due, r.generation FROM wanted CROSS JOIN wakes AS w
    LEFT JOIN rooms AS r ON r.room_id = w.room_id WHERE w.feature = wanted.a AND w.key = wanted.b
"""

Chore = Callable[[RoomID, str], Awaitable[None]]
"""Does something about a room; the rest of the wake's key says to what. It must be safe to repeat."""


class _Due(NamedTuple):
    feature: str
    key: str
    room_id: RoomID
    due: int
    payload: Mapping[str, Any]


class _Made(NamedTuple):
    """What came of a wake. `rests_on_talk`: it may rest on messages, so it is void once the room got stricter."""

    effects: tuple[fx.Effect, ...]
    rests_on_talk: bool = True
    entry: Entry | None = None


class _ToSettle(NamedTuple):
    """A wake, what came of it, in which generation of its room and after how many edits; `late`: so that it says so."""

    wake: _Due
    made: _Made
    generation: int
    late: bool
    edits: int

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is to be written."""
        return not self.made.effects and self.made.entry is None


class Waker:
    """Fires wakes, some of each kind at a time: one that waits for a model or the homeserver delays no other kind."""

    def __init__(
        self,
        database: Database,
        scheduler: SchedulesWakes,
        entering: Entering,
        performer: Performer,
        ports: Ports,
        metrics: Metrics,
        after: Callable[[Aftermath], None],
        features: tuple[Feature, ...] = FEATURES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chores: Mapping[str, Chore] | None = None,
    ) -> None:
        """Take what the composition root wires; `sleep` is injected so that tests need no waiting.

        `chores`: what else the spine does at an hour, by the first part of the wake's key.
        """
        self._database = database
        self._scheduler = scheduler
        self._entering = entering
        self._performer = performer
        self._ports = ports
        self._metrics = metrics
        self._after = after
        self._features = {feature.name: feature for feature in features}
        self._sleep = sleep
        self._chores = chores or {}
        self._pending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._again: set[tuple[str, str]] = set()
        self._in_hand: set[tuple[str, str]] = set()
        self._known: dict[RoomID, Standing] = {}
        self._waiting: dict[str, deque[tuple[_Due, Standing]]] = {}
        self._firing: dict[str, set[asyncio.Task[None]]] = {}
        self._later_tasks: set[asyncio.Task[None]] = set()
        self._to_settle: list[_ToSettle] = []
        self._settling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fire what is due and arm the trigger for the next."""
        self._task = asyncio.create_task(self._run(), name="waker")
        self.look()

    async def stop(self) -> None:
        """Let go; what did not fire stays in its rows."""
        self._scheduler.disarm()
        firing = [task for tasks in self._firing.values() for task in tasks]
        tasks = [*firing, *self._later_tasks, *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        # What is being written is let finish: it stands anyway.
        await asyncio.gather(*tasks, *([self._settling] if self._settling is not None else []), return_exceptions=True)

    async def idle(self) -> None:
        """Wait until nothing is due any more, a minute at most: something may wait for a model."""
        for _ in range(IDLE_LOOKS):
            if not await self._database.read(partial(self._due, besides=frozenset())):
                return
            await self._sleep(IDLE_SECONDS)

    def look(self) -> None:
        """Say that the rows changed, or that it is time."""
        self._pending.set()

    async def _run(self) -> None:
        while True:
            await self._pending.wait()
            self._pending.clear()
            try:
                while due := await self._database.read(partial(self._due, besides=frozenset(self._in_hand))):
                    for start in range(0, len(due), BATCH):
                        some = due[start : start + BATCH]
                        stand = await self._stand({wake.room_id for wake in some})
                        for wake in some:
                            self._begin(wake, stand[wake.room_id])
                        if len(self._in_hand) >= MOST_IN_HAND:
                            self._room.clear()
                            await self._room.wait()
                self._known.clear()
                next_due = await self._database.read(partial(_next_due, besides=frozenset(self._in_hand)))
            except Exception as error:  # noqa: BLE001  # the waker must outlive a bad row or a full disk
                log.error(  # noqa: TRY400  # the traceback may carry text
                    "The wakes could not be read.", extra={"action": "waker_failed", "error": type(error).__name__}
                )
                next_due = self._ports.clock.now() + RETRY
            self._scheduler.arm(next_due, self.look)

    async def _stand(self, room_ids: Collection[RoomID]) -> dict[RoomID, Standing]:
        """Return how rooms stand, or stood a moment ago."""
        fresh = _ms(self._ports.clock.now()) - FRESH_MS
        found = {each: self._known[each] for each in room_ids if each in self._known}
        found = {room_id: standing for room_id, standing in found.items() if standing.read_at >= fresh}
        if wanted := set(room_ids) - found.keys():
            read = await self._standings(wanted)
            self._known |= read
            found |= read
        return found

    async def _standings(self, room_ids: Collection[RoomID]) -> dict[RoomID, Standing]:
        language, now = self._ports.settings.language, _ms(self._ports.clock.now())
        return await self._database.read(lambda c: standings(c, room_ids, language, now))

    def _begin(self, wake: _Due, standing: Standing) -> None:
        """Let a wake wait for its turn among those of its kind."""
        self._in_hand.add((wake.feature, wake.key))
        kind = f"{wake.feature}:{wake.key.partition(':')[0]}" if wake.feature == fx.SPINE else wake.feature
        self._waiting.setdefault(kind, deque()).append((wake, standing))
        firing = self._firing.setdefault(kind, set())
        if len(firing) < AT_ONCE:
            task = asyncio.create_task(self._fire_all(kind), name=f"wakes {kind}")
            firing.add(task)
            task.add_done_callback(firing.discard)

    async def _fire_all(self, kind: str) -> None:
        waiting = self._waiting[kind]
        while waiting:
            wake, standing = waiting.popleft()
            try:
                made = await self._fire(wake, standing)
            except Exception as error:  # noqa: BLE001  # one wake must not stop the others
                self._put_off(wake, error)
                continue
            if made is None:
                self._put_off(wake, None)
                continue
            self._to_settle.append(made)
            if self._settling is None:
                self._settling = asyncio.create_task(self._settle_all(), name="settle wakes")

    def _ended(self, wake: _Due) -> None:
        name = (wake.feature, wake.key)
        self._in_hand.discard(name)
        if len(self._in_hand) <= MOST_IN_HAND // 2:
            self._room.set()
        if not self._in_hand or name in self._again:
            self._again.discard(name)
            self.look()

    def _put_off(self, wake: _Due, error: Exception | None) -> None:
        """Try a wake again later: because of an error, or (None) because nothing may happen in its room for now."""
        asked = RETRY_LONG if error is None else None
        if isinstance(error, MatrixError):
            asked = error.retry_after
            log.info(
                "A wake waits for the homeserver.",
                extra={"action": "wake_waits", "feature": wake.feature, "errcode": error.errcode},
            )
        elif error is not None:
            log.error(
                "A wake could not be handled.",
                extra={
                    "action": "wake_failed",
                    "feature": wake.feature,
                    "reference": uuid.uuid4().hex[:8],
                    "error": type(error).__name__,
                },
            )
        task = asyncio.create_task(self._later_for_sure(wake, asked), name=f"put off {wake.feature}")
        self._later_tasks.add(task)
        task.add_done_callback(self._later_tasks.discard)

    async def _later_for_sure(self, wake: _Due, asked: timedelta | None) -> None:
        try:
            await self._later(wake, asked)
        except Exception as error:  # noqa: BLE001  # not even "later" could be written: the disk is full
            log.error(  # noqa: TRY400  # the traceback may carry text
                "A wake could not be put off.", extra={"action": "waker_failed", "error": type(error).__name__}
            )
            await self._sleep(RETRY.total_seconds())
        finally:
            self._ended(wake)

    def _due(self, connection: Connection, *, besides: frozenset[tuple[str, str]]) -> list[_Due]:
        now = _ms(self._ports.clock.now())
        rows = run(connection, _DUE, now, MOST_DUE + len(besides)).fetchall()
        found = [_Due(feature, key, room_id, due, loads(text)) for feature, key, room_id, due, text in rows]
        return [wake for wake in found if (wake.feature, wake.key) not in besides]

    async def _fire(self, wake: _Due, standing: Standing) -> _ToSettle | None:
        """Return what comes of a wake; None: nothing may happen in its room for now."""
        now = self._ports.clock.now()
        now_ms = _ms(now)
        if now_ms - standing.read_at > FRESH_MS:
            standing = (await self._standings({wake.room_id}))[wake.room_id]
        if standing.held and wake.feature != fx.SPINE:
            return None
        edits = self._performer.edits
        made = await self._make(wake, standing.room, now)
        return _ToSettle(wake, made, standing.generation, now_ms - wake.due > LATE_MS, edits)

    async def _settle_all(self) -> None:
        """Take the rows away and write what came of them: those that are ready in the same moment in one commit."""
        while self._to_settle:
            some, self._to_settle = self._to_settle[:BATCH], self._to_settle[BATCH:]
            try:
                after, outcomes = await self._database.write(partial(self._settle_some, some=some))
            except Exception as error:  # noqa: BLE001  # the disk is full: none of them stands, and each is put off
                outcomes = [error] * len(some)
            else:
                self._after(after)
            late = sum(each.late for each in some)
            self._metrics.wake(late=True, times=late)
            self._metrics.wake(late=False, times=len(some) - late)
            for (wake, *_), outcome in zip(some, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    self._put_off(wake, outcome)
                    continue
                if not outcome:
                    self._known.pop(wake.room_id, None)
                    self._again.add((wake.feature, wake.key))
                self._ended(wake)
        self._settling = None

    def _settle_some(
        self, connection: Connection, some: Sequence[_ToSettle]
    ) -> tuple[Aftermath, list[bool | Exception]]:
        """Settle those that came to nothing together, and the others one after the other.

        What breaks one of them takes back nothing of the others.
        """
        after, now = Aftermath(), _ms(self._ports.clock.now())
        taken = _take_together(connection, [each for each in some if each.is_nothing])
        outcomes: list[bool | Exception] = []
        for each in some:
            if each.is_nothing:
                outcomes.append(each.wake[:2] in taken)
                continue
            try:
                with connection.begin_nested():
                    outcomes.append(self._settle_one(connection, each, after, now))
            except Stale:
                outcomes.append(False)
            except Exception as error:
                if is_the_machines(error):
                    raise
                outcomes.append(error)  # It is tried again by itself, and logged where it was made.
        return after, outcomes

    def _settle_one(self, connection: Connection, one: _ToSettle, after: Aftermath, now: int) -> bool:
        """Take one wake's row away and write what came of it; False: it must be looked at again.

        Not if someone changed or cancelled the wake meanwhile; and where the room got stricter while it was made, what
        was made may rest on what is gone now, as it may on rows that changed: then the row stays, and it is made anew.
        """
        wake, made, generation, _late, edits = one
        if made.rests_on_talk:
            if self._performer.is_outdated(made.effects, edits):
                return False
            stands = run(connection, "SELECT generation FROM rooms WHERE room_id = ?", wake.room_id).fetchone()
            if (stands[0] if stands is not None else 0) != generation:
                return False
        if run(connection, _TAKE, wake.feature, wake.key, wake.due).rowcount == 0:
            return False
        if made.effects:
            after.add(self._performer.perform(connection, made.effects, now, _cause(wake)))
        if made.entry is not None:
            self._entered(connection, wake.room_id, made.entry, after)
        return True

    def _entered(self, connection: Connection, room_id: RoomID, entry: Entry, after: Aftermath) -> None:
        """Note that a room's state was read, so that what waits for it goes on; or that we are not there."""
        if entry.here:
            rooms.save_room(connection, room_id, filled=True)
        else:
            rooms.save_room(connection, room_id, membership="leave")
        after.rooms.add(room_id)

    async def _later(self, wake: _Due, asked: timedelta | None = None) -> None:
        """Try a wake again: soon at first, seldom after an hour of that; what could not fire for a month is given up.

        `asked`: how long we were asked to wait.
        """
        now = self._ports.clock.now()

        def postpone(connection: Connection) -> None:
            since = _instant(wake.payload.get(PUT_OFF, _ms(now)))
            if now - since > GIVE_UP_AFTER:
                connection.execute(delete(wakes).where(*_row(wake)))
                return
            payload = {FIRST_DUE: wake.due, **wake.payload, PUT_OFF: _ms(since)}
            pause = RETRY_LONG if now - since >= RETRY_LONG else max(min(RETRY, now - since), RETRY_FIRST)
            pause = max(asked, RETRY_FIRST) if asked is not None else pause
            connection.execute(update(wakes).where(*_row(wake)).values(due=_ms(now + pause), payload=payload))

        await self._database.write(postpone)
        self._again.add((wake.feature, wake.key))

    async def _make(self, wake: _Due, room: Room | None, now: datetime) -> _Made:
        if wake.feature == fx.SPINE:
            kind, _, rest = wake.key.partition(":")
            if kind in self._chores:
                await self._chores[kind](wake.room_id, rest)
                return _Made((), rests_on_talk=False)
            if kind == "enter":
                entry = await self._entering.enter(wake.room_id)
                return _Made(entry.effects, rests_on_talk=False, entry=entry)
            return _Made(await asyncio.create_task(self._remake(EffectID(str(wake.payload["effect"])), now)))
        feature = self._features.get(wake.feature)
        if feature is None or feature.fire is None or room is None:
            return _Made(())
        due = _instant(wake.payload.get(FIRST_DUE, wake.due))
        fire = Fire(room=room, key=wake.key, payload=wake.payload, due=due, now=now)
        return _Made(await feature.fire(fire, self._ports))

    async def _remake(self, effect_id: EffectID, now: datetime) -> tuple[fx.Effect, ...]:
        """Say a withdrawn post again without what was taken back."""
        said = await self._database.read(lambda c: posts.by_effect(c, effect_id, sent=False))
        if said is None:
            return ()
        feature = self._features.get(said.feature)
        room = await self._database.read(lambda c: rooms.view(c, said.about, self._ports.settings.language))
        if feature is None or feature.remake is None or room is None:
            return ()
        if said.answers is not None:
            # A remaking is a task of its own, so this holds for nothing else.
            CALLED_BY.set((said.room_id, said.answers))
        asked = await self._ports.talk.event(said.room_id, said.answers) if said.answers is not None else None
        return await feature.remake(Remake(room=room, said=said, asked=asked, now=now), self._ports)


def _cause(wake: _Due) -> str:
    """Return what a wake is as a cause: the same one however often it was put off."""
    return f"wake {wake.feature} {wake.key} {wake.payload.get(FIRST_DUE, wake.due)}"


def _take_together(connection: Connection, some: Sequence[_ToSettle]) -> frozenset[tuple[str, str]]:
    """Take away the rows of wakes that came to nothing, where `_settle_one` would; return which these are."""
    rows = fetch(connection, _STANDING, [each.wake[:2] for each in some])
    standing = {(feature, key): (due, generation or 0) for feature, key, due, generation in rows}
    taken: list[tuple[str, str, int]] = []
    for wake, made, generation, *_ in some:
        due, strictness = standing.get((wake.feature, wake.key), (None, 0))
        if due is not None and due == wake.due and (strictness == generation or not made.rests_on_talk):
            taken.append((wake.feature, wake.key, due))
    if taken:
        run_many(connection, _TAKE, taken)
    return frozenset((feature, key) for feature, key, _ in taken)


def _row(wake: _Due) -> tuple[ColumnElement[bool], ...]:
    """Return what finds a wake's row only as it was read."""
    return (wakes.c.feature == wake.feature, wakes.c.key == wake.key, wakes.c.due == wake.due)


def _next_due(connection: Connection, *, besides: frozenset[tuple[str, str]]) -> datetime | None:
    query = select(wakes.c.feature, wakes.c.key, wakes.c.due).order_by(wakes.c.due).limit(1 + len(besides))
    rows = connection.execute(query).all()
    return next((_instant(due) for feature, key, due in rows if (feature, key) not in besides), None)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
