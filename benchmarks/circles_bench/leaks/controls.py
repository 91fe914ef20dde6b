"""Positive controls: with one guard off, a leak must be found, or the search proves nothing where it finds none."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Final

from circles_bench.leaks.run import play
from circles_bench.leaks.stage import staged
from circles_bench.leaks.table import Kind, Moment, Place, Rules, Selection, Standing

MOMENTS: Final = (Moment.IN_FORCE, Moment.CHOSEN)
STANDINGS: Final = (Standing.CONSENTING, Standing.OUT, Standing.NOT_AT_ALL)
KINDS: Final = (Kind.TEXT, Kind.EDIT)
PATIENCE_SECONDS: Final = 5.0
"""What has leaked does not go away: it need not be waited for as long as what must go."""


@dataclass(frozen=True, slots=True)
class Control:
    """One guard that is off.

    Attributes:
        guard: which; one of the service's (`unguarded`), or of the homeserver's (`module`).
        rules: in a room with which rules.
        place: where its absence must show.
        module: of the homeserver, the module with this guard off.
    """

    guard: str
    rules: Rules
    place: Place
    module: str | None = None


CONTROLS: Final = (
    Control("journal", Rules.WATCHFUL, Place.DISK),
    Control("index", Rules.NOTEBOOK, Place.DISK),
    Control("board", Rules.ON_CALL, Place.ROOM),
    Control("dm", Rules.ON_CALL, Place.PRIVATE),
    Control("receipt", Rules.ON_CALL, Place.DISK),
    Control("log", Rules.ON_CALL, Place.LOG),
    Control("metrics", Rules.ON_CALL, Place.METRICS),
    Control("media", Rules.NOTEBOOK, Place.MEDIA),
    Control("look_back", Rules.ON_CALL, Place.MODEL),
    Control("gate_out", Rules.ON_CALL, Place.SOCKET, "circles_bench.leaks.ungated.OpenOut"),
    Control("gate_back", Rules.ON_CALL, Place.SOCKET, "circles_bench.leaks.ungated.OpenBack"),
)


async def is_found(control: Control) -> bool:
    """Play a small part of the table with one guard off; return whether the leak is found where it must be."""
    gated = control.module is not None
    pairs = tuple((standing, kind) for standing in STANDINGS for kind in KINDS)
    selection = Selection({control.rules: pairs}, gated=gated)
    # The programs with a guard off are of this folder, which no installation knows.
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    program = None if gated else ("-m", "circles_bench.leaks.unguarded", control.guard)
    async with staged(selection, program=program, module=control.module) as stage:
        outcome = await play(stage, selection, patience=PATIENCE_SECONDS, moments=MOMENTS)
    return any(leak.place is control.place for leak in outcome.leaks)
