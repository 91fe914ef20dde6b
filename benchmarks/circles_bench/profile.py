"""Where the time of an intake goes: the same work in this process, under cProfile, summed by part of the program.

A profile makes calls of Python dearer than they are, and what SQLite does cheaper in proportion: read it as an order.
"""

import cProfile
import pstats
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import orjson
from sqlalchemy import Connection

from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import migrate
from circles.core.ids import UserID
from circles.core.settings import Settings
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath, Performer, VoiceRules
from circles.metrics import Metrics
from circles.testing import FakeClock
from circles_bench.measure import say, show_table
from circles_bench.opponents import transactions
from circles_bench.service import AI, SERVER_NAME, joined_rooms, told_members

Events = Sequence[Mapping[str, Any]]
PARTS: Final = (
    ("SQLite itself", r"sqlite3\."),
    ("what an event is: relations, addressing, words", r"circles_policies/(events|words|gate|off_record)"),
    ("the policy's decision", r"circles_policies/"),
    ("cutting messages into terms", r"core/extract/"),
    ("reading facts for the gate", r"facts/gathered"),
    ("making rows", r"adapters/store/(journal|kept)|/bulk"),
    ("taking talk together", r"entrypoints/"),
    ("SQLAlchemy", r"sqlalchemy/"),
)
REST: Final = "Python's own calls and the rest"
COUNT: Final = 150
WARM_UP: Final = 25


async def show_profile(shared: Path, per: int, rooms: int) -> None:
    """Take transactions in and print which part of it took how long."""
    bodies = [orjson.loads(body)["events"] for body in transactions(shared, count=COUNT, per=per, rooms=rooms)]
    with tempfile.TemporaryDirectory(prefix="circles-bench-") as folder:
        database = SqlDatabase(f"sqlite:///{Path(folder) / 'circles.db'}")
        migrate(database)
        pairs = sorted({(event["room_id"], event["sender"]) for body in bodies for event in body})
        await database.write(lambda c: joined_rooms(c, sorted({room for room, _ in pairs})))
        await database.write(lambda c: told_members(c, pairs))
        settings = Settings(ai=UserID(AI), server_name=SERVER_NAME)
        ghosts = re.compile("@circle_.*")
        intake = Intake(database, Performer(VoiceRules()), settings, FakeClock(), Metrics(), lambda _: None, ghosts)
        profile = cProfile.Profile(time.thread_time)
        # Inside its unit of work, so that nothing else is watched.
        take_in = cast("Callable[..., Aftermath]", vars(Intake)["_take_in"].__get__(intake))

        def watched(connection: Connection, number: int, events: Events) -> Aftermath:
            profile.enable()
            try:
                return take_in(connection, f"m{number}", events, 0)
            finally:
                profile.disable()

        begun = 0.0
        for number, events in enumerate(bodies):
            if number < WARM_UP:
                await intake.accept(f"w{number}", events)
                continue
            begun = begun or time.process_time()
            await database.write(lambda c, n=number, e=events: watched(c, n, e))  # type: ignore[misc]
        await database.close()
    _show(profile, (COUNT - WARM_UP) * per)


def _show(profile: cProfile.Profile, events: int) -> None:
    took: Counter[str] = Counter()
    stats: Any = pstats.Stats(profile)
    for (file, _line, name), (_calls, _all, own, _cumulative, _callers) in stats.stats.items():
        place = f"{file} {name}"
        took[next((part for part, pattern in PARTS if re.search(pattern, place)), REST)] += own
    total = sum(took.values())
    show_table(
        ("part of an intake", "share", "µs an event, under the profiler"),
        [(part, f"{own / total:.0%}", f"{own / events * 1e6:.1f}") for part, own in took.most_common()],
    )
    say(f"all: {total / events * 1e6:.0f} µs an event under the profiler")
