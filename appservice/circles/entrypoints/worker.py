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
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection

from circles.adapters.matrix.client import CALLED_BY
from circles.adapters.store import causes, journal, outbox, purges, quarantine
from circles.core import effects as fx
from circles.core.ids import RoomID
from circles.entrypoints.performing import Aftermath, Performer
from circles.entrypoints.reading import Ignored, Read, Reader
from circles.errors import MatrixError, MatrixRateLimited, MatrixUnavailable, MatrixUnknownToken, RequestProblem, Stale
from circles.facts import rooms
from circles.features.help import strings
from circles.logs import place_of
from circles.ports import Database, Ports, TellsTime

log = logging.getLogger(__name__)

MOST_REPEATS: Final = 4
MOST_AT_ONCE: Final = 16
"""So many events are handled at a time, and as many slow ones beside them: a model that hangs holds up no command."""
MOST_TRIES: Final = 10_000
BACKOFF_SECONDS: Final = (1, 2, 5, 10, 30)
"""Pauses while the homeserver is away; the last one repeats."""


@dataclass(frozen=True, slots=True)
class _Slow:
    """What is answered beside its room's queue. `rooms`: where it was asked, and what it is about."""

    rooms: frozenset[RoomID]
    entry: journal.Entry
    read: Read
    task: asyncio.Task[None]


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
        self._slow: dict[int, _Slow] = {}
        self._tries: dict[int, int] = {}
        self._quick_limit = asyncio.Semaphore(MOST_AT_ONCE)
        self._slow_limit = asyncio.Semaphore(MOST_AT_ONCE)
        self._open = False

    async def start(self) -> None:
        """Handle what an earlier run left, and whatever is kicked from now on."""
        self._open = True
        for room_id in await self._database.read(journal.rooms_waiting):
            self.kick(room_id)

    async def drain(self, seconds: float) -> None:
        """Begin nothing more, and let what is in hand come to its end. Whoever still waits then is told that we stop.

        What was not begun stays pending. A question that is told so is settled: it is to be asked again.
        """
        self._open = False
        self._again.clear()
        if tasks := [*self._rooms.values(), *(slow.task for slow in self._slow.values())]:
            await asyncio.wait(tasks, timeout=seconds)
        for slow in list(self._slow.values()):
            slow.task.cancel()
            await asyncio.gather(slow.task, return_exceptions=True)
            log.info("An answer was broken off.", extra={"action": "answer_stopped"})
            await self._settle(slow.entry, (slow.read.excuse(strings.stopped(slow.read.language)),))

    async def stop(self) -> None:
        """Let go; what is not settled stays pending."""
        self._open = False
        self._again.clear()
        tasks = [*self._rooms.values(), *(slow.task for slow in self._slow.values())]
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
        """Break off what is being answered in or about a room: it got stricter. What is still wanted begins anew."""
        for slow in list(self._slow.values()):
            if room_id in slow.rooms:
                slow.task.cancel()
        self.kick(room_id)

    @property
    def busy(self) -> int:
        """How many events are in hand."""
        return len(self._rooms) + len(self._slow)

    async def _drain(self, room_id: RoomID) -> None:
        while True:
            try:
                if not self._open or not await self._next(room_id):
                    return
            except Exception as error:  # noqa: BLE001  # a full disk must not end the room for good
                self._log_broken(error, "worker_failed", uuid.uuid4().hex[:8])
                await self._sleep(BACKOFF_SECONDS[-1])

    async def _next(self, room_id: RoomID) -> bool:
        """Handle a room's oldest event, or begin to; return whether there may be more to do now."""
        edits = self._performer.edits
        entry = await self._database.read(partial(journal.next_of, room_id=room_id, besides=list(self._slow)))
        if entry is None:
            return False
        try:
            read = await self._reader.read(entry)
        except MatrixError as error:
            await self._later(entry, None, error)
            return True
        except Exception as error:  # noqa: BLE001  # an event that cannot even be read must not stop the room
            await self._broken(entry, None, error)
            return True
        if isinstance(read, Ignored):
            if read.wait:
                return False  # The room's state is not read yet; entering it kicks us again.
            await self._settle(entry, ())
        elif read.slow:
            self._begin_slow(entry, read, edits)
        else:
            await self._handle(entry, read, edits)
        return True

    def _begin_slow(self, entry: journal.Entry, read: Read, edits: int) -> None:
        task = asyncio.create_task(self._handle(entry, read, edits), name=f"slow {entry.seq}")
        self._slow[entry.seq] = _Slow(frozenset((entry.room_id, read.circle)), entry, read, task)
        task.add_done_callback(partial(self._slow_ended, entry.seq, entry.room_id))

    def _slow_ended(self, seq: int, room_id: RoomID, _task: asyncio.Task[None]) -> None:
        self._slow.pop(seq, None)
        self.kick(room_id)

    async def _handle(self, entry: journal.Entry, read: Read, edits: int) -> None:
        """Answer an event that was read after so many edits, or put it off, or give it up."""
        called = CALLED_BY.set((entry.room_id, entry.event_id))
        try:
            async with self._slow_limit if read.slow else self._quick_limit:
                await self._answer(entry, read, edits)
        except MatrixError as error:
            await self._later(entry, read, error)
        except Exception as error:  # noqa: BLE001  # not even the excuse could be written; one event must not stop the room
            await self._broken(entry, read, error)
        finally:
            CALLED_BY.reset(called)

    async def _answer(self, entry: journal.Entry, read: Read, asked: int) -> None:
        """Run a handler until its effects are committed with the event, or the event says something else by now."""
        for _ in range(MOST_REPEATS):
            generation = read.generation
            if generation is None:
                generation = await self._database.read(partial(rooms.generation, room_id=read.circle))
            edits = self._performer.edits
            effects = await self._run(read)
            if await self._settle(entry, effects, read.circle, generation, asked, edits):
                return
            if self._performer.is_edited(entry.event_id, asked):
                return  # It waits with its new words, and is read anew.
            again = await self._reader.read(entry)
            if isinstance(again, Ignored):
                await self._settle(entry, ())
                return
            read = again
        await self._settle(entry, self._excuse(read, uuid.uuid4().hex[:8]))

    async def _run(self, read: Read) -> tuple[fx.Effect, ...]:
        """Return a handler's effects, with a placeholder meanwhile if it takes long.

        Raises:
            MatrixError: the homeserver failed; to be tried later.
        """
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
        except MatrixError:
            raise
        except Exception as error:  # noqa: BLE001  # one event must not stop the room; the person gets a reference
            reference = uuid.uuid4().hex[:8]
            self._log_broken(error, "handler_failed", reference)
            return self._excuse(read, reference)
        finally:
            for each in (task, waiting):
                each.cancel()

    async def _later(self, entry: journal.Entry, read: Read | None, error: MatrixError) -> None:
        """Wait for a homeserver that is away, however long; what it refuses is tried a few times and then given up."""
        log.warning("The homeserver failed us.", extra={"action": "handler_waits", "errcode": error.errcode})
        if not isinstance(error, MatrixUnavailable | MatrixRateLimited | MatrixUnknownToken) and await self._give_up(
            entry, read, uuid.uuid4().hex[:8], error
        ):
            return
        if len(self._tries) > MOST_TRIES:
            self._tries.clear()
        tries = self._tries.get(entry.seq, 0)
        self._tries[entry.seq] = tries + 1
        pause: float = BACKOFF_SECONDS[min(tries, len(BACKOFF_SECONDS) - 1)]
        await self._sleep(max(error.retry_after.total_seconds(), 0.1) if error.retry_after is not None else pause)

    async def _broken(self, entry: journal.Entry, read: Read | None, error: Exception) -> None:
        """Try an event that broke us a few times more, then give it up."""
        reference = uuid.uuid4().hex[:8]
        self._log_broken(error, "event_broken", reference)
        if not await self._give_up(entry, read, reference, error):
            await self._sleep(BACKOFF_SECONDS[0])

    async def _give_up(self, entry: journal.Entry, read: Read | None, reference: str, error: Exception) -> bool:
        """Count a failed attempt. After the last one the event is quarantined and the person told; return whether."""
        effects = self._excuse(read, reference) if read is not None else ()
        now = self._now()

        def fail(connection: Connection) -> Aftermath | None:
            if not journal.failed(connection, entry.seq, reference):
                return None
            quarantine.note(
                connection,
                event_id=entry.event_id,
                room_id=entry.room_id,
                stage="handling",
                error=type(error).__name__,
                place=place_of(error),
                reference=reference,
                now=now,
                passed=entry.event,
            )
            after = self._performer.perform(connection, effects, now, causes.answering(entry.event_id))
            after.add(self._performer.end_placeholder(connection, entry.event_id, now))
            return after

        aftermath = await self._commit(fail)
        if aftermath is not None:
            self._tries.pop(entry.seq, None)
        return aftermath is not None

    async def _settle(
        self,
        entry: journal.Entry,
        effects: tuple[fx.Effect, ...],
        circle: RoomID | None = None,
        generation: int | None = None,
        asked: int | None = None,
        edits: int | None = None,
    ) -> bool:
        """Commit the effects with the event. False: the room got stricter, or words or rows they rest on changed,
        since: they must be decided anew.
        """
        now = self._now()

        def settle(connection: Connection) -> Aftermath | None:
            if generation is not None and circle is not None and rooms.generation(connection, circle) != generation:
                return None
            if asked is not None and self._performer.is_edited(entry.event_id, asked):
                return None
            if edits is not None and self._performer.is_outdated(effects, edits):
                return None
            if not journal.settle(connection, entry.seq):
                return Aftermath()  # Taken back meanwhile: nothing of it is said.
            again = outbox.is_answered(connection, entry.event_id)
            after = self._performer.perform(connection, effects, now, causes.answering(entry.event_id))
            if again:
                purges.bury(connection)
            after.add(self._performer.end_placeholder(connection, entry.event_id, now))
            return after

        try:
            settled = await self._commit(settle) is not None
        except Stale:
            return False
        if settled:
            self._tries.pop(entry.seq, None)
        return settled

    async def _commit(self, work: Callable[[Connection], Aftermath | None]) -> Aftermath | None:
        """Commit, and tell the running parts; both or neither, also when the task is cancelled in between."""

        async def commit() -> Aftermath | None:
            aftermath = await self._database.write(work)
            if aftermath is not None:
                self._after(aftermath)
            return aftermath

        return await asyncio.shield(asyncio.ensure_future(commit()))

    async def _say_placeholder(self, placeholder: fx.Placeholder) -> None:
        now = self._now()
        await self._commit(lambda c: self._performer.placeholder(c, placeholder, now))

    def _excuse(self, read: Read, reference: str | None) -> tuple[fx.Effect, ...]:
        words = strings.problem(read.language, reference)
        return (read.excuse(words),)

    def _log_broken(self, error: Exception, action: str, reference: str) -> None:
        log.error(
            "An event could not be handled.",
            extra={"action": action, "reference": reference, "error": type(error).__name__, "place": place_of(error)},
        )

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
