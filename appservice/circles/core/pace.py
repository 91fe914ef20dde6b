"""How fast one person may make the AI act, and how long it answers a program that answers it. Told once, then silence.

Pure but for what it remembers.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final


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


TURN: Final = timedelta(seconds=60)
"""Who speaks again within this time of our answer takes a turn."""
FIRST_PAUSE: Final = timedelta(minutes=10)
LONGEST_PAUSE: Final = timedelta(hours=8)
SPARE: Final = 3
"""So many control words are answered in one pause: a person who was taken for a program can still ask for help."""
_MOST_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Talking:
    """How a sender and we take turns in one room."""

    last_call: str = ""
    turns: int = 0
    paused_until: datetime | None = None
    pause: timedelta = FIRST_PAUSE
    spare: int = SPARE
    heard: datetime | None = None


class Turns:
    """Notices that somebody answers everything we say, as a program does, and then pauses for them: longer each time.

    A turn is a call that reaches us within a minute after we answered the one before. Who says ten things in a row
    before we have answered takes none, nor does a person who stops to think. In memory: a restart forgives, and the
    budget for a day holds all the same.
    """

    def __init__(self, in_a_row: int) -> None:
        """Take how many turns in a row are fine."""
        self._most = in_a_row
        self._talking: dict[tuple[str, str], _Talking] = {}

    def last_call(self, room: str, who: str) -> str:
        """Return the event of the last call that was counted, '' if there is none."""
        talking = self._talking.get((room, who))
        return talking.last_call if talking is not None else ""

    def beat(
        self, room: str, who: str, call: str, heard: datetime, answered: datetime | None, *, control: bool = False
    ) -> Pace:
        """Count one call and return what to do with it.

        Args:
            room: where.
            who: the sender.
            call: the event.
            heard: when it reached us.
            answered: when we answered the call before this one, None if we did not yet.
            control: whether it is a control word, of which a few are answered in a pause.
        """
        talking = self._of(room, who, heard)
        talking.heard, talking.last_call = heard, call
        if talking.paused_until is not None and heard < talking.paused_until:
            if not control or not talking.spare:
                return Pace.SILENT
            talking.spare -= 1
            return Pace.GO
        if answered is not None and answered < heard:
            talking.turns = talking.turns + 1 if heard - answered <= TURN else 0
        if talking.turns < self._most:
            return Pace.GO
        talking.turns, talking.spare = 0, SPARE
        talking.paused_until = heard + talking.pause
        talking.pause = min(2 * talking.pause, LONGEST_PAUSE)
        return Pace.SAY

    def minutes(self, room: str, who: str, now: datetime) -> int:
        """Return for how many minutes we pause for a sender."""
        talking = self._talking.get((room, who))
        if talking is None or talking.paused_until is None:
            return 0
        return max(0, round((talking.paused_until - now) / timedelta(minutes=1)))

    def _of(self, room: str, who: str, now: datetime) -> _Talking:
        if len(self._talking) > _MOST_REMEMBERED:
            day = timedelta(days=1)
            self._talking = {key: one for key, one in self._talking.items() if one.heard and now - one.heard < day}
        talking = self._talking.setdefault((room, who), _Talking())
        if talking.heard is not None and now - talking.heard > timedelta(days=1):
            talking = self._talking[(room, who)] = _Talking()
        return talking
