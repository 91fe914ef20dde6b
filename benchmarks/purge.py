"""How fast a person is forgotten: `benchmarks/purge.py [shared folder]`.

The real service on its real file, into which the fixed workload was delivered: 100,000 kept messages, of which one
member wrote a tenth, each with a word that nobody else says.  The member says "forget me yes" in a direct message, and
from then on every file of the service is searched, byte by byte, until none of the words is in any of them.  Meanwhile
others go on talking: how long their messages and the health page waited is measured too.  Prints a table and a RESULT
line; exits non-zero only when it cannot measure.
"""

import asyncio
import json
import mmap
import secrets
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Connection, update

from circles.facts import tables
from circles_bench.leaks.canary import MIDDLE, Flock
from circles_bench.measure import percentile, say, show_result, show_table
from circles_bench.opponents import CannotMeasure, shared_folder, transactions
from circles_bench.service import SERVER_NAME, AgreeingHomeserver, BenchService, joined_rooms, told_members

MESSAGES, PER, ROOMS = 100_000, 100, 500
EVERY = 10
"""Each so many-th message is the member's."""
MEMBER = f"@forgotten:{SERVER_NAME}"
OTHER = f"@talker:{SERVER_NAME}"
PRIVATE, BUSY = f"!private:{SERVER_NAME}", f"!busy:{SERVER_NAME}"
PATIENCE_SECONDS = 300.0
LOOK_SECONDS, TALK_SECONDS = 0.2, 0.02

Json = dict[str, Any]


@dataclass
class Waits:
    """How long others waited meanwhile, in ms."""

    delivery: list[float] = field(default_factory=list[float])
    health: list[float] = field(default_factory=list[float])


