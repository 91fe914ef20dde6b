"""Kill whoever leads of two processes on one PostgreSQL, again and again: `benchmarks/replicas.py --rounds N`.

On a real Synapse, with questions in several rooms all the time.  Measures how long it takes until the other leads and
until somebody is answered again, and counts in the rooms what was lost, said twice or moved.  Prints a table and a
RESULT line; exits non-zero only when it cannot measure.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from circles_bench.measure import say, show_result, show_table
from circles_harness import Event, Homeserver, Person, Service
from circles_harness.postgresql import postgresql
from circles_harness.process import DidNotStart

ROOMS = 3
EVERY_SECONDS = 0.4
WORD = "!circle help"


@dataclass
class Round:
    """What one killing brought.

    Attributes:
        leads: seconds from the killing until the other process led and was ready.
        answers: until a question asked after the killing was answered.
    """

    leads: float = 0.0
    answers: float = 0.0


@dataclass
class Load:
    """Somebody who asks all the time, in every room in turn."""

    person: Person
    ai: str
    rooms: list[str]
    asked: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            for room in self.rooms:
                await self.ask(room)
                await asyncio.sleep(EVERY_SECONDS / len(self.rooms))

    async def ask(self, room: str) -> str:
        """Ask once; return the question's id."""
        event_id = await self.person.say(room, WORD)
        self.asked.setdefault(room, []).append(event_id)
        return event_id

    def answered(self, room: str) -> list[str]:
        """Return the questions that have an answer, in the order of the answers, as often as they have one."""
        found = [
            event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
            for event in self.person.timeline(room)
            if event["sender"] == self.ai and event["type"] == "m.room.message"
        ]
        known = set(self.asked.get(room, []))
        return [each for each in found if each in known]

    async def until_answered(self, room: str, question: str) -> None:
        """Wait for the answer to one question."""

        def holds(event: Event) -> bool:
            relation = event["content"].get("m.relates_to", {})
            replied = relation.get("m.in_reply_to", {}).get("event_id") == question
            return bool(event["sender"] == self.ai and replied)

        await self.person.wait_for(room, holds, timeout=90, what="an answer")


@contextlib.asynccontextmanager
async def stage() -> AsyncGenerator[tuple[Load, list[Service]]]:
    """Start everything: a homeserver, two processes, somebody in some rooms."""
    with postgresql() as server:
        homeserver = Homeserver()
        config = {
            "storage": {"url": server.create()},
            "invites": {"allow": ["*"]},
            "limits": {"commands_per_person_per_minute": 1_000_000},
        }
        first = Service(homeserver, config=config)
        async with homeserver, first, first.replica() as second:
            mei = await homeserver.person("mei")
            rooms: list[str] = []
            for number in range(ROOMS):
                rooms.append(await mei.create_room(f"Room {number}", invite=[first.user_id]))
                question = await mei.wait_for_text(rooms[-1], "Hello, I'm Circle", sender=first.user_id)
                await mei.react(rooms[-1], question["event_id"], "2️⃣")
            yield Load(mei, first.user_id, rooms), [first, second]
            await mei.close()


async def ready(service: Service, status: str) -> None:
    """Wait until a process says so."""
    async with asyncio.timeout(90):
        while True:
            if await service.health() == status:
                return


async def play(load: Load, leader: Service, other: Service, after: float) -> Round:
    """Kill the leader some seconds from now, and start it again as the one that stands by."""
    await ready(other, "standby")
    asking = asyncio.create_task(load.run())
    await asyncio.sleep(after)
    killed, found = time.monotonic(), Round()
    await leader.kill()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    async def led() -> None:
        await ready(other, "ok")
        found.leads = time.monotonic() - killed

    async def answered() -> None:
        await load.until_answered(load.rooms[0], await load.ask(load.rooms[0]))
        found.answers = time.monotonic() - killed

    await asyncio.gather(led(), answered())
    await leader.start()
    return found


async def campaign(rounds: int, seed: int) -> tuple[list[Round], dict[str, int]]:
    """Play all rounds, then look at every question."""
    chance = random.Random(seed)
    async with stage() as (load, services):
        played: list[Round] = []
        for number in range(rounds):
            leader, other = services[number % 2], services[1 - number % 2]
            played.append(await play(load, leader, other, chance.uniform(0.2, 3)))
        for room in load.rooms:
            await load.until_answered(room, await load.ask(room))
        said = {room: load.answered(room) for room in load.rooms}
        first = {room: list(dict.fromkeys(said[room])) for room in load.rooms}
        return played, {
            "questions": sum(len(asked) for asked in load.asked.values()),
            "lost": sum(len(set(load.asked[room]) - set(said[room])) for room in load.rooms),
            "doubled": sum(len(said[room]) - len(first[room]) for room in load.rooms),
            "out_of_order": sum(
                first[room] != [each for each in load.asked[room] if each in first[room]] for room in load.rooms
            ),
        }


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shared", nargs="?", help="not used here: all benchmarks take a folder")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    say(f"seed {seed}")
    try:
        played, counted = asyncio.run(campaign(options.rounds, seed))
    except (DidNotStart, AssertionError, OSError) as error:
        say(f"cannot measure: {type(error).__name__}: {error}")
        return 1
    rows = [("until the other leads", [each.leads for each in played])]
    rows.append(("until somebody is answered", [each.answers for each in played]))
    show_table(
        ("seconds", "median", "longest"),
        [(what, f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}") for what, seconds in rows],
    )
    show_result(
        {
            "rounds": len(played),
            "takeover_s_p50": statistics.median(rows[0][1]),
            "takeover_s_max": max(rows[0][1]),
            "answer_s_max": max(rows[1][1]),
            **counted,
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
