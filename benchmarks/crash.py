"""Kill the service, its homeserver, or both, under load, again and again: `benchmarks/crash.py --rounds N`.

On a real Synapse, in several rooms, with a model that takes its time. In the end every effect is looked for in the
rooms themselves: nothing lost, nothing twice, in order. With `--encrypted` all rooms are encrypted, the people's
clients have Element's own encryption, and nothing of the AI's may reach the server in the clear or be unreadable to a
member. Prints the seed, what was wrong, a table and a RESULT line; exits non-zero only when it cannot measure.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

from circles_bench.audit import Fault, Kind
from circles_bench.campaign import Stage, play_round, settle, staged
from circles_bench.measure import say, show_result, show_table
from circles_harness.process import DidNotStart

WHAT = ("lost", "doubled", "out_of_order")
WHAT_SEALED = (*WHAT, "in_the_clear", "unreadable")
AT_ONCE = 25
"""After so many rounds everything is looked at, in rooms that are new again: timelines stay short."""


async def campaign(
    rounds: int, seed: int, *, encrypted: bool
) -> tuple[list[Fault], Counter[Kind], Counter[str], list[float]]:
    """Play it; returns what was wrong, what was done, who was killed, and how long the rounds took."""
    faults: list[Fault] = []
    done: Counter[Kind] = Counter()
    kills: Counter[str] = Counter()
    seconds: list[float] = []
    while len(seconds) < rounds:
        async with staged(seed + len(seconds), encrypted=encrypted) as stage:
            for _ in range(min(AT_ONCE, rounds - len(seconds))):
                begun = time.monotonic()
                await play_round(stage)
                seconds.append(time.monotonic() - begun)
            found = await settle(stage)
            done.update(act.kind for act in stage.acts)
            if encrypted:
                done[Kind.POST] += await sealed_posts(stage)
            kills.update(stage.kills)
            faults += found
            if found:
                await keep(stage, len(seconds))
    return faults, done, kills, seconds


async def sealed_posts(stage: Stage) -> int:
    """Count what the AI sent encrypted and what stands."""
    events = [event for timeline in (await stage.timelines()).values() for event in timeline]
    ours = (event for event in events if event["sender"] == stage.service.user_id)
    return sum("ciphertext" in event["wire"]["content"] for event in ours)


async def keep(stage: Stage, number: int) -> None:
    """Keep both logs and the rooms of a part that went wrong, to find out why."""
    rooms = json.dumps(await stage.timelines(), ensure_ascii=False, indent=1)
    for name, text in (("service", stage.service.log()), ("homeserver", stage.homeserver.log()), ("rooms", rooms)):
        path = Path(f"crash-{number}-{name}.log")
        await asyncio.to_thread(path.write_text, text, encoding="utf-8")
        say(f"kept: {path}")


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shared", nargs="?", help="not used here: all benchmarks take a folder")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--encrypted", action="store_true", help="in encrypted rooms")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    say(f"seed {seed}")
    try:
        faults, done, kills, seconds = asyncio.run(campaign(options.rounds, seed, encrypted=options.encrypted))
    except (DidNotStart, AssertionError, OSError) as error:
        say(f"cannot measure: {type(error).__name__}: {error}")
        return 1
    for fault in faults:
        act = fault.act
        say(f"{fault.what}: round {act.round} {act.kind} {act.question} in {act.room}: {fault.why}")
    count = Counter((fault.act.kind, fault.what) for fault in faults)
    say(f"killed: {', '.join(f'{who} {times}' for who, times in sorted(kills.items()))}; ")
    say(f"{sum(seconds) / len(seconds):.1f} s a round, the longest {max(seconds):.1f} s")
    faulty = WHAT_SEALED if options.encrypted else WHAT
    kinds = [kind for kind in Kind if options.encrypted or kind is not Kind.POST]
    rows = [[kind.value, done[kind], *(count[kind, what] for what in faulty)] for kind in kinds]
    total = {what: sum(count[kind, what] for kind in kinds) for what in faulty}
    rows.append(["all", sum(done.values()), *(total[what] for what in faulty)])
    show_table(["what was done", "times", *faulty], rows)
    show_result({"rounds": len(seconds), **total})
    return 0


if __name__ == "__main__":
    sys.exit(main())