def workload(shared: Path, flock: Flock) -> Iterator[list[Json]]:
    """Give the fixed workload, with the member's messages in it."""
    number = 0
    for body in transactions(shared, count=MESSAGES // PER, per=PER, rooms=ROOMS, seed=3):
        events: list[Json] = json.loads(body)["events"]
        for event in events:
            number += 1
            if number % EVERY == 0:
                said = f"{event['content']['body']} {flock.new().word}"
                event |= {"sender": MEMBER, "content": {"msgtype": "m.text", "body": said}}
        yield events


def said_now(room: str, sender: str, body: str) -> Json:
    """Return a message of this moment."""
    return {
        "type": "m.room.message",
        "room_id": room,
        "sender": sender,
        "event_id": f"${secrets.token_urlsafe(32)}",
        "origin_server_ts": int(time.time() * 1000),
        "content": {"msgtype": "m.text", "body": body},
    }


def files_of(service: BenchService) -> list[Path]:
    """Return every file of the service: database, write-ahead log, lists, its own log.

    The log before the database: what moves from one into the other meanwhile is seen in one of them.
    """
    return sorted((path for path in service.directory.rglob("*") if path.is_file()), reverse=True)


def holds_any(path: Path) -> bool:
    """Say whether a file holds the part that all of the words share."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(MIDDLE.encode()) >= 0
    except (FileNotFoundError, ValueError):  # gone meanwhile, or empty
        return False


def words_in(service: BenchService, flock: Flock) -> tuple[int, int]:
    """Return how many of the words are in any file, and how many bytes they are."""
    found = {word for path in files_of(service) for word in flock.found_in(path.read_bytes())}
    return len(found), sum(len(word.word.encode()) for word in found)


class Client:
    """Delivers to the service as a homeserver does."""

    def __init__(self, session: aiohttp.ClientSession, service: BenchService) -> None:
        """Take the service, which runs."""
        self._session = session
        self._service = service

    async def deliver(self, events: list[Json]) -> float:
        """Deliver a transaction; return how many ms its 200 took."""
        url = f"http://127.0.0.1:{self._service.port}/_matrix/app/v1/transactions/{secrets.token_hex(8)}"
        begun = time.perf_counter()
        headers = {"Authorization": f"Bearer {self._service.hs_token}"}
        async with self._session.put(url, json={"events": events}, headers=headers) as answer:
            await answer.read()
            if answer.status != 200:
                raise CannotMeasure(f"the service answered {answer.status}")
        return (time.perf_counter() - begun) * 1000

    async def ask_health(self) -> float:
        """Ask how the service is; return how many ms the answer took: it is made on the event loop alone."""
        begun = time.perf_counter()
        async with self._session.get(f"http://127.0.0.1:{self._service.health_port}/health") as answer:
            await answer.read()
        return (time.perf_counter() - begun) * 1000

    @asynccontextmanager
    async def others(self) -> AsyncGenerator[Waits]:
        """Let others talk meanwhile."""
        waits = Waits()

        async def talk() -> None:
            while True:
                waits.delivery.append(await self.deliver([said_now(BUSY, OTHER, "good morning to everybody here")]))
                await asyncio.sleep(TALK_SECONDS)

        async def look() -> None:
            while True:
                waits.health.append(await self.ask_health())
                await asyncio.sleep(TALK_SECONDS)

        tasks = [asyncio.create_task(talk()), asyncio.create_task(look())]
        try:
            yield waits
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def furnish(connection: Connection, people: set[tuple[str, str]]) -> None:
    """Write the rooms, who is in them, and the member's direct message."""
    joined_rooms(connection, sorted({room for room, _ in people}))
    told_members(connection, sorted(people))
    joined_rooms(connection, [PRIVATE])
    connection.execute(update(tables.rooms).where(tables.rooms.c.room_id == PRIVATE).values(direct=True))
    told_members(connection, [(PRIVATE, MEMBER)])


async def forgotten(service: BenchService, client: Client) -> tuple[float, Waits]:
    """Say it; return how many seconds later nothing was left, and how long others waited meanwhile."""
    async with client.others() as waits:
        await asyncio.sleep(1)
        begun = time.monotonic()
        await client.deliver([said_now(PRIVATE, MEMBER, "forget me yes")])
        while any([await asyncio.to_thread(holds_any, path) for path in files_of(service)]):
            if time.monotonic() - begun > PATIENCE_SECONDS:
                break
            await asyncio.sleep(LOOK_SECONDS)
        return time.monotonic() - begun, waits


async def main() -> None:
    """Measure and print."""
    flock = Flock()
    talk = list(workload(shared_folder(), flock))
    people = {(event["room_id"], event["sender"]) for events in talk for event in events} | {(BUSY, OTHER)}
    async with AgreeingHomeserver({room for room, _ in people} | {PRIVATE}) as homeserver:
        service = BenchService(homeserver.url)
        try:
            await service.fill(lambda c: furnish(c, people))
            await service.start()
            async with aiohttp.ClientSession() as session:
                client = Client(session, service)
                for events in talk:
                    await client.deliver(events)
                before, _ = await asyncio.to_thread(words_in, service, flock)
                if before < flock.size:
                    raise CannotMeasure(f"only {before:,} of {flock.size:,} words were kept: nothing would be proven")
                seconds, waits = await forgotten(service, client)
                words, left = await asyncio.to_thread(words_in, service, flock)
            weight = sum(path.stat().st_size for path in files_of(service)) / 2**20
        finally:
            await service.close()
    say(f"{flock.size:,} of {MESSAGES:,} messages were the member's; words left: {words:,}; files: {weight:.0f} MB")
    show_table(
        ("meanwhile", "p50, ms", "p99, ms", "longest, ms"),
        [
            (name, f"{percentile(ms, 0.5):.1f}", f"{percentile(ms, 0.99):.1f}", f"{max(ms):.0f}")
            for name, ms in (("a message delivered", waits.delivery), ("the health page", waits.health))
        ],
    )
    show_result({"messages": MESSAGES, "purge_s": seconds, "left_bytes": left})


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except CannotMeasure as problem:
        say(f"cannot measure: {problem}")
        sys.exit(1)
