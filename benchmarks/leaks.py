"""Prove by bytes that what must not be looked at, kept or sent is nowhere: `benchmarks/leaks.py`.

On real Synapses with a model that remembers every request.  Unique words are said in every way, by people of every
standing, before, during and after every kind of rule; then every place is searched for them.  What may be where says an
oracle of its own.  Prints the seed, each leak, a table and RESULT lines; exits non-zero only when it cannot measure.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter

from circles_bench.leaks.run import GONE_WITHIN_SECONDS, Outcome, play
from circles_bench.leaks.stage import staged
from circles_bench.leaks.table import Place, Rules, Selection, Standing, sampled, whole
from circles_bench.measure import say, show_result, show_table
from circles_harness.process import DidNotStart


async def campaign(selection: Selection, patience: float) -> Outcome:
    """Play one selection on new homeservers."""
    async with staged(selection) as stage:
        return await play(stage, selection, patience=patience)


def show(mode: str, selection: Selection, outcome: Outcome, seconds: float) -> None:
    """Say what was found."""
    found = Counter(leak.place for leak in outcome.leaks)
    show_table(
        ["place", "words that may be there", "words that may not"],
        [[p.value, outcome.seen[p], found[p]] for p in Place],
    )
    show_result(
        {
            "mode": mode,
            "leaks": len(outcome.leaks),
            "cells": selection.cells,
            "answers": outcome.answers,
            "seconds": seconds,
        }
    )


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shared", nargs="?", help="not used here: all benchmarks take a folder")
    parser.add_argument("--all", action="store_true", help="every cell, not a sample in which all pairs meet")
    parser.add_argument("--mode", choices=["direct", "gated", "both"], default="both")
    parser.add_argument("--rules", nargs="+", type=Rules, default=list(Rules), help="only rooms that begin with these")
    parser.add_argument("--patience", type=float, default=GONE_WITHIN_SECONDS, help="how long what must go may take, s")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    say(f"seed {seed}")
    for mode in ("direct", "gated") if options.mode == "both" else (options.mode,):
        gated, begun = mode == "gated", time.monotonic()
        rules, standings = options.rules, list(Standing)
        selection = (
            whole(rules, standings, gated=gated) if options.all else sampled(rules, standings, gated=gated, seed=seed)
        )
        try:
            outcome = asyncio.run(campaign(selection, options.patience))
        except (DidNotStart, AssertionError, OSError) as error:
            say(f"cannot measure: {type(error).__name__}: {error}")
            return 1
        show(mode, selection, outcome, time.monotonic() - begun)
    return 0


if __name__ == "__main__":
    sys.exit(main())
