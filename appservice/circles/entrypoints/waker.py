"""The waker: one in-memory trigger for the next due row; the rows are the truth.

Due rows are handled in batches.  A wake's row goes in the same commit that writes what came of it, so a crash fires
it again
and a fired one is gone.  The spine's own wakes read a room's state and say withdrawn answers again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from circles.core import effects as fx
from circles.core.call import Fire, Remake
from circles.core.ids import EffectID, RoomID
from circles.entrypoints.entering import Entering
from circles.entrypoints.performing import Aftermath, Performer
from circles.errors import MatrixError
from circles.facts import posts, rooms
from circles.facts.tables import wakes
from circles.feature import Feature
from circles.metrics import Metrics
from circles.ports import Database, Ports, SchedulesWakes
from circles.registry import FEATURES

log = logging.getLogger(__name__)

BATCH: Final = 100
AT_ONCE: Final = 8
RETRY: Final = timedelta(seconds=10)
RETRY_LONG: Final = timedelta(hours=1)
GIVE_UP_AFTER: Final = timedelta(days=30)
LATE: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class _Due:
    feature: str
    key: str
    room_id: RoomID
    due: datetime
    payload: Mapping[str, Any]


class Waker:
    """Fires wakes."""

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
    ) -> None:
        """Take what the composition root wires."""
        self._database = database
        self._scheduler = scheduler
        self._entering = entering
        self._performer = performer
        self._ports = ports
        self._metrics = metrics
        self._after = after
        self._features = {feature.name: feature for feature in features}
        self._pending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fire what is due and arm the trigger for the next."""
        self._task = asyncio.create_task(self._run(), name="waker")
        self.look()

    async def stop(self) -> None:
        """Let go; what did not fire stays in its rows."""
        self._scheduler.disarm()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        """Say that the rows changed, or that it is time."""
        self._pending.set()

    async def _run(self) -> None:
        while True:
            await self._pending.wait()
            self._pending.clear()
            try:
                while due := await self._database.read(self._due):
                    limit = asyncio.Semaphore(AT_ONCE)
                    await asyncio.gather(*(self._fire(wake, limit) for wake in due))
                next_due = await self._database.read(_next_due)
            except Exception as error:  # noqa: BLE001  # the waker must outlive a bad row or a full disk
                log.error(  # noqa: TRY400  # the traceback may carry text
                    "The wakes could not be read.", extra={"action": "waker_failed", "error": type(error).__name__}
                )
                next_due = self._ports.clock.now() + RETRY
            self._scheduler.arm(next_due, self.look)

    def _due(self, connection: Connection) -> list[_Due]:
        now = _ms(self._ports.clock.now())
        rows = connection.execute(select(wakes).where(wakes.c.due <= now).order_by(wakes.c.due).limit(BATCH)).mappings()
        return [_Due(r["feature"], r["key"], RoomID(r["room_id"]), _instant(r["due"]), r["payload"]) for r in rows]

    async def _fire(self, wake: _Due, limit: asyncio.Semaphore) -> None:
        async with limit:
            now = self._ports.clock.now()
            self._metrics.wake(late=now - wake.due > LATE)
            try:
                effects = await self._effects(wake, now)
            except MatrixError:
                await self._later(wake)
                return
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
                return
            self._after(await self._database.write(lambda c: self._settle(c, wake, effects)))

    def _settle(self, connection: Connection, wake: _Due, effects: tuple[fx.Effect, ...]) -> Aftermath:
        """Take the row away and write what came of it, unless someone changed or cancelled the wake meanwhile."""
        gone = connection.execute(
            delete(wakes).where(wakes.c.feature == wake.feature, wakes.c.key == wake.key, wakes.c.due == _ms(wake.due))
        )
        if gone.rowcount == 0:
            return Aftermath(woken=True)
        return self._performer.perform(connection, effects, _ms(self._ports.clock.now()))

    async def _later(self, wake: _Due) -> None:
        """Try a wake again soon, after an hour of that seldom; what could not fire for a month is given up."""
        now = self._ports.clock.now()

        def postpone(connection: Connection) -> None:
            row = (wakes.c.feature == wake.feature) & (wakes.c.key == wake.key)
            first = _instant(wake.payload.get("first_due", _ms(wake.due)))
            if now - first > GIVE_UP_AFTER:
                connection.execute(delete(wakes).where(row))
                return
            payload = {**wake.payload, "first_due": _ms(first)}
            pause = RETRY if now - first < RETRY_LONG else RETRY_LONG
            connection.execute(update(wakes).where(row).values(due=_ms(now + pause), payload=payload))

        await self._database.write(postpone)

    async def _effects(self, wake: _Due, now: datetime) -> tuple[fx.Effect, ...]:
        if wake.feature == fx.SPINE:
            kind = wake.key.partition(":")[0]
            if kind == "enter":
                return await self._entering.enter(wake.room_id)
            return await self._remake(EffectID(str(wake.payload["effect"])), now)
        feature = self._features.get(wake.feature)
        room = await self._database.read(lambda c: rooms.view(c, wake.room_id, self._ports.settings.language))
        if feature is None or feature.fire is None or room is None:
            return ()
        due = _instant(wake.payload.get("first_due", _ms(wake.due)))
        return await feature.fire(Fire(room=room, key=wake.key, payload=wake.payload, due=due, now=now), self._ports)

    async def _remake(self, effect_id: EffectID, now: datetime) -> tuple[fx.Effect, ...]:
        """Say a withdrawn post again without what was taken back."""
        said = await self._database.read(lambda c: posts.by_effect(c, effect_id, sent=False))
        if said is None:
            return ()
        feature = self._features.get(said.feature)
        room = await self._database.read(lambda c: rooms.view(c, said.about, self._ports.settings.language))
        if feature is None or feature.remake is None or room is None:
            return ()
        asked = await self._ports.talk.event(said.room_id, said.answers) if said.answers is not None else None
        return await feature.remake(Remake(room=room, said=said, asked=asked, now=now), self._ports)


def _next_due(connection: Connection) -> datetime | None:
    due = connection.execute(select(wakes.c.due).order_by(wakes.c.due).limit(1)).scalar()
    return _instant(due) if due is not None else None


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
