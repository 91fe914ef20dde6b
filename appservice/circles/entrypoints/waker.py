"""The waker: one in-memory trigger for the next due row; the rows are the truth.

A wake's row goes in the same commit that writes what came of it, so a crash fires it again and a fired one is gone.
The spine's own wakes read a room's state and say withdrawn answers again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, select, update

from circles.adapters.matrix.client import CALLED_BY
from circles.core import effects as fx
from circles.core.call import Fire, Remake
from circles.core.ids import EffectID, RoomID
from circles.entrypoints.entering import Entering, Entry
from circles.entrypoints.performing import Aftermath, Performer
from circles.errors import MatrixError, Stale
from circles.facts import posts, rooms
from circles.facts.tables import wakes
from circles.facts.wakes import FIRST_DUE, PUT_OFF
from circles.feature import Feature
from circles.metrics import Metrics
from circles.ports import Database, Ports, SchedulesWakes
from circles.registry import FEATURES

log = logging.getLogger(__name__)

BATCH: Final = 100
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
LATE: Final = timedelta(minutes=2)

Chore = Callable[[RoomID, str], Awaitable[None]]
"""Does something about a room; the rest of the wake's key says to what. It must be safe to repeat."""


@dataclass(frozen=True, slots=True)
class _Due:
    feature: str
    key: str
    room_id: RoomID
    due: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Made:
    """What came of a wake. `rests_on_talk`: it may rest on messages, so it is void once the room got stricter."""

    effects: tuple[fx.Effect, ...]
    rests_on_talk: bool = True
    entry: Entry | None = None


