"""How fast one person may make the AI act: so many calls a minute, told once, then silence. Pure but for what it
remembers.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from enum import Enum


class Pace(Enum):
    """What to do with one more call."""

    GO = "go"
    SAY = "say"
    """Too many: say so, this once."""
    SILENT = "silent"


class Metronome:
    """Counts calls of each person, or each room, in a sliding minute. In memory: a restart forgives."""

    def __init__(self, per_minute: int) -> None:
        """Take how many calls a minute are fine."""
        self._per_minute = per_minute
        self._calls: dict[str, deque[datetime]] = {}
        self._told: dict[str, datetime] = {}

    def beat(self, who: str, now: datetime) -> Pace:
        """Count one call and return what to do with it."""
        minute = timedelta(minutes=1)
        if len(self._calls) > 10_000:
            self._calls = {user: calls for user, calls in self._calls.items() if calls and now - calls[-1] < minute}
            self._told = {user: at for user, at in self._told.items() if now - at < minute}
        calls = self._calls.setdefault(who, deque())
        while calls and now - calls[0] >= minute:
            calls.popleft()
        if len(calls) < self._per_minute:
            calls.append(now)
            return Pace.GO
        told = self._told.get(who)
        if told is not None and now - told < minute:
            return Pace.SILENT
        self._told[who] = now
        return Pace.SAY
