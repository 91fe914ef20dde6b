"""How fast wakes that are due together are claimed: `benchmarks/wakes.py [shared folder]`.

The real waker on the real table, with a feature whose wakes come to nothing, against APScheduler's own job store with a
job that does nothing, in turns.  Also: arming and looking up the next at 100,000 rows.  Prints a table and a RESULT
line; exits non-zero only when it cannot measure.
"""

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, insert

from circles.adapters.clock import SystemClock
from circles.adapters.scheduler.wakes import ApschedulerWakes
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import migrate
from circles.core import effects as fx
from circles.core.call import Fire
from circles.core.ids import RoomID, UserID
from circles.core.settings import Settings
from circles.entrypoints import waker as waking
from circles.entrypoints.entering import Entering
from circles.entrypoints.performing import Performer, VoiceRules
from circles.entrypoints.waker import Waker
from circles.facts.tables import wakes
from circles.feature import Feature
from circles.metrics import Metrics
from circles.ports import Ports
from circles.testing import some_ports
from circles_bench.measure import say, show_result, show_table
from circles_bench.opponents import CannotMeasure, opponents_python, shared_folder
from circles_bench.service import AI, SERVER_NAME, joined_rooms, told_members

DUE, TOTAL, ROOMS = 5_000, 100_000, 500
TURNS = 3
WATCH_SECONDS = 0.005


@dataclass
class Claimed:
    """What one run took: seconds until all were done, CPU seconds, the longest time the loop was blocked in ms."""

    wall: float
    cpu: float
    blocked: float


@contextlib.asynccontextmanager
async def store() -> AsyncGenerator[SqlDatabase]:
    """A new database with 500 rooms and 100,000 wakes, of which 5,000 were due a second ago."""
    with tempfile.TemporaryDirectory(prefix="circles-bench-") as folder:
        database = SqlDatabase(f"sqlite:///{Path(folder) / 'circles.db'}")
        migrate(database)
        rooms = [f"!room{number}:{SERVER_NAME}" for number in range(ROOMS)]
        await database.write(lambda c: joined_rooms(c, rooms))
        people = [(room, f"@person{number}:{SERVER_NAME}") for room in rooms for number in range(10)]
        await database.write(lambda c: told_members(c, people))
        await database.write(lambda c: _fill(c, rooms))
        try:
            yield database
        finally:
            await database.close()


def _fill(connection: Connection, rooms: list[str]) -> None:
    now = int(time.time() * 1000)
    rows: list[dict[str, Any]] = [
        {
            "feature": "bench",
            "key": f"wake{number}",
            "room_id": rooms[number % ROOMS],
            "due": now - 1_000 if number < DUE else now + 86_400_000 + number,
            "payload": {},
        }
        for number in range(TOTAL)
    ]
    connection.execute(insert(wakes), rows)


async def claim(database: SqlDatabase) -> Claimed:
    """Let the waker claim what is due."""
    fired = 0

    async def fire(_fire: Fire, _ports: Ports) -> tuple[fx.Effect, ...]:
        nonlocal fired
        fired += 1
        return ()

    ports = some_ports(
        database=database, clock=SystemClock(), settings=Settings(ai=UserID(AI), server_name=SERVER_NAME)
    )
    scheduler = ApschedulerWakes()
    feature = Feature("bench", "bench", fire=fire)
    waker = Waker(
        database,
        scheduler,
        cast("Entering", None),
        Performer(VoiceRules(), (feature,)),
        ports,
        Metrics(),
        lambda _: None,
        (feature,),
    )
    blocked = 0.0

    async def watch() -> None:
        nonlocal blocked
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(WATCH_SECONDS)
            blocked = max(blocked, time.perf_counter() - begun - WATCH_SECONDS)

    async def left() -> int:
        query = wakes.select().where(wakes.c.due < time.time() * 1000).limit(1)
        return await database.read(lambda c: len(c.execute(query).all()))

    scheduler.start()
    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0.05)
    wall, cpu = time.perf_counter(), time.process_time()
    await waker.start()
    while fired < DUE or await left():
        await asyncio.sleep(0.01)
        if time.perf_counter() - wall > 300:
            raise CannotMeasure("the wakes were not claimed in five minutes")
    found = Claimed(time.perf_counter() - wall, time.process_time() - cpu, blocked * 1000)
    watcher.cancel()
    await waker.stop()
    scheduler.stop()
    return found


async def lookups(database: SqlDatabase) -> tuple[float, float]:
    """Return how many ms it takes to arm a wake (one commit) and to find the next one that is due."""
    performer = Performer(VoiceRules())
    due = datetime.now(UTC) + timedelta(days=2)
    room_id = RoomID(f"!room1:{SERVER_NAME}")

    def arm(connection: Connection, number: int) -> None:
        performer.perform(connection, (fx.WakeAt("bench", f"armed{number}", room_id, due),), 0)

    next_due = cast("Callable[..., object]", vars(waking)["_next_due"])
    return (
        await _times(database.write, [partial(arm, number=number) for number in range(100)]),
        await _times(database.read, [partial(next_due, besides=frozenset[Any]())] * 100),
    )


async def _times(run: Callable[[Any], Any], works: list[Any]) -> float:
    took: list[float] = []
    for work in works:
        begun = time.perf_counter()
        await run(work)
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def burst(python: Path, shared: Path) -> dict[str, Any]:
    """Let APScheduler's job store do the same."""
    with tempfile.TemporaryDirectory(prefix="circles-bench-") as folder:
        script = shared / "opponents" / "apscheduler_burst.py"
        command = [str(python), str(script), str(DUE), str(TOTAL), str(Path(folder) / "jobs.db")]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=500)
    if done.returncode != 0:
        raise CannotMeasure(f"APScheduler's run failed:\n{done.stderr[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    if found["ran"] < DUE:
        raise CannotMeasure("APScheduler did not run all jobs in its time")
    return found


async def main() -> None:
    """Measure and print."""
    shared, python = shared_folder(), opponents_python()
    ours: list[Claimed] = []
    theirs: list[dict[str, Any]] = []
    armed = found = 0.0
    for turn in range(TURNS):
        async with store() as database:
            if turn == 0:
                armed, found = await lookups(database)
            ours.append(await claim(database))
        if turn < TURNS - 1:
            theirs.append(await asyncio.to_thread(burst, python, shared))
    wall = statistics.median(each.wall for each in ours)
    cpu = statistics.median(each.cpu for each in ours)
    blocked = statistics.median(each.blocked for each in ours)
    their_wall = statistics.median(float(each["wall_s"]) for each in theirs)
    their_cpu = statistics.median(float(each["cpu_us_per_job"]) for each in theirs)
    their_blocked = statistics.median(float(each["loop_block_ms"]) for each in theirs)
    show_table(
        (f"{DUE:,} due of {TOTAL:,}", "seconds", "CPU µs each", "loop blocked, ms"),
        [
            ("APScheduler's job store", f"{their_wall:.2f}", f"{their_cpu:.0f}", f"{their_blocked:.0f}"),
            ("circles", f"{wall:.2f}", f"{cpu / DUE * 1e6:.0f}", f"{blocked:.0f}"),
        ],
    )
    say(f"arming one, with its commit: {armed:.2f} ms; finding the next: {found:.2f} ms")
    vs = their_cpu / (cpu / DUE * 1e6)
    show_result({"due": DUE, "claim_s": wall, "loop_block_ms": blocked, "vs_apscheduler": vs})


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except CannotMeasure as problem:
        say(f"cannot measure: {problem}")
        sys.exit(1)
