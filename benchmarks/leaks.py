"""Prove by bytes that what must not be looked at, kept or sent is nowhere: `benchmarks/leaks.py`.

On real Synapses with a model that remembers every request.  Unique words are said in every way, by people of every
standing, before, during and after every kind of rule; then every place is searched for them.  What may be where says an
oracle of its own.  Then one guard after the other is taken off, from outside, and what it then lets through must be
found.  Prints the seed, each leak, tables and a RESULT line; exits non-zero only when it cannot measure.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from circles_bench.leaks.controls import CONTROLS, Control, is_found
from circles_bench.leaks.run import GONE_WITHIN_SECONDS, Outcome, play
from circles_bench.leaks.stage import staged
from circles_bench.leaks.table import Place, Rules, Selection, Standing, encrypted, sampled, whole
from circles_bench.measure import say, show_result, show_table
from circles_harness.process import DidNotStart

MODES: Final = ("direct", "gated")
PARTS: Final = ("plain", "encrypted", "controls")


async def campaign(selection: Selection, patience: float) -> Outcome:
    """Play one selection on new homeservers."""
    async with staged(selection) as stage:
        return await play(stage, selection, patience=patience)


def show(mode: str, outcome: Outcome, seconds: float) -> None:
    """Say what was found."""
    found = Counter(leak.place for leak in outcome.leaks)
    say(f"{mode}: {outcome.answers} answers, {seconds:.0f} s")
    show_table(
        ["place", "words that may be there", "words that may not"],
        [[p.value, outcome.seen[p], found[p]] for p in Place],
    )


def controlled(controls: Sequence[Control]) -> int:
    """Take one guard off after the other; returns of how many the leak was found."""
    rows: list[list[object]] = []
    for control in controls:
        is_there = asyncio.run(is_found(control))
        rows.append([control.guard, control.rules.value, control.place.value, "yes" if is_there else "NO"])
        say(f"without {control.guard}: {'found' if is_there else 'NOT FOUND'}")
    show_table(["guard that is off", "in a room with", "must show in", "found"], rows)
    return sum(row[-1] == "yes" for row in rows)


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shared", nargs="?", help="not used here: all benchmarks take a folder")
    parser.add_argument("--all", action="store_true", help="every cell, not a sample in which all pairs meet")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rules", nargs="+", type=Rules, default=list(Rules), help="only rooms that begin with these")
    parser.add_argument("--guards", nargs="+", default=[each.guard for each in CONTROLS], help="only these taken off")
    parser.add_argument("--patience", type=float, default=GONE_WITHIN_SECONDS, help="how long what must go may take, s")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    say(f"seed {seed}")
    rules, standings = options.rules, list(Standing)
    result: dict[str, float | int | str] = {}
    try:
        for mode in (each for each in ("direct", "gated") if each in options.modes and options.parts != ["controls"]):
            gated = mode == "gated"
            plain = whole(rules, standings, gated=gated)
            parts = {
                "plain": plain if options.all else sampled(rules, standings, gated=gated, seed=seed),
                "encrypted": encrypted(gated=gated),
            }
            cases = leaks = 0
            for part, selection in parts.items():
                # Behind the gate a resting encrypted room hears no word, so nothing says when it has handled all.
                if part in options.parts and not (gated and selection.encrypted):
                    begun = time.monotonic()
                    outcome = asyncio.run(campaign(selection, options.patience))
                    show(f"{mode}, {part}", outcome, time.monotonic() - begun)
                    cases, leaks = cases + selection.cells, leaks + len(outcome.leaks)
            result |= {f"{mode}_cases": cases, f"{mode}_leaks": leaks}
        if "controls" in options.parts:
            controls = [each for each in CONTROLS if each.guard in options.guards]
            result |= {"controls": len(controls), "controls_found": controlled(controls)}
    except (DidNotStart, AssertionError, OSError) as error:
        say(f"cannot measure: {type(error).__name__}: {error}")
        return 1
    show_result(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
