"""`circles audit`: the totals per day as a table for people, or as JSON lines for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, timedelta
from typing import Final

from circles.adapters.store.audit import Day, totals
from circles.ports import Database, TellsTime

_HEADS: Final = {
    "day": "day (UTC)",
    "commands": "asked",
    "model_calls": "by model",
    "posts": "posts",
    "rests_on": "rest on",
    "requests": "requests",
    "unanswered": "no answer",
    "messages_sent": "messages sent",
    "bytes_sent": "bytes sent",
    "hosts": "to",
    "policies": "policies",
    "removed": "removed",
}


async def audited(database: Database, clock: TellsTime, days: int, *, as_json: bool) -> tuple[str, ...]:
    """Return the lines of the last `days` days, today among them."""
    first = clock.now().date() - timedelta(days=days - 1)
    found = await database.read(lambda connection: totals(connection, first))
    return tuple(map(_as_json, found)) if as_json else _as_table(found, first)


def _as_json(day: Day) -> str:
    return json.dumps(asdict(day), default=date.isoformat)


def _as_table(days: Sequence[Day], first: date) -> tuple[str, ...]:
    if not days:
        return (f"Nothing since {first.isoformat()}: nothing was asked, sent or removed.",)
    rows = [tuple(_HEADS.values())]
    rows += [tuple(_cell(getattr(day, each.name)) for each in fields(Day)) for day in days]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return tuple("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _cell(value: date | int | tuple[str, ...]) -> str:
    match value:
        case tuple():
            return ", ".join(value) or "-"
        case date():
            return value.isoformat()
        case int():
            return str(value)
