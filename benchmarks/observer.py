"""What an admin learns by asking for windows of one to three messages: `benchmarks/observer.py --trials N`.

On a real Synapse, in rooms that differ in one thing: how a member stands (never chose, out, not at all, kept out by the
admin).  The same is said in all of them and the same is asked; every answer is compared word for word, and how long
each took.  Prints a table and a RESULT line: how many answers read differently than in the room of who never chose, and
of how many kinds of question the times can be told apart (permutation test on medians, p < 0.01 over all of them).
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Final

from circles_bench.leaks.table import POLICIES, Rules
from circles_bench.measure import say, show_result, show_table
from circles_harness import Event, Homeserver, Person, Service
from circles_harness.process import DidNotStart

POLICY: Final = "io.github.matrix_circles.policy"
SILENT: Final = "never chose"
STANDINGS: Final = (SILENT, "out", "not at all", "kept out")
WINDOWS: Final = (1, 2, 3)
Answers = dict[str, dict[str, list[tuple[str, float]]]]
"""Of each kind of question and each standing: what was answered, and after how long (s)."""
SHUFFLES: Final = 5_000
CONFIG: Final = {
    "invites": {"allow": ["*"]},
    "limits": {"commands_per_person_per_minute": 1_000_000},
    "log": {"level": "WARNING"},
}


async def answered(service: Service, host: Person, room: str, words: str, *, reply_to: str = "") -> tuple[str, float]:
    """Ask, and return what is answered and after how long (s)."""
    relation = {"m.in_reply_to": {"event_id": reply_to}} if reply_to else None
    question = await host.say(room, words, relates_to=relation)
    begun = time.perf_counter()

    def holds(event: Event) -> bool:
        replied = event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
        return bool(event["sender"] == service.user_id and event["type"] == "m.room.message" and replied == question)

    told = await host.wait_for(room, holds, what="an answer")
    return str(told["content"]["body"]), time.perf_counter() - begun


async def open_room(service: Service, host: Person, member: Person, other: Person, standing: str) -> str:
    """Make a room in which a member stands so."""
    room = await host.create_room("Garden", invite=[service.user_id, member.user_id, other.user_id])
    for person in (member, other):
        await person.join(room)
    await host.wait_for_text(room, "Hello, I'm Circle", sender=service.user_id)
    await host.set_state(room, POLICY, POLICIES[Rules.NOTEBOOK])
    await host.wait_for_text(room, "Circle", sender=service.user_id, after=host.timeline(room)[-1]["event_id"])
    if standing == "kept out":
        await host.say(room, f"!circle keep out {member.user_id}", mentions=[member.user_id])
    elif standing != SILENT:
        await member.say(room, f"!circle {standing}")
    await answered(service, host, room, "!circle help")
    return room


async def observe(service: Service, people: Sequence[Person], trials: int) -> Answers:
    """Return for each kind of question and each standing what was answered, and after how long."""
    host, other, members = people[0], people[1], people[2:]
    rooms = {
        standing: await open_room(service, host, member, other, standing)
        for standing, member in zip(STANDINGS, members, strict=True)
    }
    found: Answers = {}
    order = list(zip(STANDINGS, members, strict=True))
    dice = random.Random(1)
    for _ in range(trials):
        dice.shuffle(order)  # What the machine does meanwhile meets all of them alike.
        for standing, member in order:
            room = rooms[standing]
            await other.say(room, "The cake is in the oven.")
            await host.say(room, "Good.")
            said = await member.say(room, "I would rather not come on Sunday.")
            for last in WINDOWS:
                words = f"!circle summary last {last}"
                asked = await answered(service, host, room, words)
                found.setdefault(f"summary last {last}", {}).setdefault(standing, []).append(asked)
            asked = await answered(service, host, room, "!circle keep", reply_to=said)
            found.setdefault("keep, as a reply", {}).setdefault(standing, []).append(asked)
    return found


def chance(first: Sequence[float], second: Sequence[float], dice: random.Random) -> float:
    """Return how often medians are as far apart as these where nothing but chance parts the values."""
    apart = abs(statistics.median(first) - statistics.median(second))
    values, hits = [*first, *second], 0
    for _ in range(SHUFFLES):
        dice.shuffle(values)
        hits += abs(statistics.median(values[: len(first)]) - statistics.median(values[len(first) :])) >= apart
    return (hits + 1) / (SHUFFLES + 1)


async def campaign(trials: int) -> Answers:
    """Ask on a new homeserver."""
    homeserver = Homeserver()
    service = Service(homeserver, config=CONFIG)
    async with homeserver, service:
        names = ("host", "other", *(f"member{number}" for number, _ in enumerate(STANDINGS)))
        people = [await homeserver.person(name, display_name="Li" if "member" in name else None) for name in names]
        return await observe(service, people, trials)


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shared", nargs="?", help="not used here: all benchmarks take a folder")
    parser.add_argument("--trials", type=int, default=40, help="how often each question is asked in each room")
    options = parser.parse_args()
    try:
        found = asyncio.run(campaign(options.trials))
    except (DidNotStart, AssertionError, OSError) as error:
        say(f"cannot measure: {type(error).__name__}: {error}")
        return 1
    compared = [(asked, standing) for asked in found for standing in STANDINGS[1:]]
    dice, worst = random.Random(1), 0.01 / len(compared)
    rows: list[list[object]] = []
    different = apart = 0
    for asked, standing in compared:
        silent, theirs = found[asked][SILENT], found[asked][standing]
        others = sum(words != silent[0][0] for words, _ in (*silent, *theirs))
        first, second = [seconds for _, seconds in silent], [seconds for _, seconds in theirs]
        by_chance = chance(first, second, dice)
        different += others
        apart += by_chance < worst
        medians = [f"{statistics.median(values) * 1000:.1f}" for values in (first, second)]
        rows.append([asked, standing, others, *medians, f"{by_chance:.3f}"])
    show_table(["asked", "a member is", "other words", "never chose, ms", "this, ms", "by chance"], rows)
    show_result({"answers": len(compared) * options.trials, "other_words": different, "times_apart": apart})
    return 0


if __name__ == "__main__":
    sys.exit(main())