class Waker:
    """Fires wakes, each in a task of its own: one that waits for a model or the homeserver delays no other."""

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
        self._in_hand: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._limits: dict[str, asyncio.Semaphore] = {}

    async def start(self) -> None:
        """Fire what is due and arm the trigger for the next."""
        self._task = asyncio.create_task(self._run(), name="waker")
        self.look()

    async def stop(self) -> None:
        """Let go; what did not fire stays in its rows."""
        self._scheduler.disarm()
        tasks = [*self._in_hand.values(), *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
                    for wake in due:
                        self._begin(wake)
                    if len(self._in_hand) >= MOST_IN_HAND:
                        self._room.clear()
                        await self._room.wait()
                next_due = await self._database.read(partial(_next_due, besides=frozenset(self._in_hand)))
            except Exception as error:  # noqa: BLE001  # the waker must outlive a bad row or a full disk
                log.error(  # noqa: TRY400  # the traceback may carry text
                    "The wakes could not be read.", extra={"action": "waker_failed", "error": type(error).__name__}
                )
                next_due = self._ports.clock.now() + RETRY
            self._scheduler.arm(next_due, self.look)

    def _begin(self, wake: _Due) -> None:
        name = (wake.feature, wake.key)
        task = asyncio.create_task(self._outlive(wake), name=f"wake {wake.feature}")
        self._in_hand[name] = task
        task.add_done_callback(lambda _: self._ended(name))

    def _ended(self, name: tuple[str, str]) -> None:
        self._in_hand.pop(name, None)
        if len(self._in_hand) <= MOST_IN_HAND // 2:
            self._room.set()
        if not self._in_hand or name in self._again:
            self._again.discard(name)
            self.look()

    async def _outlive(self, wake: _Due) -> None:
        try:
            await self._fire(wake)
        except Exception as error:  # noqa: BLE001  # not even "later" could be written: the disk is full
            log.error(  # noqa: TRY400  # the traceback may carry text
                "A wake could not be put off.", extra={"action": "waker_failed", "error": type(error).__name__}
            )
            await self._sleep(RETRY.total_seconds())

    def _due(self, connection: Connection, *, besides: frozenset[tuple[str, str]]) -> list[_Due]:
        now = _ms(self._ports.clock.now())
        rows = (
            connection.execute(
                select(wakes).where(wakes.c.due <= now).order_by(wakes.c.due).limit(BATCH + len(besides))
            )
            .mappings()
            .all()
        )
        found = [_Due(r["feature"], r["key"], RoomID(r["room_id"]), _instant(r["due"]), r["payload"]) for r in rows]
        return [wake for wake in found if (wake.feature, wake.key) not in besides]

    async def _fire(self, wake: _Due) -> None:
        kind = f"{wake.feature}:{wake.key.partition(':')[0]}" if wake.feature == fx.SPINE else wake.feature
        async with self._limits.setdefault(kind, asyncio.Semaphore(AT_ONCE)):
            now = self._ports.clock.now()
            try:
                generation, held = await self._database.read(partial(rooms.pace, room_id=wake.room_id))
                if held and wake.feature != fx.SPINE:
                    await self._later(wake, RETRY_LONG)
                    return
                self._metrics.wake(late=now - wake.due > LATE)
                made = await self._make(wake, now)
                await asyncio.shield(asyncio.ensure_future(self._settle(wake, made, generation)))
            except MatrixError as error:
                log.info(
                    "A wake waits for the homeserver.",
                    extra={"action": "wake_waits", "feature": wake.feature, "errcode": error.errcode},
                )
                await self._later(wake, error.retry_after)
            except Exception as error:  # noqa: BLE001  # one wake must not stop the others
                log.error(  # noqa: TRY400  # the traceback may carry text
                    "A wake could not be handled.",
                    extra={
                        "action": "wake_failed",
                        "feature": wake.feature,
                        "reference": uuid.uuid4().hex[:8],
                        "error": type(error).__name__,
                    },
                )
                await self._later(wake)

    async def _settle(self, wake: _Due, made: _Made, generation: int) -> None:
        """Take the row away and write what came of it, in one commit.

        Not if someone changed or cancelled the wake meanwhile; and where the room got stricter while it was made, what
        was made may rest on what is gone now, as it may on rows that changed: then the row stays, and it is made anew.
        """

        now = _ms(self._ports.clock.now())

        def settle(connection: Connection) -> Aftermath | None:
            if made.rests_on_talk and rooms.generation(connection, wake.room_id) != generation:
                return None
            gone = connection.execute(delete(wakes).where(*_row(wake)))
            if gone.rowcount == 0:
                return None
            after = self._performer.perform(connection, made.effects, now, _cause(wake))
            if made.entry is not None:
                self._entered(connection, wake.room_id, made.entry, after)
            return after

        try:
            after = await self._database.write(settle)
        except Stale:
            after = None
        if after is None:
            after = Aftermath()
            self._again.add((wake.feature, wake.key))
        self._after(after)

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
            payload = {FIRST_DUE: _ms(wake.due), **wake.payload, PUT_OFF: _ms(since)}
            pause = RETRY_LONG if now - since >= RETRY_LONG else max(min(RETRY, now - since), RETRY_FIRST)
            pause = max(asked, RETRY_FIRST) if asked is not None else pause
            connection.execute(update(wakes).where(*_row(wake)).values(due=_ms(now + pause), payload=payload))

        await self._database.write(postpone)
        self._again.add((wake.feature, wake.key))

    async def _make(self, wake: _Due, now: datetime) -> _Made:
        if wake.feature == fx.SPINE:
            kind, _, rest = wake.key.partition(":")
            if kind in self._chores:
                await self._chores[kind](wake.room_id, rest)
                return _Made((), rests_on_talk=False)
            if kind == "enter":
                entry = await self._entering.enter(wake.room_id)
                return _Made(entry.effects, rests_on_talk=False, entry=entry)
            return _Made(await self._remake(EffectID(str(wake.payload["effect"])), now))
        feature = self._features.get(wake.feature)
        room = await self._database.read(lambda c: rooms.view(c, wake.room_id, self._ports.settings.language))
        if feature is None or feature.fire is None or room is None:
            return _Made(())
        due = _instant(wake.payload.get(FIRST_DUE, _ms(wake.due)))
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
            # Each wake is a task of its own, so this holds for nothing else.
            CALLED_BY.set((said.room_id, said.answers))
        asked = await self._ports.talk.event(said.room_id, said.answers) if said.answers is not None else None
        return await feature.remake(Remake(room=room, said=said, asked=asked, now=now), self._ports)


def _cause(wake: _Due) -> str:
    """Return what a wake is as a cause: the same one however often it was put off."""
    return f"wake {wake.feature} {wake.key} {wake.payload.get(FIRST_DUE, _ms(wake.due))}"


def _row(wake: _Due) -> tuple[ColumnElement[bool], ...]:
    """Return what finds a wake's row only as it was read."""
    return (wakes.c.feature == wake.feature, wakes.c.key == wake.key, wakes.c.due == _ms(wake.due))


def _next_due(connection: Connection, *, besides: frozenset[tuple[str, str]]) -> datetime | None:
    query = select(wakes.c.feature, wakes.c.key, wakes.c.due).order_by(wakes.c.due).limit(1 + len(besides))
    rows = connection.execute(query).all()
    return next((_instant(due) for feature, key, due in rows if (feature, key) not in besides), None)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
