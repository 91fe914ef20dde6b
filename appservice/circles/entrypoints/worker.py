"""The worker: drains the journal, one event after the other within a room, rooms side by side.

What needs a model runs outside the room's queue, so that a reminder set after a question does not wait for its answer.
Nothing here is durable: an event stays pending until its effects are committed with it, so a crash handles it again.
A call whose room got stricter meanwhile is handled again before anything of it is said.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from sqlalchemy import Connection

from circles.adapters.store import journal
from circles.core import effects as fx
from circles.core.ids import RoomID
from circles.entrypoints.performing import Aftermath, Performer
from circles.entrypoints.reading import Ignored, Read, Reader
from circles.errors import MatrixError, RequestProblem
from circles.facts import rooms
from circles.features.help import strings
from circles.ports import Database, Ports, TellsTime

log = logging.getLogger(__name__)

MOST_REPEATS: Final = 4
MOST_AT_ONCE: Final = 16
RETRY_SECONDS: Final = 5


class Worker:
    """Runs one task a room while the room has pending events."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        performer: Performer,
        ports: Ports,
        after: Callable[[Aftermath], None],
        placeholder_seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take what the composition root wires; `sleep` is injected so that tests need no waiting."""
        self._database = database
        self._reader = reader
        self._performer = performer
        self._ports = ports
        self._after = after
        self._placeholder_seconds = placeholder_seconds
        self._sleep = sleep
        self._clock: TellsTime = ports.clock
        self._rooms: dict[RoomID, asyncio.Task[None]] = {}
        self._again: set[RoomID] = set()
        self._slow: dict[int, tuple[RoomID, asyncio.Task[None]]] = {}
        self._limit = asyncio.Semaphore(MOST_AT_ONCE)
        self._open = False

    async def start(self) -> None:
        """Handle what an earlier run left, and whatever is kicked from now on."""
        self._open = True
        for room_id in await self._database.read(journal.rooms_waiting):
            self.kick(room_id)

    async def stop(self) -> None:
        """Let go; what is not settled stays pending."""
        self._open = False
        self._again.clear()
        tasks = [*self._rooms.values(), *(task for _, task in self._slow.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def kick(self, room_id: RoomID) -> None:
        """Say that a room may have pending events."""
        if not self._open:
            return
        if room_id in self._rooms:
            self._again.add(room_id)
            return
        task = asyncio.create_task(self._drain(room_id), name=f"room {room_id}")
        self._rooms[room_id] = task
        task.add_done_callback(lambda _: self._ended(room_id))

    def _ended(self, room_id: RoomID) -> None:
        self._rooms.pop(room_id, None)
        if room_id in self._again:
            self._again.discard(room_id)
            self.kick(room_id)

    def interrupt(self, room_id: RoomID) -> None:
        """Break off what is being answered in a room: something tightened. What is still wanted begins anew."""
        for room, task in list(self._slow.values()):
            if room == room_id:
                task.cancel()
        self.kick(room_id)

    @property
    def busy(self) -> int:
        """How many events are in hand."""
        return len(self._rooms) + len(self._slow)

    async def _drain(self, room_id: RoomID) -> None:
        while True:
            besides = list(self._slow)
            entry = await self._database.read(partial(journal.next_of, room_id=room_id, besides=besides))
            if entry is None:
                return
            read = await self._reader.read(entry)
            if isinstance(read, Ignored):
                if read.wait:
                    return  # The room's state is not read yet; entering it kicks us again.
                await self._settle(entry, ())
                continue
            if read.slow:
                task = asyncio.create_task(self._handle(entry, read), name=f"slow {entry.seq}")
                self._slow[entry.seq] = (room_id, task)
                task.add_done_callback(partial(self._slow_ended, entry.seq, room_id))
                continue
            await self._handle(entry, read)

    def _slow_ended(self, seq: int, room_id: RoomID, _task: asyncio.Task[None]) -> None:
        self._slow.pop(seq, None)
        self.kick(room_id)

    async def _handle(self, entry: journal.Entry, read: Read) -> None:
        """Run a handler until its effects are committed, or it is given up."""
        async with self._limit:
            for _ in range(MOST_REPEATS):
                generation = await self._generation(read.circle)
                effects = await self._run(entry, read)
                if effects is None:
                    return
                if await self._settle(entry, effects, read.circle, generation):
                    return
                again = await self._reader.read(entry)
                if isinstance(again, Ignored):
                    await self._settle(entry, ())
                    return
                read = again
            await self._settle(entry, self._excuse(read, uuid.uuid4().hex[:8]))

    async def _run(self, entry: journal.Entry, read: Read) -> tuple[fx.Effect, ...] | None:
        """Return a handler's effects, with a placeholder meanwhile if it takes long. None: to be tried later."""
        task = asyncio.ensure_future(read.handle(self._ports))
        waiting = asyncio.ensure_future(self._sleep(self._placeholder_seconds))
        try:
            if read.slow and read.placeholder is not None:
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    await self._say_placeholder(read.placeholder)
            return await task
        except RequestProblem as problem:
            log.info(
                "A request could not be done.", extra={"action": "request_problem", "error": type(problem).__name__}
            )
            return self._excuse(read, None)
        except MatrixError as error:
            log.warning("The homeserver failed us.", extra={"action": "handler_waits", "errcode": error.errcode})
            return await self._later(entry, read, uuid.uuid4().hex[:8])
        except Exception as error:  # noqa: BLE001  # one event must not stop the room; the person gets a reference
            reference = uuid.uuid4().hex[:8]
            log.error(  # noqa: TRY400  # the traceback may carry text
                "An event could not be handled.",
                extra={
                    "action": "handler_failed",
                    "reference": reference,
                    "error": type(error).__name__,
                    **_where(error),
                },
            )
            return self._excuse(read, reference)
        finally:
            for each in (task, waiting):
                each.cancel()

    async def _later(self, entry: journal.Entry, read: Read, reference: str) -> tuple[fx.Effect, ...] | None:
        given_up = await self._database.write(lambda c: journal.failed(c, entry.seq, reference))
        if given_up:
            effects = self._excuse(read, reference)
            now = self._now()
            self._after(await self._database.write(lambda c: self._performer.perform(c, effects, now)))
            return None
        await self._sleep(RETRY_SECONDS)
        return None

    async def _settle(
        self,
        entry: journal.Entry,
        effects: tuple[fx.Effect, ...],
        circle: RoomID | None = None,
        generation: int | None = None,
    ) -> bool:
        """Commit the effects with the event. False: the room got stricter since, so they must be decided anew."""
        now = self._now()

        def settle(connection: Connection) -> Aftermath | None:
            if generation is not None and circle is not None and _generation(connection, circle) != generation:
                return None
            if not journal.settle(connection, entry.seq):
                return Aftermath()  # Taken back meanwhile: nothing of it is said.
            after = self._performer.perform(connection, effects, now)
            after.add(self._performer.end_placeholder(connection, entry.event_id, now))
            return after

        aftermath = await self._database.write(settle)
        if aftermath is None:
            return False
        self._after(aftermath)
        return True

    async def _say_placeholder(self, placeholder: fx.Post) -> None:
        now = self._now()
        self._after(await self._database.write(lambda c: self._performer.placeholder(c, placeholder, now)))

    async def _generation(self, room_id: RoomID) -> int:
        return await self._database.read(lambda c: _generation(c, room_id))

    def _excuse(self, read: Read, reference: str | None) -> tuple[fx.Effect, ...]:
        words = strings.problem(read.language, reference)
        return (read.excuse(words),)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _generation(connection: Connection, room_id: RoomID) -> int:
    facts = rooms.room_facts(connection, room_id)
    return facts.generation if facts is not None else 0


def _where(error: BaseException) -> dict[str, str]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return {"place": f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"} if trace else {}
