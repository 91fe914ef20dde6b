"""What many rooms cost: `benchmarks/rooms.py [shared folder]`. A hundred thousand circles at most.

The real service, with rows of so many rooms (three members, a policy and a reminder to come in each), beside a
homeserver that agrees to everything.  Measures its start, its memory, its file, and the CPU time that one delivered
event costs.  Prints a table and a RESULT line; exits non-zero only when it cannot measure.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
from sqlalchemy import Connection, delete, insert

from circles.adapters.store import positions
from circles.adapters.store.purges import purges
from circles.facts import tables
from circles_bench.measure import cpu_seconds, rss_mb, say, show_result, show_table
from circles_bench.opponents import CannotMeasure
from circles_bench.service import SERVER_NAME, AgreeingHomeserver, BenchService, joined_rooms, told_members
from circles_harness.process import DidNotStart

COUNTS = (0, 1_000, 10_000, 100_000)
MEMBERS = 3
EVENTS, WARM_UP = 600, 100
FAR = 4_102_444_800_000
"""2100, in ms: no reminder comes meanwhile."""


@dataclass(frozen=True)
class Measured:
    """What so many rooms cost."""

    rooms: int
    ready_s: float
    rss_mb: float
    file_mb: float
    event_ms: float


def room_ids(count: int) -> Iterator[str]:
    """Name so many rooms."""
    return (f"!room{number}:{SERVER_NAME}" for number in range(count))


def fill(connection: Connection, count: int) -> None:
    """Write the rows of so many rooms."""
    if not count:
        return
    joined_rooms(connection, room_ids(count))
    told_members(
        connection, ((room, f"@user{number}:{SERVER_NAME}") for room in room_ids(count) for number in range(MEMBERS))
    )
    connection.execute(
        insert(tables.wakes),
        [
            {"feature": "reminders", "key": f"k{number}", "room_id": room, "due": FAR + number, "payload": {}}
            for number, room in enumerate(room_ids(count))
        ],
    )
    positions.save(connection, "s0", int(time.time() * 1000))  # else every room is read back first
    connection.execute(delete(purges))  # as if all that were listed long ago


def delivery(number: int, rooms: int) -> bytes:
    """Make a transaction with one message; without rooms it is of one that we are not in."""
    event = {
        "type": "m.room.message",
        "event_id": f"$event{number}",
        "room_id": f"!room{number * 7919 % max(rooms, 1)}:{SERVER_NAME}",
        "sender": f"@user{number % MEMBERS}:{SERVER_NAME}",
        "origin_server_ts": int(time.time() * 1000),
        "content": {"msgtype": "m.text", "body": f"We meet at the station, number {number}"},
    }
    return json.dumps({"events": [event]}).encode()


async def measure(count: int) -> Measured:
    """Start the service with so many rooms, and deliver to it."""
    async with AsyncExitStack() as stack:
        homeserver = await stack.enter_async_context(AgreeingHomeserver(room_ids(count)))
        ours = BenchService(homeserver.url)
        stack.push_async_callback(ours.close)
        await ours.fill(lambda connection: fill(connection, count))
        await ours.start()
        session = await stack.enter_async_context(aiohttp.ClientSession())
        before = 0.0
        for number in range(WARM_UP + EVENTS):
            if number == WARM_UP:
                before = cpu_seconds(ours.pid)
            url = f"http://127.0.0.1:{ours.port}/_matrix/app/v1/transactions/{number}"
            headers = {"Authorization": f"Bearer {ours.hs_token}", "Content-Type": "application/json"}
            async with session.put(url, data=delivery(number, count), headers=headers) as answer:
                if answer.status != 200:
                    raise CannotMeasure(f"the service answered {answer.status}")
        event_ms = (cpu_seconds(ours.pid) - before) / EVENTS * 1000
        size = sum(path.stat().st_size for path in ours.data_dir.glob("circles.db*"))
        return Measured(count, ours.ready_seconds, rss_mb(ours.pid), size / 2**20, event_ms)


async def main() -> None:
    """Measure and print."""
    found = [await measure(count) for count in COUNTS]
    show_table(
        ("rooms", "start s", "memory MB", "file MB", "CPU ms an event"),
        [
            (
                f"{each.rooms:,}",
                f"{each.ready_s:.1f}",
                f"{each.rss_mb:.0f}",
                f"{each.file_mb:.0f}",
                f"{each.event_ms:.2f}",
            )
            for each in found
        ],
    )
    last, some = found[-1], found[1]
    show_result(
        {
            "rooms": last.rooms,
            "ready_s": last.ready_s,
            "rss_mb": last.rss_mb,
            "rss_mb_idle": found[0].rss_mb,
            "file_mb": last.file_mb,
            "event_vs_1k_rooms": last.event_ms / some.event_ms,
        }
    )


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (CannotMeasure, DidNotStart) as problem:
        say(f"cannot measure: {problem}")
        sys.exit(1)
